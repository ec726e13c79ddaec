"""What must be known of all scans of a job before its first row can be written, gathered as they pass by."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field

from pipeline.export.consolidated import PLACE, paper_rows, shown
from pipeline.export.text import display_width
from pipeline.records import CellReading, Outcome, ScanEntry


@dataclass(frozen=True, slots=True)
class Doubt:
    """A cell that a person should look at."""

    file: str
    page: int
    reading: CellReading


@dataclass(frozen=True, slots=True)
class FileLine:
    """A line of the Files sheet; `cells` counts those with something in them."""

    file: str
    outcome: Outcome
    pages: int
    tables: int
    cells: int
    doubts: int
    message: str


def _urgency(doubt: Doubt) -> tuple[bool, bool, float]:
    reading = doubt.reading
    return reading.is_text, reading.status != "unreadable", reading.confidence


@dataclass(slots=True)
class Survey:
    """Column names and widths, counts, doubts and files of a job; small beside the readings themselves."""

    files: list[FileLine] = field(default_factory=list)
    doubts: list[Doubt] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    widths: list[int] = field(default_factory=list)  # characters, one for each column of the widest table
    _names: list[set[str]] = field(default_factory=list)

    def add(self, scan: ScanEntry) -> None:
        """Take notice of a scan."""
        statuses: Counter[str] = Counter()
        tables = set()
        for line in paper_rows(scan):
            tables.add((line.page, line.table))
            for reading in line.cells.values():
                statuses["text" if reading.is_text else reading.status] += 1
                self._measure(reading)
                if reading.status in ("review", "unreadable"):
                    self.doubts.append(Doubt(scan.file, line.page, reading))
        cells, doubts = statuses.total() - statuses["blank"], statuses["review"] + statuses["unreadable"]
        self.statuses += statuses
        self.files.append(FileLine(scan.file, scan.outcome, len(scan.pages), len(tables), cells, doubts, scan.message))

    @property
    def columns(self) -> list[str]:
        """A name for each column: the one that all tables agree on, else its position (C3). No name comes twice."""
        columns: list[str] = []
        for position, names in enumerate(self._names, 1):
            name = min(names) if len(names) == 1 else ""
            is_usable = name and name not in PLACE and name not in columns and not re.fullmatch(r"C\d+", name)
            columns.append(name if is_usable else f"C{position}")
        return columns

    def most_doubtful_first(self) -> list[Doubt]:
        """Unreadable cells, other doubts by confidence, text; in the order of the paper where that is the same."""
        return sorted(self.doubts, key=_urgency)

    def _measure(self, reading: CellReading) -> None:
        while len(self.widths) < reading.column:
            self.widths.append(0)
            self._names.append(set())
        index = reading.column - 1
        self.widths[index] = max(self.widths[index], display_width(shown(reading)))
        self._names[index].add(reading.name)
