from __future__ import annotations

import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from openpyxl import Workbook, load_workbook

from pipeline.export import review, sheets, tables, write_job
from pipeline.export.styles import COLOURS, number
from pipeline.export.text import sheet_text
from pipeline.records import TEXT_REASON, PageResult, ScanEntry, SumCheck, TableNote
from tests.export.scans import HOSTILE, JOB, cell, grid, scan

#: The sheets of the job with tables of two shapes.
FOUR, TWO = "Table, 4 columns", "Table, 2 columns"
Rows = list[tuple[Any, ...]]


def written(outbox: Path, *scans: ScanEntry) -> Workbook:
    return load_workbook(write_job("9B", iter(scans), outbox).workbook)


def values(book: Workbook, sheet: str) -> Rows:
    return list(book[sheet].iter_rows(values_only=True))


def fill(cell: Any) -> str:  # noqa: ANN401
    return str(cell.fill.fgColor.rgb)[2:]


def test_sheets_in_order(tmp_path: Path) -> None:
    assert written(tmp_path, *JOB).sheetnames == [
        "Table, 4 columns",
        "Table, 2 columns",
        "Review",
        "Files",
        "Summary",
        "Legend",
    ]


def test_table_has_real_numbers(tmp_path: Path) -> None:
    book = written(tmp_path, *JOB)
    assert values(book, FOUR) == [
        ("file", "page", "row", "table", "C1", "C2", "C3", "C4"),
        ("9B/scan 1.png", 1, 1, 1, 7, 52.5, "5?", "?"),
        ("9B/scan 1.png", 1, 2, 1, None, None, None, None),
        ("9B/scan 1.png", 1, 3, 1, 8, -3, "-", "B+"),
    ]
    assert values(book, TWO)[1:] == [("9B/scan 1.png", 2, 1, 1, 12, "total?")]
    first = book[FOUR][2]
    assert [first[4].number_format, first[5].number_format] == ["000", "0.00"]
    assert [type(each.value) for each in first[4:6]] == [int, float]


def test_cells_to_look_at_are_coloured_and_say_why(tmp_path: Path) -> None:
    book = written(tmp_path, *JOB)
    sheet = book[FOUR]
    assert fill(sheet["E2"]) == COLOURS["verified"][0]
    assert fill(sheet["G2"]) == COLOURS["review"][0]
    assert fill(sheet["H2"]) == COLOURS["unreadable"][0]
    assert fill(sheet["F4"]) == COLOURS["corrected"][0]
    assert sheet["F2"].fill.fill_type is None
    comments = {each.coordinate: each.comment.text for row in sheet.iter_rows() for each in row if each.comment}
    assert comments == {
        "G2": "Review, 60.0% sure\n5 or 6",
        "H2": "Unreadable\nstruck out",
        "F4": "Corrected, 99.0% sure\nthe total says so\nLetter for letter: -8",
    }
    assert book[TWO]["F2"].comment.text == "Review, 30.0% sure\nletters\nLetter for letter: total"


def test_review_lists_the_most_doubtful_first(tmp_path: Path) -> None:
    assert values(written(tmp_path, *JOB), "Review") == [
        (
            *("file", "page", "table", "row", "column", "name", "picture", "value", "could also be", "confidence", "reason"),
            "correct value",
        ),
        ("9B/scan 1.png", 1, 1, 1, 4, "C4", None, None, None, 0, "struck out", None),
        ("9B/scan 1.png", 2, 1, 1, 2, "C2", None, "total", None, 0.3, "letters", None),
        ("9B/scan 1.png", 1, 1, 1, 3, "C3", None, 5, None, 0.6, "5 or 6", None),
    ]


def test_review_says_when_there_is_nothing_to_do(tmp_path: Path) -> None:
    rows = values(written(tmp_path, scan("a", grid(2, 2))), "Review")
    assert [row[0] for row in rows] == ["file", review.NOTHING_TO_REVIEW]


def test_files_and_legend(tmp_path: Path) -> None:
    book = written(tmp_path, *JOB)
    assert values(book, "Files") == [
        ("file", "outcome", "pages", "tables", "cells read", "to review", "message"),
        ("9B/scan 1.png", "done", 2, 2, 10, 3, None),
        ("9B/scan 2.png", "failed", 0, 0, 0, 0, "9B/scan 2.png is empty. Scan it again."),
        ("9B/scan 3.png", "duplicate", 0, 0, 0, 0, "same content as 9B/scan 1.png"),
    ]
    assert fill(book["Files"]["A3"]) == COLOURS["unreadable"][0]
    legend = [(row[0], row[2]) for row in values(book, "Legend")[1:8]]
    counts = [("review", 2), ("unreadable", 1), ("text", 0), ("corrected", 1), ("verified", 1), ("ok", 5), ("blank", 4)]
    assert legend == counts


def test_text_is_set_apart_from_doubts(tmp_path: Path) -> None:
    name = cell(1, 1, "", "review", confidence=0, reason=TEXT_REASON)
    book = written(tmp_path, scan("a", [name, cell(1, 2, "5", "review", confidence=0.6, reason="5 or 6")]))
    assert [book["Table"][place].value for place in ("E2", "F2")] == ["(text)", "5?"]
    assert book["Table"]["E2"].comment is None
    assert [row[4] for row in values(book, "Review")[1:]] == [2, 1], "the number in doubt comes first"
    assert values(book, "Files")[1][5] == 1, "only the number is to review"


def test_lists_are_ready_to_use_and_to_print(tmp_path: Path) -> None:
    book = written(tmp_path, *JOB)
    for name, frozen, area in ((FOUR, "E2", "A1:H4"), ("Review", "A2", "A1:L4"), ("Files", "A2", "A1:G4")):
        sheet = book[name]
        assert (sheet.freeze_panes, sheet.auto_filter.ref) == (frozen, area)
        assert (sheet.page_setup.orientation, sheet.page_setup.fitToHeight) == ("landscape", 0)
        assert sheet.sheet_properties.pageSetUpPr
        assert sheet.sheet_properties.pageSetUpPr.fitToPage
        assert sheet.print_title_rows == "$1:$1"
        assert all(each.font.b for each in sheet[1])
    assert book[FOUR].column_dimensions["A"].width > len("9B/scan 1.png")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("7", (7, "0")),
        ("007", (7, "000")),
        ("-007", (-7, "000")),
        ("0", (0, "0")),
        ("2.50", (2.5, "0.00")),
        ("007.5", (7.5, "000.0")),
        ("123456789012345", (123456789012345, "0")),
        *(
            (text, None)
            for text in ("1234567890123456", "-0", "-0.0", "", "5.", ".5", "+5", "1e5", "1,5", "٣", "5?", "1" * 5000)
        ),
    ],
)
def test_numbers_and_how_they_are_shown(text: str, expected: object) -> None:
    assert number(text) == expected


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
@given(st.lists(st.text(st.characters(codec=None), max_size=40) | st.sampled_from(HOSTILE), min_size=5, max_size=5))
def test_text_is_never_a_formula(tmp_path: Path, texts: list[str]) -> None:
    file, name, value, reason, message = texts
    cells = [cell(1, 1, value, name=name or "C1"), cell(1, 2, "", "review", text=value, reason=reason)]
    book = written(tmp_path, scan(file, cells, message=message))
    assert {each.data_type for sheet in book for row in sheet.iter_rows() for each in row} <= {"n", "s", "inlineStr"}
    assert values(book, "Files")[1][0] == (sheet_text(file) or None)
    assert values(book, "Review")[1][10] == (sheet_text(reason) or None)
    if number(value) is None:
        assert values(book, "Table")[1][4] == (sheet_text(value) or None)


def test_formula_like_text_stays_text_when_edited(tmp_path: Path) -> None:
    sheet = written(tmp_path, scan("a", [cell(1, 1, "=1+1"), cell(1, 2, "B+")]))["Table"]
    assert (sheet["E2"].value, sheet["E2"].quotePrefix, sheet["F2"].quotePrefix) == ("=1+1", True, False)


def test_a_full_sheet_goes_on_in_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheets, "MOST_ROWS", 11)
    doubts = [cell(row, 1, str(row), "review") for row in range(1, 26)]
    book = written(tmp_path, scan("a", doubts))
    assert book.sheetnames == ["Table", "Table 2", "Table 3", "Review", "Review 2", "Review 3", "Files", "Summary", "Legend"]
    rows = [row for name in ("Table", "Table 2", "Table 3") for row in values(book, name)[1:]]
    assert [row[4] for row in rows] == [f"{row}?" for row in range(1, 26)]
    assert book["Table 2"]["E2"].comment is not None
    assert book["Table 3"].auto_filter.ref == "A1:E6"


def test_comments_are_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "MOST_COMMENTS", 3)
    book = written(tmp_path, scan("a", [cell(row, 1, "1", "review") for row in range(1, 11)]))
    assert [bool(row[4].comment) for row in book["Table"].iter_rows(min_row=2)] == [True] * 3 + [False] * 7
    assert len(values(book, "Review")) == 11


def test_nothing_in_the_file_tells_the_time(tmp_path: Path) -> None:
    with zipfile.ZipFile(write_job("9B", JOB, tmp_path).workbook) as archive:
        assert archive.testzip() is None
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        assert archive.read("docProps/core.xml").count(b"1980-01-01T00:00:00Z") == 2


def summed(state: str = "holds", source: str = "") -> ScanEntry:
    """Two rows of two numbers with their sums, and a row of totals, of the form "marks"."""
    numbers = [["1", "2", "3"], ["4.5", "5", "9.5"], ["5.5", "7", "12.5"]]
    cells = [cell(r, c, value, name=f"n{c}") for r, line in enumerate(numbers, 1) for c, value in enumerate(line, 1)]
    across = [SumCheck("n3 = sum(n1..n2)", r, 3, ((r, 1, 1.0), (r, 2, 1.0)), 0.0, None, "holds", "") for r in (1, 2, 3)]
    down = [
        SumCheck("last row is totals", 3, c, ((1, c, 1.0), (2, c, 1.0)), 0.0, None, state, "")  # type: ignore[arg-type]
        for c in (1, 2, 3)
    ]
    rules = ("n3 = sum(n1..n2)", "last row is totals")
    note = TableNote(1, "marks", rules, False, (*across, *down))
    return ScanEntry("a.png", "done", "", (PageResult(1, tuple(cells), tables=(note,)),), source)


def test_sums_are_live_beside_those_on_paper(tmp_path: Path) -> None:
    sheet = written(tmp_path, summed())["marks"]
    assert [each.value for each in sheet[1]] == ["file", "page", "row", "table", "n1", "n2", "n3", "Σ n3"]
    assert [each.value for each in sheet["H"]][1:4] == [f"=ROUND(SUM(E{r}:F{r}),10)" for r in (2, 3, 4)]
    assert [each.value for each in sheet[5]][2:7] == ["Σ", 1, *(f"=ROUND(SUM({c}2:{c}3),10)" for c in "EFG")]
    assert [str(area.sqref) for area in sheet.conditional_formatting] == ["H2:H5"]
    assert fill(sheet["E5"]) == COLOURS["sum"][0]
    assert fill(written(tmp_path, summed("mistake"))["marks"]["E5"]) == COLOURS["difference"][0]


def test_summary_counts_and_names_the_rules(tmp_path: Path) -> None:
    book = written(tmp_path, summed("mistake"), *JOB)
    rows = values(book, "Summary")
    assert rows[0] == ("file", "cells", "accepted", "corrected", "to review", "text", "sums", "sums that fail")
    assert rows[1] == ("all files", 19, 15, 1, 3, 0, 6, 3)
    assert rows[2] == ("a.png", 9, 9, 0, 0, 0, 6, 3)
    assert ("last row is totals", 0, 3, 0) in [row[:4] for row in rows]
    summary: Any = book["Summary"]
    [chart] = summary._charts
    assert chart.y_axis.scaling.min == 0  # bars are as long as there are cells


PNG = bytes.fromhex("89504e470d0a1a0a0000000d49484452000000500000002808000000001b3c4d5e")


def test_doubtful_cells_are_shown_and_have_a_place_for_what_they_say(tmp_path: Path) -> None:
    doubtful = cell(1, 1, "5", "review", confidence=0.6, reason="5 or 6")
    doubtful = replace(doubtful, picture=PNG, candidates=(("5", 0.6), ("6", 0.25), ("8", 0.001)))
    path = write_job("9B", [replace(scan("a.png", [doubtful]), source=str(tmp_path / "a b.png"))], tmp_path).workbook
    with zipfile.ZipFile(path) as archive:
        assert archive.read("xl/media/image1.png") == PNG
    sheet = load_workbook(path)["Review"]  # openpyxl drops pictures that it can't decode
    assert sheet["I2"].value == "6 (25%)"
    assert sheet["A2"].hyperlink.target == (tmp_path / "a b.png").as_uri()
    [rule] = sheet.data_validations.dataValidation
    assert (str(rule.sqref), rule.type, rule.showErrorMessage) == ("L2", "custom", True)
    comment = load_workbook(path)["Table"]["E2"].comment
    assert comment and "Or: 6 (25%)" in comment.text


def test_excel_is_told_of_names_that_are_not_ascii(tmp_path: Path) -> None:
    assert Path(write_job("9B", [scan("a.png", grid(1, 1))], tmp_path).table_csv).read_bytes().startswith(b"file,")
    table = Path(write_job("9B", [scan("Müller.png", grid(1, 1))], tmp_path).table_csv).read_bytes()
    assert table.startswith(b"\xef\xbb\xbffile,")
