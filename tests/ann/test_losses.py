"""Softmax and cross-entropy: probabilities, known values, and the gradient."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from pipeline.ann.layers import Floats
from pipeline.ann.losses import cross_entropy, softmax

LOGITS = hnp.arrays(np.float32, st.tuples(st.integers(1, 6), st.integers(1, 5)), elements=st.floats(-1e4, 1e4, width=32))


@given(LOGITS)
def test_softmax_gives_probabilities_whatever_the_logits(logits: Floats) -> None:
    found = softmax(logits)
    assert found.dtype == np.float32
    assert (found >= 0).all()
    np.testing.assert_allclose(found.sum(axis=0), 1, atol=1e-5)
    assert (np.take_along_axis(found, logits.argmax(axis=0)[None], 0) == found.max(axis=0)).all()


def test_softmax_of_a_difference_of_log_three_is_three_to_one() -> None:
    np.testing.assert_allclose(softmax(np.array([[math.log(3)], [0]], np.float32)), [[0.75], [0.25]], rtol=1e-6)


def test_cross_entropy_is_the_mean_surprise() -> None:
    logits = np.log(np.array([[0.5, 0.1], [0.25, 0.2], [0.25, 0.7]], np.float32))
    loss, _ = cross_entropy(logits, np.array([0, 2]))
    assert loss == pytest.approx(-(math.log(0.5) + math.log(0.7)) / 2, rel=1e-6)


def test_cross_entropy_of_a_certain_mistake_is_finite() -> None:
    loss, gradient = cross_entropy(np.array([[1e4], [-1e4]], np.float32), np.array([1]))
    assert 20 < loss < 100
    np.testing.assert_allclose(gradient, [[1], [-1]])


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_gradient_is_the_slope_of_the_loss(smoothing: float) -> None:
    """Along random directions, with the loss over float64: there the quotient has a good step, and the gradient is the same."""
    rng = np.random.default_rng(0)
    logits, labels = 2 * rng.standard_normal((7, 9)), rng.integers(0, 7, 9)
    _, gradient = cross_entropy(logits.astype(np.float32), labels, smoothing)
    assert gradient.dtype == np.float32
    for _ in range(20):
        direction = rng.standard_normal(logits.shape)
        step = 1e-5 * direction
        above, _ = cross_entropy(logits + step, labels, smoothing)  # type: ignore[arg-type]
        below, _ = cross_entropy(logits - step, labels, smoothing)  # type: ignore[arg-type]
        assert (above - below) / 2e-5 == pytest.approx(float((gradient * direction).sum()), rel=1e-4, abs=1e-5)


@given(LOGITS, st.floats(0, 0.5))
def test_the_gradient_of_an_example_sums_to_nothing(logits: Floats, smoothing: float) -> None:
    _, gradient = cross_entropy(logits, np.zeros(logits.shape[1], np.int64), smoothing)
    np.testing.assert_allclose(gradient.sum(axis=0), 0, atol=1e-5)


def test_smoothing_asks_for_less_than_certainty() -> None:
    sure, unsure = np.array([[12.0], [0.0]], np.float32), np.array([[3.0], [0.0]], np.float32)
    label = np.array([0])
    assert cross_entropy(sure, label)[0] < cross_entropy(unsure, label)[0]
    assert cross_entropy(sure, label, 0.1)[0] > cross_entropy(unsure, label, 0.1)[0]
