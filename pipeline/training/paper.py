"""The published network, reproduced: 784-75-10, trained as its description says, neither more cleverly nor less.

A sigmoid hidden layer, softmax outputs, mean squared error on one-hot labels, all weights from a normal distribution, batches
of 20, learning rate 0.002, plain gradient descent, up to 350 epochs over the 60,000 training images of MNIST.

The description leaves open what the error is averaged over, and with it how long a step is. Here a step is the learning rate
times the gradient of ½ Σ (p - y)², summed over the 10 outputs and the 20 examples of a batch. With that the accuracy after the
first epoch is the published one, within what the random start makes of it; the card has the numbers. Weights and biases are
drawn from N(0, 1).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.ann import Architecture, Model, Network, save_model
from pipeline.files import write_atomically
from pipeline.records import Floats
from pipeline.training.curve import write_curve
from pipeline.training.datasets import load_mnist
from pipeline.training.fused import FusedNetwork
from pipeline.training.markdown import table
from pipeline.training.plot import Published

_HIDDEN = 75
ARCHITECTURE: Architecture = (("dense", _HIDDEN), ("sigmoid",), ("dense", 10))
BATCH = 20
RATE = 0.002
EPOCHS = 350
#: The first with which no digit stays unlearnt, as the training images show: see the card.
SEED = 2

#: What the published system is said to reach.
PUBLISHED = (
    Published(1, 0.3314, "published test: 33.14%", "test"),
    Published(None, 0.88, "published test: slows down at 88%", "test"),
    Published(EPOCHS, 0.92, f"published test: 92% after {EPOCHS}", "test"),
    Published(EPOCHS, 0.95, f"published train: 95% after {EPOCHS}", "train"),
)


@dataclass(frozen=True)
class PaperProgress:
    """Where a run stands after an epoch."""

    epoch: int
    loss: float  # ½ Σ (p - y)² of an example, before its step: the mean over the epoch
    train: float  # share of all training images that the weights at the end of the epoch get right
    test: float  # of the test images


@dataclass(frozen=True)
class PaperRun:
    """A trained network and how it came to be what it is."""

    model: Model
    curve: tuple[PaperProgress, ...]


def train_paper(
    data: Path,
    epochs: int = EPOCHS,
    seed: int = SEED,
    report: Callable[[PaperProgress], None] | None = None,
    diagonal: bool = False,
) -> PaperRun:
    """Trains on MNIST's training images, in an order that is shuffled for each epoch; the test images only measure.

    The seed gives weights and orders. `diagonal` differentiates the softmax wrongly, as in FusedNetwork: what comes out is
    nearer to what was published, so this may be why that is lower. Raises DataError if MNIST is not in the folder, ValueError
    for no epochs.
    """
    if epochs < 1:
        raise ValueError(f"a run of {epochs} epochs")
    train, test = load_mnist(data, "train"), load_mnist(data, "t10k")
    network = FusedNetwork(normal_weights(seed), train.images, train.labels, BATCH, diagonal)
    test_rows = network.rows(test.images)
    curve = []
    for epoch in range(1, epochs + 1):
        loss = network.epoch(np.random.default_rng((seed, epoch)).permutation(len(train)), RATE)
        progress = PaperProgress(epoch, loss, network.accuracy(None, train.labels), network.accuracy(test_rows, test.labels))
        curve.append(progress)
        if report:
            report(progress)
    final = Network(ARCHITECTURE)
    final.set_arrays(network.arrays())
    facts: dict[str, str | int | float] = {
        "trained on": f"MNIST, {len(train):,} training images",
        "epochs": epochs,
        "seed": seed,
        "MNIST training accuracy": round(curve[-1].train, 5),
        "MNIST test accuracy": round(curve[-1].test, 5),
    }
    return PaperRun(Model(final, tuple("0123456789"), facts=facts), tuple(curve))


def save_paper(run: PaperRun, output: Path) -> list[Path]:
    """Writes the model, and beside it the learning curve as CSV and PNG and the card; returns the files.

    Raises OutputError if a file can't be written.
    """
    files = [output, *(output.with_suffix(suffix) for suffix in (".csv", ".png", ".md"))]
    columns = {
        "train": [progress.train for progress in run.curve],
        "test": [progress.test for progress in run.curve],
        "loss": [progress.loss for progress in run.curve],
    }
    write_atomically(files[0], save_model(run.model))
    write_curve(files[1], files[2], columns, "The published network, 784-75-10, on MNIST", PUBLISHED)
    write_atomically(files[3], paper_card(run, output.name).encode())
    return files


def normal_weights(seed: int) -> list[Floats]:
    """Weights and biases from N(0, 1), in the shapes of the network's layers."""
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape, np.float32) for shape in ((_HIDDEN, 784), (_HIDDEN, 1), (10, _HIDDEN), (10, 1))]


def paper_card(run: PaperRun, name: str = "paper.pkl") -> str:
    """The model card, as Markdown: what was published, what this run gives, and where and why they differ."""
    first, last = run.curve[0], run.curve[-1]
    slower = next((f"after epoch {progress.epoch}" for progress in run.curve if progress.test >= 0.88), "not reached")
    comparison = table(
        ("", "published", "ours"),
        [
            ("test, after the first epoch", "33.14%", f"{first.test:.2%}"),
            ("88% of the test set, where it slows down", "no epoch given", slower),
            (f"test, after {EPOCHS} epochs", "92%", f"{last.test:.2%}"),
            (f"training set, after {EPOCHS} epochs", "95%", f"{last.train:.2%}"),
        ],
    )
    length = f"This run had {last.epoch} of {EPOCHS} epochs"
    length += "; the last two lines are of its end." if last.epoch < EPOCHS else "."
    curve = Path(name).with_suffix("")
    return f"""# {name}

The published network that this project started from, trained anew as its description says. It is here to compare with, not to
read with: the network that ships is another one.

{comparison}

{length} The whole learning curve is in {curve}.csv, and drawn with the published points in {curve}.png.

## How it is made

- 784 pixels from 0 to 1, {_HIDDEN} sigmoid units, 10 softmax outputs.
- All weights and biases from N(0, 1), seed {run.model.facts["seed"]}.
- {run.model.facts["trained on"]}, shuffled for each epoch; batches of {BATCH}; plain gradient descent.
- Squared error on one-hot labels. A step is {RATE} times the gradient of ½ Σ (p - y)², summed over the outputs and the
  examples of a batch, with the whole derivative of the softmax: dp_i/dz_j = p_i (δ_ij - p_j).
- `pipeline train --profile paper` makes it in two to three minutes on one core; `--epochs 1` is enough to see that it works.

## Where ours differs, and why

- **The first epoch** depends on the start: seeds 1 to 8 give 25% to 39%, 32% on average. The description does not say how
  the error is scaled. Without the ½, steps are twice as long: 38% to 50%, 44% on average, and 94.5% after 350 epochs (98.4% of
  the training set; seed 2). With a mean over the batch or the outputs in place of the sum, next to nothing is learnt in an
  epoch: 10% to 16%.
- **A digit may stay unlearnt.** With N(0, 1) weights many outputs begin so near to 0 or 1 that squared error has no slope
  there. Of seeds 1 to 8, three leave one digit unread after 60 epochs and two leave two: 74% to 83%; seed 1 is at 85.3% after
  350. The other three have over 90% after 60. The default is the first of these, {SEED}: it shows in the training images, of
  which seed 1 reads no single 2 after 60 epochs, and was chosen by that alone.
- **The end** is higher than published where all digits are learnt: 94.0% against 92%, and 97.2% against 95% on the training
  set. A guess at why: if each output is differentiated by its own logit alone, p_i (1 - p_i), a widespread mistake, the
  first epoch gives 21% to 40%, 30% on average; no digit stays unlearnt with any of the eight seeds; learning slows down from
  85% on; and after 350 epochs it is 93.6%, and 95.5% on the training set (seed 1; `train_paper(..., diagonal=True)`).

Data: MNIST (Y. LeCun, C. Cortes, C. Burges; CC BY-SA 3.0).
"""
