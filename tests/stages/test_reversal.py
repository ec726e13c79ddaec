"""White print on black fields."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from pipeline.records import Image
from pipeline.stages.reversal import with_black_on_white
from pipeline.training.defects import Defects, age
from tests.stages.grids import digits_in, grid_sheet, shapes, tabled
from tests.stages.test_table import rng

ROWS, COLUMNS = 9, 5


def with_black_heading(height: int = 1, shade: int = 20) -> Image:
    """A table with numbers everywhere, white on black in its first rows, parted by thin lines there as well."""
    sheet = grid_sheet(ROWS, COLUMNS, write=digits_in(every=True))
    image = sheet.image
    box, last = sheet.boxes[0], sheet.boxes[COLUMNS * height - 1]
    field = image[box.y : last.bottom + 2, box.x : last.right + 2]
    field[:] = np.clip(255 + shade - field.astype(int), 0, 255).astype(np.uint8)
    return np.asarray(image, np.uint8)


@pytest.mark.parametrize(("height", "skew"), [(1, 0.0), (1, 2.0), (2, 0.0), (2, -1.0)])
def test_a_black_heading_is_a_row_with_its_writing(height: int, skew: float) -> None:
    sheet = grid_sheet(ROWS, COLUMNS, write=digits_in(every=True))
    image = with_black_heading(height)
    turned = cv2.getRotationMatrix2D((450, 600), skew, 1.0)
    page = tabled(cv2.warpAffine(image, turned, image.shape[1::-1], borderValue=(248, 248, 248)).astype(np.uint8))
    assert shapes(page) == [(ROWS, COLUMNS)]
    plain = tabled(sheet.image)
    for cell, other in zip(page.tables[0].cells[:COLUMNS], plain.tables[0].cells[:COLUMNS], strict=True):
        ink, same = (
            np.count_nonzero(
                p.ink[round(c.corners[0, 1]) : round(c.corners[2, 1]), round(c.corners[0, 0]) : round(c.corners[2, 0])]
            )
            for p, c in ((page, cell), (plain, other))
        )
        assert 0.5 * same < ink < 2 * same


def test_a_page_without_black_fields_stays_as_it_is() -> None:
    image = age(grid_sheet(ROWS, COLUMNS, write=digits_in(every=True)), Defects(stains=4, stamps=2, holes=2), rng()).image
    grey = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)
    assert with_black_on_white(grey) is grey


def test_a_black_field_without_print_stays_black() -> None:
    page: Image = np.full((1200, 900), 250, np.uint8)
    page[300:420, 200:700] = 10
    assert np.array_equal(with_black_on_white(page), page)


def test_a_scanners_border_stays_black() -> None:
    page: Image = np.full((1200, 900), 250, np.uint8)
    page[:90] = 10
    cv2.putText(page, "1998", (300, 60), cv2.FONT_HERSHEY_SIMPLEX, 1.5, 250, 3)
    assert np.array_equal(with_black_on_white(page), page)
