"""What becomes of blank cells is counted by itself."""

from __future__ import annotations

from tests.bench.blanks import count, summary


def reading(row: int, column: int, status: str, table: int = 1) -> dict[str, str]:
    return {"file": "a.png", "page": "1", "table": str(table), "row": str(row), "column": str(column), "status": status}


def known(row: int, col: int, value: str) -> dict[str, str]:
    return {"page": "a.png", "row": str(row), "col": str(col), "value": value}


def test_every_blank_comes_to_one_of_four_and_lost_numbers_are_told() -> None:
    statuses = ("blank", "review", "ok", "unreadable", "corrected", "blank", "ok")
    readings = [reading(1, i + 1, status) for i, status in enumerate(statuses)] + [reading(1, 1, "ok", table=2)]
    values = ("", "", "", "", "", "7", "8", "")
    counts = count(readings, [known(0, i, value) for i, value in enumerate(values)] + [known(1, 0, "?")])["a.png"]
    assert (counts["blank"], counts["asked"], counts["number"], counts["not found"], counts["lost"]) == (1, 2, 2, 1, 1)
    assert summary(counts).split() == ["6", "16.67", "2", "2", "1", "1"]
