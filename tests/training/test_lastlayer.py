"""The last layer fitted anew: what made the labels is found, it is as sure as it is right, and only weights change."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.ann import Network
from pipeline.training.datasets import Examples
from pipeline.training.lastlayer import fit_map, refitted
from pipeline.training.reliability import calibration_error

CLASSES = 5
Doubles = NDArray[np.float64]


def softmax(logits: Doubles) -> Doubles:
    chances: Doubles = np.exp(logits - logits.max(axis=1, keepdims=True))
    total: Doubles = chances.sum(axis=1, keepdims=True)
    return chances / total


def drawn(chances: Doubles, rng: np.random.Generator) -> NDArray[np.int64]:
    passed: NDArray[np.int64] = (rng.random((len(chances), 1)) > chances.cumsum(axis=1)).sum(axis=1).astype(np.int64)
    return np.minimum(passed, CLASSES - 1)


def test_the_map_that_made_the_labels_is_found() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, (60_000, CLASSES))
    logits -= logits.mean(axis=1, keepdims=True)
    true_map = np.eye(CLASSES) * 0.6 + rng.normal(0, 0.15, (CLASSES, CLASSES))
    shift = rng.normal(0, 1, CLASSES)
    truth = softmax(logits @ true_map.T + shift)
    found, offset = fit_map(logits, drawn(truth, rng), ridge=0.0)
    assert np.abs(softmax(logits @ found.T + offset) - truth).mean() < 0.01


def test_where_nothing_speaks_against_it_the_map_is_the_identity() -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 1.5, (40_000, CLASSES))
    logits -= logits.mean(axis=1, keepdims=True)
    found, offset = fit_map(logits, drawn(softmax(logits), rng))
    assert found == pytest.approx(np.eye(CLASSES), abs=0.1)
    assert offset == pytest.approx(np.zeros(CLASSES), abs=0.1)
    few, none = fit_map(logits[:20], drawn(softmax(logits[:20]), rng), ridge=1e4)
    assert few == pytest.approx(np.eye(CLASSES), abs=0.05) and none == pytest.approx(np.zeros(CLASSES), abs=0.05)


def too_sure(n: int = 20_000) -> tuple[Network, Examples]:
    """A network three times as sure as it should be, and labels that it has a habit of missing."""
    rng = np.random.default_rng(0)
    network = Network((("dense", 8), ("relu",), ("dense", CLASSES)), size=(4, 4))
    network.parameters[-2].value *= 3
    images = rng.integers(0, 256, (n, 4, 4), np.uint8)
    logits = network.logits(images).astype(np.float64) / 3
    logits[:, 2] += 1.5
    return network, Examples(images, drawn(softmax(logits), rng))


def test_afterwards_it_is_as_sure_as_it_is_right_on_examples_it_was_not_fitted_on() -> None:
    network, examples = too_sure()
    fitted = refitted(network, Examples(examples.images[::2], examples.labels[::2]))
    errors, hits = [], []
    for each in (network, fitted):
        chances = each.probabilities(examples.images[1::2])
        right = chances.argmax(axis=1) == examples.labels[1::2]
        errors.append(calibration_error(chances.max(axis=1), right))
        hits.append(float(right.mean()))
    assert errors[1] < 0.02 < errors[0]
    assert hits[1] > hits[0] + 0.02


def test_only_the_last_layer_changes_and_the_given_network_does_not() -> None:
    network, examples = too_sure(500)
    before = [array.copy() for array in network.arrays()]
    fitted = refitted(network, examples)
    assert all(np.array_equal(old, now) for old, now in zip(before, network.arrays(), strict=True))
    same = [np.array_equal(old, now) for old, now in zip(before, fitted.arrays(), strict=True)]
    assert same == [True, True, False, False]
    assert fitted.architecture == network.architecture
