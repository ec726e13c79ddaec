"""Where everything stands on a form printed by us, in millimetres from the paper's top left corner.

Printing and reading both go by this, and by nothing else: a change moves what is read off sheets printed before, so the mark on
each sheet carries a check of its layout.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from itertools import accumulate

from pipeline.forms.form import Form

#: A4.
SHORT, LONG = 210.0, 297.0
#: The corner marks' side, and how far they are from the paper's edges: no office printer needs more.
CORNER, INSET = 9.0, 8.0
#: The side of the mark that names the form, and the paper kept white around it.
TAG, QUIET = 20.0, 3.0
#: The table's distance from the sides, from the top and from the bottom of the paper.
_SIDE, _TOP, _BOTTOM = 15.0, 34.0, 21.0
#: Rows are as high as there is room for, between these; headings have their own height.
_LOWEST, _HIGHEST, _HEADING = 6.5, 10.0, 9.0
#: How wide columns are, relative to one another, if the form does not say.
_USUAL = {"text": 44.0, "date": 24.0, "money": 30.0, "decimal": 22.0, "grade": 14.0, "roll": 16.0}


@dataclass(frozen=True, slots=True)
class Layout:
    """The rulings of a printed form's table: between columns at `xs`, between rows, headings included, at `ys`."""

    paper: tuple[float, float]
    xs: tuple[float, ...]
    ys: tuple[float, ...]

    @property
    def check(self) -> str:
        """Four characters that are others for almost any other layout."""
        tenths = [round(10 * line) for line in (*self.xs, *self.ys)]
        return f"{zlib.crc32(repr(tenths).encode()) & 0xFFFF:04x}"


def layout_of(form: Form, rows: int, landscape: bool = False) -> Layout:
    """The layout of a page with so many rows below the headings, which must not be more than `most_rows`."""
    paper = paper_of(landscape)
    widths = form.widths or tuple(_USUAL.get(column.type, 18.0) for column in form.columns)
    room, total = paper[0] - 2 * _SIDE, sum(widths)
    xs = tuple(_SIDE + room * share / total for share in accumulate(widths, initial=0.0))
    top = _TOP + _HEADING * form.header_rows
    height = min((paper[1] - _BOTTOM - top) / rows, _HIGHEST)
    heads = tuple(_TOP + _HEADING * row for row in range(form.header_rows))
    return Layout(paper, xs, (*heads, *(top + height * row for row in range(rows + 1))))


def most_rows(form: Form, landscape: bool = False) -> int:
    """How many rows a page has room for."""
    room = paper_of(landscape)[1] - _BOTTOM - _TOP - _HEADING * form.header_rows
    return max(int(room / _LOWEST), 1)


def paper_of(landscape: bool) -> tuple[float, float]:
    """Width and height of the paper."""
    return (LONG, SHORT) if landscape else (SHORT, LONG)


def corners_of(landscape: bool) -> tuple[tuple[float, float], ...]:
    """The top left corner of each corner mark: top left, top right, bottom right, bottom left on the paper."""
    width, height = paper_of(landscape)
    near, right, bottom = INSET, width - INSET - CORNER, height - INSET - CORNER
    return (near, near), (right, near), (right, bottom), (near, bottom)


def tag_of(landscape: bool) -> tuple[float, float]:
    """The top left corner of the mark that names the form."""
    return paper_of(landscape)[0] - INSET - CORNER - QUIET - 2.0 - TAG, INSET
