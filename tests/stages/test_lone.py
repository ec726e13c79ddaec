from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import read_number
from pipeline.errors import CorruptScan, EmptyScan, UnsupportedScan
from pipeline.records import Image, Page, Reading
from pipeline.stages.lone import page_boxes, single_cell, single_glyph
from pipeline.training.handwriting import random_hand
from tests.handwriting import handwriting, sheet_digits
from tests.stages.scanfiles import encode

TEXTS = ("7", "42", "108", "3.5", "9350", "64", "0", "12.75", "88", "1")


def read(image: Image, kind: str = ".png") -> Reading:
    return read_number(encode(kind, image))


def number(text: str, height: int, seed: int) -> Image:
    """Ink with some room around it."""
    rng = np.random.default_rng(seed)
    return np.pad(handwriting().number(text, height, random_hand(rng), rng), height // 3)


def dark_on_light(ink: Image) -> Image:
    return np.asarray(245 - 0.8 * ink, np.uint8)


def light_on_dark(ink: Image) -> Image:
    return np.asarray(15 + 0.85 * ink, np.uint8)


@pytest.mark.parametrize("inverted", [False, True])
def test_digits_as_mnist_has_them(inverted: bool) -> None:
    images, labels = sheet_digits()
    found = [read(255 - image if inverted else image) for image in images[::7]]
    assert np.mean([r.value == str(label) for r, label in zip(found, labels[::7], strict=True)]) >= 0.95


def test_polarity_of_a_small_digit_does_not_matter() -> None:
    for image in sheet_digits()[0][::50]:
        assert read(image) == read(255 - image)


@pytest.mark.parametrize("inverted", [False, True])
@pytest.mark.parametrize("text", ["64", "308"])
def test_a_band_of_another_ground_is_not_the_writing(text: str, inverted: bool) -> None:
    image = np.asarray(150 - 0.25 * number(text, 60, 4), np.uint8)
    image[: len(image) // 6] += 80
    assert read(255 - image if inverted else image).value == text


@pytest.mark.parametrize("kind", [".png", ".jpg"])
@pytest.mark.parametrize("paint", [dark_on_light, light_on_dark])
@pytest.mark.parametrize("height", [24, 48, 110])
def test_numbers_of_any_size(height: int, paint: object, kind: str) -> None:
    assert callable(paint)
    right = [read(paint(number(text, height, seed)), kind).value == text for seed, text in enumerate(TEXTS)]
    assert np.mean(right) >= 0.8


@pytest.mark.parametrize("paper", [(250, 250, 250), (190, 225, 240), (200, 200, 160)])
def test_coloured_ink_on_coloured_paper(paper: tuple[int, int, int]) -> None:
    right = []
    for seed, text in enumerate(TEXTS):
        share = number(text, 60, seed)[..., None] / 255
        right.append(read((share * (120, 40, 20) + (1 - share) * paper).astype(np.uint8)).value == text)
    assert np.mean(right) >= 0.8


@pytest.mark.parametrize("shape", [(28, 28), (100, 200), (1, 1), (5, 400), (3000, 20), (28, 27)])
@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_picture_of_nothing_is_blank(shape: tuple[int, int], level: int) -> None:
    reading = read(np.full(shape, level, np.uint8))
    assert (reading.kind, reading.value, reading.text) == ("blank", "", "")


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 90), st.integers(1, 90), st.integers(0, 2**32 - 1))
def test_noise_of_any_size_is_read_or_not_but_never_fails(height: int, width: int, seed: int) -> None:
    image = np.random.default_rng(seed).integers(0, 256, (height, width)).astype(np.uint8)
    reading = read(image)
    assert 0 <= reading.confidence <= 1
    assert reading.kind in {"number", "grade", "blank", "mark", "struck", "text", "unreadable"}


def test_what_is_no_picture_is_refused() -> None:
    for data, error in (
        (b"", EmptyScan),
        (b"hello", UnsupportedScan),
        (encode(".png", np.zeros((9, 9), np.uint8))[:-9], CorruptScan),
    ):
        with pytest.raises(error):
            read_number(data)


def test_the_picture_is_one_cell() -> None:
    image = dark_on_light(number("47", 60, 0))
    page = single_cell(Page(1, image))
    [table] = page.tables
    [cell] = table.cells
    assert (table.rows, table.columns, cell.row, cell.column) == (1, 1, 1, 1)
    assert (cell.box.x, cell.box.y) == (0, 0)
    assert (cell.box.width, cell.box.height) == image.shape[::-1]


def test_ink_is_the_same_in_both_polarities() -> None:
    ink = number("47", 60, 0)
    one, other = (single_cell(Page(1, image)).ink for image in (255 - ink, ink))
    assert np.mean((one > 0) != (other > 0)) < 0.01


@pytest.mark.parametrize("paint", [dark_on_light, light_on_dark])
def test_a_frame_of_rulings_does_not_turn_dark_into_light(paint: Callable[[Image], Image]) -> None:
    ink = number("47", 60, 0)
    framed = ink.copy()
    framed[:2], framed[-2:] = 255, 255
    inner = slice(8, -8)
    plain, ruled = (single_cell(Page(1, paint(picture))).ink for picture in (ink, framed))
    assert np.mean((plain[inner] > 0) != (ruled[inner] > 0)) < 0.05 and plain[inner].any()


def test_mnist_pixels_reach_the_network_as_they_are() -> None:
    image = sheet_digits()[0][123]
    [lattice] = single_glyph(Page(1, image)).lattices
    [segment] = lattice.segments
    assert np.array_equal(segment.glyph, image)


@given(st.integers(-300, 900), st.integers(-300, 900), st.integers(0, 400), st.integers(0, 400))
def test_a_box_lies_on_its_page(x: int, y: int, width: int, height: int) -> None:
    corners = np.array([[x, y], [x + width, y], [x + width, y + height], [x, y + height]], np.float32)
    [box] = page_boxes(corners[None], np.eye(3), (600, 500))
    assert 0 <= box.x < box.right <= 500 and 0 <= box.y < box.bottom <= 600


def test_a_scaled_down_number_has_the_box_of_the_original() -> None:
    image = np.asarray(cv2.resize(dark_on_light(number("47", 60, 0)), None, fx=5, fy=5), np.uint8)
    box = single_cell(Page(1, image)).tables[0].cells[0].box
    assert (box.width, box.height) == image.shape[::-1]
