"""Adam and the moving average, against steps made by hand."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.ann.layers import Parameter
from pipeline.ann.optimisers import Adam, Average


def parameter(value: float, gradient: float = 0.0, decay: bool = True) -> Parameter:
    made = Parameter(np.array([[value]], np.float32), decay)
    made.gradient[...] = gradient
    return made


@pytest.mark.parametrize("gradient", [1e-3, 1.0, -50.0])
def test_adams_first_step_is_the_rate_against_the_sign_of_the_gradient(gradient: float) -> None:
    p = parameter(1.0, gradient)
    Adam([p]).step(0.1)
    assert p.value.item() == pytest.approx(1 - 0.1 * np.sign(gradient), rel=1e-3)


def test_adams_third_step_by_hand() -> None:
    p = parameter(1.0)
    adam = Adam([p], betas=(0.5, 0.75))
    value, mean, square = 1.0, 0.0, 0.0
    for step, (gradient, rate) in enumerate([(2.0, 0.1), (-1.0, 0.2), (4.0, 0.05)], 1):
        p.gradient[...] = gradient
        adam.step(rate)
        mean, square = 0.5 * mean + 0.5 * gradient, 0.75 * square + 0.25 * gradient**2
        unbiased_mean, unbiased_square = mean / (1 - 0.5**step), square / (1 - 0.75**step)
        value -= rate * unbiased_mean / unbiased_square**0.5
        assert p.value.item() == pytest.approx(value, rel=1e-5)
    assert adam.steps == 3


def test_without_gradient_only_decay_moves_and_only_what_decays() -> None:
    weight, bias = parameter(2.0), parameter(2.0, decay=False)
    adam = Adam([weight, bias], decay=0.5)
    for _ in range(2):
        adam.step(0.1)
    assert weight.value.item() == pytest.approx(2 * 0.95**2)
    assert bias.value.item() == 2.0


def test_adam_keeps_float32_and_works_in_place() -> None:
    p = parameter(1.0, 0.5)
    array = p.value
    Adam([p], decay=0.1).step(np.float64(0.1))
    assert p.value is array and array.dtype == np.float32


def test_adam_finds_the_bottom_of_a_valley() -> None:
    p = Parameter(np.array([[5.0], [-3.0]], np.float32))
    adam = Adam([p])
    for step in range(400):
        p.gradient[...] = (p.value - [[1], [2]]) * [[100], [0.01]]  # steep one way, flat the other
        adam.step(0.1 * (1 - step / 400))
    np.testing.assert_allclose(p.value, [[1], [2]], atol=0.02)


def test_the_average_by_hand() -> None:
    p = parameter(1.0)
    average = Average([p], share=0.15)
    expected = 1.0
    for step, value in enumerate([3.0, -1.0, 8.0], 1):
        p.value[...] = value
        average.step()
        share = min(0.15, step / (step + 10))  # 1/11, then 0.15
        expected = share * expected + (1 - share) * value
        assert average.values[0].item() == pytest.approx(expected, rel=1e-6)
    assert p.value.item() == 8.0


def test_the_average_forgets_the_random_start() -> None:
    p = parameter(1000.0)
    average = Average([p])
    p.value[...] = 1.0
    for _ in range(20):
        average.step()
    assert average.values[0].item() == pytest.approx(1.0, abs=1e-3)


def test_the_average_is_a_copy() -> None:
    p = parameter(1.0)
    average = Average([p])
    p.value[...] = 9.0
    assert average.values[0].item() == 1.0
