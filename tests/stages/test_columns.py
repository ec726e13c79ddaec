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


@pytest.mark.parametrize("left", [0.35, 0.6])
def test_a_ruling_of_which_little_is_left_parts_columns(left: float) -> None:
    faded = {1, 4, 5}
    image = rule_columns(paper(LEDGER), LEDGER, columns=set(range(LEDGER.columns + 1)) - faded)
    rng = np.random.default_rng(0)
    for y in range(LEDGER.top - LEDGER.pitch, LEDGER.bottom + LEDGER.pitch, 12):
        for x in (LEDGER.xs[j] for j in faded if rng.random() < left):
            image[y : y + 12, x : x + 2] = 215
    page = tabled(write(image, LEDGER))
    assert shapes(page) == [(LEDGER.rows, LEDGER.columns)]
    assert rows_with_ink(page) == [LINES] * LEDGER.columns


def test_aligned_ones_are_no_ruling() -> None:
    image = rule_columns(paper(LEDGER), LEDGER, columns={0, 2, 3, 6})
    page = tabled(write(image, LEDGER, text=lambda row, column: "1" if column % 2 else f"{row % 7 + 2}1"))
    assert shapes(page) == [(LEDGER.rows, 3)]


@pytest.mark.parametrize("side", [4, -7], ids=["left", "right"])
def test_the_edge_of_the_paper_is_no_writing(side: int) -> None:
    image = ledger()
    image[30:-20, side : side + 3 or None] = 20
    page = tabled(image)
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
