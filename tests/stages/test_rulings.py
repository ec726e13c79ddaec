from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from pipeline.records import Box, Image
from pipeline.stages.erasing import without_rulings
from pipeline.stages.rulings import Ruling, character_height, find_rulings
from pipeline.training.defects import Defects, age
from pipeline.training.handwriting import Hand
from pipeline.training.pages import RenderedSheet
from tests.handwriting import handwriting
from tests.stages.grids import grid_sheet, moved, shapes, tabled

HAND = Hand(slant=0.05, stroke=0.1, gap=0.2, wobble=0.6)


def writing(texts: str, over: float) -> Callable[[Image, tuple[Box, ...]], None]:
    """Writes a character into every cell, in turn, `over` (in heights of the ink; 2 pixels if 0) across the ruling below."""

    def write(ink: Image, boxes: tuple[Box, ...]) -> None:
        rng = np.random.default_rng(3)
        for i, box in enumerate(boxes):
            number = handwriting().number(texts[i % len(texts)], 26, HAND, rng)
            height, width = number.shape
            x, y = box.x + (box.width - width) // 2, box.bottom - height + max(2, round(over * height))
            part = ink[y : y + height, x : x + width]
            np.maximum(part, number[: part.shape[0], : part.shape[1]], out=part)

    return write


def beside_ruling(text: str) -> Callable[[Image, tuple[Box, ...]], None]:
    """Writes across the ruling on the left of every cell."""

    def write(ink: Image, boxes: tuple[Box, ...]) -> None:
        rng = np.random.default_rng(3)
        for box in boxes:
            number = handwriting().number(text, 26, HAND, rng)
            height, width = number.shape
            x, y = box.x - width // 2, box.y + (box.height - height) // 2
            np.maximum(ink[y : y + height, x : x + width], number, out=ink[y : y + height, x : x + width])

    return write


def kept(sheet: RenderedSheet, defects: Defects) -> list[float]:
    """For each column, the share of the pen's ink that is still there when the rulings are gone."""
    aged = age(sheet, defects, np.random.default_rng(0))
    page = tabled(aged.image)
    assert len(page.tables) == 1
    pixels = np.argwhere(sheet.ink > 127)[:, ::-1].astype(np.float64)
    x, y = moved(pixels, np.linalg.inv(page.clean.to_page) @ aged.from_sheet).round().astype(int).T
    near = cv2.dilate(page.ink, np.ones((3, 3), np.uint8))[y, x] > 0
    first, width = sheet.boxes[0].x, sheet.boxes[0].width
    column = ((pixels[:, 0] - first) // width).astype(int)
    return [float(near[column == i].mean()) for i in range(column.max() + 1)]


@pytest.mark.parametrize("over", [0.0, 0.33], ids=["standing on it", "crossing it"])
@pytest.mark.parametrize("line", [1, 3])
def test_digits_keep_their_ink_on_a_ruling(over: float, line: int) -> None:
    sheet = grid_sheet(6, 5, cell=(110, 70), line=line, write=writing("71420", over))
    assert min(kept(sheet, Defects(skew=1.5))) > 0.9


@pytest.mark.parametrize("line", [1, 3])
@pytest.mark.parametrize("text", ["-", "0", "5"])
def test_strokes_keep_their_ink_across_an_upright_ruling(text: str, line: int) -> None:
    sheet = grid_sheet(6, 6, cell=(110, 70), line=line, write=beside_ruling(text))
    assert float(np.mean(kept(sheet, Defects()))) > 0.9


def test_a_dash_on_a_fine_ruling_keeps_its_ink() -> None:
    assert min(kept(grid_sheet(6, 6, cell=(110, 70), line=1, write=writing("-", 0.0)), Defects())) > 0.9


def test_a_whole_sheet_of_strays_keeps_its_table() -> None:
    sheet = grid_sheet(6, 6, cell=(110, 70), write=writing("7194", 0.33))
    assert shapes(tabled(sheet.image)) == [(6, 6)]


# --- lines by themselves ----------------------------------------------------------------------------------------------------


def lines(*ys: int, width: int = 900, thick: int = 3, slope: float = 0.0) -> Image:
    ink = np.zeros((400, width), np.uint8)
    for y in ys:
        for x in range(20, width - 20):
            top = round(y + slope * x)
            ink[top : top + thick, x] = 255
    return ink


@pytest.mark.parametrize("thick", [1, 2, 3, 5])
@pytest.mark.parametrize("slope", [0.0, 0.005, -0.01])
def test_each_line_is_one_ruling_where_it_is_drawn(thick: int, slope: float) -> None:
    found = find_rulings(lines(60, 150, 300, thick=thick, slope=slope), 24, thick)
    assert len(found) == 3
    for ruling, y in zip(sorted(found, key=lambda r: r.level), (60, 150, 300), strict=True):
        assert ruling.start == pytest.approx(20, abs=12) and ruling.stop == pytest.approx(879, abs=12)
        for x in (100.0, 450.0, 800.0):
            assert float(ruling.at(x)) == pytest.approx(y + slope * x + (thick - 1) / 2, abs=1)
        assert ruling.thickness == pytest.approx(thick, abs=1)
        assert ruling.slope == pytest.approx(slope, abs=0.002)


def test_a_broken_line_is_one_ruling() -> None:
    ink = lines(100, 200)
    for x in (150, 400, 640):
        ink[:, x : x + 60] = 0
    found = find_rulings(ink, 24, 3)
    assert len(found) == 2
    assert all(ruling.length > 800 for ruling in found)


def test_short_strokes_are_no_rulings() -> None:
    ink = np.zeros((300, 900), np.uint8)
    ink[50:53, 100:140] = 255  # a dash of 1.7 character heights
    cv2.putText(ink, "4 - 7 - 1111", (100, 200), cv2.FONT_HERSHEY_SIMPLEX, 1.2, 255, 3)
    assert find_rulings(ink, 24, 3) == []


def test_a_ruling_goes_on_in_its_direction() -> None:
    ruling = Ruling.through(np.array([0.0, 100.0]), np.array([10.0, 20.0]), 2.0)
    assert [ruling.slope, ruling.level, ruling.length] == pytest.approx([0.1, 10, 100])
    assert float(ruling.at(-50)) == pytest.approx(5)
    assert float(ruling.at(50)) == pytest.approx(15)
    assert float(ruling.at(200)) == pytest.approx(30)


@pytest.mark.parametrize("size", [0.8, 1.5])
def test_character_height_is_that_of_the_characters(size: float) -> None:
    ink = lines(30, 390, thick=2)
    cv2.putText(ink, "3 8 5 9 2 6 7", (100, 200), cv2.FONT_HERSHEY_SIMPLEX, size, 255, 3)
    (_, height), _ = cv2.getTextSize("8", cv2.FONT_HERSHEY_SIMPLEX, size, 3)
    assert character_height(ink, 3) == pytest.approx(height, rel=0.25)


@pytest.mark.parametrize("shape", [(1, 1), (3, 900), (900, 3), (50, 50)])
def test_any_shape_of_ink_will_do(shape: tuple[int, int]) -> None:
    for ink in (np.zeros(shape, np.uint8), np.full(shape, 255, np.uint8)):
        height = character_height(ink, 2)
        found = find_rulings(ink, height, 2)
        assert without_rulings(ink, found, [], 2).shape == shape
