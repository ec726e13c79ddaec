"""The network: built from plain data, the same answer for an image in whatever company, and it learns."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.ann import Architecture, Network
from pipeline.ann.layers import Floats
from pipeline.ann.losses import cross_entropy
from pipeline.ann.network import CHUNK, array_shapes, as_input, measure_norms, multiplications
from pipeline.ann.optimisers import Adam

SMALL: Architecture = (
    ("conv", 4, 5, 0),
    ("pool",),
    ("norm",),
    ("relu",),
    ("conv", 6, 3, 1),
    ("pool",),
    ("relu",),
    ("dense", 16),
    ("relu",),
    ("dropout", 0.5),
    ("dense", 5),
)


def images(n: int, size: tuple[int, int] = (28, 28), seed: int = 0) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(0, 256, (n, *size), np.uint8)


@pytest.mark.parametrize("n", [0, 1, CHUNK, CHUNK + 1, 200])
def test_an_image_has_the_same_logits_in_whatever_company(n: int) -> None:
    network, batch = Network(SMALL), images(n)
    found = network.logits(batch)
    assert found.shape == (n, 5) and found.dtype == np.float32
    alone = [network.forward(as_input(batch[i : i + 1]))[:, 0].copy() for i in range(n)]
    np.testing.assert_allclose(found, np.array(alone).reshape(n, 5), rtol=1e-4, atol=1e-5)


def test_the_order_of_images_is_kept() -> None:
    network, batch = Network(SMALL), images(150)
    np.testing.assert_allclose(network.logits(batch[::-1]), network.logits(batch)[::-1], rtol=1e-4, atol=1e-5)


def test_probabilities_sum_to_one_and_the_first_choice_stays() -> None:
    network, batch = Network(SMALL), images(70)
    chances = network.probabilities(batch)
    np.testing.assert_allclose(chances.sum(axis=1), 1, atol=1e-5)
    assert (chances.argmax(axis=1) == network.logits(batch).argmax(axis=1)).all()
    assert network.probabilities(batch[:0]).shape == (0, 5)


def test_the_input_is_from_zero_to_one_with_examples_last() -> None:
    batch = images(3, (2, 4))
    found = as_input(batch)
    assert found.shape == (1, 2, 4, 3) and found.dtype == np.float32 and found.flags.c_contiguous
    assert found[0, 1, 2, 0] == np.float32(batch[0, 1, 2]) / np.float32(255)


def test_the_same_seed_makes_the_same_network() -> None:
    for mine, same, other in zip(
        Network(SMALL, seed=3).arrays(), Network(SMALL, seed=3).arrays(), Network(SMALL).arrays(), strict=True
    ):
        assert np.array_equal(mine, same)
        assert np.ptp(mine) == 0 or not np.array_equal(mine, other)  # biases and norms start all alike


def test_images_need_not_be_square() -> None:
    network = Network((("conv", 2, 3, 0), ("pool",), ("dense", 3)), size=(9, 14))
    assert network.logits(images(4, (9, 14))).shape == (4, 3)


def test_a_network_that_ends_in_images_reads_any_width() -> None:
    """Each strip of its input by itself, as far as the kernel sees."""
    architecture: Architecture = (("conv", 3, 3, 1), ("pool",), ("relu",), ("pool", "rows"), ("conv", 5, 1, 0))
    network = Network(architecture, size=(4, 8))
    wide = images(2, (4, 20))
    found = network.forward(as_input(wide)).copy()
    assert found.shape == (5, 1, 10, 2)
    left = network.forward(as_input(wide[:, :, :12]))
    np.testing.assert_allclose(found[:, :, :5], left[:, :, :5], rtol=1e-4, atol=1e-5)  # the sixth sees the edge


def test_shapes_are_known_before_anything_is_made() -> None:
    assert array_shapes(SMALL) == [array.shape for array in Network(SMALL).arrays()]
    assert array_shapes((("dense", 10**15),)) == [(10**15, 784), (10**15, 1)]


@pytest.mark.parametrize(
    "architecture",
    [
        (),
        (("conv", 4, 5, 0),),  # ends in images
        (("pool", "rows"), ("pool",)),  # still too high
        (("pool", "columns"), ("dense", 2)),
        (("konv", 4, 5), ("dense", 2)),
        (("conv", 4), ("dense", 2)),
        (("conv", 4, 29, 0), ("dense", 2)),
        (("conv", 0, 3, 0), ("dense", 2)),
        (("conv", 4, 0, 0), ("dense", 2)),
        (("conv", 4, 2.5, 0), ("dense", 2)),
        (("conv", 4, 3), ("dense", 2)),
        (("conv", 4, 3, 3), ("dense", 2)),
        (("conv", 4, 3, -1), ("dense", 2)),
        (("dense", 2), ("norm", 3)),
        (("dense", 2), ("conv", 4, 3, 0)),
        (("dense", 2), ("pool",)),
        (*[("pool",)] * 5, ("dense", 2)),
        (("dense", 0),),
        (("dense", -3),),
        (("dense", "10"),),
        (("dense", 2, 2),),
        (("dropout", 1.0), ("dense", 2)),
        (("dropout", -0.1), ("dense", 2)),
        (("dropout", float("nan")), ("dense", 2)),
        ((), ("dense", 2)),
    ],
)
def test_what_does_not_fit_is_refused(architecture: Architecture) -> None:
    with pytest.raises(ValueError, match=r"layer .* is unknown or does not fit|must be dense"):
        Network(architecture)
    with pytest.raises(ValueError, match=r"layer .* is unknown or does not fit|must be dense"):
        array_shapes(architecture)


def test_arrays_move_from_network_to_network() -> None:
    one, other = Network(SMALL, seed=1), Network(SMALL, seed=2)
    other.set_arrays(one.arrays())
    np.testing.assert_array_equal(one.logits(images(3)), other.logits(images(3)))
    for parameter in other.parameters:
        parameter.value += 1  # copies, on both ways
    assert not np.array_equal(one.logits(images(3)), other.logits(images(3)))


def test_arrays_that_do_not_fit_are_refused_and_change_nothing() -> None:
    network = Network(SMALL)
    before = network.arrays()
    good = Network(SMALL, seed=5).arrays()
    with pytest.raises(ValueError, match="9 arrays for a network that has 10"):
        network.set_arrays(good[:-1])
    with pytest.raises(ValueError, match=r"shape \(1, 4\) for one of shape \(4, 1\)"):
        network.set_arrays([*good[:-1], good[-1].T])
    assert all(np.array_equal(a, b) for a, b in zip(before, network.arrays(), strict=True))


def test_a_replica_has_the_same_weights_and_gradients_of_its_own() -> None:
    network, x, labels = Network(SMALL), as_input(images(6)), np.arange(6) % 5
    twin = network.replica()
    for parameter in network.parameters:
        parameter.value *= 1.5
    for mine, its in zip(network.parameters, twin.parameters, strict=True):
        assert np.shares_memory(mine.value, its.value) and not np.shares_memory(mine.gradient, its.gradient)
    _, gradient = cross_entropy(twin.forward(x, train=True), labels)
    twin.backward(gradient)
    assert not any(parameter.gradient.any() for parameter in network.parameters)


def test_measured_norms_make_reading_agree_with_training() -> None:
    """Over the very images that they were measured on, in one batch, the two are the same."""
    network, batch = Network((("conv", 4, 5, 0), ("pool",), ("norm",), ("relu",), ("dense", 3))), images(32)
    trained = network.forward(as_input(batch), train=True).copy()
    assert not np.allclose(network.forward(as_input(batch)), trained, atol=0.1)
    measure_norms(network, batch, chunk=32)
    np.testing.assert_allclose(network.forward(as_input(batch)), trained, rtol=1e-3, atol=1e-3)
    several = images(96)
    measure_norms(network, several, chunk=32)
    whole = network.norms()[0].mean.copy(), network.norms()[0].variance.copy()
    measure_norms(network, several, chunk=96)
    np.testing.assert_allclose(whole[0], network.norms()[0].mean, rtol=1e-3)
    np.testing.assert_allclose(whole[1], network.norms()[0].variance, rtol=1e-3)


def test_multiplications_are_counted() -> None:
    assert multiplications((("conv", 4, 5, 0), ("pool",), ("relu",), ("conv", 6, 3, 1), ("dense", 7))) == (
        24 * 24 * 25 * 4 + 12 * 12 * 9 * 4 * 6 + 12 * 12 * 6 * 7
    )


def test_reseeding_repeats_what_training_draws() -> None:
    network, x = Network(SMALL), as_input(images(6))
    network.reseed(9)
    first = network.forward(x, train=True).copy()
    assert not np.array_equal(network.forward(x, train=True), first)
    network.reseed(9)
    np.testing.assert_array_equal(network.forward(x, train=True), first)
    network.reseed(10)
    assert not np.array_equal(network.forward(x, train=True), first)


def test_the_gradient_goes_through_the_whole_network() -> None:
    """The loss along each parameter's gradient falls as the gradient says.

    A parameter's whole gradient as direction gives the largest change for a step, so that float32 is good for three digits.
    """
    network = Network((("conv", 3, 3, 0), ("pool",), ("relu",), ("dense", 8), ("relu",), ("dense", 4)), size=(10, 9))
    x, labels = as_input(images(12, (10, 9))), np.arange(12) % 4

    def loss() -> float:
        return cross_entropy(network.forward(x), labels)[0]

    _, gradient = cross_entropy(network.forward(x, train=True), labels)
    network.backward(gradient)
    for parameter in network.parameters:
        length = float(np.linalg.norm(parameter.gradient))
        assert length > 0
        kept, step = parameter.value.copy(), 2e-3
        parameter.value[...] = kept + step / length * parameter.gradient
        above = loss()
        parameter.value[...] = kept - step / length * parameter.gradient
        slope = (above - loss()) / (2 * step)
        parameter.value[...] = kept
        assert slope == pytest.approx(length, rel=0.02)


def taught(network: Network, x: NDArray[np.uint8], labels: NDArray[np.int64], steps: int = 150) -> float:
    """Accuracy on the examples after so many steps on all of them."""
    adam = Adam(network.parameters)
    for _ in range(steps):
        _, gradient = cross_entropy(network.forward(as_input(x), train=True), labels)
        network.backward(gradient)
        adam.step(0.01)
    return float((network.logits(x).argmax(axis=1) == labels).mean())


def crosses(n: int = 80, seed: int = 0) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Noise with an upright or a lying stroke anywhere: the same number of white pixels in both."""
    rng = np.random.default_rng(seed)
    x, labels = rng.integers(0, 100, (n, 12, 12)).astype(np.uint8), np.arange(n) % 2
    for image, label in zip(x, labels, strict=True):
        row, column = rng.integers(0, 12 - 5), rng.integers(0, 12)
        (image if label else image.T)[row : row + 5, column] = 255
    return x, labels


TINY: Architecture = (("conv", 4, 3, 0), ("pool",), ("relu",), ("dense", 8), ("relu",), ("dense", 2))


def test_a_tiny_network_learns_what_can_be_told_apart_and_can_tell_it_in_new_images() -> None:
    network = Network(TINY, size=(12, 12))
    assert taught(network, *crosses()) == 1.0
    x, labels = crosses(200, seed=1)
    assert float((network.logits(x).argmax(axis=1) == labels).mean()) > 0.9


def test_what_cannot_be_told_apart_is_not_learned() -> None:
    """Each image is there twice, once with each label: half is the most that an honest count can find."""
    x, labels = crosses()
    network = Network(TINY, size=(12, 12))
    assert taught(network, np.concatenate([x, x]), np.concatenate([labels, 1 - labels]), steps=40) == 0.5
    fresh: Floats = network.probabilities(x)
    assert float(fresh.max()) < 0.9
