"""Blank forms to print and fill in: a PDF on A4 with marks by which its scans are flattened and known."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.errors import UsageError
from pipeline.fiducials import corner_pattern, tag_pattern
from pipeline.forms import Form
from pipeline.forms.layout import CORNER, INSET, TAG, Layout, corners_of, layout_of, most_rows, tag_of
from pipeline.forms.tag import Tag
from pipeline.records import Image

if TYPE_CHECKING:
    from matplotlib.figure import Figure

#: Widths of lines, in points.

_RULING, _FRAME = 0.7, 1.2
#: Sizes of print, and the smallest that a heading is shrunk to, in points.
_TITLE, _HEADING, _NOTE, _SMALLEST = 17.0, 10.0, 7.5, 5.0
_HINT = "One number in each cell, clear of the lines. Leave blank what there is none of. Keep the four marks visible."
_MOST_PAGES = 200
#: A code of more text has squares too small to be read off a photograph.
_LONGEST_TAG = 60


def print_form(form: Form, rows: int, landscape: bool = False) -> bytes:
    """The PDF of a blank form with so many rows below its headings, on as many pages as these need, evenly spread.

    Raises UsageError if the form can't be printed so.
    """
    from matplotlib import rc_context
    from matplotlib.backends.backend_pdf import PdfPages

    pages = -(-rows // most_rows(form, landscape))
    if rows < 1 or pages > _MOST_PAGES:
        raise UsageError(f"{rows} rows can't be printed", "Say with --rows how many the form is to have.")
    if len(_tag(form, rows, layout_of(form, rows, landscape)).text) > _LONGEST_TAG:
        raise UsageError(f"the name {form.name!r} is too long for the mark on the sheet", "Rename the form's file.")
    stream = io.BytesIO()
    # fonts that can be searched, and no formulas: a heading may have dollar signs
    style: dict[Any, Any] = {"pdf.fonttype": 42, "font.family": "DejaVu Sans", "text.parse_math": False}
    with rc_context(style), PdfPages(stream, metadata={"Title": form.title or form.name, "CreationDate": None}) as file:
        for number, on_page in enumerate(_spread(rows, pages), 1):
            file.savefig(_page(form, on_page, landscape, f"{form.name} · {number} / {pages}"))
    return stream.getvalue()


def _spread(rows: int, pages: int) -> Iterator[int]:
    for page in range(pages):
        yield rows // pages + (page < rows % pages)


def _tag(form: Form, rows: int, layout: Layout) -> Tag:
    return Tag(form.name, rows, len(form.columns), layout.check)


def _page(form: Form, rows: int, landscape: bool, footer: str) -> Figure:
    layout = layout_of(form, rows, landscape)
    sheet = _Sheet(layout.paper)
    for place, (x, y) in enumerate(corners_of(landscape)):
        sheet.pattern(corner_pattern(place, landscape), x, y, CORNER)
    sheet.pattern(tag_pattern(_tag(form, rows, layout).text), *tag_of(landscape), TAG)
    left, room = INSET + CORNER + 4, tag_of(landscape)[0] - INSET - CORNER - 8
    sheet.text(form.title or form.name, left, INSET + 5, _TITLE, room, bold=True)
    sheet.text(_HINT, left, INSET + CORNER + 6, _NOTE, room)
    sheet.text(footer, layout.paper[0] / 2, layout.paper[1] - INSET - CORNER / 2, _NOTE, 100, centred=True)
    for number, y in enumerate(layout.ys):
        is_frame = number in (0, form.header_rows, len(layout.ys) - 1)
        sheet.line((layout.xs[0], y), (layout.xs[-1], y), _FRAME if is_frame else _RULING)
    for number, x in enumerate(layout.xs):
        is_frame = number in (0, len(layout.xs) - 1)
        sheet.line((x, layout.ys[0]), (x, layout.ys[-1]), _FRAME if is_frame else _RULING)
    if form.header_rows:
        middle = (layout.ys[form.header_rows - 1] + layout.ys[form.header_rows]) / 2
        for column, x, right in zip(form.columns, layout.xs, layout.xs[1:], strict=False):
            sheet.text(column.name, (x + right) / 2, middle, _HEADING, right - x - 1.5, bold=True, centred=True)
    return sheet.figure


class _Sheet:
    """A page under construction, in millimetres from its top left corner."""

    def __init__(self, paper: tuple[float, float]) -> None:
        from matplotlib.backends.backend_pdf import FigureCanvasPdf
        from matplotlib.figure import Figure

        self._width, self._height = paper
        self.figure = Figure(figsize=(paper[0] / 25.4, paper[1] / 25.4))
        FigureCanvasPdf(self.figure)

    def line(self, start: tuple[float, float], end: tuple[float, float], points: float) -> None:
        """A straight line."""
        from matplotlib.lines import Line2D

        (x0, y0), (x1, y1) = self._placed(*start), self._placed(*end)
        line = Line2D([x0, x1], [y0, y1], linewidth=points, color="0.25", solid_capstyle="projecting")
        self.figure.add_artist(line)

    def pattern(self, squares: Image, x: float, y: float, side: float) -> None:
        """Black squares, `side` high and wide together; those in a row are drawn as one, so that no seam shows."""
        from matplotlib.patches import Rectangle

        size = side / len(squares)
        for row, line in enumerate(squares == 0):
            edges = np.flatnonzero(np.diff(np.concatenate([[False], line, [False]]).astype(np.int8)))
            for first, last in edges.reshape(-1, 2).tolist():
                corner = self._placed(x + first * size, y + (row + 1) * size)
                wide, high = (last - first) * size / self._width, 1.02 * size / self._height
                self.figure.add_artist(Rectangle(corner, wide, high, color="black", linewidth=0, antialiased=False))

    def text(
        self, text: str, x: float, y: float, points: float, room: float, bold: bool = False, centred: bool = False
    ) -> None:
        """Text on a middle line, smaller if it would not fit into the room."""
        place, weight = self._placed(x, y), "bold" if bold else "normal"
        drawn = self.figure.text(
            *place,
            text,
            fontsize=points,
            weight=weight,
            ha="center" if centred else "left",
            va="center",
        )
        wide = drawn.get_window_extent().width / self.figure.dpi * 25.4
        if wide > room:
            drawn.set_fontsize(max(points * room / wide, _SMALLEST))

    def _placed(self, x: float, y: float) -> tuple[float, float]:
        """As matplotlib has it: shares of the page, from its bottom left corner."""
        return x / self._width, 1 - y / self._height
