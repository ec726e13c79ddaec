"""The sheets of the paper's rows: one for each form or shape of table, with live sums beside those on paper."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from openpyxl import Workbook
from openpyxl.cell import Cell
from openpyxl.formatting.rule import FormulaRule
from openpyxl.styles import Font, PatternFill
from openpyxl.utils import get_column_letter

from pipeline.export.consolidated import PLACE, Line, paper_rows, shown
from pipeline.export.sheets import Column, Listing
from pipeline.export.styles import COLOURS, Look, Pen, colour_of, number
from pipeline.export.survey import COMMON, Shape, Survey
from pipeline.export.text import sheet_text
from pipeline.records import CellReading, ScanEntry, SumCheck

#: Comments are slow to write and to open; beyond these the Review sheet says the same. Excel allows 65,530 links on a sheet.
MOST_COMMENTS = 20_000
MOST_LINKS = 50_000
_COMMENTED = ("review", "unreadable", "corrected")
_FORBIDDEN = re.compile(r"[\\/*?:\[\]']")
_LONGEST_TITLE = 27  # 31, less what a second sheet of the same name adds


def write_tables(book: Workbook, survey: Survey, scans: Iterable[ScanEntry], file_width: int) -> None:
    """A sheet for each shape of table, in one pass over the scans."""
    titles = _titles(survey)
    sheets = {key: _TableSheet(book, titles[key], shape, file_width) for key, shape in survey.shapes.items()}
    if not sheets:
        sheets[COMMON] = _TableSheet(book, COMMON, survey.whole, file_width)
    comments, links = 0, 0
    for scan in scans:
        for line in paper_rows(scan):
            sheet = sheets[survey.shape_of(line)]
            sheet.add(line, comments < MOST_COMMENTS, links < MOST_LINKS)
            comments += sum(colour_of(reading) in _COMMENTED for reading in line.cells.values())
            links += 1
    for sheet in sheets.values():
        sheet.end()


def _titles(survey: Survey) -> dict[str, str]:
    """A sheet's name for each shape, none twice."""
    if len(survey.shapes) == 1 and not any(re.fullmatch(r"\d+ columns", key) is None for key in survey.shapes):
        return dict.fromkeys(survey.shapes, COMMON)
    titles: dict[str, str] = {}
    taken = {"review", "files", "summary", "legend"}
    for key in survey.shapes:
        wanted = f"{COMMON}, {key}" if re.fullmatch(r"\d+ columns", key) else key
        title = name = _FORBIDDEN.sub("_", sheet_text(wanted))[:_LONGEST_TITLE].strip() or COMMON
        number = 1
        while title.lower() in taken:
            number += 1
            title = f"{name[: _LONGEST_TITLE - 3]} ({number})"
        taken.add(title.lower())
        titles[key] = title
    return titles


@dataclass(frozen=True, slots=True)
class _Place:
    """A column of the sheet: one of the paper's, or a sum beside the one that it is to come to."""

    column: int
    rule: str = ""


class _TableSheet:
    """One sheet of tables under construction."""

    def __init__(self, book: Workbook, title: str, shape: Shape, file_width: int) -> None:
        self._places: list[_Place] = []
        columns = [Column("file", file_width), *(Column(name, 5, "right") for name in PLACE[1:])]
        for position, (name, width) in enumerate(zip(shape.columns, shape.widths, strict=True), 1):
            self._places.append(_Place(position))
            columns.append(Column(name, width, "right", 24))
            for rule, target in shape.sums.items():
                if target == position:
                    self._places.append(_Place(position, rule))
                    columns.append(Column(f"Σ {name}", width, "right", 24))
        self._letters = {place: get_column_letter(index) for index, place in enumerate(self._places, len(PLACE) + 1)}
        self._listing = Listing(book, title, columns, frozen="E2", finish=self._mark_differences)
        self._table: tuple[str, int, int] | None = None
        self._rows: dict[int, int] = {}  # of the table at hand: row on paper → row on the sheet
        self._last: Line | None = None

    def add(self, line: Line, has_comments: bool, has_links: bool) -> None:
        """Add a row of the paper."""
        table = (line.file, line.page, line.table)
        starts = table != self._table
        if starts:
            self._end_table()
            self._table = table
        pen = self._listing.pen()
        at = self._listing.row
        if self._rows and max(self._rows.values()) >= at:
            self._rows = {}  # on a new sheet
        self._rows[line.row] = at
        checks = {check.rule: check for check in line.note.checks if check.row == line.row}
        quiet, place = Look("quiet", starts_group=starts), Look("quiet", "right", starts_group=starts)
        row = [pen.link(line.file, line.source if has_links else "", quiet)]
        row += [pen.number(value, place) for value in (line.page, line.row, line.table)]
        row += [self._cell(pen, each, line, checks, starts, has_comments) for each in self._places]
        self._listing.append(row)
        self._last = line

    def end(self) -> None:
        """Close the sheet."""
        self._end_table()
        self._listing.end()

    def _cell(self, pen: Pen, place: _Place, line: Line, checks: dict[str, SumCheck], starts: bool, has_comments: bool) -> Cell:
        if place.rule:
            check = checks.get(place.rule)
            formula = self._formula(check) if check and check.column == place.column else ""
            reading = line.cells.get(place.column)
            found = number(reading.value) if reading else None
            look = Look("sum" if formula else "", "right", number_format=found[1] if found else "General", starts_group=starts)
            return pen.formula(formula, look) if formula else pen.text("", look)
        reading = line.cells.get(place.column)
        colour = colour_of(reading) if reading else ""
        cell = pen.value(shown(reading) if reading else "", Look(colour, "right", starts_group=starts))
        if reading and has_comments and colour in _COMMENTED:
            pen.comment(cell, comment_on(reading))
        return cell

    def _formula(self, check: SumCheck) -> str:
        """What the sum comes to on this sheet; empty if a cell of it is not here."""
        if any(row not in self._rows or _Place(column) not in self._letters for row, column, _ in check.terms):
            return ""
        groups: dict[float, list[str]] = {}
        for row, column, weight in check.terms:
            groups.setdefault(weight, []).append(f"{self._letters[_Place(column)]}{self._rows[row]}")
        parts = [_weighted(weight, f"SUM({_joined(cells)})") for weight, cells in groups.items()]
        if check.constant:
            parts.append(f"{check.constant:+.10g}")
        total = "".join(parts).removeprefix("+")
        return f"=ROUND({total},{10 if check.digits is None else check.digits})"

    def _end_table(self) -> None:
        """Below a table whose last row holds totals, what its columns add up to."""
        line, rows = self._last, self._rows
        self._rows = {}
        if line is None or not rows:
            return
        totals = {check.column: check for check in line.note.checks if not is_row_sum(check) and check.row in rows}
        if not totals:
            return
        pen = self._listing.pen()
        quiet = Look("quiet", "right")
        row = [
            pen.text(line.file, Look("quiet")),
            pen.number(line.page, quiet),
            pen.text("Σ", quiet),
            pen.number(line.table, quiet),
        ]
        for place in self._places:
            check = None if place.rule else totals.get(place.column)
            self._rows = rows
            formula = self._formula(check) if check else ""
            self._rows = {}
            colour = "sum" if check is None or check.state == "holds" else "difference"
            row.append(pen.formula(formula, Look(colour, "right")) if formula else pen.text("", Look("quiet")))
        self._listing.append(row)

    def _mark_differences(self, sheet: Any, rows: int) -> None:  # noqa: ANN401
        fill, ink = COLOURS["difference"]
        for place, letter in self._letters.items():
            if place.rule and rows > 1:
                paper = self._letters[_Place(place.column)]
                formula = f'AND({letter}2<>"",OR(NOT(ISNUMBER({paper}2)),ABS(N({letter}2)-N({paper}2))>0.0000001))'
                rule: Any = FormulaRule(  # type: ignore[no-untyped-call]
                    [formula], fill=PatternFill("solid", bgColor=fill), font=Font(color=ink, bold=True)
                )
                sheet.conditional_formatting.add(f"{letter}2:{letter}{rows}", rule)


def is_row_sum(check: SumCheck) -> bool:
    """Whether a sum is made across, and not down a column."""
    return check.rule != "last row is totals"


def _weighted(weight: float, term: str) -> str:
    if weight in (1.0, -1.0):
        return f"{'+' if weight > 0 else '-'}{term}"
    part = 1 / weight
    if abs(part - round(part)) < 1e-9:
        return f"{'+' if weight > 0 else '-'}{term}/{abs(round(part))}"
    return f"{weight:+.10g}*{term}"


def _joined(cells: list[str]) -> str:
    """A1:D1 for neighbours in a row or a column, else one by one."""
    places = [re.fullmatch(r"([A-Z]+)(\d+)", cell) for cell in cells]
    found = [(match[1], int(match[2])) for match in places if match]
    letters, rows = [letter for letter, _ in found], [row for _, row in found]
    if len(set(letters)) == 1 and rows == list(range(rows[0], rows[0] + len(rows))):
        return f"{cells[0]}:{cells[-1]}" if len(cells) > 1 else cells[0]
    numbers = [_number(letter) for letter in letters]
    if len(set(rows)) == 1 and numbers == list(range(numbers[0], numbers[0] + len(numbers))):
        return f"{cells[0]}:{cells[-1]}"
    return ",".join(cells)


def _number(letter: str) -> int:
    number = 0
    for character in letter:
        number = 26 * number + ord(character) - 64
    return number


def comment_on(reading: CellReading) -> str:
    """What a cell's note says: how sure, why, and what else it could be."""
    lines = [f"{reading.status.capitalize()}, {reading.confidence:.1%} sure"]
    if reading.status == "unreadable":
        lines = ["Unreadable"]
    if reading.reason:
        lines.append(sheet_text(reading.reason))
    if others := alternatives(reading):
        lines.append(f"Or: {others}")
    if reading.text not in ("", reading.value):
        lines.append(f"Letter for letter: {sheet_text(reading.text)}")
    return "\n".join(lines)


def alternatives(reading: CellReading) -> str:
    """The other values that a cell may have, as the ink alone has them."""
    return ", ".join(
        f"{sheet_text(value)} ({p:.0%})" for value, p in reading.candidates if value != reading.value and p >= 0.005
    )
