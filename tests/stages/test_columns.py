"""Ledgers: vertical rulings only."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from pipeline.records import Image
from tests.stages.grids import shapes, tabled
from tests.stages.sheets import Sheet, number, paper, rule_columns, write
from tests.stages.test_halfruled import rows_with_ink

#: Pounds, shillings and pence, twice.
LEDGER = Sheet(rows=20, columns=6, width=90, left=300, top=150)
LINES = list(range(1, LEDGER.rows + 1))


def ledger(shade: int = 70) -> Image:
    return write(rule_columns(paper(LEDGER), LEDGER, shade=shade), LEDGER)


@pytest.mark.parametrize("shade", [70, 200], ids=["dark", "pale"])
def test_rows_are_found_by_the_writing(shade: int) -> None:
    page = tabled(ledger(shade))
    assert shapes(page) == [(LEDGER.rows, LEDGER.columns)]
    assert rows_with_ink(page) == [LINES] * LEDGER.columns


def test_what_is_written_left_of_the_rulings_is_a_column() -> None:
    image = ledger()
    for row in range(LEDGER.rows):
        cv2.putText(
            image, "Rent and tithes"[: 5 + row % 9], (40 + 11 * (row % 7), LEDGER.baseline(row)), 5, 1.2, 40, 2, cv2.LINE_AA
        )
    page = tabled(image)
    assert shapes(page) == [(LEDGER.rows, LEDGER.columns + 1)]
    assert rows_with_ink(page)[1:] == [LINES] * LEDGER.columns


def test_a_sum_is_parted_from_its_underline() -> None:
    image = ledger()
    y = LEDGER.baseline(11) + 8
    image[y : y + 3, LEDGER.xs[0] : LEDGER.xs[3]] = 40
    page = tabled(image)
    assert shapes(page) == [(LEDGER.rows, LEDGER.columns)]
    assert rows_with_ink(page) == [LINES] * LEDGER.columns
    plain = tabled(ledger())
    more = np.count_nonzero(page.ink) - np.count_nonzero(plain.ink)
    assert abs(more) < 0.02 * np.count_nonzero(plain.ink)


def test_columns_with_few_entries_stay() -> None:
    def sparse(row: int, column: int) -> str:
        return number(row, column) if column < 3 or row % 6 == 5 else ""

    image = write(rule_columns(paper(LEDGER), LEDGER), LEDGER, text=sparse)
    page = tabled(image)
    assert shapes(page) == [(LEDGER.rows, LEDGER.columns)]
    assert rows_with_ink(page)[3:] == [[6, 12, 18]] * 3


def test_text_between_two_rules_is_no_table() -> None:
    image = np.full((1300, 1000), 248, np.uint8)
    image[100:1200, 80:82] = image[100:1200, 920:922] = 70
    for line in range(30):
        cv2.putText(image, "It was the best of times, it was the worst"[line % 7 :], (100, 140 + 34 * line), 5, 1.6, 40, 2)
    page = tabled(image)
    assert page.tables == ()
    assert page.note
