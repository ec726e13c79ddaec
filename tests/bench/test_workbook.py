from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook

from pipeline.export import review, write_job
from tests.bench.workbook import scans

ROWS = 230


def test_a_workbook_of_many_rows_is_whole_and_its_pictures_are_spread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The benchmark's job, smaller: no workbook has more pictures than it should, and none is lost but by the limit."""
    monkeypatch.setattr(review, "MOST_PICTURES", 50)
    monkeypatch.setattr(review, "MOST_BOOKS", 4)
    written = write_job("9B", scans(ROWS), tmp_path)
    book: Any = load_workbook(written.workbook)
    table, listed = book["marksheet"], book["Review"]
    assert table.max_row == ROWS + 1
    assert table["N2"].value == "=ROUND(SUM(G2:L2),10)"
    doubts = listed.max_row - 1
    assert doubts > 5 * 50, "every name is one"
    further: list[Any] = [load_workbook(path)["Review"] for path in written.reviews]
    assert [sheet.max_row - 1 for sheet in further] == [50] * 4
    assert [len(sheet._images) for sheet in (listed, *further)] == [50] * 5
    told = [row[6].value for row in listed.iter_rows(min_row=2)]
    assert [told.count(f"in 9B (review {part}).xlsx") for part in (2, 3, 4, 5)] == [50] * 4
    numbers = [row[3].value for row in further[0].iter_rows(min_row=2)]
    assert numbers == [row[3].value for row in listed.iter_rows(min_row=2)][50:100], "in the same order"
