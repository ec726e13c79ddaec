"""How high digits are, by their neighbours."""

from __future__ import annotations

from dataclasses import replace

from pipeline.stages.heights import column_heights, digit_heights, page_height
from tests.stages.lattices import HEIGHT, Ink, column, digit, dot, scored


def low(height: int) -> Ink:
    return replace(digit("1"), height=height)


def test_a_digit_is_as_high_as_it_is() -> None:
    lattices = column([low(40)], [low(30)], [low(28)]).segmented.lattices
    assert digit_heights(lattices)[1:] == [40.0, 30.0, 28.0]


def test_a_dot_is_measured_by_the_digits_of_its_column() -> None:
    lattices = column([digit("1")], [digit("2")], [dot(5)], []).segmented.lattices
    assert digit_heights(lattices)[1:] == [HEIGHT] * 4


def test_a_column_says_how_high_its_digits_are_if_enough_of_it_is_written() -> None:
    lattices = column([low(40)], [low(30)], [low(28)], []).segmented.lattices
    assert column_heights(lattices) == [30.0] * 5
    assert column_heights(column([low(40)], [low(30)], []).segmented.lattices) == [None] * 4


def test_the_dots_of_empty_places_say_nothing_of_a_column() -> None:
    rows = [[[digit("1")], [dot(5)]] for _ in range(6)] + [[[digit("1")], [low(28)]] for _ in range(4)]
    lattices = scored(rows).segmented.lattices
    assert digit_heights(lattices)[1::2] == [28.0] * 10
    assert column_heights(lattices)[1::2] == [28.0] * 10


def test_digits_of_a_page_are_as_high_as_the_tallest_of_most_cells() -> None:
    assert page_height([30, 28, 0, 90]) == 30
    assert page_height([]) == 1
