"""Forms with a frame and columns, whose rows no ruling parts."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from pipeline.records import Image, TabledPage
from tests.stages.grids import grid_sheet, shapes, tabled
from tests.stages.sheets import Sheet, paper, rule_columns, rule_frame, write

SHEET = Sheet()


def framed(sheet: Sheet = SHEET, blank: tuple[int, ...] = (), **kinds: float) -> Image:
    return write(rule_frame(rule_columns(paper(sheet), sheet), sheet), sheet, blank=blank, **kinds)  # type: ignore[arg-type]


def rows_with_ink(page: TabledPage) -> list[list[int]]:
    """For each column, the rows that have ink well within them."""
    table = page.tables[0]
    found: list[list[int]] = [[] for _ in range(table.columns)]
    for cell in table.cells:
        (x0, y0), (x1, y1) = cell.corners.min(axis=0), cell.corners.max(axis=0)
        middle = page.ink[round(y0 + 0.3 * (y1 - y0)) : round(y1 - 0.3 * (y1 - y0)), round(x0) + 6 : round(x1) - 6]
        if np.count_nonzero(middle) > 20:
            found[cell.column - 1].append(cell.row)
    return found


def test_every_line_of_numbers_is_a_row() -> None:
    page = tabled(framed())
    assert shapes(page) == [(SHEET.rows, SHEET.columns)]
    assert rows_with_ink(page) == [list(range(1, SHEET.rows + 1))] * SHEET.columns


def test_blank_lines_keep_their_place() -> None:
    page = tabled(framed(blank=(3, 8)))
    assert shapes(page) == [(SHEET.rows, SHEET.columns)]
    assert rows_with_ink(page) == [[r for r in range(1, SHEET.rows + 1) if r not in (4, 9)]] * SHEET.columns


@pytest.mark.parametrize("rise", [-0.03, 0.02])
def test_lines_that_fall_or_rise(rise: float) -> None:
    page = tabled(framed(rise=rise))
    assert shapes(page) == [(SHEET.rows, SHEET.columns)]
    assert rows_with_ink(page) == [list(range(1, SHEET.rows + 1))] * SHEET.columns


def test_ruled_rows_above_and_below_stay() -> None:
    image = framed()
    for y in (SHEET.top - 2 * SHEET.pitch, SHEET.bottom + 2 * SHEET.pitch):
        image[y : y + 2, SHEET.xs[0] : SHEET.xs[-1] + 2] = 70
    for x in SHEET.xs:
        image[SHEET.top - 2 * SHEET.pitch : SHEET.bottom + 2 * SHEET.pitch, x : x + 2] = 70
    assert shapes(tabled(image)) == [(SHEET.rows + 2, SHEET.columns)]


def test_text_that_runs_on_within_a_ruled_cell_is_one_row() -> None:
    def several_lines(ink: Image, boxes: object) -> None:
        for row in range(4):
            for column in range(5):
                x, y = 80 + 160 * column, 80 + 180 * row
                words = ["see the", "note on", "page 12", "below"] if column == 0 else ["123"]
                for i, word in enumerate(words):
                    cv2.putText(ink, word, (x + 15, y + 40 + 36 * i), cv2.FONT_HERSHEY_SIMPLEX, 0.8, 255, 2, cv2.LINE_AA)

    page = tabled(grid_sheet(4, 5, cell=(160, 180), write=several_lines).image)
    assert shapes(page) == [(4, 5)]


def test_columns_whose_ruling_is_worn_away_between_most_lines() -> None:
    image = rule_frame(rule_columns(paper(SHEET), SHEET, columns={0, 1, 3, 5}), SHEET)
    for j in (2, 4):
        x = SHEET.xs[j]
        for row in range(SHEET.rows):  # a stroke between the lines, here and there
            if row % 3:
                y = SHEET.top + SHEET.pitch * row
                image[y - 8 : y + 8, x : x + 2] = 70
    page = tabled(write(image, SHEET))
    assert shapes(page) == [(SHEET.rows, SHEET.columns)]
    lefts = [round(float(cell.corners[0, 0])) for cell in page.tables[0].cells[: SHEET.columns]]
    widths = np.diff(lefts)
    assert np.abs(widths - widths.mean()).max() < 0.1 * widths.mean()
    for cell in page.tables[0].cells:  # what is left of the rulings is not taken for ones
        (x0, y0), y1 = cell.corners.min(axis=0), cell.corners[:, 1].max()
        assert page.ink[round(y0) : round(y1), round(x0) : round(x0) + 4].mean() < 10


def test_a_column_as_wide_as_two_is_parted_by_the_white_between_its_numbers() -> None:
    image = write(rule_frame(rule_columns(paper(SHEET), SHEET, columns={0, 1, 2, 4, 5}), SHEET), SHEET)
    assert shapes(tabled(image)) == [(SHEET.rows, SHEET.columns)]


def test_cells_follow_rulings_that_bend_between_the_first_row_and_the_last() -> None:
    image = framed()
    y, x = np.mgrid[: image.shape[0], : image.shape[1]].astype(np.float32)
    bow = 9 * np.sin(np.pi * np.clip((y - SHEET.top) / (SHEET.bottom - SHEET.top), 0, 1))
    page = tabled(cv2.remap(image, x - bow, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE).astype(np.uint8))
    assert shapes(page) == [(SHEET.rows, SHEET.columns)]
    errors = []
    for cell in page.tables[0].cells:
        corners = cv2.perspectiveTransform(cell.corners[None].astype(np.float64), page.clean.to_page)[0]
        for (px, py), edge in zip(corners[:2], (cell.column - 1, cell.column), strict=True):
            bent = 9 * np.sin(np.pi * np.clip((py - SHEET.top) / (SHEET.bottom - SHEET.top), 0, 1))
            errors.append(abs(px - SHEET.xs[edge] - bent))
    assert np.quantile(errors, 0.9) < 2.5
