"""From an example scan to a form: reads the sheet and says what its columns seem to hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from statistics import median

from pipeline.chain import read_scan
from pipeline.errors import ScanError
from pipeline.forms.drafting import Drafted, draft
from pipeline.forms.form import ColumnType
from pipeline.records import CellReading, PageResult
from pipeline.settings import Settings


def form_from(data: bytes, settings: Settings) -> str:
    """The text of a form for the largest table on a scan. Raises ScanError if it can't be read or has no table, ModelError."""
    result = read_scan(data, replace(settings, form=""))
    if result.failure:
        raise ScanError(result.failure.message, result.failure.remedy)
    tables: dict[tuple[int, int], list[CellReading]] = {}
    for page in result.pages:
        for cell in page.readings:
            tables.setdefault((page.number, cell.table), []).append(cell)
    if not tables:
        raise ScanError("There is no table on the scan", "Take a scan that shows the whole table, ruled on all sides.")
    page_number, table = max(tables, key=lambda key: len(tables[key]))
    page = next(page for page in result.pages if page.number == page_number)
    return _drafted(tables[page_number, table], page, table)


def _drafted(cells: Sequence[CellReading], page: PageResult, table: int) -> str:
    note = next((note for note in page.tables if note.table == table), None)
    rules = note.rules if note and not note.form else ()
    header = [cell for cell in cells if cell.row == 1 and cell.kind != "blank"]
    header_rows = int(bool(header) and sum(cell.kind == "number" for cell in header) <= len(header) / 2)
    width = max(cell.column for cell in cells)
    columns = []
    for number in range(1, width + 1):
        column = [cell for cell in cells if cell.column == number and cell.row > header_rows]
        columns.append(_column(column, any(f"C{number} is consecutive" == rule for rule in rules)))
    numbers = {number for number, column in enumerate(columns, 1) if column.type not in ("roll", "integer")}
    kept = [rule for rule in rules if not any(rule == f"C{number} is consecutive" for number in numbers)]
    return draft(columns, kept, header_rows)


def _column(cells: Sequence[CellReading], counts: bool) -> Drafted:
    values = [cell.value for cell in cells if cell.kind == "number" and cell.status in ("ok", "verified", "corrected")]
    kinds = [cell.kind for cell in cells if cell.kind not in ("blank", "mark", "unreadable")]
    decimals = [len(value.partition(".")[2]) for value in values]
    digits = [len(value.partition(".")[0].lstrip("-")) for value in values]
    kind: ColumnType = "integer"
    if not kinds or kinds.count("text") > len(kinds) / 2:
        kind = "text"
    elif kinds.count("grade") > len(kinds) / 2:
        kind = "grade"
    elif (counts and not any(decimals)) or any(
        len(value) > 1 and value.startswith("0") and "." not in value for value in values
    ):
        kind = "roll"
    elif max(decimals, default=0):
        kind = "money" if set(decimals) == {2} else "decimal"
    usual = round(median(digits)) if digits else 1
    return Drafted(kind, max(decimals, default=0), usual, median(cell.box.width for cell in cells) if cells else 1.0)
