"""A person's corrections: out in a workbook, back into the journal, and into the next workbook."""

from __future__ import annotations

import itertools
import os
import struct
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from openpyxl import load_workbook

from pipeline.arithmetic import check_page
from pipeline.cli import cli
from pipeline.errors import OutputError, UsageError
from pipeline.export import review
from pipeline.folders import Stamp
from pipeline.jobs import spreadsheets
from pipeline.jobs.desk import Desk
from pipeline.jobs.spreadsheets import Announce, accept, export, write_spreadsheets
from pipeline.journal import Journal
from pipeline.lock import only_one
from pipeline.records import CellReading, PageResult, ScanEntry, ScanResult, Written
from pipeline.settings import Settings
from pipeline.states import Scan
from pipeline.worker import Answer, Task
from tests.arithmetic.tables import Said, table
from tests.scanning import serial

FORM = """rules = ["total = sum(q1..q3)"]
header_rows = 0
columns = [ { name = "q1..q3", type = "decimal(1)" }, { name = "total", type = "decimal(1)" } ]
"""
ROWS: list[list[Said]] = [
    [("5", 0.6, {"8": 0.3}), ("6", 0.6, {"3": 0.3}), "7", "18"],
    ["1", "2", "3", "6"],
    ["?", "4", "007", ""],
    ["1.5", ("2", 0.7), "", "4"],
]
Cells = dict[tuple[int, int], CellReading]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "forms").mkdir()
    (tmp_path / "forms" / "marks.toml").write_text(FORM)
    return Settings(outbox=tmp_path / "outbox", forms=tmp_path / "forms", threshold=0.99)


def page(settings: Settings, rows: list[list[Said]] = ROWS) -> PageResult:
    from pipeline.forms import read_form

    readings, notes = check_page(table(rows), {1: read_form(settings.forms / "marks.toml")}, settings.threshold)
    return PageResult(1, readings, tables=notes)


@pytest.fixture
def workbook(settings: Settings, tmp_path: Path) -> Path:
    """A job of one scan, as written."""
    with Journal(settings.state_folder) as journal:
        scan = journal.add("9B", tmp_path, "a.png", tmp_path / "a.png", Stamp(1, 1), "sha")
        journal.settle(journal.start(scan), "done", "", [page(settings)], "sha")
        return Path(write_spreadsheets(journal, "9B", settings).workbook)


def change(workbook: Path, edit: Callable[[Any], None]) -> None:
    """Open, change, save, as a person does with a spreadsheet program."""
    book = load_workbook(workbook)
    edit(book)
    book.save(workbook)


def correct(book: Any, row: int, column: int, value: object) -> None:  # noqa: ANN401
    """Fill in the correct value of a cell of the paper."""
    sheet = book["Review"]
    [line] = [line for line in sheet.iter_rows(min_row=2) if (line[3].value, line[4].value) == (row, column)]
    line[-1].value = value


def cells(settings: Settings) -> Cells:
    with Journal(settings.state_folder) as journal:
        [entry] = journal.entries("9B")
        return {(c.row, c.column): c for c in entry.pages[0].readings}


def test_a_correct_value_is_verified_and_the_sums_are_solved_again(workbook: Path, settings: Settings) -> None:
    change(workbook, lambda book: correct(book, 1, 1, 8))
    taken, written = accept(workbook, settings)
    assert (taken.edits, taken.problems) == (1, ())
    found = cells(settings)
    assert (found[1, 1].value, found[1, 1].status, found[1, 1].confidence) == ("8", "verified", 1.0)
    assert (found[1, 2].value, found[1, 2].status) == ("3", "corrected")
    sheet = load_workbook(written.workbook)["marks"]
    assert [sheet.cell(2, column).value for column in (5, 6, 7, 8)] == [8, 3, 7, 18]


def test_a_number_overtyped_in_the_table_counts_too(workbook: Path, settings: Settings) -> None:
    change(workbook, lambda book: book["marks"].__setitem__("E5", 2.5))
    taken, _ = accept(workbook, settings)
    assert taken.edits == 1
    assert (cells(settings)[4, 1].value, cells(settings)[4, 1].status) == ("2.5", "verified")


def test_what_is_left_in_the_outbox_is_read_before_it_is_written_again(workbook: Path, settings: Settings) -> None:
    change(workbook, lambda book: correct(book, 3, 1, "blank"))
    with Journal(settings.state_folder) as journal:
        written = write_spreadsheets(journal, "9B", settings)
    assert written.workbook == str(workbook)
    assert any("1 values accepted" in note for note in written.notes)
    assert (cells(settings)[3, 1].status, cells(settings)[3, 1].value) == ("blank", "")


def test_what_is_saved_while_the_new_workbook_is_written_is_not_lost(workbook: Path, settings: Settings) -> None:
    """A large one takes a minute to write, and people do not know when."""
    saved = iter([(3, "blank"), (1, 8)])

    def slow(job: str, entries: Iterable[ScanEntry], outbox: Path, announce: Announce) -> Written:
        if edit := next(saved, None):
            change(workbook, partial(correct, row=edit[0], column=1, value=edit[1]))
        return export(job, entries, outbox, announce)

    with Journal(settings.state_folder) as journal:
        written = write_spreadsheets(journal, "9B", settings, slow)
    assert written.workbook == str(workbook)
    found = cells(settings)
    assert (found[3, 1].status, found[1, 1].value) == ("blank", "8")


def test_a_workbook_that_is_opened_while_the_new_one_is_written_is_left_alone(workbook: Path, settings: Settings) -> None:
    before = workbook.read_bytes()

    def slow(job: str, entries: Iterable[ScanEntry], outbox: Path, announce: Announce) -> Written:
        workbook.with_name(f".~lock.{workbook.name}#").touch()
        return export(job, entries, outbox, announce)

    with Journal(settings.state_folder) as journal:
        written = write_spreadsheets(journal, "9B", settings, slow)
    assert written.workbook == str(workbook.with_name("9B (new).xlsx"))
    assert workbook.read_bytes() == before


def test_a_workbook_that_never_rests_is_left_alone(workbook: Path, settings: Settings) -> None:
    times = itertools.count(1)

    def slow(job: str, entries: Iterable[ScanEntry], outbox: Path, announce: Announce) -> Written:
        os.utime(workbook, ns=(1, next(times)))
        return export(job, entries, outbox, announce)

    before = workbook.read_bytes()
    with Journal(settings.state_folder) as journal, pytest.raises(OutputError, match="again and again"):
        write_spreadsheets(journal, "9B", settings, slow)
    assert workbook.read_bytes() == before


def test_spreadsheets_are_written_by_one_process_at_a_time(
    workbook: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spreadsheets, "_PATIENCE", 0.2)
    with only_one(settings.state_folder / "write.lock", "Another"), pytest.raises(OutputError, match=f"process {os.getpid()}"):
        accept(workbook, settings)
    assert accept(workbook, settings)[1].workbook == str(workbook)


@pytest.mark.parametrize("fails", ["9B.csv", "9B.readings.csv"])
def test_a_workbook_whose_csv_could_not_be_replaced_with_it_is_ours_all_the_same(
    workbook: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    """Nobody has changed it, so nothing is lost by writing it anew, and no second one is put beside it."""
    real = Path.replace

    def replace_but_one(self: Path, target: Path) -> Path:
        if Path(target).name == fails:
            raise PermissionError(13, "Permission denied")
        return real(self, target)

    before = workbook.read_bytes()
    with Journal(settings.state_folder) as journal:
        other = journal.add("9B", workbook.parent, "b.png", workbook.parent / "b.png", Stamp(1, 1), "other")
        journal.settle(journal.start(other), "done", "", [page(settings)], "other")
        with monkeypatch.context() as patch, pytest.raises(OutputError, match=fails):
            patch.setattr(Path, "replace", replace_but_one)
            write_spreadsheets(journal, "9B", settings)
        assert workbook.read_bytes() != before
        written = write_spreadsheets(journal, "9B", settings)
    assert (written.workbook, written.notes) == (str(workbook), ())
    assert sorted(path.name for path in settings.outbox.glob("9B*")) == ["9B.csv", "9B.readings.csv", "9B.xlsx"]


def test_corrections_survive_the_next_reading_of_the_scan(workbook: Path, settings: Settings) -> None:
    change(workbook, lambda book: correct(book, 1, 1, 8))
    accept(workbook, settings)
    with Journal(settings.state_folder) as journal, serial(settings) as engine:
        known = journal.named("9B", "a.png")
        assert known is not None
        scan = journal.start(journal.again(known, known.root, known.source, known.stamp, known.sha256))
        answer = Answer(Task(scan.source, settings), "sha", ScanResult((page(settings),)))
        Desk(journal, engine, settings).commit(scan, answer)
        assert cells(settings)[1, 1].value == "8"
        other = journal.start(journal.again(journal_scan(journal), known.root, known.source, known.stamp, "other"))
        Desk(journal, engine, settings).commit(other, replace(answer, sha256="other"))
        assert cells(settings)[1, 1].value == "5", "they were said of other content"


def journal_scan(journal: Journal) -> Scan:
    scan = journal.named("9B", "a.png")
    assert scan is not None
    return scan


def test_nothing_changed_is_nothing_accepted(workbook: Path, settings: Settings) -> None:
    before = cells(settings)
    change(workbook, lambda book: None)
    assert accept(workbook, settings)[0].edits == 0
    assert cells(settings) == before


def test_what_can_not_be_understood_is_named_by_cell(workbook: Path, settings: Settings) -> None:
    def edit(book: Any) -> None:  # noqa: ANN401
        correct(book, 1, 1, "eight")
        book["marks"]["F3"] = None
        book["marks"]["G3"] = True

    change(workbook, edit)
    taken, _ = accept(workbook, settings)
    assert taken.edits == 0
    assert [problem.partition(":")[0] for problem in taken.problems][:2] == ["marks!F3", "marks!G3"]
    assert any(problem.startswith("Review!") and "'eight'" in problem for problem in taken.problems)


@pytest.mark.parametrize("lock", ["~$9B.xlsx", ".~lock.9B.xlsx#"])
def test_an_open_workbook_is_left_alone_and_the_new_one_goes_beside_it(workbook: Path, settings: Settings, lock: str) -> None:
    before = workbook.read_bytes()
    workbook.with_name(lock).touch()
    with Journal(settings.state_folder) as journal:
        written = write_spreadsheets(journal, "9B", settings)
        assert Path(written.workbook).name == "9B (new).xlsx"
        assert "open in another program" in written.notes[0]
        assert workbook.read_bytes() == before
        workbook.with_name(lock).unlink()
        again = write_spreadsheets(journal, "9B", settings)
    assert again.workbook == str(workbook)
    assert sorted(path.name for path in workbook.parent.iterdir() if path.suffix != "") == [
        *("9B.csv", "9B.readings.csv", "9B.xlsx"),
    ]


def test_a_workbook_that_can_not_be_compared_is_never_overwritten(workbook: Path, settings: Settings) -> None:
    change(workbook, lambda book: correct(book, 1, 1, 8))
    workbook.with_name("9B.readings.csv").write_text("gone")
    before = workbook.read_bytes()
    with Journal(settings.state_folder) as journal:
        written = write_spreadsheets(journal, "9B", settings)
    assert Path(written.workbook).name == "9B (new).xlsx"
    assert workbook.read_bytes() == before
    assert cells(settings)[1, 1].value == "8", "what Review says is clear all the same"


def test_a_broken_workbook_is_left_alone(workbook: Path, settings: Settings) -> None:
    workbook.write_bytes(b"PK broken")
    with pytest.raises(UsageError, match="can't be read"):
        accept(workbook, settings)
    with Journal(settings.state_folder) as journal:
        written = write_spreadsheets(journal, "9B", settings)
    assert Path(written.workbook).name == "9B (new).xlsx"
    assert workbook.read_bytes() == b"PK broken"


PNG = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", 40, 20) + bytes(8)


def test_more_pictures_than_a_workbook_should_hold_go_into_further_ones(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is corrected there counts as well, and the workbooks go when they are of no more use."""
    monkeypatch.setattr(review, "MOST_PICTURES", 3)
    pictured = tuple(replace(cell, picture=PNG) for cell in page(settings).readings)
    with Journal(settings.state_folder) as journal:
        scan = journal.add("9B", tmp_path, "a.png", tmp_path / "a.png", Stamp(1, 1), "sha")
        journal.settle(journal.start(scan), "done", "", [replace(page(settings), readings=pictured)], "sha")
        written = write_spreadsheets(journal, "9B", settings)
        doubts = [cell for cell in pictured if cell.status in ("review", "unreadable")]
        assert len(doubts) == 6
        [further] = map(Path, written.reviews)
        assert further.name == "9B (review 2).xlsx"
        first = load_workbook(written.workbook)["Review"]
        assert [line[6].value for line in first.iter_rows(min_row=2)] == [None] * 3 + ["in 9B (review 2).xlsx"] * 3
        book: Any = load_workbook(further)
        assert book.sheetnames == ["Review", "Legend"]
        line = book["Review"][2]
        place = line[3].value, line[4].value
        line[-1].value = 9
        book.save(further)
        further.with_name(f"~${further.name}").touch()
        assert Path(write_spreadsheets(journal, "9B", settings).workbook).name == "9B (new).xlsx"
        further.with_name(f"~${further.name}").unlink()
        assert write_spreadsheets(journal, "9B", settings).notes == ("1 values accepted from the workbook",)
        assert cells(settings)[place].value == "9"
        monkeypatch.setattr(review, "MOST_PICTURES", 30)
        write_spreadsheets(journal, "9B", settings)
    assert sorted(path.name for path in settings.outbox.glob("*.xlsx")) == ["9B.xlsx"]


def test_the_command(workbook: Path, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIPELINE_FORMS", str(settings.forms))
    change(workbook, lambda book: correct(book, 1, 1, 8))
    done = CliRunner().invoke(cli, ["accept", str(workbook)])
    assert (done.exit_code, done.output.splitlines()[0]) == (0, "1 value accepted")
    change(workbook, lambda book: correct(book, 4, 2, "two"))
    assert CliRunner().invoke(cli, ["accept", str(workbook)]).exit_code == 1
    workbook.rename(tmp_path / "outbox" / "other.xlsx")
    assert CliRunner().invoke(cli, ["accept", str(tmp_path / "outbox" / "other.xlsx")]).exit_code == 2
