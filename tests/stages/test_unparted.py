"""Rows of several lines of writing, parted by no ruling."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from pipeline.records import Image
from tests.stages.grids import grid_sheet, shapes, tabled

#: Ruled rows of 50 pixels each; `CELL` wide.
ROWS, COLUMNS, CELL, PITCH = 9, 5, 130, 50


def table(missing: tuple[int, ...] = (), texts: str = "472", columns: int = COLUMNS) -> Image:
    """A table without the rulings below some rows; the first columns have a number in each row, the others none."""
    sheet = grid_sheet(ROWS, COLUMNS, cell=(CELL, PITCH))
    image = sheet.image.copy()
    for i, box in enumerate(sheet.boxes):
        row, column = divmod(i, COLUMNS)
        if row in missing:
            inside = slice(box.x + 4, box.x + box.width - 4)
            image[box.bottom - 6 : box.bottom + 8, inside] = image[box.y + 10, box.x + 10]
        if column < columns:
            cv2.putText(image, texts, (box.x + 40, box.y + 36), cv2.FONT_HERSHEY_SIMPLEX, 0.8, 30, 2, cv2.LINE_AA)
    return np.asarray(image, np.uint8)


@pytest.mark.parametrize("missing", [(3,), (5, 6), (2, 5), (7,)])
def test_where_a_ruling_is_missing_each_line_is_a_row(missing: tuple[int, ...]) -> None:
    assert shapes(tabled(table(missing))) == [(ROWS, COLUMNS)]


def test_a_heading_of_two_lines_is_one_row() -> None:
    assert shapes(tabled(table((0,)))) == [(ROWS - 1, COLUMNS)]


def test_a_row_is_one_where_most_columns_have_one_line() -> None:
    assert shapes(tabled(table((4,), columns=2))) == [(ROWS - 1, COLUMNS)]


def test_large_writing_in_a_high_row_is_not_parted() -> None:
    image = table((4,), columns=0)
    sheet = grid_sheet(ROWS, COLUMNS, cell=(CELL, PITCH))
    for box in sheet.boxes[4 * COLUMNS : 5 * COLUMNS]:
        cv2.putText(image, "83", (box.x + 25, box.y + 85), cv2.FONT_HERSHEY_SIMPLEX, 2.2, 30, 4, cv2.LINE_AA)
    assert shapes(tabled(image)) == [(ROWS - 1, COLUMNS)]


def test_groups_of_rows_below_a_heading_are_parted() -> None:
    assert shapes(tabled(table((1, 3, 5, 7)))) == [(ROWS, COLUMNS)]


@pytest.mark.parametrize("over", [(1, 3), (3, 5), (8, 10)])
def test_a_line_below_a_heading_over_some_columns_parts_rows(over: tuple[int, int]) -> None:
    image = np.full((900, 1060), 250, np.uint8)
    ys = [60, *range(60 + 2 * PITCH, 60 + (ROWS + 2) * PITCH, PITCH)]  # the first row is as high as two
    for y in ys:
        image[y : y + 2, 60:962] = 90
    for x in range(60, 961, 90):
        image[60 : ys[-1] + 2, x : x + 2] = 90
    assert shapes(tabled(image)) == [(ROWS, 10)]
    image[60 + PITCH : 62 + PITCH, 60 + 90 * over[0] : 60 + 90 * over[1]] = 90
    assert shapes(tabled(image)) == [(ROWS + 1, 10)]
