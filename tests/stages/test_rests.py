"""What is left of rulings in cells where nothing is written."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from pipeline.records import Image
from pipeline.stages.grid import Grid
from pipeline.stages.rests import without_rests

#: Two rows of one cell each, 400 × 80, in an image of 460 × 220.
LEFT, TOP, WIDTH, HEIGHT = 30, 30, 400, 80


def grid(open_rows: frozenset[int] = frozenset()) -> Grid:
    xs, ys = np.array([LEFT, LEFT + WIDTH], float), TOP + HEIGHT * np.arange(3.0)
    return Grid(np.stack(np.meshgrid(xs, ys), axis=2), open_rows, frozenset(), [], [], (1.0, 1.0))


def with_rests() -> Image:
    """A streak below the upper ruling of the second row, specks above its lower one."""
    ink = np.zeros((220, 460), np.uint8)
    cv2.line(ink, (LEFT + 40, TOP + HEIGHT + 6), (LEFT + 220, TOP + HEIGHT + 9), 255, 3)
    for x in (60, 75, 200):
        cv2.circle(ink, (LEFT + x, TOP + 2 * HEIGHT - 6), 2, 255, -1)
    return ink


def test_a_cell_with_nothing_but_rests_is_blank() -> None:
    ink = with_rests()
    before = ink.copy()
    assert not without_rests(ink, grid()).any()
    assert np.array_equal(ink, before)


def test_rests_stay_beside_a_number_for_they_may_be_of_it() -> None:
    ink = with_rests()
    cv2.putText(ink, "7", (LEFT + 300, TOP + 2 * HEIGHT - 18), cv2.FONT_HERSHEY_SIMPLEX, 1.6, 255, 4)
    assert np.array_equal(without_rests(ink, grid()), ink)


@pytest.mark.parametrize("low", [HEIGHT // 2, HEIGHT - 30])
def test_a_dash_stays(low: int) -> None:
    ink = np.zeros((220, 460), np.uint8)
    cv2.line(ink, (LEFT + 150, TOP + low), (LEFT + 230, TOP + low), 255, 4)
    assert np.array_equal(without_rests(ink, grid()), ink)


def test_dots_by_themselves_stay_for_they_say_nil_in_ledgers() -> None:
    ink = np.zeros((220, 460), np.uint8)
    cv2.circle(ink, (LEFT + 300, TOP + HEIGHT - 8), 4, 255, -1)
    assert np.array_equal(without_rests(ink, grid()), ink)


def test_where_no_ruling_is_drawn_nothing_is_left_of_one() -> None:
    ink = with_rests()
    assert np.array_equal(without_rests(ink, grid(frozenset({2}))), ink)
