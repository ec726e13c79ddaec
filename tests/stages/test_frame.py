"""Numbers that were cut out of a table together with the rulings around them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import read_number
from pipeline.records import Image, Page
from pipeline.stages.frame import find_frame, tilt_of
from pipeline.stages.ink import binarise
from pipeline.stages.lone import single_cell
from pipeline.training.handwriting import random_hand
from tests.handwriting import handwriting
from tests.stages.scanfiles import encode

ROOM = 16  # between the writing and the rulings


def written(text: str, seed: int, height: int = 44) -> Image:
    rng = np.random.default_rng(seed)
    return handwriting().number(text, height, random_hand(rng), rng)


def cell(text: str, seed: int = 0, tilt: float = 0.0, thick: int = 2, margin: int = 6) -> Image:
    """Dark on light: a number in a ruled row, its neighbours' edges, cut out with a margin around the cell's own rulings."""
    ink = written(text, seed) if text else np.zeros((44, 90), np.uint8)
    height, width = ink.shape[0] + 2 * ROOM, ink.shape[1] + 4 * ROOM
    sheet = np.zeros((3 * height, 3 * width), np.uint8)
    sheet[height + ROOM : height + ROOM + ink.shape[0], width + 2 * ROOM : width + 2 * ROOM + ink.shape[1]] = ink
    for at in (0, 1, 2, 3):
        cv2.line(sheet, (0, at * height), (3 * width, at * height), 220, thick)
        cv2.line(sheet, (at * width, 0), (at * width, 3 * height), 220, thick)
    turn = cv2.getRotationMatrix2D((1.5 * width, 1.5 * height), tilt, 1.0)
    sheet = cv2.warpAffine(sheet, turn, sheet.shape[::-1], flags=cv2.INTER_LINEAR)
    corners = np.array([[width, height], [2 * width, height], [2 * width, 2 * height], [width, 2 * height]], np.float64)
    placed = corners @ turn[:, :2].T + turn[:, 2]
    low, high = np.floor(placed.min(axis=0)).astype(int) - margin, np.ceil(placed.max(axis=0)).astype(int) + margin
    cut = sheet[low[1] : high[1], low[0] : high[0]]
    return np.asarray(240 - 0.8 * cut, np.uint8)


@settings(max_examples=30, deadline=None)
@given(st.floats(-9, 9), st.integers(1, 3), st.integers(0, 8), st.integers(0, 20))
def test_rulings_are_not_ink(tilt: float, thick: int, margin: int, seed: int) -> None:
    framed = single_cell(Page(1, cell("47", seed, tilt, thick, margin)))
    alone = single_cell(Page(1, np.asarray(240 - 0.8 * np.pad(written("47", seed), ROOM), np.uint8)))
    boxes = [cv2.boundingRect(tabled.ink) for tabled in (framed, alone)]
    shapes = [width / height for _, _, width, height in boxes]
    assert shapes[0] == pytest.approx(shapes[1], rel=0.2)
    assert cv2.connectedComponents(framed.ink)[0] <= cv2.connectedComponents(alone.ink)[0] + 1


@settings(max_examples=30, deadline=None)
@given(st.floats(-9, 9), st.integers(1, 3), st.integers(0, 8))
def test_a_blank_cell_with_its_rulings_is_blank(tilt: float, thick: int, margin: int) -> None:
    reading = read_number(encode(".png", cell("", 0, tilt, thick, margin)))
    assert (reading.kind, reading.value) == ("blank", "")


def test_numbers_are_read_within_their_rulings() -> None:
    cells = {"47": 0.0, "108": 3.0, "9350": -5.0, "26": 8.0, "58": 0.0, "3104": -2.0}
    read = [read_number(encode(".png", cell(text, seed, tilt))).value for seed, (text, tilt) in enumerate(cells.items())]
    assert sum(value == text for value, text in zip(read, cells, strict=True)) >= 5


@pytest.mark.parametrize("digit", list("0123456789"))
def test_a_digit_that_was_cut_out_tightly_has_no_frame(digit: str) -> None:
    for seed in range(12):
        ink = written(digit, seed, 80)
        assert find_frame(np.where(ink > 100, 255, 0).astype(np.uint8), np.full(ink.shape, 255, np.uint8)) is None


@pytest.mark.parametrize("text", ["77", "222", "1717", "55", "11", "4241"])
def test_a_number_that_was_cut_out_tightly_keeps_its_ink(text: str) -> None:
    for seed in range(8):
        picture = np.asarray(240 - 0.8 * written(text, seed, 60), np.uint8)
        tabled = single_cell(Page(1, picture))
        corners = tabled.tables[0].cells[0].corners
        assert corners[0].tolist() == [0, 0] and corners[2].tolist() == list(tabled.ink.shape[::-1])


@pytest.mark.parametrize("tilt", [-12.0, -4.0, 0.0, 5.0, 11.0])
def test_the_tilt_is_that_of_the_rulings(tilt: float) -> None:
    assert tilt_of(binarise(cell("47", 1, tilt))) == pytest.approx(tilt, abs=0.6)


def test_the_cell_lies_where_it_is_in_the_picture() -> None:
    picture = cell("47", 1, 6.0, margin=8)
    box = single_cell(Page(1, picture)).tables[0].cells[0].box
    height, width = picture.shape
    assert box.x == pytest.approx(8, abs=4) and box.y == pytest.approx(8, abs=4)
    assert box.right == pytest.approx(width - 8, abs=4) and box.bottom == pytest.approx(height - 8, abs=4)


def between_rulings(upright: int, x: int) -> Image:
    """A number between two thin rulings, with an upright line of so many pixels from the one nearly to the other."""
    picture = np.full((96, 280), 240, np.uint8)
    digits = written("52", 3)
    picture[30 : 30 + digits.shape[0], 100 : 100 + digits.shape[1]] -= (0.8 * digits).astype(np.uint8)
    for y in (4, 90):
        cv2.line(picture, (0, y), (279, y), 60, 3)
    cv2.line(picture, (x, 7), (x, 87), 60, upright)
    return picture


@pytest.mark.parametrize("x", [24, 256])
def test_a_one_from_ruling_to_ruling_stays(x: int) -> None:
    ink = single_cell(Page(1, between_rulings(7, x))).ink
    left, _, width, _ = cv2.boundingRect(ink)
    assert width > digits_width() + 40
    assert cv2.boundingRect(ink[:, left : left + 10] if x < 140 else ink[:, left + width - 10 : left + width])[3] > 60


@pytest.mark.parametrize("x", [24, 256])
def test_an_upright_line_as_thin_as_the_rulings_is_one(x: int) -> None:
    tabled = single_cell(Page(1, between_rulings(3, x)))
    assert cv2.boundingRect(tabled.ink)[2] == pytest.approx(digits_width(), abs=4)


def digits_width() -> int:
    return int(written("52", 3).shape[1])


@pytest.mark.parametrize("at", [0.06, 0.94])
def test_a_line_that_runs_through_the_picture_is_no_ink_however_tightly_it_is_cut_out(at: float) -> None:
    for seed in range(6):
        ink = np.pad(written("58036", seed, 60), ((14, 14), (2, 2)))
        ink[round(at * ink.shape[0]) :][:2] = 220
        tabled = single_cell(Page(1, np.asarray(240 - 0.8 * ink, np.uint8)))
        wide = int(0.5 * tabled.ink.shape[1])
        assert not cv2.morphologyEx(tabled.ink, cv2.MORPH_OPEN, np.ones((1, wide), np.uint8)).any()
        assert cv2.boundingRect(tabled.ink)[3] > 0.5 * tabled.ink.shape[0]
