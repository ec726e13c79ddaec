"""Readings held against truth: exact means the same text or the same number; a truth of "?" is not scored."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

ACCEPTED = frozenset({"ok", "corrected", "verified", "blank"})


@dataclass
class Score:
    """Counts over all truth cells."""

    cells: int = 0
    found: int = 0
    exact: int = 0
    accepted: int = 0
    accepted_wrong: int = 0

    def add(self, value: str | None, truth: str, status: str = "") -> None:
        """One cell of the truth; `value` is None if the pipeline has no such cell."""
        if truth == "?":
            return
        right = value is not None and same(value, truth)
        self.cells += 1
        self.found += value is not None
        self.exact += right
        if value is not None and status in ACCEPTED:
            self.accepted += 1
            self.accepted_wrong += not right

    def share(self, count: int) -> float:
        return count / self.cells if self.cells else 0.0


def same(one: str, other: str) -> bool:
    """Whether two texts are the same, or the same number."""
    if one.strip() == other.strip():
        return True
    try:
        return float(one) == float(other)
    except ValueError:
        return False


def lines(file: Path) -> list[dict[str, str]]:
    with file.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def score(readings: Iterable[Mapping[str, str]], truth: Iterable[Mapping[str, str]]) -> Score:
    """Lines of JOB.readings.csv against lines of page,row,col,value and maybe table (from 0, over all pages of a file).

    Without a table, the truth is of the largest table of the file.
    """
    files: dict[str, dict[tuple[int, int], dict[tuple[int, int], Mapping[str, str]]]] = {}
    for line in readings:
        tables = files.setdefault(Path(line["file"]).name, {})
        table = tables.setdefault((int(line["page"]), int(line["table"])), {})
        table[int(line["row"]) - 1, int(line["column"]) - 1] = line
    total = Score()
    for line in truth:
        tables = files.get(line["page"], {})
        in_order = [tables[key] for key in sorted(tables)]
        if line.get("table"):
            number = int(line["table"])
            table = in_order[number] if number < len(in_order) else {}
        else:
            table = max(in_order, key=len, default={})
        cell = table.get((int(line["row"]), int(line["col"])))
        total.add(cell["value"] if cell else None, line["value"], cell["status"] if cell else "")
    return total
