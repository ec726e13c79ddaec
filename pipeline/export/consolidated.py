"""JOB.csv: the paper's rows as rows, one under the other, whatever scan they are from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pipeline.export.text import safe_text
from pipeline.records import CellReading, ScanEntry, TableNote

if TYPE_CHECKING:
    from _csv import Writer

#: What stands before the columns of the paper.
PLACE = ("file", "page", "row", "table")


@dataclass(frozen=True, slots=True)
class Line:
    """One row of the paper."""

    file: str
    page: int
    row: int
    table: int
    cells: Mapping[int, CellReading]  # by column
    note: TableNote  # of its table
    width: int  # columns of its table
    source: str = ""  # path of the original

    @property
    def shape(self) -> str:
        """What tables that belong on one sheet have in common: their form, else their number of columns."""
        return self.note.form or f"{self.width} columns"


def paper_rows(scan: ScanEntry) -> Iterator[Line]:
    """The rows of a scan from top to bottom, blank ones included."""
    for page in scan.pages:
        rows: dict[tuple[int, int], dict[int, CellReading]] = {}
        widths: dict[int, int] = {}
        for reading in page.readings:
            rows.setdefault((reading.table, reading.row), {})[reading.column] = reading
            widths[reading.table] = max(widths.get(reading.table, 0), reading.column)
        notes = {note.table: note for note in page.tables}
        for table, row in sorted(rows):
            note = notes.get(table) or TableNote(table)
            yield Line(scan.file, page.number, row, table, rows[table, row], note, widths[table], scan.source)


def shown(reading: CellReading) -> str:
    """What the consolidated table says of a cell: a doubtful number ends in ?, so that nobody sums it unseen."""
    if reading.status == "blank":
        return ""
    if reading.status == "unreadable":
        return "?"
    if reading.is_text:
        return "(text)"
    guess = reading.value or reading.text  # a mark, such as a dash for nil, has no value
    return f"{guess}?" if reading.status == "review" else guess


def write_consolidated(writer: Writer, columns: Sequence[str], scans: Iterable[ScanEntry]) -> None:
    """The header and one line for every paper row. `columns` are the names from the survey of the same scans."""
    writer.writerow([*PLACE, *map(safe_text, columns)])
    positions = range(1, len(columns) + 1)
    for scan in scans:
        file = safe_text(scan.file)
        for line in paper_rows(scan):
            cells = (safe_text(shown(line.cells[position])) if position in line.cells else "" for position in positions)
            writer.writerow([file, line.page, line.row, line.table, *cells])
