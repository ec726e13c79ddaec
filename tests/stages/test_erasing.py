"""Rulings erased from under what is written on them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from pipeline.records import Image
from pipeline.stages.erasing import within_edges, without_edges, without_rulings
from pipeline.stages.rulings import Ruling, find_rulings
from tests.stages.test_rulings import lines

#: How dark things are: paper, a pale ruling, the pen.
PAPER, RULING, PEN = 250, 170, 40


def upright(image: Image) -> Image:
    return np.ascontiguousarray(image.T)


def ruled_and_written(ruling: int) -> tuple[Image, Image, list[Ruling]]:
    """Ink and brightness of two upright rulings close together with a 1 drawn along one of them, and the rulings."""
    ink = upright(lines(100, 107, thick=3))
    found = find_rulings(upright(ink), 24, 3)
    grey = np.where(ink > 0, ruling, PAPER).astype(np.uint8)
    for image, colour in ((ink, 255), (grey, PEN)):
        cv2.line(image, (108, 400), (100, 430), colour, 3)  # a 1
        cv2.putText(image, "47", (140, 430), cv2.FONT_HERSHEY_SIMPLEX, 1.0, colour, 3)
    return ink, grey, found


def test_a_one_along_a_paler_ruling_stays() -> None:
    ink, grey, found = ruled_and_written(RULING)
    rest = without_rulings(ink, [], found, 3, grey)
    one = np.zeros_like(ink)
    cv2.line(one, (108, 400), (100, 430), 255, 3)
    assert np.count_nonzero(rest[one > 0]) > 0.85 * np.count_nonzero(one)
    assert not rest[450:, :130].any() and not rest[:390, :130].any()


def test_a_ruling_as_dark_as_the_pen_goes_as_it_did() -> None:
    ink, grey, found = ruled_and_written(PEN)
    assert np.array_equal(without_rulings(ink, [], found, 3, grey), without_rulings(ink, [], found, 3))


@pytest.mark.parametrize("thick", [1, 2, 4])
def test_a_bare_ruling_goes_whole(thick: int) -> None:
    ink = lines(100, 200, thick=thick)
    assert not without_rulings(ink, find_rulings(ink, 24, thick), [], thick).any()


def test_without_rulings_adds_nothing_and_needs_none() -> None:
    ink = lines(100)
    cv2.putText(ink, "47", (300, 115), cv2.FONT_HERSHEY_SIMPLEX, 1.5, 255, 4)
    rest = without_rulings(ink, find_rulings(ink, 24, 3), [], 3)
    assert not rest[ink == 0].any()
    assert np.array_equal(without_rulings(ink, [], [], 3), ink)


def test_an_edge_of_the_paper_goes_and_a_tall_number_stays() -> None:
    ink = np.zeros((600, 400), np.uint8)
    ink[20:500, 5:9] = 255
    cv2.putText(ink, "1", (200, 300), cv2.FONT_HERSHEY_SIMPLEX, 2.0, 255, 4)
    rest = without_edges(ink, row_height=60)
    assert not rest[:, :20].any()
    assert np.array_equal(rest[:, 100:], ink[:, 100:])


@pytest.mark.parametrize("x", [10, 389])
def test_nothing_beyond_the_edge_of_the_paper_is_ink(x: int) -> None:
    edge = Ruling.through(np.array([50.0, 550.0]), np.array([float(x), float(x)]), 3.0)
    rest = within_edges(np.full((600, 400), 255, np.uint8), [edge])
    outside = np.s_[50:551, :x] if x < 200 else np.s_[50:551, x:]
    assert not rest[outside].any()
    assert rest[:, 20:380].all()
