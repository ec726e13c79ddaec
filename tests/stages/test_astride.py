"""Ink across a ruling goes to the number that it stands beside."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipeline.records import Box, Cell
from pipeline.stages.astride import digit_height, is_company, is_parted, owner_by_company

HEIGHT = 30.0
#: Two cells side by side, 100 by 60 pixels, and one below the first.
CELLS = [
    Cell(row, column, np.zeros((4, 2), np.float32), Box(100 * (column - 1), 60 * (row - 1), 100, 60))
    for row, column in ((1, 1), (1, 2), (2, 1))
]
#: A 3 close to the ruling at x = 100, on its right.
THREE = Box(110, 15, 18, 30)
#: A 1 on that ruling, most of it on the left.
ONE = Box(96, 15, 6, 30)


def test_a_one_on_the_ruling_goes_to_the_digit_beside_it() -> None:
    assert owner_by_company(ONE, {0: 110, 1: 60}, {1: [THREE]}, CELLS, HEIGHT) == 1


def test_it_stays_with_the_number_that_is_nearer() -> None:
    seven = Box(72, 15, 18, 30)
    assert owner_by_company(ONE, {0: 110, 1: 60}, {0: [seven], 1: [replace(THREE, x=140)]}, CELLS, HEIGHT) == 0


def test_between_two_that_are_about_as_near_it_is_not_clear() -> None:
    seven = Box(72, 15, 18, 30)
    assert owner_by_company(ONE, {0: 110, 1: 60}, {0: [seven], 1: [THREE]}, CELLS, HEIGHT) is None


def test_far_from_all_writing_it_is_not_clear() -> None:
    assert owner_by_company(ONE, {0: 110, 1: 60}, {1: [replace(THREE, x=160)]}, CELLS, HEIGHT) is None
    assert owner_by_company(ONE, {0: 110, 1: 60}, {}, CELLS, HEIGHT) is None


def test_a_digit_of_which_only_a_tip_crosses_is_no_question() -> None:
    wide = Box(80, 15, 22, 30)
    assert owner_by_company(wide, {0: 140, 1: 30}, {1: [THREE]}, CELLS, HEIGHT) is None
    assert owner_by_company(wide, {0: 120, 1: 50}, {1: [THREE]}, CELLS, HEIGHT) == 1


def test_a_tail_that_hangs_into_the_row_below_is_not_given_away() -> None:
    seven, below = Box(40, 25, 18, 45), Box(42, 72, 18, 30)
    assert owner_by_company(seven, {0: 100, 2: 60}, {2: [below]}, CELLS, HEIGHT) is None


@pytest.mark.parametrize("shares", [{0: 6, 2: 14}, {0: 14, 2: 6}])
def test_a_point_on_the_ruling_below_a_number_is_that_numbers(shares: dict[int, int]) -> None:
    eight, five, below = Box(20, 30, 16, 30), Box(48, 30, 16, 30), Box(30, 85, 18, 30)
    point = Box(40, 57, 5, 5)
    assert owner_by_company(point, shares, {0: [eight, five], 2: [below]}, CELLS, HEIGHT) == 0


def test_what_lies_nearly_all_in_one_cell_is_not_parted() -> None:
    assert not is_parted([95, 5], 100)
    assert is_parted([70, 30], 100)
    assert is_parted([70], 100)  # the rest lies in no cell


def test_company_is_what_is_mostly_in_one_cell_and_no_one() -> None:
    assert is_company(THREE, [80, 20], 100)
    assert not is_company(THREE, [60, 40], 100)
    assert not is_company(ONE, [80, 20], 100)
    assert is_company(ONE, [95, 5], 100)


def test_nothing_is_its_own_company() -> None:
    point = Box(40, 57, 5, 5)
    assert owner_by_company(point, {0: 6, 2: 14}, {0: [Box(48, 30, 16, 30)], 2: [point]}, CELLS, HEIGHT) == 0


def test_digits_are_as_high_as_the_tallest_of_most_cells() -> None:
    assert digit_height({0: [Box(0, 0, 5, 30), Box(0, 0, 4, 4)], 1: [Box(0, 0, 5, 28)], 2: [Box(0, 0, 5, 90)]}) == 30
    assert digit_height({}) == float("inf")
