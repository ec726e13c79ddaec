"""How the workbook looks, and how a value becomes a cell that Excel takes for what it is."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from openpyxl.cell import Cell, WriteOnlyCell
from openpyxl.comments import Comment
from openpyxl.styles import Alignment, Border, Font, PatternFill, Side

from pipeline.export.text import looks_like_formula, sheet_text
from pipeline.records import CellReading

#: Status or role → (fill, ink). Dark ink on a light fill: readable in print and for most colour-blind people.
COLOURS: dict[str, tuple[str, str]] = {
    "header": ("1F3864", "FFFFFF"),
    "review": ("FFE699", "7F4F00"),
    "unreadable": ("FFC7CE", "9C0006"),
    "corrected": ("DDEBF7", "1F4E79"),
    "verified": ("E2EFDA", "375623"),
    "input": ("FFFDE7", "000000"),
    "quiet": ("", "7F7F7F"),
    "sum": ("EDEDED", "404040"),
    "difference": ("F8CBAD", "843C0C"),
    "link": ("", "0563C1"),
    "text": ("F2F2F2", "7F7F7F"),
}
_LINE, _STRONG_LINE = Side(style="thin", color="D0D0D0"), Side(style="thin", color="404040")
_NUMBER = re.compile(r"-?(\d+)(?:\.(\d+))?", re.ASCII)
#: Excel keeps 15 digits; a number of more would change without a word.
MOST_DIGITS = 15
_LONGEST_LINK = 2000


@dataclass(frozen=True, slots=True)
class Look:
    """Everything about a cell but its value. `colour` is a key of COLOURS, "" for plain."""

    colour: str = ""
    align: str = "left"
    wrap: bool = False
    starts_group: bool = False  # a line above
    bold: bool = False
    number_format: str = "General"
    is_quoted: bool = False  # stays text even when somebody edits it


def colour_of(reading: CellReading) -> str:
    """The key of COLOURS for a cell, "" for plain."""
    if reading.is_text:
        return "text"
    return reading.status if reading.status in COLOURS else ""


def number(text: str) -> tuple[int | float, str] | None:
    """`text` as a number and the number format that shows it as written: 007 is 7 in 000, 2.50 is 2.5 in 0.00.

    None if it is no number, or none that Excel could show like this.
    """
    match = _NUMBER.fullmatch(text)
    if not match or len(match[1]) + len(match[2] or "") > MOST_DIGITS:
        return None
    whole, decimals = match[1], match[2] or ""
    value = float(text) if decimals else int(text)
    if value == 0 and text.startswith("-"):  # Excel has no -0
        return None
    shape = "0" * len(whole) if whole.startswith("0") else "0"
    return value, f"{shape}.{'0' * len(decimals)}" if decimals else shape


@lru_cache(maxsize=128)  # the rows of a scan all have the same
def file_link(path: str) -> str:
    """The address of a file; empty if its path is not absolute, or longer than Excel takes."""
    if not path or not Path(path).is_absolute():
        return ""
    address = Path(path).as_uri()
    return address if len(address) <= _LONGEST_LINK else ""


class Pen:
    """Makes the cells of one sheet. Remembers each look, since openpyxl takes longer to style a cell than to write it."""

    def __init__(self, sheet: Any) -> None:  # noqa: ANN401 openpyxl's write-only sheets have no public type
        self._sheet = sheet
        self._styles: dict[Look, Any] = {}

    def text(self, text: str, look: Look) -> Cell:
        """Text, whatever it begins with: never a formula, an error or a date."""
        clean = sheet_text(text)
        if looks_like_formula(clean):
            look = replace(look, is_quoted=True)
        cell = self._cell(clean or None, look)
        cell.data_type = "s"
        return cell

    def number(self, value: float, look: Look) -> Cell:
        """A real number, shown by the look's number format."""
        return self._cell(value, look)

    def value(self, text: str, look: Look) -> Cell:
        """A number if `text` is one, else text."""
        found = number(text)
        if found is None:
            return self.text(text, look)
        return self._cell(found[0], replace(look, number_format=found[1]))

    def formula(self, formula: str, look: Look) -> Cell:
        """A live formula of our own making; never anything that was read or given."""
        cell = self._cell(None, look)
        cell.value = formula
        return cell

    def link(self, text: str, path: str, look: Look) -> Cell:
        """Text that opens a file, if its path is known."""
        target = file_link(path)
        cell = self.text(text, replace(look, colour="link") if target else look)
        if target:
            cell.hyperlink = target
        return cell

    def comment(self, cell: Cell, text: str) -> None:
        """Attach a note that shows when the mouse is over the cell."""
        lines = 1 + sum(1 + len(line) // 34 for line in text.split("\n"))
        cell.comment = Comment(text, "pipeline", height=18 * lines, width=240)

    def _cell(self, value: str | float | None, look: Look) -> Cell:
        cell: Any = WriteOnlyCell(self._sheet, value)
        if look not in self._styles:
            _apply(look, cell)
            self._styles[look] = cell._style
        cell._style = self._styles[look]
        return cell  # type: ignore[no-any-return]


def _apply(look: Look, cell: Cell) -> None:
    fill, ink = COLOURS.get(look.colour, ("", "000000"))
    cell.font = Font(name="Calibri", size=11, bold=look.bold or look.colour == "header", color=ink)
    if fill:
        cell.fill = PatternFill("solid", fgColor=fill)
    cell.border = Border(_LINE, _LINE, _STRONG_LINE if look.starts_group else _LINE, _LINE)
    # only on the left: LibreOffice 7 forgets indents on the right in rows that mix numbers and text
    cell.alignment = Alignment(look.align, "center", wrap_text=look.wrap, indent=1 if look.align == "left" else 0)
    cell.number_format = look.number_format
    cell.quotePrefix = look.is_quoted
