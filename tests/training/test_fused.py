"""The step written out by hand: its gradient is the true one, and what makes it fast changes nothing."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.records import Floats, Image
from pipeline.training.fused import FusedNetwork
from tests.training.datafolder import digits

SIDE, HIDDEN, CLASSES, BATCH = 5, 7, 4, 6
Doubles = NDArray[np.float64]


def normal(seed: int = 0, pixels: int = SIDE * SIDE, hidden: int = HIDDEN, classes: int = CLASSES) -> list[Floats]:
    rng = np.random.default_rng(seed)
    shapes = ((hidden, pixels), (hidden, 1), (classes, hidden), (classes, 1))
    return [rng.standard_normal(shape, np.float32) for shape in shapes]


def pictures(n: int = BATCH, seed: int = 0) -> tuple[Image, NDArray[np.int64]]:
    """The first pixel has ink in none of them, the second in the last only."""
    rng = np.random.default_rng(seed)
    images = rng.integers(0, 256, (n, SIDE, SIDE), np.uint8) * (rng.random((n, SIDE, SIDE)) < 0.5)
    images[:, 0, :2] = 0
    images[-1, 0, 1] = 200
    return images.astype(np.uint8), rng.integers(0, CLASSES, n)


def loss(weights: list[Doubles], images: Image, labels: NDArray[np.int64]) -> float:
    """½ Σ (p - y)², as the definition says it, in double precision."""
    weight, bias, out_weight, out_bias = weights
    x = images.reshape(len(images), -1).astype(np.float64).T / 255
    exponents = np.exp(out_weight @ (1 / (1 + np.exp(-(weight @ x + bias)))) + out_bias)
    return float(0.5 * np.sum((exponents / exponents.sum(axis=0) - np.eye(len(out_bias))[labels].T) ** 2))


def numeric_gradient(weights: list[Floats], images: Image, labels: NDArray[np.int64]) -> list[Doubles]:
    doubles = [array.astype(np.float64) for array in weights]
    gradients = []
    for array in doubles:
        gradient = np.zeros_like(array)
        for place in np.ndindex(array.shape):
            there = array[place]
            around = []
            for shift in (1e-5, -1e-5):
                array[place] = there + shift
                around.append(loss(doubles, images, labels))
            array[place] = there
            gradient[place] = (around[0] - around[1]) / 2e-5
        gradients.append(gradient)
    return gradients


@pytest.mark.parametrize("seed", range(3))
def test_a_step_goes_against_the_gradient(seed: int) -> None:
    weights, (images, labels) = normal(seed), pictures(seed=seed)
    network = FusedNetwork(weights, images, labels, BATCH)
    network.epoch(np.arange(BATCH), rate=0.5)
    for before, after, gradient in zip(weights, network.arrays(), numeric_gradient(weights, images, labels), strict=True):
        assert np.abs(gradient).max() > 1e-3
        np.testing.assert_allclose((before - after) / 0.5, gradient, atol=2e-6)


def test_the_loss_is_that_before_the_steps() -> None:
    weights, (images, labels) = normal(), pictures()
    before = loss([array.astype(np.float64) for array in weights], images, labels) / BATCH
    assert FusedNetwork(weights, images, labels, BATCH).epoch(np.arange(BATCH), rate=0.1) == pytest.approx(before, rel=1e-5)


def test_the_wrong_derivative_of_the_softmax_is_another_one() -> None:
    weights, (images, labels) = normal(), pictures()
    gradients = []
    for diagonal in (False, True):
        network = FusedNetwork(weights, images, labels, BATCH, diagonal)
        network.epoch(np.arange(BATCH), rate=1.0)
        gradients.append(weights[3] - network.arrays()[3])
    assert gradients[0].sum() == pytest.approx(0, abs=1e-6)  # logits that all rise by as much change nothing
    assert abs(gradients[1].sum()) > 1e-3


def test_weights_come_back_as_they_were_given() -> None:
    weights, (images, labels) = normal(), pictures()
    for given, returned in zip(weights, FusedNetwork(weights, images, labels, BATCH).arrays(), strict=True):
        np.testing.assert_array_equal(given, returned)


def test_pixels_without_ink_keep_their_weights_to_the_last_bit() -> None:
    weights, (images, labels) = normal(), pictures(5 * BATCH)
    network = FusedNetwork(weights, images, labels, BATCH)
    network.epoch(np.arange(4 * BATCH), rate=0.1)  # without the batch of the last picture
    changed = (network.arrays()[0] != weights[0]).any(axis=0)
    assert changed.tolist() == [False, False, *[True] * (SIDE * SIDE - 2)]
    network.epoch(np.arange(4 * BATCH, 5 * BATCH), rate=0.1)
    assert (network.arrays()[0] != weights[0]).any(axis=0).tolist() == [False, *[True] * (SIDE * SIDE - 1)]


def test_steps_gathered_together_are_steps_one_by_one() -> None:
    """Whatever the number of batches: more than are gathered at once, and no multiple of that."""
    weights, (images, labels) = normal(), pictures(23 * BATCH)
    order = np.random.default_rng(0).permutation(len(images))
    together = FusedNetwork(weights, images, labels, BATCH)
    one_by_one = FusedNetwork(weights, images, labels, BATCH)
    loss = together.epoch(order, rate=0.1)
    losses = [one_by_one.epoch(order[i : i + BATCH], rate=0.1) for i in range(0, len(order), BATCH)]
    assert loss == pytest.approx(np.mean(losses), rel=1e-5)
    for a, b in zip(together.arrays(), one_by_one.arrays(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_examples_over_a_whole_number_of_batches_are_left_out() -> None:
    weights, (images, labels) = normal(), pictures(2 * BATCH)
    whole, over, none = (FusedNetwork(weights, images, labels, BATCH) for _ in range(3))
    whole.epoch(np.arange(BATCH), rate=0.1)
    over.epoch(np.arange(2 * BATCH - 1), rate=0.1)
    assert none.epoch(np.arange(BATCH - 1), rate=0.1) == 0
    for a, b in zip(whole.arrays(), over.arrays(), strict=True):
        np.testing.assert_array_equal(a, b)
    np.testing.assert_array_equal(none.arrays()[0], weights[0])


@pytest.mark.parametrize("size", [1e3, 1e6])
def test_weights_however_large_give_numbers(size: float) -> None:
    weights, (images, labels) = normal(), pictures(4 * BATCH)
    network = FusedNetwork([array * np.float32(size) for array in weights], images, labels, BATCH)
    with np.errstate(all="raise", under="ignore"):
        assert 0 <= network.epoch(np.arange(len(images)), rate=0.1) <= 1
    assert all(np.isfinite(array).all() for array in network.arrays())


def test_steps_are_those_of_pytorch() -> None:
    pytest.importorskip("torch", reason="PyTorch is not installed")
    from pipeline.training.datasets import Examples
    from tests.bench.paper import largest_difference

    images, labels = digits()
    assert largest_difference(Examples(images, labels), steps=50, rate=0.1) < 1e-4
