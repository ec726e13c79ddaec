"""Lines drawn before a number, so that nobody can write into its cell."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from pipeline.records import Image
from pipeline.stages.fillers import without_fillers
from pipeline.stages.grid import Grid

#: One cell, 400 × 80, in an image of 460 × 140.
LEFT, TOP, WIDTH, HEIGHT = 30, 30, 400, 80


def grid() -> Grid:
    xs, ys = np.array([LEFT, LEFT + WIDTH], float), np.array([TOP, TOP + HEIGHT], float)
    return Grid(np.stack(np.meshgrid(xs, ys), axis=2), frozenset(), frozenset(), [], [], (1.0, 1.0))


def written(text: str, x: int) -> Image:
    ink = np.zeros((140, 460), np.uint8)
    cv2.putText(ink, text, (x, TOP + 62), cv2.FONT_HERSHEY_SIMPLEX, 1.6, 255, 4)
    return ink


def line(ink: Image, x0: int, x1: int) -> Image:
    out = ink.copy()
    cv2.line(out, (x0, TOP + 42), (x1, TOP + 46), 255, 4)
    return out


@pytest.mark.parametrize("touching", [False, True])
@pytest.mark.parametrize("text", ["7", "102", "0"])
def test_a_line_up_to_a_number_goes_and_the_number_stays(text: str, touching: bool) -> None:
    number = written(text, 260)
    first = int(np.flatnonzero(number.any(axis=0))[0])
    rest = without_fillers(line(number, LEFT + 4, first + 4 if touching else first - 12), grid())
    assert np.count_nonzero(rest[:, : first - 20]) < 6  # no more than a speck
    assert np.count_nonzero(rest[number > 0]) > 0.95 * np.count_nonzero(number)


def test_a_line_by_itself_says_nil() -> None:
    ink = line(np.zeros((140, 460), np.uint8), LEFT + 4, LEFT + 300)
    assert np.array_equal(without_fillers(ink, grid()), ink)


@pytest.mark.parametrize("text", ["7177", "-47", "5", "2"])
def test_the_strokes_of_numbers_are_no_fillers(text: str) -> None:
    ink = written(text, LEFT + 6)
    assert np.array_equal(without_fillers(ink, grid()), ink)
