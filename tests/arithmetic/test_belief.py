"""The search against every possibility, one by one."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.arithmetic import belief as belief_module
from pipeline.arithmetic.belief import believe
from pipeline.arithmetic.climb import Climb
from pipeline.arithmetic.sums import Options, Place, Sum


def _options(draw: st.DrawFn) -> Options:
    values = draw(st.lists(st.integers(0, 9), min_size=1, max_size=3, unique=True))
    weights = draw(st.lists(st.floats(0.01, 1), min_size=len(values) + 1, max_size=len(values) + 1))
    return Options(tuple(map(Fraction, values)), tuple(w / sum(weights) for w in weights[:-1]), weights[-1] / sum(weights))


options = st.composite(_options)()


def by_hand(cells: dict[Place, Options], sums: list[Sum]) -> dict[Place, list[float]]:
    """The same model, enumerated: a sum that holds weighs 99.5, one that was written wrong 1/60, an unknown cell 1."""
    places = list(cells)
    totals = {place: np.zeros(len(cells[place].values) + 1) for place in places}
    for choice in itertools.product(*(range(len(cells[place].values) + 1) for place in places)):
        chosen = dict(zip(places, choice, strict=True))
        weight = 1.0
        for place, k in chosen.items():
            weight *= cells[place].chances[k] if k < len(cells[place].values) else cells[place].other
        for total in sums:
            if any(chosen[place] == len(cells[place].values) for place in total.cells):
                continue
            value = {place: cells[place].values[chosen[place]] for place in total.cells}
            is_right = value[total.target] == total.constant + sum(w * value[place] for place, w in total.terms)
            weight *= 99.5 if is_right else 0.005 * 100 / 30
        for place, k in chosen.items():
            totals[place][k] += weight
    return {place: list(total / total.sum()) for place, total in totals.items()}


@pytest.fixture(autouse=True, scope="module")
def mistakes_as_before() -> Iterator[None]:
    """The share of mistakes is not estimated from the sheet, which the enumeration does not do either."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(belief_module, "_ALIKE", 1e9)
        yield


@given(st.lists(options, min_size=3, max_size=4))
@settings(deadline=None, max_examples=60)
def test_one_sum_is_solved_exactly(found: list[Options]) -> None:
    cells = {(1, column): each for column, each in enumerate(found)}
    sums = [Sum("r", (1, 0), tuple((place, Fraction(1)) for place in list(cells)[1:]))]
    expected = by_hand(cells, sums)
    belief = believe(cells, sums)
    for place in cells:
        assert belief.cells[place] == pytest.approx(expected[place], abs=1e-6)


@given(st.lists(options, min_size=5, max_size=5))
@settings(deadline=None, max_examples=40)
def test_a_chain_of_sums_is_solved_exactly(found: list[Options]) -> None:
    """Balance after balance: news travels down and up."""
    cells = {(row, 1): each for row, each in enumerate(found)}
    sums = [Sum("r", (row, 1), (((row - 1, 1), Fraction(1)),), Fraction(1)) for row in range(1, 5)]
    expected, belief = by_hand(cells, sums), believe(cells, sums)
    for place in cells:
        assert belief.cells[place] == pytest.approx(expected[place], abs=1e-3)


def test_numbers_too_large_for_a_table_are_no_reason_to_fail() -> None:
    huge = Options((Fraction(10**18),), (0.9,), 0.1)
    belief = believe({(1, 1): huge, (1, 2): huge}, [Sum("r", (1, 1), (((1, 2), Fraction(10**4)),))])
    assert belief.holds[0] < 0.1


@given(st.lists(options, min_size=3, max_size=4))
@settings(deadline=None, max_examples=40)
def test_a_column_that_never_falls_is_solved_exactly(found: list[Options]) -> None:
    """Steps of the climb's mean length; one time in fifty, or where a number is none of its candidates, any number follows."""
    cells = {(row, 1): each for row, each in enumerate(found)}
    steps = [Sum("r", (row, 1), (((row - 1, 1), Fraction(1)),), rises=True) for row in range(1, len(found))]
    climb = Climb.of(steps, cells)
    share = climb.step_mean / (1 + climb.step_mean)
    totals = {place: np.zeros(len(each.values) + 1) for place, each in cells.items()}
    for choice in itertools.product(*(range(len(each.values) + 1) for each in found)):
        weight = 1.0
        for each, k in zip(found, choice, strict=True):
            weight *= (*each.chances, each.other)[k]
        for row, (above, now) in enumerate(itertools.pairwise(choice)):
            anything = 1 / climb.room
            if above < len(found[row].values) and now < len(found[row + 1].values):
                step = float(found[row + 1].values[now] - found[row].values[above])
                weight *= 0.02 * anything + (0.98 * (1 - share) * share**step if step >= 0 else 0.0)
            else:
                weight *= anything
        for place, k in zip(cells, choice, strict=True):
            totals[place][k] += weight
    belief = believe(cells, steps)
    for place, total in totals.items():
        assert belief.cells[place] == pytest.approx(list(total / total.sum()), abs=1e-6)
