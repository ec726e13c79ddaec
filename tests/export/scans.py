"""Scans for the tests of the spreadsheets, as the chain would hand them over."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.records import Box, CellReading, Outcome, PageResult, ScanEntry, Status

#: Text that has broken spreadsheets before.
HOSTILE = (
    *("=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1+1", "#N/A", "TRUE", "1E5", "2024-01-31"),
    *('"quoted"', "a,b;c", "a\nb", "a\rb", "a\r\nb", "nul\0nul", "\x1b[31m", "\ufffe\uffff", "caf\udce9.png", "\ud800"),
    *(
        "成績表.png",
        "נתונים",
        "🧮" * 20,
        " spaces ",
        "'apostrophe",
        "",
        "x" * 255,
        "_x0041_",
        "<b>&amp;</b>",
        "]]>",
        "1" * 5000,
    ),
)


def cell(  # what a test does not say is unremarkable
    row: int, column: int, value: str, status: Status = "ok", text: str | None = None, name: str = "", **others: object
) -> CellReading:
    return CellReading(
        table=1,
        row=row,
        column=column,
        name=name or f"C{column}",
        value=value,
        text=value if text is None else text,
        confidence=float(str(others.get("confidence", 0.99))),
        status=status,
        reason=str(others.get("reason", "")),
        box=Box(80 * column, 60 * row, 80, 60),
    )


def scan(file: str, *pages: Sequence[CellReading], outcome: Outcome = "done", message: str = "") -> ScanEntry:
    results = tuple(PageResult(number, tuple(readings)) for number, readings in enumerate(pages, 1))
    return ScanEntry(file, outcome, message, results)


def grid(rows: int, columns: int) -> list[CellReading]:
    return [cell(row, column, str(row * column)) for row in range(1, rows + 1) for column in range(1, columns + 1)]


#: A bit of everything: 2 rows of 4 cells, one row blank, a narrower second page, and scans that gave nothing.
JOB = (
    scan(
        "9B/scan 1.png",
        [
            *(cell(1, 1, "007", "verified"), cell(1, 2, "52.50"), cell(1, 3, "5", "review", confidence=0.6, reason="5 or 6")),
            *(cell(1, 4, "", "unreadable", confidence=0.0, reason="struck out"),),
            *(cell(2, column, "", "blank") for column in range(1, 5)),
            *(cell(3, 1, "008"), cell(3, 2, "-3", "corrected", text="-8", reason="the total says so")),
            *(cell(3, 3, "", text="-"), cell(3, 4, "B+")),
        ],
        [cell(1, 1, "12"), cell(1, 2, "", "review", text="total", confidence=0.3, reason="letters")],
    ),
    scan("9B/scan 2.png", outcome="failed", message="9B/scan 2.png is empty. Scan it again."),
    scan("9B/scan 3.png", outcome="duplicate", message="same content as 9B/scan 1.png"),
)
