"""Ink that stands where it may be a ruling, or where a point may have been erased with one."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.records import Box, Cell, Lattice, Segment
from pipeline.stages.doubts import is_doubtful

HEIGHT, PEN = 20.0, 3.0
#: A cell from (0, 0) to (200, 40), its lower ruling rising a little.
CORNERS = np.array([[0, 0], [200, -2], [200, 38], [0, 40]], np.float32)


def lattice(*boxes: Box) -> Lattice:
    glyph = np.zeros((28, 28), np.uint8)
    segments = tuple(Segment(i, i + 1, box, 100, 0.0, glyph) for i, box in enumerate(boxes))
    return Lattice(Cell(1, 1, CORNERS, Box(0, 0, 200, 40)), 1, (0.0,) * max(0, len(boxes) - 1), segments)


def digits(*places: int, bottom: int = 30, width: int = 12) -> list[Box]:
    return [Box(x, bottom - 20, width, 20) for x in places]


def stroke(x: int) -> Box:
    return Box(x, 10, 4, 20)


def test_usual_numbers_are_not_in_doubt() -> None:
    assert not is_doubtful(lattice(), HEIGHT, PEN)
    assert not is_doubtful(lattice(*digits(50)), HEIGHT, PEN)
    assert not is_doubtful(lattice(*digits(50, 66, 82)), HEIGHT, PEN)
    assert not is_doubtful(lattice(stroke(4), *digits(14, 30)), HEIGHT, PEN)  # a 1 at the side, beside its number
    assert not is_doubtful(lattice(*digits(90), stroke(110)), HEIGHT, PEN)


@pytest.mark.parametrize("x", [4, 190])
def test_a_thin_stroke_at_the_side_far_from_the_number_is(x: int) -> None:
    assert is_doubtful(lattice(*sorted([stroke(x), *digits(80, 96)], key=lambda box: box.x)), HEIGHT, PEN)
    assert is_doubtful(lattice(*digits(80, 96)), HEIGHT, PEN) is False


def test_a_wide_digit_far_from_the_number_is_not() -> None:
    assert not is_doubtful(lattice(*digits(4, 80, 96)), HEIGHT, PEN)


def test_digits_on_the_ruling_with_room_for_a_point_between_them_are() -> None:
    assert is_doubtful(lattice(*digits(50, 76, bottom=38)), HEIGHT, PEN)
    assert not is_doubtful(lattice(*digits(50, 76, bottom=30)), HEIGHT, PEN)  # a point would be seen
    assert not is_doubtful(lattice(*digits(50, 66, bottom=38)), HEIGHT, PEN)  # no room


def test_unless_there_is_one() -> None:
    eight, five = digits(50, 76, bottom=38)
    assert not is_doubtful(lattice(eight, Box(66, 34, 4, 4), five), HEIGHT, PEN)


def test_a_thin_stroke_from_ruling_to_ruling_is() -> None:
    assert is_doubtful(lattice(Box(60, 1, 5, 38)), HEIGHT, PEN)
