"""Trains the network: epochs of augmented batches, averaged weights, checkpoints that a killed run goes on from.

Batches are learned from by two threads at a time; NumPy's own matrix product should then have one thread only, which is what
`pipeline train` sees to.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass
from pathlib import Path

import numpy as np

from pipeline.ann import Architecture, Network
from pipeline.ann.losses import cross_entropy
from pipeline.ann.optimisers import Adam, Average
from pipeline.records import Image
from pipeline.training.ahead import Ahead
from pipeline.training.augment import Work, augmented
from pipeline.training.checkpoint import Checkpoint
from pipeline.training.datasets import LABELS, Corpus, Examples, Labels
from pipeline.training.learner import PARTS, Learner, Loss, settle

#: Examples, about, that are augmented together.
_AUGMENTED = 4096
#: Examples from which mean and variance of the averaged network's norms are taken.
_MEASURED = 8192


@dataclass(frozen=True)
class Leg:
    """A stretch of a run, at whose start the rate is raised anew (Loshchilov & Hutter 2017, SGDR: warm restarts)."""

    epochs: int
    rate: float  # at its highest; then down to nothing along a half cosine
    scanned: float  # share of the examples that look as if they came from a scanner


@dataclass(frozen=True)
class Recipe:
    """All choices of a training run."""

    architecture: Architecture = (
        *(("conv", 32, 5, 0), ("pool",), ("norm",), ("relu",)),
        *(("conv", 64, 3, 1), ("norm",), ("relu",)),
        *(("conv", 64, 3, 1), ("pool",), ("norm",), ("relu",)),
        *(("conv", 128, 3, 0), ("norm",), ("relu",)),
        *(("conv", 128, 3, 1), ("norm",), ("relu",)),
        *(("dropout", 0.4), ("dense", 128), ("relu",), ("dropout", 0.4), ("dense", len(LABELS))),
    )
    legs: tuple[Leg, ...] = (Leg(13, 2e-3, 0.3), Leg(3, 8e-4, 0.3))
    batch: int = 64
    decay: float = 1e-2
    smoothing: float = 0.03  # of the labels: hands unlike those it knows should leave the network in doubt
    seed: int = 1

    @property
    def epochs(self) -> int:
        """Of all legs."""
        return sum(leg.epochs for leg in self.legs)

    def leg(self, epoch: float) -> tuple[Leg, int]:
        """The leg that an epoch, counted from 0, belongs to, and the epochs before that leg."""
        before = 0
        for leg in self.legs[:-1]:
            if epoch < before + leg.epochs:
                return leg, before
            before += leg.epochs
        return self.legs[-1], before


@dataclass(frozen=True)
class Progress:
    """Where a run stands after an epoch."""

    epoch: int
    loss: float
    validation: float  # share of the validation examples of all kinds that the averaged weights get right
    digits: float  # the same of the MNIST digits among them
    seconds: float  # that the epoch took


@dataclass(frozen=True)
class Trained:
    """A network with averaged weights, and how it got there, epochs before a checkpoint included."""

    network: Network
    history: tuple[Progress, ...]


Report = Callable[[Progress], None]
#: Told during an epoch: its number, and the share of it that is done.
Tick = Callable[[int, float], None]


def train(
    corpus: Corpus, recipe: Recipe, checkpoint: Path | None = None, report: Report | None = None, tick: Tick | None = None
) -> Trained:
    """Trains a network. A checkpoint of the same recipe and data is gone on from, and kept up to date.

    Raises DataError for a checkpoint that can't be read.
    """
    network = Network(recipe.architecture, seed=recipe.seed)
    optimiser, average = Adam(network.parameters, recipe.decay), Average(network.parameters)
    state = Checkpoint(checkpoint, f"{recipe!r} {corpus.digest}", network, optimiser, average)
    history = [Progress(int(row[0]), *row[1:]) for row in state.load()]
    averaged = Network(recipe.architecture)
    sample = corpus.train.images[corpus.epoch(np.random.default_rng(recipe.seed))[:_MEASURED]]
    validation = corpus.validation
    mnist = corpus.validation_parts[0][1]
    with Ahead(augmented) as ahead, ThreadPoolExecutor(PARTS) as threads:
        learner = Learner(network, threads)
        for epoch in range(len(history), recipe.epochs):
            started = time.monotonic()
            loss = _epoch(learner, optimiser, average, corpus, recipe, epoch, ahead, tick)
            settle(averaged, average, _as_met(sample, recipe.leg(epoch)[0], recipe.seed))
            shares = accuracy(averaged, validation), accuracy(averaged, mnist)
            history.append(Progress(epoch + 1, loss, *shares, time.monotonic() - started))
            state.save([astuple(progress) for progress in history])
            if report:
                report(history[-1])
    settle(averaged, average, _as_met(sample, recipe.legs[-1], recipe.seed))
    return Trained(averaged, tuple(history))


def accuracy(network: Network, examples: Examples) -> float:
    """Share of the examples whose most probable label is the right one."""
    return float(np.mean(network.logits(examples.images).argmax(axis=1) == examples.labels))


def _epoch(
    learner: Learner,
    optimiser: Adam,
    average: Average,
    corpus: Corpus,
    recipe: Recipe,
    epoch: int,
    ahead: Ahead[Work, Image],
    tick: Tick | None,
) -> float:
    """One pass; everything random in it comes from the recipe's seed and the epoch's number. Returns the mean loss."""
    learner.reseed(recipe.seed * 10_007 + epoch)
    order = corpus.epoch(np.random.default_rng((recipe.seed, epoch)))
    order = order[: len(order) // recipe.batch * recipe.batch]
    steps, losses = len(order) // recipe.batch, []
    labels = corpus.train.labels[order].reshape(steps, recipe.batch)
    part = max(1, _AUGMENTED // recipe.batch) * recipe.batch
    scanned = recipe.leg(epoch)[0].scanned
    work = (
        (corpus.train.images[order[start : start + part]], scanned, (recipe.seed, epoch, number))
        for number, start in enumerate(range(0, len(order), part))
    )
    batches = (made[start : start + recipe.batch] for made in ahead.each(work) for start in range(0, len(made), recipe.batch))
    for step, images in enumerate(batches):
        parts = [slice(part, None, PARTS) for part in range(PARTS)]
        losses.append(learner.learn([(images[part], _loss(labels[step, part], recipe.smoothing)) for part in parts]))
        optimiser.step(_rate(recipe, epoch + step / steps))
        average.step()
        if tick:
            tick(epoch + 1, (step + 1) / steps)
    return float(np.mean(losses)) if losses else 0.0


def _as_met(sample: Image, leg: Leg, seed: int) -> Image:
    """What the network will meet: examples changed as in training, and as many as they are, which are sharper."""
    changed = augmented((sample[::2], leg.scanned, (seed,)))
    return np.concatenate([changed, sample[1::2]])


def _loss(labels: Labels, smoothing: float) -> Loss:
    return lambda logits: cross_entropy(logits, labels, smoothing)


def _rate(recipe: Recipe, epoch: float) -> float:
    """Learning rate: a straight climb over the first epoch of all, and in every leg a half cosine down to zero."""
    if epoch < 1:
        return recipe.legs[0].rate * max(epoch, 0.02)
    leg, before = recipe.leg(epoch)
    top = max(before, 1)
    return leg.rate * 0.5 * (1 + float(np.cos(np.pi * (epoch - top) / max(1, before + leg.epochs - top))))
