"""The two CSV files."""

from __future__ import annotations

import csv
from collections.abc import Iterable
from pathlib import Path

import pandas as pd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.export import write_job
from pipeline.export.text import safe_text
from pipeline.records import CellReading, ScanEntry
from tests.export.scans import HOSTILE, JOB, cell, grid, scan

HEADER = "file,page,table,row,column,name,value,text,confidence,status,reason,x,y,width,height"


def lines(path: str) -> list[str]:
    content = Path(path).read_bytes()
    assert b"\r" not in content
    assert content.endswith(b"\n")
    return content.decode("utf-8").split("\n")[:-1]


def consolidated(scans: Iterable[ScanEntry], outbox: Path) -> list[str]:
    return lines(write_job("job", scans, outbox).table_csv)


def test_readings_have_every_cell(tmp_path: Path) -> None:
    written = lines(write_job("9B", iter(JOB), tmp_path).readings_csv)
    assert written[0] == HEADER
    assert written[1] == "9B/scan 1.png,1,1,1,1,C1,007,007,0.9900,verified,,80,60,80,60"
    assert written[4] == "9B/scan 1.png,1,1,1,4,C4,,,0.0000,unreadable,struck out,320,60,80,60"
    assert written[-1] == "9B/scan 1.png,2,1,1,2,C2,,total,0.3000,review,letters,160,60,80,60"
    assert len(written) == 1 + 12 + 2


def test_consolidated_keeps_blank_rows_and_marks_doubts(tmp_path: Path) -> None:
    assert consolidated(JOB, tmp_path) == [
        "file,page,row,table,C1,C2,C3,C4",
        "9B/scan 1.png,1,1,1,007,52.50,5?,?",
        "9B/scan 1.png,1,2,1,,,,",
        "9B/scan 1.png,1,3,1,008,-3,-,B+",
        "9B/scan 1.png,2,1,1,12,total?,,",
    ]


def test_a_sheet_keeps_its_shape_whatever_is_blank(tmp_path: Path) -> None:
    blanks = [cell(row, column, "", "blank") for row in range(1, 26) for column in range(1, 7)]
    table = pd.read_csv(write_job("9B", [scan("a", blanks)], tmp_path).table_csv)
    assert table.shape == (25, 4 + 6)


def test_names_that_all_tables_agree_on_become_the_header(tmp_path: Path) -> None:
    def named(*names: str) -> list[CellReading]:
        return [cell(1, column, "1", name=name) for column, name in enumerate(names, 1)]

    def header(*tables: list[CellReading]) -> str:
        return consolidated([scan("a", *tables)], tmp_path)[0].removeprefix("file,page,row,table,")

    assert header(named("roll", "q1"), named("roll", "q1", "total")) == "roll,q1,total"
    assert header(named("roll", "q1"), named("roll", "q2")) == "roll,C2"
    assert header(named("roll", "C2")) == "roll,C2"
    assert header(named("C2", "sum", "sum", "file", "=x")) == "C1,sum,C3,C4,'=x"
    assert header([cell(1, 3, "1", name="total")]) == "C1,C2,total"


def test_no_scans_give_headers(tmp_path: Path) -> None:
    written = write_job("9B", [], tmp_path)
    assert lines(written.readings_csv) == [HEADER]
    assert lines(written.table_csv) == ["file,page,row,table"]


def test_pandas_reads_numbers_as_numbers(tmp_path: Path) -> None:
    written = write_job("9B", [scan("a", grid(5, 3))], tmp_path)
    assert [str(kind) for kind in pd.read_csv(written.table_csv).dtypes[1:]] == ["int64"] * 6
    readings = pd.read_csv(written.readings_csv)
    assert list(readings["value"]) == [row * column for row in range(1, 6) for column in range(1, 4)]
    assert str(readings["confidence"].dtype) == "float64"


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
@given(st.lists(st.text(st.characters(codec=None)) | st.sampled_from(HOSTILE), min_size=4, max_size=4))
def test_hostile_text_comes_back(tmp_path: Path, texts: list[str]) -> None:
    file, name, value, reason = texts
    entry = scan(file, [cell(1, 1, value, name=name or "C1", reason=reason)])
    written = write_job("9B", [entry], tmp_path)
    with Path(written.readings_csv).open(encoding="utf-8", newline="") as stream:
        _, row = csv.reader(stream)
    assert (row[0], row[5], row[6], row[7], row[10]) == tuple(map(safe_text, (file, name or "C1", value, value, reason)))
    back = pd.read_csv(written.readings_csv, dtype=str, keep_default_na=False)
    assert back.iloc[0].tolist() == row
