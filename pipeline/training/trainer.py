"""Trains the network: epochs of augmented batches, averaged weights, checkpoints that a killed run goes on from."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.ann import Architecture, Network
from pipeline.ann.losses import cross_entropy
from pipeline.ann.network import as_input
from pipeline.ann.optimisers import Adam, Average
from pipeline.errors import DataError
from pipeline.files import write_atomically
from pipeline.records import Floats, Image
from pipeline.training.augment import Augmenter
from pipeline.training.datasets import LABELS, Corpus, Examples, Labels

#: Examples that are augmented together, in a thread beside the one that trains.
_AHEAD = 4096


@dataclass(frozen=True)
class Recipe:
    """All choices of a training run."""

    architecture: Architecture = (
        ("conv", 32, 5),
        ("pool",),
        ("relu",),
        ("conv", 64, 5),
        ("pool",),
        ("relu",),
        ("dense", 256),
        ("relu",),
        ("dropout", 0.4),
        ("dense", len(LABELS)),
    )
    epochs: int = 14
    batch: int = 64
    rate: float = 1.5e-3  # at its highest, after the first epoch; then down to nothing along a half cosine
    decay: float = 1e-2
    smoothing: float = 0.03  # of the labels: hands unlike those it knows should leave the network in doubt
    seed: int = 1


@dataclass(frozen=True)
class Progress:
    """Where a run stands after an epoch."""

    epoch: int
    loss: float
    validation: float  # share of the validation examples that the averaged weights get right


Report = Callable[[Progress], None]


def train(corpus: Corpus, recipe: Recipe, checkpoint: Path | None = None, report: Report | None = None) -> Network:
    """A trained network, with averaged weights. A checkpoint of the same recipe is gone on from, and kept up to date.

    Raises DataError for a checkpoint that can't be read.
    """
    network = Network(recipe.architecture, seed=recipe.seed)
    optimiser, average = Adam(network.parameters, recipe.decay), Average(network.parameters)
    state = _State(network, optimiser, average, recipe)
    first = state.load(checkpoint) if checkpoint else 0
    averaged = Network(recipe.architecture)
    for epoch in range(first, recipe.epochs):
        loss = _epoch(network, optimiser, average, corpus, recipe, epoch)
        averaged.set_arrays(average.values)
        if checkpoint:
            state.save(checkpoint, epoch + 1)
        if report:
            report(Progress(epoch + 1, loss, accuracy(averaged, corpus.validation)))
    averaged.set_arrays(average.values)
    return averaged


def accuracy(network: Network, examples: Examples) -> float:
    """Share of the examples whose most probable label is the right one."""
    return float(np.mean(network.logits(examples.images).argmax(axis=1) == examples.labels))


def fit_temperature(network: Network, examples: Examples) -> float:
    """The temperature at which the softmax is most probable on examples not trained on (Guo et al. 2017)."""
    logits = network.logits(examples.images).astype(np.float64)

    def cost(temperature: float) -> float:
        scaled = logits / temperature
        top = scaled.max(axis=1)
        total = top + np.log(np.exp(scaled - top[:, None]).sum(axis=1))
        return float(np.mean(total - scaled[np.arange(len(logits)), examples.labels]))

    low, high = np.log(0.25), np.log(4.0)
    golden = (np.sqrt(5) - 1) / 2
    while high - low > 1e-3:
        a, b = high - golden * (high - low), low + golden * (high - low)
        low, high = (low, b) if cost(float(np.exp(a))) < cost(float(np.exp(b))) else (a, high)
    return float(np.exp((low + high) / 2))


def _epoch(network: Network, optimiser: Adam, average: Average, corpus: Corpus, recipe: Recipe, epoch: int) -> float:
    """One pass; everything random in it comes from the recipe's seed and the epoch's number. Returns the mean loss."""
    rng = np.random.default_rng((recipe.seed, epoch))
    network.reseed(recipe.seed * 10_007 + epoch)
    order = corpus.epoch(rng)
    order = order[: len(order) // recipe.batch * recipe.batch]
    steps, losses = len(order) // recipe.batch, []
    for step, (images, labels) in enumerate(_batches(corpus.train, order, recipe.batch, Augmenter(rng))):
        loss, gradient = cross_entropy(network.forward(as_input(images), train=True), labels, recipe.smoothing)
        network.backward(gradient)
        optimiser.step(_rate(recipe, epoch + step / steps))
        average.step()
        losses.append(loss)
    return float(np.mean(losses)) if losses else 0.0


def _batches(examples: Examples, order: Labels, size: int, augment: Augmenter) -> Iterator[tuple[Image, Labels]]:
    ahead = max(size, _AHEAD // size * size)
    parts = [order[i : i + ahead] for i in range(0, len(order), ahead)]
    with ThreadPoolExecutor(1) as thread:  # one, so that the generator is drawn from in a fixed order
        pending = [thread.submit(augment, examples.images[part]) for part in parts[:1]]
        for i, part in enumerate(parts):
            images = pending.pop().result()
            if i + 1 < len(parts):
                pending.append(thread.submit(augment, examples.images[parts[i + 1]]))
            labels = examples.labels[part]
            for start in range(0, len(part), size):
                yield images[start : start + size], labels[start : start + size]


def _rate(recipe: Recipe, epoch: float) -> float:
    """Learning rate: a straight climb over the first epoch, then a half cosine down to zero."""
    if epoch < 1:
        return recipe.rate * max(epoch, 0.02)
    return recipe.rate * 0.5 * (1 + float(np.cos(np.pi * (epoch - 1) / max(1, recipe.epochs - 1))))


class _State:
    """What a checkpoint holds: weights, the optimiser's moments, the average, and the recipe they belong to."""

    def __init__(self, network: Network, optimiser: Adam, average: Average, recipe: Recipe) -> None:
        self.network, self.optimiser, self.average, self.recipe = network, optimiser, average, repr(recipe)

    def _arrays(self) -> list[Floats]:
        weights = [p.value for p in self.network.parameters]
        return [*weights, *self.optimiser.means, *self.optimiser.squares, *self.average.values]

    def save(self, file: Path, epoch: int) -> None:
        stream = io.BytesIO()
        arrays = {f"a{i}": array for i, array in enumerate(self._arrays())}
        np.savez(stream, recipe=self.recipe, epoch=epoch, steps=self.optimiser.steps, **arrays)  # type: ignore[arg-type]
        file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(file, stream.getvalue())

    def load(self, file: Path) -> int:
        """The number of epochs done; 0 without a checkpoint of this recipe. Raises DataError for one that can't be read."""
        if not file.is_file():
            return 0
        try:
            with np.load(file, allow_pickle=False) as saved:
                if str(saved["recipe"]) != self.recipe:
                    return 0
                for i, array in enumerate(self._arrays()):
                    array[...] = saved[f"a{i}"]
                self.optimiser.steps = self.average.steps = int(saved["steps"])
                return int(saved["epoch"])
        except Exception as error:  # a damaged archive can raise anything
            raise DataError(f"the checkpoint {file} is damaged: {error}", "Delete it to train from the start.") from error
