"""Trains the reader of whole numbers: strips of writing in, a row of guesses out, without cutting digits apart.

A convolutional network that ends one pixel high, with connectionist temporal classification (Shi et al. 2017, An end-to-end
trainable neural network for image-based sequence recognition, without its recurrent layers). It learns from strings that are
drawn anew for every batch, and from real ones.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.ann import Architecture, Network
from pipeline.ann.ctc import best_text, ctc_loss, log_softmax
from pipeline.ann.network import as_input
from pipeline.ann.optimisers import Adam, Average
from pipeline.records import Floats, Image
from pipeline.stages.strip import HEIGHT
from pipeline.training.ahead import Ahead
from pipeline.training.checkpoint import Checkpoint
from pipeline.training.learner import PARTS, Learner, Loss, settle
from pipeline.training.strings import StringExample, StringSource
from pipeline.training.stringtexts import ALPHABET
from pipeline.training.trainer import Tick

#: What a guess can be; the last, the blank, is no character.
READER_LABELS: tuple[str, ...] = (*ALPHABET, "")

#: Marks that are on the paper but not in the labels of cheques.
_UNLABELLED = tuple(READER_LABELS.index(mark) for mark in ".-/")
#: Batches that are drawn together, sorted by width, so that little paper is learned from.
_TOGETHER = 8


@dataclass(frozen=True)
class ReaderRecipe:
    """All choices of a training run. A round is a stretch of so many batches, after which it is measured and kept."""

    architecture: Architecture = (
        *(("conv", 24, 5, 2), ("pool",), ("norm",), ("relu",)),
        *(("conv", 48, 3, 1), ("norm",), ("relu",)),
        *(("conv", 48, 3, 1), ("pool",), ("norm",), ("relu",)),
        *(("conv", 80, 3, 1), ("norm",), ("relu",)),
        *(("conv", 80, 3, 1), ("pool", "rows"), ("norm",), ("relu",)),
        *(("conv", 96, 3, 1), ("pool", "rows"), ("norm",), ("relu",)),
        *(("conv", 128, 3, 1), ("pool", "rows"), ("norm",), ("relu",)),
        *(("conv", 128, 3, 1), ("norm",), ("relu",)),
        *(("conv", 128, 3, 1), ("norm",), ("relu",)),
        *(("dropout", 0.3), ("conv", len(READER_LABELS), 1, 0)),
    )
    rounds: int = 28
    batches: int = 400
    batch: int = 64
    rate: float = 2e-3
    decay: float = 1e-2
    seed: int = 1


@dataclass(frozen=True)
class ReaderProgress:
    """Where a run stands after a round: shares of the strings of each validation set that are read exactly."""

    round: int
    loss: float
    exact: tuple[float, ...]
    seconds: float


@dataclass(frozen=True)
class Strips:
    """Strips of about the same width (n, 32, w), their texts as numbers, and which labels each text says nothing of."""

    images: Image
    texts: tuple[tuple[int, ...], ...]
    silent: NDArray[np.bool_]


@dataclass(frozen=True)
class TrainedReader:
    """A network with averaged weights, and how it got there, rounds before a checkpoint included."""

    network: Network
    history: tuple[ReaderProgress, ...]


def train_reader(
    data: Path,
    recipe: ReaderRecipe,
    validation: Sequence[Sequence[StringExample]],
    checkpoint: Path | None = None,
    report: Callable[[ReaderProgress], None] | None = None,
    tick: Tick | None = None,
) -> TrainedReader:
    """Trains a reader. A checkpoint of the same recipe and data is gone on from, and kept up to date.

    Raises DataError without data, or for a checkpoint that can't be read.
    """
    network = Network(recipe.architecture, (HEIGHT, 96), recipe.seed)
    optimiser, average = Adam(network.parameters, recipe.decay), Average(network.parameters)
    source = _source(data)
    state = Checkpoint(checkpoint, f"{recipe!r} {source.digest}", network, optimiser, average)
    history = [ReaderProgress(int(row[0]), row[1], tuple(row[3:]), row[2]) for row in state.load()]
    averaged = Network(recipe.architecture, (HEIGHT, 96))
    measured = collate(source.batch(1024, np.random.default_rng(recipe.seed)))
    sets = [[collate([example]) for example in examples] for examples in validation]
    with Ahead(_drawn) as ahead, ThreadPoolExecutor(PARTS) as threads:
        learner = Learner(network, threads)
        for number in range(len(history), recipe.rounds):
            started, losses = time.monotonic(), []
            learner.reseed(recipe.seed * 10_007 + number)
            for step, strips in enumerate(_batches(data, recipe, number, ahead)):
                losses.append(learner.learn([_part(strips, part) for part in range(PARTS)]))
                optimiser.step(_rate(recipe, number + step / recipe.batches))
                average.step()
                if tick:
                    tick(number + 1, (step + 1) / recipe.batches)
            settle(averaged, average, measured.images)
            exact = tuple(exactly(averaged, strips) for strips in sets)
            history.append(ReaderProgress(number + 1, float(np.mean(losses)), exact, time.monotonic() - started))
            state.save([[done.round, done.loss, done.seconds, *done.exact] for done in history])
            if report:
                report(history[-1])
    settle(averaged, average, measured.images)
    return TrainedReader(averaged, tuple(history))


def exactly(network: Network, sets: Sequence[Strips]) -> float:
    """Share of the strings that the network reads exactly; marks that a label says nothing of may be there or not."""
    return float(np.mean([read(network, strips) == _spoken(strips) for strips in sets])) if sets else 1.0


def read(network: Network, strips: Strips) -> tuple[int, ...]:
    """The best text of a single strip, without the marks that its label says nothing of."""
    logs = log_softmax(network.forward(as_input(strips.images))[:, 0, :, 0])
    return tuple(guess for guess in best_text(logs) if not strips.silent[0, guess])


def _spoken(strips: Strips) -> tuple[int, ...]:
    return tuple(label for label in strips.texts[0] if not strips.silent[0, label])


def collate(examples: Sequence[StringExample]) -> Strips:
    """Strips in one array, paper added on the right."""
    width = max(example.strip.shape[1] for example in examples)
    images = np.zeros((len(examples), HEIGHT, width), np.uint8)
    silent = np.zeros((len(examples), len(READER_LABELS)), bool)
    for i, example in enumerate(examples):
        images[i, :, : example.strip.shape[1]] = example.strip
        silent[i, _UNLABELLED] = example.digits_only
    texts = tuple(tuple(READER_LABELS.index(character) for character in example.text) for example in examples)
    return Strips(images, texts, silent)


#: The data folder, strings in a batch, and a seed.
_Work = tuple[Path, int, tuple[int, ...]]


def _drawn(work: _Work) -> list[Strips]:
    """Some batches, narrow strips with narrow ones."""
    data, size, seed = work
    examples = _source(data).batch(size * _TOGETHER, np.random.default_rng(seed))
    examples.sort(key=lambda example: example.strip.shape[1])
    order = np.random.default_rng((*seed, 1)).permutation(_TOGETHER)
    return [collate(examples[size * i : size * (i + 1)]) for i in order]


@cache
def _source(data: Path) -> StringSource:
    return StringSource(data)


def _batches(data: Path, recipe: ReaderRecipe, number: int, ahead: Ahead[_Work, list[Strips]]) -> Iterator[Strips]:
    work = ((data, recipe.batch, (recipe.seed, number, part)) for part in range(recipe.batches // _TOGETHER))
    for drawn in ahead.each(work):
        yield from drawn


def _part(strips: Strips, number: int) -> tuple[Image, Loss]:
    part = slice(number, None, PARTS)

    def loss(logits: Floats) -> tuple[float, Floats]:
        value, gradient = ctc_loss(logits[:, 0], strips.texts[part], strips.silent[part])
        return value, gradient[:, np.newaxis]

    return strips.images[part], loss


def _rate(recipe: ReaderRecipe, at: float) -> float:
    """Learning rate: a straight climb over the first round, then a half cosine down to zero."""
    if at < 1:
        return recipe.rate * max(at, 0.02)
    return recipe.rate * 0.5 * (1 + float(np.cos(np.pi * (at - 1) / max(1, recipe.rounds - 1))))
