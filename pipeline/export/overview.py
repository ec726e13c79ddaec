"""Files, Summary and Legend: how each scan fared, what came of it all, and what the colours mean."""

from __future__ import annotations

from openpyxl import Workbook
from openpyxl.cell import Cell
from openpyxl.chart import BarChart, Reference

from pipeline.export.sheets import Column, Listing, prepare
from pipeline.export.styles import COLOURS, Look, Pen
from pipeline.export.survey import FileLine, Survey
from pipeline.export.text import display_width

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
#: The line of the Legend that says which readings the workbook shows.
EDITION = "edition"
_MOST_BARS = 40
_LEGEND_HEADER = (("colour", "center"), ("meaning", "left"), ("cells", "center"))


def write_files(book: Workbook, files: list[FileLine], file_width: int) -> None:
    """A line for each scan."""
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
        pen.link(line.file, line.source, Look(colour)),
        pen.text(line.outcome, Look(colour)),
        *(pen.number(count, right) for count in (line.pages, line.tables, line.cells)),
        pen.number(line.doubts, Look(colour or ("review" if line.doubts else ""), "right")),
        pen.text(line.message, Look(colour, wrap=True)),
    ]


def write_summary(book: Workbook, survey: Survey, file_width: int) -> None:
    """Counts by file with a chart, and the sums that the sheets were held against."""
    counts = ("cells", "accepted", "corrected", "to review", "text", "sums", "sums that fail")
    told = [f"{rule} (found in the numbers)" if is_found else rule for rule, is_found in survey.rules]
    columns = [
        Column("file", max(file_width, 30, *map(display_width, told)), widest=80),
        *(Column(title, 8, "right") for title in counts),
    ]
    listing = Listing(book, "Summary", columns)
    listing.append(_summary_row(listing.pen(), _total(survey), bold=True))
    for line in survey.files:
        if line.outcome in ("done", "failed"):
            listing.append(_summary_row(listing.pen(), line))
    last = listing.row - 1
    if survey.rules:
        listing.append([listing.pen().text("", Look())])
        titles = ("rule", "holds", "mistakes", "open")
        looks = (Look("header"), *(Look("header", "center") for _ in titles[1:]))
        pen = listing.pen()
        listing.append([pen.text(title, look) for title, look in zip(titles, looks, strict=True)])
        for rule, states in zip(told, survey.rules.values(), strict=True):
            pen = listing.pen()
            numbers = [states[state] for state in ("holds", "mistake", "open")]
            listing.append([pen.text(rule, Look()), *(pen.number(number, Look(align="right")) for number in numbers)])
    if last > 2:
        _chart(listing, min(last, _MOST_BARS + 2))
    listing.end()


def _total(survey: Survey) -> FileLine:
    names = ("cells", "doubts", "accepted", "corrected", "text", "sums", "failing")
    sums = {name: sum(getattr(line, name) for line in survey.files) for name in names}
    return FileLine("all files", "done", 0, 0, message="", **sums)


def _summary_row(pen: Pen, line: FileLine, bold: bool = False) -> list[Cell]:
    def look(colour: str = "") -> Look:
        return Look(colour, "right", bold=bold)

    return [
        pen.text(line.file, Look(bold=bold)),
        *(pen.number(count, look()) for count in (line.cells, line.accepted)),
        pen.number(line.corrected, look("corrected" if line.corrected else "")),
        pen.number(line.doubts, look("review" if line.doubts else "")),
        *(pen.number(count, look()) for count in (line.text, line.sums)),
        pen.number(line.failing, look("difference" if line.failing else "")),
    ]


def _chart(listing: Listing, last: int) -> None:
    """Bars of what was accepted, corrected and sent to a person, file by file."""
    chart = BarChart()
    chart.type, chart.grouping, chart.overlap = "bar", "stacked", 100
    chart.title, chart.style = "Cells by file", 10
    chart.height, chart.width = 4 + 0.6 * (last - 2), 20
    chart.add_data(Reference(listing.sheet, min_col=3, max_col=5, min_row=1, max_row=last), titles_from_data=True)
    chart.set_categories(Reference(listing.sheet, min_col=1, min_row=2, max_row=last))
    for series, colour in zip(chart.series, ("70AD47", "5B9BD5", "FFC000"), strict=True):
        series.graphicalProperties.solidFill = colour
        # the line of all files is in the list, but would dwarf the others here
    chart.series = list(chart.series)
    for series in chart.series:
        for reference in (series.val.numRef, series.cat.numRef or series.cat.strRef):
            reference.f = reference.f.replace("$2:", "$3:")
    chart.x_axis.scaling.orientation = "maxMin"
    chart.y_axis.scaling.min, chart.y_axis.crosses, chart.y_axis.number_format = 0, "max", "0"  # from nothing, below the bars
    chart.x_axis.delete = chart.y_axis.delete = False
    chart.legend.position = "b"
    listing.sheet.add_chart(chart, "J2")


def write_legend(book: Workbook, survey: Survey, edition: str) -> None:
    """What the colours mean, how often each is there, and which edition of the readings this is."""
    sheet = book.create_sheet("Legend")
    prepare(sheet, [16, 100, 12], "A2")
    pen = Pen(sheet)
    sheet.append([pen.text(title, Look("header", align)) for title, align in _LEGEND_HEADER])
    for status, meaning in MEANINGS:
        look = Look(status if status in COLOURS else "", "center")
        count = pen.number(survey.statuses[status], Look(align="right"))
        sheet.append([pen.text(status, look), pen.text(meaning, Look()), count])
    sheet.append(
        [pen.text("Σ", Look("sum", "center")), pen.text("What the row or column adds up to; red where paper differs.", Look())]
    )
    sheet.append([pen.text(EDITION, Look("quiet", "center")), pen.text(edition, Look("quiet"))])
