"""Layers: what they compute, and that backward is the derivative of forward.

Layers work in float32, where a difference quotient of the output has no good small step: it drowns in rounding. Most layers
are linear or piecewise linear in each of their arguments, however, so a large step is exact as long as it crosses no kink;
inputs are chosen so that none does. The sums over the output are made in float64. The layers that bend are held against their
formula in float64, where a small step is good.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.ann import conv
from pipeline.ann.conv import Conv, MaxPool
from pipeline.ann.layers import Dense, Dropout, Floats, Layer, Norm, Relu, Sigmoid, he_normal

STEP = np.float32(2.0**-6)  # a power of two: adding it to inputs of about one loses few bits
TOLERANCE = 2e-4  # rounding of float32 over this step, with some room


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def apart(shape: tuple[int, ...], seed: int = 0) -> Floats:
    """Values in random order that are more than two steps from one another and from zero: no kink is crossed."""
    values = (np.arange(np.prod(shape)) - np.prod(shape) // 2 + 0.5) * 4 * STEP
    return rng(seed).permutation(values).reshape(shape).astype(np.float32)


def weighted(layer: Layer, x: Floats, weights: Floats) -> float:
    """A scalar to differentiate: the outputs, weighted."""
    return float((layer.forward(x.copy(), train=True).astype(np.float64) * weights).sum())


def slopes(value: Callable[[], float], array: Floats) -> NDArray[np.float64]:
    """Central differences of `value` by every element of `array`, which is put back."""
    found = np.empty(array.shape)
    for place in np.ndindex(array.shape):
        kept = array[place]
        array[place] = kept + STEP
        above = value()
        array[place] = kept - STEP
        found[place] = (above - value()) / (2 * float(STEP))
        array[place] = kept
    return found


LAYERS: dict[str, tuple[Layer, tuple[int, ...]]] = {
    "dense": (Dense(7, 5, rng()), (7, 4)),
    "dense after images": (Dense(2 * 3 * 4, 5, rng()), (2, 3, 4, 3)),
    "conv": (Conv(2, 3, 3, rng()), (2, 6, 5, 2)),
    "conv of the whole image": (Conv(2, 3, 4, rng()), (2, 4, 4, 2)),
    "conv of single pixels": (Conv(3, 2, 1, rng()), (3, 3, 4, 2)),
    "conv with a border": (Conv(2, 3, 3, rng(), pad=1), (2, 5, 4, 2)),
    "conv with a wide border": (Conv(2, 2, 5, rng(), pad=4), (2, 3, 2, 2)),
    "pool": (MaxPool(), (2, 4, 6, 3)),
    "pool of an odd size": (MaxPool(), (2, 5, 7, 2)),
    "pool of rows": (MaxPool(width=1), (2, 5, 3, 2)),
    "relu": (Relu(), (3, 4, 2, 3)),
}


@pytest.mark.parametrize(("layer", "shape"), LAYERS.values(), ids=LAYERS)
def test_backward_is_the_derivative_of_forward(layer: Layer, shape: tuple[int, ...]) -> None:
    x = apart(shape)
    weights = rng(1).standard_normal(layer.forward(x.copy(), train=True).shape).astype(np.float32)
    by_input = layer.backward(weights.copy()).copy()
    by_parameters = [parameter.gradient.copy() for parameter in layer.parameters]
    assert by_input.shape == x.shape and by_input.dtype == np.float32
    np.testing.assert_allclose(by_input, slopes(lambda: weighted(layer, x, weights), x), rtol=TOLERANCE, atol=TOLERANCE * 10)
    for parameter, gradient in zip(layer.parameters, by_parameters, strict=True):
        assert gradient.shape == parameter.value.shape and gradient.dtype == np.float32
        expected = slopes(lambda: weighted(layer, x, weights), parameter.value)
        np.testing.assert_allclose(gradient, expected, rtol=TOLERANCE, atol=TOLERANCE * 10)


def test_dropout_passes_gradients_where_it_passes_values() -> None:
    layer, x = Dropout(0.4, rng()), np.ones((50, 20), np.float32)
    passed = layer.forward(x.copy(), train=True)
    np.testing.assert_array_equal(layer.backward(3 * x), 3 * passed)


def test_the_first_convolution_learns_though_it_does_not_say_how_its_input_should_change() -> None:
    first, other = Conv(1, 3, 3, rng(), first=True), Conv(1, 3, 3, rng())
    x, gradient = apart((1, 6, 5, 2)), apart((3, 4, 3, 2), seed=1)
    for layer in (first, other):
        layer.forward(x, train=True)
        layer.backward(gradient)
    for mine, its in zip(first.parameters, other.parameters, strict=True):
        np.testing.assert_array_equal(mine.gradient, its.gradient)


def test_gradients_are_of_the_last_batch_and_do_not_add_up() -> None:
    layer, x = Dense(3, 2, rng()), apart((3, 4))
    for _ in range(2):
        layer.forward(x, train=True)
        layer.backward(np.ones((2, 4), np.float32))
    np.testing.assert_allclose(layer.bias.gradient, [[4], [4]])


def test_dense_is_a_matrix_product() -> None:
    layer = Dense(2, 3, rng())
    layer.weight.value[...] = [[1, 2], [3, 4], [5, 6]]
    layer.bias.value[...] = [[10], [20], [30]]
    np.testing.assert_array_equal(layer.forward(np.array([[1, 0], [1, 1]], np.float32), False), [[13, 12], [27, 24], [41, 36]])


def normalised(x: NDArray[np.float64], scale: NDArray[np.float64], shift: NDArray[np.float64]) -> NDArray[np.float64]:
    flat = x.reshape(len(x), -1)
    flat = (flat - flat.mean(axis=1, keepdims=True)) / np.sqrt(flat.var(axis=1, keepdims=True) + 1e-5)
    out: NDArray[np.float64] = (scale * flat + shift).reshape(x.shape)
    return out


def exact_slopes(value: Callable[[], float], array: NDArray[np.float64]) -> NDArray[np.float64]:
    """Central differences, in float64."""
    found = np.empty_like(array)
    for place in np.ndindex(array.shape):
        kept = array[place]
        array[place] = kept + 1e-6
        above = value()
        array[place] = kept - 1e-6
        found[place] = (above - value()) / 2e-6
        array[place] = kept
    return found


@pytest.mark.parametrize("shape", [(3, 8), (2, 3, 4, 5)])
def test_norm_is_its_formula_and_its_derivative(shape: tuple[int, ...]) -> None:
    layer = Norm(shape[0])
    layer.scale.value[...] = rng(2).uniform(0.5, 2, (shape[0], 1))
    layer.shift.value[...] = rng(3).standard_normal((shape[0], 1))
    x = rng(1).normal(3, 2, shape)
    arguments = [x, layer.scale.value.astype(np.float64), layer.shift.value.astype(np.float64)]
    weights = rng(4).standard_normal(shape)
    np.testing.assert_allclose(layer.forward(x.astype(np.float32), train=True), normalised(*arguments), rtol=1e-4, atol=1e-5)
    back = layer.backward(weights.astype(np.float32))
    for found, argument in zip((back, layer.scale.gradient, layer.shift.gradient), arguments, strict=True):
        expected = exact_slopes(lambda: float((normalised(*arguments) * weights).sum()), argument)
        np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)


def test_norm_reads_with_what_was_measured_and_no_pass_changes_that() -> None:
    layer = Norm(2)
    layer.mean[...], layer.variance[...] = [[1], [10]], [[4], [9]]
    layer.forward(rng().standard_normal((2, 7)).astype(np.float32), train=True)
    found = layer.forward(np.array([[1, 3], [10, 4]], np.float32), train=False)
    np.testing.assert_allclose(found, [[0, 1], [0, -2]], atol=1e-4)


def test_sigmoid_is_its_formula_and_its_derivative() -> None:
    x, weights = rng().normal(0, 4, (5, 6)), rng(1).standard_normal((5, 6))
    layer = Sigmoid()
    np.testing.assert_allclose(layer.forward(x.astype(np.float32), train=True), 1 / (1 + np.exp(-x)), atol=1e-6)
    expected = exact_slopes(lambda: float((weights / (1 + np.exp(-x))).sum()), x)
    np.testing.assert_allclose(layer.backward(weights.astype(np.float32)), expected, atol=1e-5)
    extremes = layer.forward(np.array([[-1e4, 1e4]], np.float32), train=False)
    np.testing.assert_array_equal(extremes, [[0, 1]])


@settings(max_examples=40, deadline=None)
@given(
    *(st.integers(1, 3), st.integers(1, 4), st.integers(1, 4), st.integers(0, 4), st.integers(0, 3), st.integers(1, 5)),
    *(st.integers(0, 2), st.sampled_from((1, 50, 200_000))),
)
def test_conv_is_the_sum_it_says_however_many_rows_go_together(
    channels: int, filters: int, kernel: int, higher: int, wider: int, n: int, pad: int, strip: int
) -> None:
    pad = min(pad, kernel - 1)
    height, width = kernel + higher, kernel + wider
    layer = Conv(channels, filters, kernel, rng(), pad)
    x = rng(1).standard_normal((channels, height, width, n)).astype(np.float32)
    kernels = layer.weight.value.reshape(filters, channels, kernel, kernel).astype(np.float64)
    around = np.pad(x, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
    expected = np.empty((filters, higher + 1 + 2 * pad, wider + 1 + 2 * pad, n))
    for row, column in np.ndindex(*expected.shape[1:3]):
        patch = around[:, row : row + kernel, column : column + kernel].astype(np.float64)
        expected[:, row, column] = np.einsum("fcij,cijn->fn", kernels, patch)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(conv, "STRIP", strip)
        found = layer.forward(x, train=False)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_conv_gives_the_same_for_a_batch_whatever_went_before() -> None:
    layer = Conv(1, 2, 3, rng(), pad=1)
    small, large = apart((1, 5, 5, 2)), apart((1, 5, 5, 9))
    before = layer.forward(small, train=False).copy()
    layer.forward(large, train=False)
    np.testing.assert_array_equal(layer.forward(small, train=False), before)


def test_pool_takes_the_largest_of_four_and_leaves_an_odd_edge_out() -> None:
    x = np.array([[1, 2, 9], [4, 3, 9], [9, 9, 9]], np.float32).reshape(1, 3, 3, 1)
    layer = MaxPool()
    assert layer.forward(x, train=True).tolist() == [[[[4.0]]]]
    gradient = layer.backward(np.full((1, 1, 1, 1), 7, np.float32))
    assert gradient[0, :, :, 0].tolist() == [[0, 0, 0], [7, 0, 0], [0, 0, 0]]


@pytest.mark.parametrize("block", [[[5, 5], [5, 5]], [[1, 5], [5, 5]], [[5, 1], [1, 5]], [[0, 0], [5, 5]]])
def test_of_equals_in_a_pool_only_the_first_gets_the_gradient(block: list[list[float]]) -> None:
    x = np.array(block, np.float32).reshape(1, 2, 2, 1)
    layer = MaxPool()
    layer.forward(x, train=True)
    gradient = layer.backward(np.ones((1, 1, 1, 1), np.float32)).ravel()
    assert gradient.sum() == 1
    assert gradient.argmax() == x.argmax()  # both take the first


def test_relu_is_flat_at_zero() -> None:
    layer = Relu()
    assert layer.forward(np.array([[-2, 0, 3]], np.float32), True).tolist() == [[0, 0, 3]]
    assert layer.backward(np.array([[1, 1, 1]], np.float32)).tolist() == [[0, 0, 1]]


def test_dropout_does_nothing_at_inference() -> None:
    x = apart((10, 10))
    np.testing.assert_array_equal(Dropout(0.9, rng()).forward(x, train=False), x)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.4, 0.8])
def test_dropout_drops_its_share_and_keeps_the_mean(share: float) -> None:
    x = np.full((500, 400), 2, np.float32)
    out = Dropout(share, rng()).forward(x.copy(), train=True)
    # five standard deviations of a mean over 200,000
    assert float((out == 0).mean()) == pytest.approx(share, abs=5 * (share * (1 - share) / x.size) ** 0.5 + 1e-9)
    assert float(out.mean()) == pytest.approx(2, abs=10 * (share / (1 - share) / x.size) ** 0.5 + 1e-5)
    assert set(np.unique(out)) <= {np.float32(0), np.float32(2) * np.float32(1 / np.float32(1 - share))}


def test_dropout_draws_anew_each_time_and_the_same_from_the_same_seed() -> None:
    layer, x = Dropout(0.5, rng(3)), np.ones((20, 20), np.float32)
    first, second = layer.forward(x.copy(), True), layer.forward(x.copy(), True)
    assert not np.array_equal(first, second)
    layer.reseed(rng(3))
    np.testing.assert_array_equal(layer.forward(x.copy(), True), first)
    np.testing.assert_array_equal(layer.forward(x.copy(), True), second)


def test_backward_needs_a_forward_that_trained() -> None:
    layer = Dense(3, 2, rng())
    out = layer.forward(np.ones((3, 2), np.float32), train=False)
    with pytest.raises(AssertionError):
        layer.backward(out)


def test_weights_start_with_the_variance_that_rectifiers_keep() -> None:
    weights = he_normal(rng(), (300, 400), 400)
    assert weights.dtype == np.float32
    assert float(weights.std()) == pytest.approx((2 / 400) ** 0.5, rel=0.02)
    assert abs(float(weights.mean())) < 1e-3
