"""Fine-tuning: a network that reads goes on learning from what people have corrected, without forgetting what it knows.

Each batch mixes corrections with old data (rehearsal, Robins 1995). What comes out is somewhere on the way from the old weights
to the new ones: as far as old data, held out, are read no worse (Wortsman et al. 2022, Robust fine-tuning).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from pipeline.ann import Network
from pipeline.ann.losses import cross_entropy
from pipeline.ann.network import measure_norms
from pipeline.ann.optimisers import Adam
from pipeline.records import Image
from pipeline.training.augment import augmented
from pipeline.training.datasets import LABELS, Corpus, Examples, Labels
from pipeline.training.lastlayer import refitted
from pipeline.training.learner import PARTS, Learner, Loss
from pipeline.training.trainer import accuracy


@dataclass(frozen=True)
class FineRecipe:
    """All choices of a run."""

    batches: int = 240
    batch: int = 64
    corrected: int = 24  # of each batch, the rest is old
    rate: float = 3e-4  # at first; then down to nothing along a half cosine
    scanned: float = 0.3  # share of the old examples that look as if they came from a scanner
    smoothing: float = 0.03
    steps: tuple[float, ...] = (1.0, 0.6, 0.3)  # how far to go towards what was learned
    measured: int = 4096  # examples from which the norms are taken
    seed: int = 1


#: Batches that are augmented together.
_TOGETHER = 20

#: Told the share that is done.
Tick = Callable[[float], None]


def fine_tuned(network: Network, lessons: Examples, corpus: Corpus, recipe: FineRecipe, tick: Tick | None = None) -> Network:
    """A copy of the network that has learned from the lessons.

    It goes as far towards what was learned as it can without reading less of the corpus's calibration data than before; else
    by the least step.

    Its last layer is fitted on these data, if they have every label: what they lack would be taken for impossible.
    """
    learned = _learned(network, lessons, corpus, recipe, tick)
    sample = _sample(corpus, recipe)
    before = accuracy(network, corpus.calibration)
    has_all = not missing_labels(corpus)
    for step in recipe.steps:
        found = _between(network, learned, step, sample)
        if has_all:
            found = refitted(found, corpus.calibration)
        if accuracy(found, corpus.calibration) >= before:
            break
    return found


def missing_labels(corpus: Corpus) -> list[str]:
    """The labels that a corpus has no calibration data of."""
    return [label for number, label in enumerate(LABELS) if number not in corpus.calibration.labels]


def _learned(network: Network, lessons: Examples, corpus: Corpus, recipe: FineRecipe, tick: Tick | None) -> Network:
    copy = Network(network.architecture, network.size)
    copy.set_arrays(network.arrays())
    optimiser = Adam(copy.parameters)
    with ThreadPoolExecutor(PARTS) as threads:
        learner = Learner(copy, threads)
        learner.reseed(recipe.seed)
        for number, (images, labels) in enumerate(_batches(lessons, corpus, recipe)):
            parts = [slice(part, None, PARTS) for part in range(PARTS)]
            learner.learn([(images[part], _loss(labels[part], recipe.smoothing)) for part in parts])
            optimiser.step(recipe.rate * 0.5 * (1 + float(np.cos(np.pi * number / recipe.batches))))
            if tick:
                tick((number + 1) / recipe.batches)
    return copy


def _batches(lessons: Examples, corpus: Corpus, recipe: FineRecipe) -> Iterator[tuple[Image, Labels]]:
    """Lessons and old examples, both changed as in training, shuffled."""
    rng = np.random.default_rng(recipe.seed)
    for first in range(0, recipe.batches, _TOGETHER):
        count = min(_TOGETHER, recipe.batches - first)
        mine = rng.integers(0, len(lessons), (count, recipe.corrected))
        old = corpus.order[rng.integers(0, len(corpus.order), (count, recipe.batch - recipe.corrected))]
        new = augmented((lessons.images[mine.ravel()], 0.0, (recipe.seed, first, 0)))
        known = augmented((corpus.train.images[old.ravel()], recipe.scanned, (recipe.seed, first, 1)))
        size = new.shape[1:]
        images = np.concatenate([new.reshape(*mine.shape, *size), known.reshape(*old.shape, *size)], axis=1)
        labels = np.concatenate([lessons.labels[mine], corpus.train.labels[old]], axis=1)
        for number in range(count):
            order = rng.permutation(recipe.batch)
            yield images[number, order], labels[number, order]


def _sample(corpus: Corpus, recipe: FineRecipe) -> Image:
    """What the network will meet: old examples changed as in training, and as many as they are."""
    chosen = corpus.train.images[corpus.epoch(np.random.default_rng(recipe.seed))[: recipe.measured]]
    return np.concatenate([augmented((chosen[::2], recipe.scanned, (recipe.seed,))), chosen[1::2]])


def _between(old: Network, new: Network, step: float, sample: Image) -> Network:
    """The network that is so far on the way from the old weights to the new ones, norms measured anew."""
    found = Network(old.architecture, old.size)
    for mine, one, other in zip(found.parameters, old.parameters, new.parameters, strict=True):
        mine.value[...] = (1 - step) * one.value + step * other.value
    measure_norms(found, sample)
    return found


def _loss(labels: Labels, smoothing: float) -> Loss:
    return lambda logits: cross_entropy(logits, labels, smoothing)
