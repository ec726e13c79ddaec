"""Numbers with nothing but white between them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from tests.stages.grids import shapes, tabled
from tests.stages.sheets import Sheet, number, paper, write
from tests.stages.test_halfruled import rows_with_ink


@pytest.mark.parametrize(("rows", "columns"), [(3, 1), (20, 1), (12, 4), (2, 3)])
def test_rows_and_columns_by_the_white_between(rows: int, columns: int) -> None:
    sheet = Sheet(rows=rows, columns=columns)
    page = tabled(write(paper(sheet), sheet))
    assert shapes(page) == [(rows, columns)]
    assert rows_with_ink(page) == [list(range(1, rows + 1))] * columns


def test_a_missing_number_leaves_a_blank_cell() -> None:
    sheet = Sheet(rows=10, columns=3)
    page = tabled(write(paper(sheet), sheet, text=lambda r, c: "" if (r, c) in {(4, 1), (7, 2)} else number(r, c)))
    assert shapes(page) == [(10, 3)]
    assert rows_with_ink(page)[1:] == [[1, 2, 3, 4, 6, 7, 8, 9, 10], [1, 2, 3, 4, 5, 6, 7, 9, 10]]


def test_digits_set_apart_are_one_number() -> None:
    sheet = Sheet(rows=6, columns=2, width=260)
    page = tabled(write(paper(sheet), sheet, text=lambda r, c: " ".join(number(r, c))))
    assert shapes(page) == [(6, 2)]


@pytest.mark.parametrize("seed", range(3))
def test_running_text_is_no_table(seed: int) -> None:
    rng = np.random.default_rng(seed)
    image = np.full((1300, 1000), 248, np.uint8)
    words = ["the", "sum", "of", "all", "that", "was", "paid", "in", "1874", "and", "1875", "came", "to", "312", "pounds"]
    for line in range(25):
        text = " ".join(rng.choice(words) for _ in range(9))
        cv2.putText(image, text, (70, 100 + 44 * line), cv2.FONT_HERSHEY_SIMPLEX, 0.8, 40, 2, cv2.LINE_AA)
    page = tabled(image)
    assert page.tables == ()
    assert page.note
