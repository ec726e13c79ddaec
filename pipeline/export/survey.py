"""What must be known of all scans of a job before its first row can be written, gathered as they pass by."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field, replace

from pipeline.export.consolidated import PLACE, Line, paper_rows, shown
from pipeline.export.text import display_width
from pipeline.records import CellReading, Outcome, ScanEntry, SumState

#: Pictures of doubtful cells beyond so many bytes are not kept, nor those of text: workbooks must stay usable, and memory is
#: not endless.
MOST_PICTURE_BYTES, MOST_TEXT_BYTES = 24_000_000, 6_000_000
#: Shapes of tables that get a sheet of their own; the others share one.
MOST_SHAPES = 20
#: The name of the sheet, and of the shape, of tables that have none of their own.
COMMON = "Table"


@dataclass(frozen=True, slots=True)
class Doubt:
    """A cell that a person should look at."""

    file: str
    page: int
    reading: CellReading
    source: str = ""


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
    accepted: int = 0
    corrected: int = 0
    text: int = 0
    sums: int = 0
    failing: int = 0
    source: str = ""


def _urgency(doubt: Doubt) -> tuple[bool, bool, float]:
    reading = doubt.reading
    return reading.is_text, reading.status != "unreadable", reading.confidence


@dataclass(slots=True)
class Shape:
    """Column names and widths of tables that stand on one sheet, and the sums that their rows have: rule → target column."""

    widths: list[int] = field(default_factory=list)  # characters, one for each column of the widest table
    sums: dict[str, int] = field(default_factory=dict)
    _names: list[set[str]] = field(default_factory=list)

    @property
    def columns(self) -> list[str]:
        """A name for each column: the one that all tables agree on, else its position (C3). No name comes twice."""
        columns: list[str] = []
        for position, names in enumerate(self._names, 1):
            name = min(names) if len(names) == 1 else ""
            is_usable = name and name not in PLACE and name not in columns and not re.fullmatch(r"C\d+", name)
            columns.append(name if is_usable else f"C{position}")
        return columns

    def measure(self, reading: CellReading) -> None:
        """Take notice of a cell."""
        while len(self.widths) < reading.column:
            self.widths.append(0)
            self._names.append(set())
        index = reading.column - 1
        self.widths[index] = max(self.widths[index], display_width(shown(reading)))
        self._names[index].add(reading.name)


@dataclass(slots=True)
class Survey:
    """Shapes, counts, doubts and files of a job; small beside the readings themselves."""

    files: list[FileLine] = field(default_factory=list)
    doubts: list[Doubt] = field(default_factory=list)
    statuses: Counter[str] = field(default_factory=Counter)
    shapes: dict[str, Shape] = field(default_factory=dict)
    rules: dict[tuple[str, bool], Counter[SumState]] = field(default_factory=dict)  # rule, and whether it was found
    whole: Shape = field(default_factory=Shape)  # all tables one under the other
    _picture_bytes: Counter[bool] = field(default_factory=Counter)  # by whether they are of text

    def add(self, scan: ScanEntry) -> None:
        """Take notice of a scan."""
        statuses: Counter[str] = Counter()
        tables = set()
        for line in paper_rows(scan):
            tables.add((line.page, line.table))
            shape = self.shapes.setdefault(self.shape_of(line), Shape())
            for reading in line.cells.values():
                statuses["text" if reading.is_text else reading.status] += 1
                self.whole.measure(reading)
                shape.measure(reading)
                if reading.status in ("review", "unreadable"):
                    self.doubts.append(self._doubt(scan, line.page, reading))
            for check in line.note.checks:
                if check.row == line.row and is_across(check.rule):
                    shape.sums.setdefault(check.rule, check.column)
        sums: Counter[SumState] = Counter()
        for note in (note for page in scan.pages for note in page.tables):
            for check in note.checks:
                sums[check.state] += 1
                self.rules.setdefault((check.rule, note.are_found), Counter())[check.state] += 1
        self.statuses += statuses
        self.files.append(
            FileLine(
                scan.file,
                scan.outcome,
                len(scan.pages),
                len(tables),
                statuses.total() - statuses["blank"],
                statuses["review"] + statuses["unreadable"],
                scan.message,
                statuses["ok"] + statuses["verified"],
                statuses["corrected"],
                statuses["text"],
                sums.total(),
                sums["mistake"] + sums["open"],
                scan.source,
            )
        )

    def shape_of(self, line: Line) -> str:
        """The key of `shapes` that a line belongs to."""
        is_known = line.shape in self.shapes or len(self.shapes) < MOST_SHAPES
        return line.shape if is_known else COMMON

    @property
    def columns(self) -> list[str]:
        """A name for each column of all tables together."""
        return self.whole.columns

    @property
    def is_ascii(self) -> bool:
        """Whether the consolidated table is plain ASCII, as far as names go."""
        return all(name.isascii() for name in (*self.columns, *(line.file for line in self.files)))

    def most_doubtful_first(self) -> list[Doubt]:
        """Unreadable cells, other doubts by confidence, text; in the order of the paper where that is the same."""
        return sorted(self.doubts, key=_urgency)

    def _doubt(self, scan: ScanEntry, page: int, reading: CellReading) -> Doubt:
        self._picture_bytes[reading.is_text] += len(reading.picture)
        is_too_much = self._picture_bytes[reading.is_text] > (MOST_TEXT_BYTES if reading.is_text else MOST_PICTURE_BYTES)
        return Doubt(scan.file, page, replace(reading, picture=b"") if is_too_much else reading, scan.source)


def is_across(rule: str) -> bool:
    """Whether a rule makes a cell of others that can be shown beside it: not a row of totals, not numbers that count up."""
    return "=" in rule
