"""Boxes for one digit each: a number is what stands in a group of them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from pipeline.chain import kit_of, read_page
from pipeline.records import CleanPage, Page
from pipeline.settings import Settings
from pipeline.stages.boxes import BoxGroups, box_groups
from pipeline.stages.rulings import character_height
from pipeline.training.defects import Defects, age
from pipeline.training.pages import Column, RenderedSheet, SheetSpec, render_sheet
from tests.handwriting import handwriting
from tests.stages.grids import grid_sheet, shapes, tabled

NUMBERS = (("308", "41"), ("72", "596"), ("115", "880"), ("9", "264"), ("430", "17"))


def sheet(boxes: int = 3) -> RenderedSheet:
    columns = (Column("First", 60), Column("Second", 60))
    spec = SheetSpec("Scores", columns, NUMBERS, row_height=14, dpi=150, ruling_width=2, boxes=boxes, font="")
    return render_sheet(spec, handwriting(), np.random.default_rng(4))


def groups_of(page: CleanPage) -> BoxGroups | None:
    return box_groups(page.ink, character_height(page.ink, page.stroke_width), page.stroke_width)


@pytest.mark.parametrize("defects", [Defects(), Defects(skew=0.4), Defects(noise=6), Defects(bilevel=True)], ids=str)
def test_a_group_of_boxes_is_one_cell(defects: Defects) -> None:
    page = tabled(age(sheet(), defects, np.random.default_rng(0)).image)
    assert shapes(page) == [(len(NUMBERS), 2)]


def test_what_is_left_is_the_digits() -> None:
    page = tabled(sheet().image)
    outlines = cv2.warpPerspective(sheet().ruling, np.linalg.inv(page.clean.to_page), page.ink.shape[::-1])
    written = cv2.warpPerspective(sheet().ink, np.linalg.inv(page.clean.to_page), page.ink.shape[::-1])
    far = cv2.dilate(written, np.ones((7, 7), np.uint8)) == 0
    assert np.count_nonzero(page.ink[(outlines > 127) & far]) < 0.02 * np.count_nonzero(outlines > 127)
    assert np.count_nonzero(page.ink[written > 127]) > 0.9 * np.count_nonzero(written > 127)


def test_numbers_in_boxes_are_read() -> None:
    result = read_page(Page(1, sheet().image), kit_of(Settings()))
    read = [reading.value for reading in result.readings]
    wanted = [number for row in NUMBERS for number in row]
    assert len(read) == len(wanted)
    assert sum(got == want for got, want in zip(read, wanted, strict=True)) >= 8
    assert all(got == want for got, want, r in zip(read, wanted, result.readings, strict=True) if r.status == "ok")


def test_the_cells_of_a_table_are_no_boxes() -> None:
    page = tabled(grid_sheet(6, 6, cell=(60, 60)).image)
    assert groups_of(page.clean) is None
    assert shapes(page) == [(6, 6)]


def test_the_insides_of_noughts_are_no_boxes() -> None:
    image = np.full((400, 700), 250, np.uint8)
    cv2.putText(image, "0000", (60, 250), cv2.FONT_HERSHEY_SIMPLEX, 4.0, 30, 8)
    page = tabled(image)
    assert groups_of(page.clean) is None
