from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from pipeline.chain import kit_of
from pipeline.forms import Column, Form
from pipeline.records import Image, SegmentedPage
from pipeline.settings import Settings
from pipeline.stages.interpret import interpret
from pipeline.stages.kit import Kit
from pipeline.stages.recognise import recognise
from pipeline.stages.words import without_words
from tests.handwriting import sheet_digits
from tests.stages.lattices import digit, scored, showing

ROWS = 14


@cache
def digits_only() -> Kit:
    return replace(kit_of(Settings()), reader=None)


def number(pieces: int, seed: int) -> list[Image]:
    """Digits of the contact sheet."""
    return [sheet_digits()[0][i] for i in np.random.default_rng(seed).integers(0, 1000, pieces)]


def word(pieces: int, seed: int) -> list[Image]:
    """What is no character: the lower half of one above the upper half of another, crossed out."""
    rng = np.random.default_rng(seed)
    images = [np.vstack([a[14:], b[:14]]) for a, b in zip(number(pieces, seed), number(pieces, seed + 999), strict=True)]
    for image in images:
        np.fill_diagonal(image, 255)
        image[rng.integers(0, 28), 4:24] = 255
    return images


def page_of(*columns: Sequence[Sequence[Image]]) -> SegmentedPage:
    """A table with these columns, below a heading of digits; each cell has a segment for each picture."""
    rows = [
        [[digit("0")] * 3] * len(columns),
        *([[digit("0")] * len(cell) for cell in row] for row in zip(*columns, strict=True)),
    ]
    glyphs = [cell for row in zip(*columns, strict=True) for cell in row]
    page = scored(rows).segmented
    heading, body = page.lattices[: len(columns)], page.lattices[len(columns) :]
    return replace(page, lattices=(*heading, *showing(body, glyphs)))


def unread(page: SegmentedPage) -> list[tuple[int, int]]:
    return [(la.cell.row, la.cell.column) for la in page.lattices if la.note]


WORDS = [word(8, i) for i in range(ROWS)]
NUMBERS = [number(7, i) for i in range(ROWS)]


def test_columns_of_words_are_not_read_and_come_out_as_text() -> None:
    page = page_of(WORDS, NUMBERS, WORDS)
    sifted = without_words(page, digits_only())
    assert unread(sifted) == [(row, column) for row in range(1, ROWS + 2) for column in (1, 3)]
    assert all(not lattice.segments for lattice in sifted.lattices if lattice.note)
    assert [la for la in sifted.lattices if la.cell.column == 2] == [la for la in page.lattices if la.cell.column == 2]
    readings = interpret(recognise(page, digits_only()), digits_only()).readings
    kinds = [reading.kind for reading in readings]
    assert set(kinds[0::3]) == set(kinds[2::3]) == {"text"}
    assert kinds[4::3] == ["number"] * ROWS


@pytest.mark.parametrize("words", range(0, ROWS, 3))
def test_a_column_of_numbers_with_some_words_is_read(words: int) -> None:
    mixed = [WORDS[i] if i < words // 2 else NUMBERS[i] for i in range(ROWS)]
    assert unread(without_words(page_of(mixed), digits_only())) == []


def test_few_cells_and_short_ones_are_read() -> None:
    few = [cell if i < 7 else [] for i, cell in enumerate(WORDS)]
    short = [word(3, i) for i in range(ROWS)]
    assert unread(without_words(page_of(few, short), digits_only())) == []


def test_blank_cells_of_a_column_of_words_stay_blank() -> None:
    some = [[] if i % 4 == 1 else cell for i, cell in enumerate(WORDS)]
    page = page_of(some)
    assert len(unread(without_words(page, digits_only()))) == 1 + sum(map(bool, some))
    readings = interpret(recognise(page, digits_only()), digits_only()).readings
    assert [reading.kind for reading in readings[1:]] == ["text" if cell else "blank" for cell in some]


def test_a_form_says_what_holds_words() -> None:
    form = Form("f", (Column("name", "text"), Column("roll", "roll"), Column("marks", "integer")))
    page = page_of(NUMBERS, WORDS, WORDS)
    of_form = replace(digits_only(), settings=Settings(form="f"), forms=(form,))
    assert {column for _, column in unread(without_words(page, of_form))} == {1}
