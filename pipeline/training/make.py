"""From a folder of data to a model file and its card."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipeline.ann import Model, Network
from pipeline.records import Image
from pipeline.training.calibrate import calibrated
from pipeline.training.datasets import HELD_OUT, LABELS, Corpus, Labels, load_corpus, load_mnist, load_test
from pipeline.training.handwriting import Handwriting
from pipeline.training.trainer import Recipe, Report, accuracy, fit_temperature, train


@dataclass(frozen=True)
class Made:
    """A trained model and the data that it can be compared on with another."""

    model: Model
    corpus: Corpus


def make_model(data: Path, recipe: Recipe, checkpoint: Path | None = None, report: Report | None = None) -> Made:
    """Trains, calibrates on what was held out, and measures on the test sets. Raises DataError without MNIST."""
    corpus = load_corpus(data, recipe.seed)
    network = train(corpus, recipe, checkpoint, report)
    model = Model(network, LABELS, {"temperature": fit_temperature(network, corpus.validation)})
    model = calibrated(model, held_out_handwriting(data))
    facts: dict[str, str | int | float] = {
        "trained on": "; ".join(corpus.sources),
        "examples an epoch": len(corpus.order),
        "epochs": recipe.epochs,
        "seed": recipe.seed,
        "validation accuracy": round(accuracy(network, corpus.validation), 5),
    }
    for name, examples in load_test(data):
        facts[f"{name} accuracy"] = round(digit_accuracy(network, examples.images, examples.labels), 5)
    return Made(Model(network, LABELS, model.calibration, facts), corpus)


def held_out_handwriting(data: Path) -> Handwriting:
    """The digits that no training run sees, to write with."""
    mnist = load_mnist(data, "train")
    return Handwriting(mnist.images[-HELD_OUT:], mnist.labels[-HELD_OUT:])


def digit_accuracy(network: Network, images: Image, labels: Labels) -> float:
    """Share of digits read right by a reader that knows it looks at a digit: the most probable of 0 to 9."""
    return float((network.logits(images)[:, :10].argmax(axis=1) == labels).mean())


def card(model: Model) -> str:
    """The model card, as Markdown."""
    rows = "\n".join(f"| {name} | {value} |" for name, value in model.facts.items())
    layers = ", ".join(" ".join(str(part) for part in layer) for layer in model.network.architecture)
    size = sum(p.value.size for p in model.network.parameters)
    calibration = "\n".join(f"| {name} | {value:.4f} |" for name, value in model.calibration.items())
    return f"""# digits.pkl

Reads one character, 28×28 pixels as in MNIST, white on black: {" ".join(model.labels)} ("?" is no single character).

- Architecture: {layers}
- Parameters: {size:,}
- Trained by `pipeline train` in NumPy. The last {HELD_OUT:,} images of MNIST's training set, and a tenth of every other set,
  were held out for choices and calibration; test sets only measured.

| fact | |
|---|---|
{rows}

| calibration | |
|---|---|
{calibration}

Data: MNIST (Y. LeCun, C. Cortes, C. Burges), NIST, ARDIS (Kusetogullari et al. 2019), USPS, Semeion and Optdigits (UCI),
BHMSDS, Chars74K, CHoiCe, and characters drawn by this project. Numbers written by hands unlike these are read less well; what
the network is unsure of goes to a person.
"""
