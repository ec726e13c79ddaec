"""JOB.xlsx: the consolidated table to work in, the cells to look at, every scan's outcome, and what the colours mean."""

from __future__ import annotations

from collections.abc import Iterable
from typing import BinaryIO

from openpyxl import Workbook
from openpyxl.cell import Cell

from pipeline.export.archive import new_workbook
from pipeline.export.consolidated import PLACE, Line, paper_rows, shown
from pipeline.export.sheets import Column, Listing, prepare
from pipeline.export.styles import COLOURS, Look, Pen, colour_of
from pipeline.export.survey import Doubt, FileLine, Survey
from pipeline.export.text import display_width, sheet_text
from pipeline.records import CellReading, ScanEntry

#: Comments are slow to write and to open; beyond these the Review sheet says the same.
MOST_COMMENTS = 20_000
NOTHING_TO_REVIEW = "Nothing needs a look: every cell was read with confidence."
#: Why a cell has a colour, or none; the Legend sheet.
MEANINGS = (
    ("review", "Please look: a best guess, marked with ? so that it is in no sum. Rest the mouse on the cell to see why."),
    ("unreadable", "Please look: there is ink, but no number fits it."),
    ("text", "Writing that is no number, such as a name or a heading. It is not read."),
    ("corrected", "Read differently first, then corrected because the sheet's own sums say so."),
    ("verified", "Confirmed by the sheet's own sums, or by a person."),
    ("ok", "Read with confidence."),
    ("blank", "Nothing is written there."),
)


def write_workbook(stream: BinaryIO, survey: Survey, scans: Iterable[ScanEntry]) -> None:
    """Write the workbook of the scans that `survey` has seen. Same scans, same bytes."""
    file_width = max((display_width(line.file) for line in survey.files), default=0)
    with new_workbook(stream) as book:
        _table(book, survey, scans, file_width)
        _review(book, survey.most_doubtful_first(), file_width)
        _files(book, survey.files, file_width)
        _legend(book, survey)


def _table(book: Workbook, survey: Survey, scans: Iterable[ScanEntry], file_width: int) -> None:
    columns = [Column("file", file_width), *(Column(title, 5, "right") for title in PLACE[1:])]
    columns += [Column(title, width, "right", 24) for title, width in zip(survey.columns, survey.widths, strict=True)]
    listing = Listing(book, "Table", columns, frozen="E2")
    positions = range(1, len(survey.columns) + 1)
    comments = 0
    above: tuple[str, int, int] | None = None
    for scan in scans:
        for line in paper_rows(scan):
            group = (line.file, line.page, line.table)
            starts, above = group != above, group
            has_comments = comments < MOST_COMMENTS
            listing.append(_table_row(listing.pen(), line, positions, starts, has_comments))
            comments += sum(colour_of(reading) in _COMMENTED for reading in line.cells.values())
    listing.end()


_COMMENTED = ("review", "unreadable", "corrected")


def _table_row(pen: Pen, line: Line, positions: range, starts: bool, has_comments: bool) -> list[Cell]:
    quiet = Look("quiet", starts_group=starts)
    place = Look("quiet", "right", starts_group=starts)
    row = [pen.text(line.file, quiet), *(pen.number(value, place) for value in (line.page, line.row, line.table))]
    for position in positions:
        reading = line.cells.get(position)
        colour = colour_of(reading) if reading else ""
        cell = pen.value(shown(reading) if reading else "", Look(colour, "right", starts_group=starts))
        if reading and has_comments and colour in _COMMENTED:
            pen.comment(cell, _comment(reading))
        row.append(cell)
    return row


def _comment(reading: CellReading) -> str:
    lines = [f"{reading.status.capitalize()}, {reading.confidence:.1%} sure"]
    if reading.status == "unreadable":
        lines = ["Unreadable"]
    if reading.reason:
        lines.append(sheet_text(reading.reason))
    if reading.text not in ("", reading.value):
        lines.append(f"Letter for letter: {sheet_text(reading.text)}")
    return "\n".join(lines)


def _review(book: Workbook, doubts: list[Doubt], file_width: int) -> None:
    names, values, texts, reasons = (
        max((display_width(getattr(doubt.reading, field)) for doubt in doubts), default=0)
        for field in ("name", "value", "text", "reason")
    )
    columns = [
        Column("file", file_width if doubts else len(NOTHING_TO_REVIEW), widest=60),
        *(Column(title, 5, "right") for title in ("page", "table", "row", "column")),
        Column("name", names, widest=24),
        Column("value", values, "right", 24),
        Column("text", texts, "right", 24),
        Column("confidence", 6, "right"),
        Column("reason", reasons, widest=60),
        Column("correct value", 13, "right"),
    ]
    listing = Listing(book, "Review", columns, colour=COLOURS["review" if doubts else "verified"][0])
    for doubt in doubts:
        listing.append(_review_row(listing.pen(), doubt))
    if not doubts:
        listing.append([listing.pen().text(NOTHING_TO_REVIEW, Look("verified"))])
    listing.end()


def _review_row(pen: Pen, doubt: Doubt) -> list[Cell]:
    r = doubt.reading
    right = Look(align="right")
    return [
        pen.text(doubt.file, Look()),
        *(pen.number(value, right) for value in (doubt.page, r.table, r.row, r.column)),
        pen.text(r.name, Look()),
        pen.value(r.value, Look(colour_of(r), "right", bold=True)),
        pen.text(r.text, right),
        pen.number(round(r.confidence, 4), Look(align="right", number_format="0.0%")),
        pen.text(r.reason, Look(wrap=True)),
        pen.text("", Look("input", "right")),
    ]


def _files(book: Workbook, files: list[FileLine], file_width: int) -> None:
    columns = [
        Column("file", file_width, widest=60),
        Column("outcome", 9),
        *(Column(title, 6, "right") for title in ("pages", "tables", "cells read", "to review")),
        Column("message", max((display_width(line.message) for line in files), default=0), widest=70),
    ]
    listing = Listing(book, "Files", columns)
    for line in files:
        listing.append(_files_row(listing.pen(), line))
    listing.end()


def _files_row(pen: Pen, line: FileLine) -> list[Cell]:
    colour = {"done": "", "failed": "unreadable"}.get(line.outcome, "quiet")
    right = Look(colour, "right")
    return [
        pen.text(line.file, Look(colour)),
        pen.text(line.outcome, Look(colour)),
        *(pen.number(count, right) for count in (line.pages, line.tables, line.cells)),
        pen.number(line.doubts, Look(colour or ("review" if line.doubts else ""), "right")),
        pen.text(line.message, Look(colour, wrap=True)),
    ]


def _legend(book: Workbook, survey: Survey) -> None:
    sheet = book.create_sheet("Legend")
    prepare(sheet, [16, 100, 12], "A2")
    pen = Pen(sheet)
    sheet.append([pen.text(title, Look("header", align)) for title, align in _LEGEND_HEADER])
    for status, meaning in MEANINGS:
        look = Look(status if status in COLOURS else "", "center")
        sheet.append(
            [pen.text(status, look), pen.text(meaning, Look()), pen.number(survey.statuses[status], Look(align="right"))]
        )


_LEGEND_HEADER = (("colour", "center"), ("meaning", "left"), ("cells", "center"))
