"""The Review sheet: every cell that needs a person, most doubtful first, its picture, and a place for what it really says."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

from openpyxl import Workbook
from openpyxl.cell import Cell
from openpyxl.drawing.image import Image
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation

from pipeline.export.sheets import Column, Listing
from pipeline.export.styles import COLOURS, Look, Pen, colour_of
from pipeline.export.survey import Doubt
from pipeline.export.tables import MOST_LINKS, alternatives
from pipeline.export.text import display_width
from pipeline.outbox import REVIEW

TITLE = "Review"
NOTHING_TO_REVIEW = "Nothing needs a look: every cell was read with confidence."
#: The titles of the columns; `pipeline accept` finds them by these.
PLACE = ("file", "page", "table", "row", "column")
CORRECT = "correct value"
#: What a person types for a cell that holds nothing.
BLANK_WORD = "blank"
#: A workbook with more pictures takes too long to open; there are no more workbooks than so many besides the first.
MOST_PICTURES, MOST_BOOKS = 3_000, 9
_PICTURE_COLUMN = len(PLACE) + 1  # from 0: behind the name
_HEIGHT, _WIDTH = 40, 190  # pixels that a picture may take
_PNG = b"\x89PNG\r\n\x1a\n"
_LONGEST_VALUE = 20


def parts(doubts: Sequence[Doubt]) -> list[list[Doubt]]:
    """The doubts whose pictures have no place in the job's workbook, for each further one. Those without pictures need none."""
    pictured = [doubt for doubt in doubts if picture_of(doubt.reading.picture)]
    starts = range(MOST_PICTURES, len(pictured), MOST_PICTURES)
    return [pictured[start : start + MOST_PICTURES] for start in starts[:MOST_BOOKS]]


def write_review(book: Workbook, doubts: Sequence[Doubt], file_width: int, job: str) -> None:
    """Write the sheet. `doubts` are in the order in which they are to be looked at; those whose picture is in another workbook
    of the job say in which."""
    names, values, reasons = (
        max((display_width(getattr(doubt.reading, field)) for doubt in doubts), default=0)
        for field in ("name", "value", "reason")
    )
    columns = [
        Column("file", file_width if doubts else len(NOTHING_TO_REVIEW), widest=60),
        *(Column(title, 5, "right") for title in PLACE[1:]),
        Column("name", names, widest=24),
        Column("picture", _WIDTH // 7),
        Column("value", values, "right", 24),
        Column("could also be", 22, widest=40),
        Column("confidence", 6, "right"),
        Column("reason", reasons, widest=60),
        Column(CORRECT, 13, "right"),
    ]
    last = get_column_letter(len(columns))
    listing = Listing(
        *(book, TITLE, columns),
        colour=COLOURS["review" if doubts else "verified"][0],
        finish=lambda sheet, rows: _validate(sheet, rows, last),
    )
    pictures = 0
    for number, doubt in enumerate(doubts):
        pen = listing.pen()
        picture = picture_of(doubt.reading.picture)
        pictures += picture is not None
        part = 1 + (pictures - 1) // MOST_PICTURES if picture else 1
        where = REVIEW.format(job, part) if 1 < part <= 1 + MOST_BOOKS else ""
        if picture and part == 1:
            picture.anchor = f"{get_column_letter(_PICTURE_COLUMN + 1)}{listing.row}"
            listing.sheet.add_image(picture)
        height = (picture.height + 4) * 0.75 if picture and part == 1 else 0.0
        listing.append(_row(pen, doubt, number < MOST_LINKS, where), height)
    if not doubts:
        listing.append([listing.pen().text(NOTHING_TO_REVIEW, Look("verified"))])
    listing.end()


def _row(pen: Pen, doubt: Doubt, has_link: bool, where: str) -> list[Cell]:
    r = doubt.reading
    right = Look(align="right")
    return [
        pen.link(doubt.file, doubt.source if has_link else "", Look()),
        *(pen.number(value, right) for value in (doubt.page, r.table, r.row, r.column)),
        pen.text(r.name, Look()),
        pen.text(f"in {where}.xlsx" if where else "", Look("quiet", wrap=True)),
        pen.value(r.value or ("" if r.text == r.value else r.text), Look(colour_of(r), "right", bold=True)),
        pen.text(alternatives(r), Look(wrap=True)),
        pen.number(round(r.confidence, 4), Look(align="right", number_format="0.0%")),
        pen.text(r.reason, Look(wrap=True)),
        pen.text("", Look("input", "right")),
    ]


def _validate(sheet: Any, rows: int, column: str) -> None:  # noqa: ANN401
    """What may be typed as the correct value: a number, a grade, or that there is nothing."""
    first = f"{column}2"
    grade = f"AND(LEN({first})<=2,CODE(UPPER({first}))>=65,CODE(UPPER({first}))<=70)"
    rule = DataValidation(
        type="custom",
        formula1=f'OR(ISNUMBER({first}),ISNUMBER(IFERROR(VALUE({first}),"")),LOWER({first})="{BLANK_WORD}",{grade})',
        allow_blank=True,
        showErrorMessage=True,
        showInputMessage=True,
        errorTitle="Not a value",
        error=f"Type a number, a grade (A to F, + or -), or the word {BLANK_WORD} if nothing is written there.",
        promptTitle="What does the paper say?",
        prompt=f"A number, a grade, or {BLANK_WORD}. Leave it empty if you can't tell.",
    )
    rule.add(f"{first}:{column}{max(rows, 2)}")
    sheet.data_validations.append(rule)


class Picture(Image):
    """A PNG for openpyxl, whose own class would decode every picture to learn its size."""

    format = "png"

    def __init__(self, data: bytes, width: int, height: int) -> None:
        self._bytes, self.width, self.height = data, width, height

    def _data(self) -> bytes:
        return self._bytes


def picture_of(data: bytes) -> Picture | None:
    """A picture, scaled to fit its place; None if there is none."""
    if not data.startswith(_PNG) or len(data) < 24:
        return None
    width, height = struct.unpack(">II", data[16:24])
    scale = min(_HEIGHT / height, _WIDTH / width) if width and height else 0
    return Picture(data, max(round(width * scale), 1), max(round(height * scale), 1)) if scale else None
