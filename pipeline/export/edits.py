"""What a person changed in a workbook: the Review sheet's *correct value*, and numbers overtyped in the tables."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

from openpyxl import load_workbook
from openpyxl.utils import get_column_letter

from pipeline.errors import UsageError
from pipeline.export import consolidated, review
from pipeline.export.edition import edition_of
from pipeline.export.overview import EDITION
from pipeline.export.styles import number
from pipeline.export.text import safe_text, sheet_text
from pipeline.grades import GRADES
from pipeline.records import Box, CellReading, Edit

_VALUE = re.compile(r"-?\d{1,15}(?:\.\d{1,9})?", re.ASCII)


@dataclass(slots=True)
class Found:
    """Edits by file, what could not be understood, cell by cell, and whether numbers overtyped in the tables could be told."""

    edits: dict[str, dict[tuple[int, int, int, int], Edit]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    is_comparable: bool = True

    @property
    def count(self) -> int:
        """How many edits there are."""
        return sum(map(len, self.edits.values()))


Key = tuple[str, int, int, int, int]


def read_edits(workbook: Path, readings: Path, files: Sequence[str]) -> Found:
    """What was changed in a workbook since it was written, together with `readings`, its JOB.readings.csv.

    `files` are the scans that the job has. Raises UsageError if the workbook can't be read, or is none of ours.
    """
    try:
        book = load_workbook(workbook, data_only=True)
    except (OSError, BadZipFile, KeyError, ValueError) as error:
        raise UsageError(f"{workbook} can't be read as a workbook: {error}", "Save it as .xlsx once more.") from error
    names = {sheet_text(file): file for file in files}
    edition, place = _edition(book), list(consolidated.PLACE)
    tables = [sheet for sheet in book.worksheets if [cell.value for cell in sheet[1][: len(place)]] == place]
    found = Found(is_comparable=not tables or edition == edition_of(readings))
    if tables and found.is_comparable:
        written = _as_written(readings, {safe_text(file): file for file in files})
        for sheet in tables:
            _overtyped(sheet, written, names, found)
    for sheet in book.worksheets:
        if sheet.title == review.TITLE or sheet.title.startswith(f"{review.TITLE} "):
            _corrected(sheet, names, found)
    return found


def _edition(book: Any) -> str:  # noqa: ANN401 - openpyxl's workbook
    """Which readings the workbook shows. Raises UsageError if it does not say."""
    if "Legend" in book.sheetnames:
        for row in book["Legend"].iter_rows(values_only=True):
            if row and row[0] == EDITION and len(row) > 1:
                return str(row[1])
    raise UsageError("The workbook was not written by pipeline, or its Legend sheet is gone", "Take JOB.xlsx from the outbox.")


def _corrected(sheet: Any, names: dict[str, str], found: Found) -> None:  # noqa: ANN401
    """The column *correct value* of the Review sheet; it counts for more than what is in a table."""
    titles = [cell.value for cell in sheet[1]]
    if review.CORRECT not in titles or any(title not in titles for title in review.PLACE):
        found.problems.append(f"{sheet.title}: its headings were changed, so it can't be read")
        return
    places = [titles.index(title) for title in review.PLACE]
    column = titles.index(review.CORRECT)
    for row in sheet.iter_rows(min_row=2):
        if len(row) <= column or row[column].value in (None, ""):
            continue
        file, *numbers = (row[place].value for place in places)
        where = f"{sheet.title}!{row[column].coordinate}"
        if file not in names or not all(isinstance(n, int) for n in numbers):
            found.problems.append(f"{where}: its line no longer says which cell it is of")
            continue
        page, table, at, position = numbers
        _add(found, where, (names[file], page, table, at, position), row[column])


def _overtyped(sheet: Any, written: dict[Key, str], names: dict[str, str], found: Found) -> None:  # noqa: ANN401
    titles = [cell.value for cell in sheet[1]]
    columns = [i for i, title in enumerate(titles) if i >= len(consolidated.PLACE) and not str(title).startswith("Σ ")]
    for row in sheet.iter_rows(min_row=2):
        file, page, at, table = (cell.value for cell in row[: len(consolidated.PLACE)])
        if file not in names or not all(isinstance(n, int) for n in (page, at, table)):
            continue  # a line of sums, or of somebody's own
        for position, column in enumerate(columns, 1):
            key = (names[file], page, table, at, position)
            cell = row[column]
            if key not in written or _is_same(cell.value, written[key]):
                continue
            where = f"{sheet.title}!{get_column_letter(column + 1)}{cell.row}"
            if cell.value in (None, ""):
                found.problems.append(f"{where}: emptied; type {review.BLANK_WORD} if nothing is written there")
                continue
            _add(found, where, key, cell)


def _add(found: Found, where: str, key: Key, cell: Any) -> None:  # noqa: ANN401
    value = _typed(cell)
    if value is None:
        found.problems.append(f"{where}: {cell.value!r} is no number, no grade and not {review.BLANK_WORD!r}")
        return
    file, *place = key
    page, table, row, column = place
    found.edits.setdefault(file, {})[page, table, row, column] = Edit(page, table, row, column, value)


def _typed(cell: Any) -> str | None:  # noqa: ANN401
    """What was typed into a cell, as a reading has it; None if it is no value."""
    value = cell.value
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        whole, _, decimals = str(cell.number_format).partition(".")
        is_plain = set(whole) == {"0"} and set(decimals) <= {"0"}
        text = f"{value:.{len(decimals)}f}" if is_plain and decimals and float(f"{value:.{len(decimals)}f}") == value else ""
        text = text or (str(int(value)) if value == int(value) else repr(float(value)))
        return (
            text.zfill(len(whole)) if is_plain and len(whole) > 1 and not decimals else text if _VALUE.fullmatch(text) else None
        )
    text = str(value).strip()
    if text.lower() == review.BLANK_WORD:
        return ""
    if _VALUE.fullmatch(text) or text.upper() in GRADES:
        return text.upper()
    return None


def _is_same(value: object, written: str) -> bool:
    """Whether a cell still holds what was written into it."""
    if isinstance(value, bool):
        return False
    if isinstance(value, int | float):
        was = number(written)
        return was is not None and float(was[0]) == float(value)
    return ("" if value is None else str(value)) == sheet_text(written)


def _as_written(readings: Path, names: dict[str, str]) -> dict[Key, str]:
    return dict(_shown(readings, names))


def _shown(readings: Path, names: dict[str, str]) -> Iterator[tuple[Key, str]]:
    with readings.open(newline="", encoding="utf-8") as stream:
        for line in csv.DictReader(stream):
            if line["file"] not in names:
                continue
            place = int(line["table"]), int(line["row"]), int(line["column"])
            status: Any = line["status"]
            # what is safe in a CSV differs from what was read only where it looks like a formula
            value, text = (line[name].removeprefix("'") for name in ("value", "text"))
            cell = CellReading(*place, line["name"], value, text, 0.0, status, line["reason"], Box(0, 0, 0, 0))
            yield (names[line["file"]], int(line["page"]), *place), consolidated.shown(cell)
