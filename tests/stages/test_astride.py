"""Ink across a ruling goes to the number that it stands beside."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipeline.records import Box, Cell
from pipeline.stages.astride import Component, owners

#: Two cells side by side, 100 by 60 pixels, and one below the first.
CELLS = [
    Cell(row, column, np.zeros((4, 2), np.float32), Box(100 * (column - 1), 60 * (row - 1), 100, 60))
    for row, column in ((1, 1), (1, 2), (2, 1))
]
#: A 3 close to the ruling at x = 100, on its right.
THREE = Box(110, 15, 18, 30)
#: A 1 on that ruling, most of it on the left.
ONE = Box(96, 15, 6, 30)


def whole(cell: int, box: Box) -> Component:
    """Ink that lies in one cell."""
    return Component(box, 200, {cell: 200})


def owner(shares: dict[int, int], box: Box, *others: Component) -> int | None:
    """Whose a component is, beside others."""
    return owners([Component(box, sum(shares.values()), shares), *others], CELLS)[0]


def test_a_one_on_the_ruling_goes_to_the_digit_beside_it() -> None:
    assert owner({0: 110, 1: 60}, ONE, whole(1, THREE)) == 1


def test_it_stays_with_the_number_that_is_nearer() -> None:
    seven = Box(72, 15, 18, 30)
    assert owner({0: 110, 1: 60}, ONE, whole(0, seven), whole(1, replace(THREE, x=140))) == 0


def test_between_two_that_are_about_as_near_each_keeps_its_part_or_most_tells() -> None:
    around = whole(0, Box(72, 15, 18, 30)), whole(1, THREE)
    assert owner({0: 110, 1: 60}, ONE, *around) is None
    assert owner({0: 130, 1: 40}, ONE, *around) == 0


def test_far_from_all_writing_it_is_not_clear() -> None:
    assert owner({0: 110, 1: 60}, ONE, whole(1, replace(THREE, x=160))) is None
    assert owner({0: 110, 1: 60}, ONE) is None


def test_a_digit_of_which_only_a_tip_crosses_is_no_question() -> None:
    wide = Box(80, 15, 22, 30)
    assert owner({0: 140, 1: 30}, wide, whole(1, THREE)) == 0
    assert owner({0: 120, 1: 50}, wide, whole(1, THREE)) == 1


def test_a_tail_that_hangs_into_the_row_below_is_not_given_away() -> None:
    seven, below = Box(40, 25, 18, 45), Box(42, 72, 18, 30)
    assert owner({0: 100, 2: 60}, seven, whole(2, below)) is None


@pytest.mark.parametrize("shares", [{0: 6, 2: 14}, {0: 14, 2: 6}])
def test_a_point_on_the_ruling_below_a_number_is_that_numbers(shares: dict[int, int]) -> None:
    eight, five, below = Box(20, 30, 16, 30), Box(48, 30, 16, 30), Box(30, 85, 18, 30)
    assert owner(shares, Box(40, 57, 5, 5), whole(0, eight), whole(0, five), whole(2, below)) == 0


def test_what_lies_nearly_all_in_one_cell_is_not_parted() -> None:
    assert not Component(ONE, 100, {0: 95, 1: 5}).parted
    assert Component(ONE, 100, {0: 70, 1: 30}).parted
    assert Component(ONE, 100, {0: 70}).parted  # the rest lies in no cell


def test_company_is_what_is_mostly_in_one_cell_and_no_one() -> None:
    assert Component(THREE, 100, {0: 80, 1: 20}).company
    assert not Component(THREE, 100, {0: 60, 1: 40}).company
    assert not Component(ONE, 100, {0: 80, 1: 20}).company
    assert Component(ONE, 100, {0: 95, 1: 5}).company


def test_nothing_is_its_own_company() -> None:
    wide = Component(Box(92, 15, 14, 30), 100, {0: 75, 1: 25})
    assert wide.company
    assert owners([wide, whole(1, THREE)], CELLS)[0] == 0  # least _PARTED_WIDE of it is not beyond
    assert owners([replace(wide, shares={0: 70, 1: 30}), whole(1, THREE)], CELLS)[0] == 1
