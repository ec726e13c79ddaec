"""A list in a workbook, written row by row: header that stays in view, filter, widths, ready to print."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from openpyxl import Workbook
from openpyxl.cell import Cell
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.properties import PageSetupProperties

from pipeline.export.styles import Look, Pen

#: Excel's limit, header included.
MOST_ROWS = 1_048_576
_A4 = "9"


@dataclass(frozen=True, slots=True)
class Column:
    """A column's title and how wide its content is, in characters."""

    title: str
    width: int
    align: str = "left"
    widest: int = 40

    @property
    def fitted(self) -> float:
        """Wide enough for the content and for the title with the filter's button, but not for a novel."""
        return min(max(self.width, len(self.title) + 2, 5), self.widest) + 2.5


class Listing:
    """A sheet under construction; when it is full, the list goes on in "Table 2", "Table 3" …"""

    def __init__(
        self,
        book: Workbook,
        title: str,
        columns: Sequence[Column],
        frozen: str = "A2",
        colour: str = "",
        finish: Callable[[Any, int], None] | None = None,
    ) -> None:
        """`finish` is called with each sheet and its number of rows before it is closed."""
        self._finish = finish
        self._book, self._title, self._columns, self._frozen, self._colour = book, title, columns, frozen, colour
        self._parts = 0
        self._begin()

    def pen(self) -> Pen:
        """What the next row must be made with: a cell belongs to its sheet, and the next row may begin a new one."""
        if self._rows == MOST_ROWS:
            self.end()
            self._begin()
        return self._pen

    @property
    def row(self) -> int:
        """The number of the next row on its sheet."""
        return self._rows + 1

    @property
    def sheet(self) -> Any:  # noqa: ANN401 openpyxl's write-only sheets have no public type
        """The sheet that the last pen was of, for what stands on it beside rows."""
        return self._sheet

    def append(self, row: list[Cell], height: float = 0.0) -> None:
        """Add a row, made with the pen; its height in points, if it has one of its own."""
        if height:
            self._sheet.row_dimensions[self._rows + 1].height = height
        self._sheet.append(row)
        self._rows += 1

    def end(self) -> None:
        """Close the sheet: it takes no more rows."""
        if self._finish:
            self._finish(self._sheet, self._rows)
        self._sheet.auto_filter.ref = f"A1:{get_column_letter(len(self._columns))}{self._rows}"
        self._sheet.close()

    def _begin(self) -> None:
        self._parts += 1
        title = self._title if self._parts == 1 else f"{self._title} {self._parts}"
        self._sheet: Any = self._book.create_sheet(title)
        self._pen = Pen(self._sheet)
        prepare(self._sheet, [column.fitted for column in self._columns], self._frozen, self._colour)
        # the filter's button would cover a title on the right
        looks = {"left": Look("header"), "right": Look("header", "center")}
        self._sheet.append([self._pen.text(column.title, looks[column.align]) for column in self._columns])
        self._rows = 1


def prepare(sheet: Any, widths: Sequence[float], frozen: str = "", colour: str = "") -> None:  # noqa: ANN401
    """What a streamed sheet must know before its first row: widths in characters, the cell below and right of what is frozen,
    the colour of its tab, and how it is printed."""
    for index, width in enumerate(widths, 1):
        sheet.column_dimensions[get_column_letter(index)].width = width
    sheet.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)
    sheet.page_setup.orientation = "landscape"
    sheet.page_setup.paperSize = _A4
    sheet.page_setup.fitToWidth, sheet.page_setup.fitToHeight = 1, 0
    sheet.page_margins.left = sheet.page_margins.right = 0.4
    sheet.oddFooter.left.text, sheet.oddFooter.right.text = "&F · &A", "&P / &N"
    sheet.row_dimensions[1].height = 20
    if frozen:
        sheet.freeze_panes = frozen
        sheet.print_title_rows = "1:1"
    if colour:
        sheet.sheet_properties.tabColor = colour
