"""The journal: exact round trips, the machine of states, and files that are not what they should be."""

from __future__ import annotations

import itertools
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.errors import StateError
from pipeline.folders import Stamp
from pipeline.journal import FILE_NAME, Journal
from pipeline.records import Box, CellReading, PageResult, ScanEntry, Status
from pipeline.states import TRANSITIONS, Scan, State

ROOT = Path("/inbox")
STAMP = Stamp(7, 1_700_000_000_123_456_789)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with Journal(tmp_path) as journal:
        yield journal


def add(journal: Journal, name: str = "a.png", job: str = "9B", content: str = "abc") -> Scan:
    return journal.add(job, ROOT, name, ROOT / name, STAMP, content)


def in_state(journal: Journal, state: State) -> Scan:
    """A scan brought into a state along its usual way."""
    scan = add(journal, f"{state}.png")
    steps: list[Callable[[Scan], Scan]] = [
        journal.start,
        lambda scan: journal.settle(scan, "done"),
        lambda scan: journal.move(scan, ROOT / "processed" / "a.png"),
        journal.filed,
    ]
    for step in steps:
        if scan.state == state:
            break
        scan = step(scan)
    return scan


texts = st.text(st.characters(exclude_categories=["Cs"]))
ints = st.integers(-(2**40), 2**40)
cells = st.builds(
    CellReading,
    table=ints,
    row=ints,
    column=ints,
    name=texts,
    value=texts,
    text=texts,
    confidence=st.floats(0, 1),
    status=st.sampled_from(get_args(Status)),
    reason=texts,
    box=st.builds(Box, ints, ints, ints, ints),
)
pages = st.lists(
    st.tuples(st.lists(cells, max_size=4), texts, st.dictionaries(texts, st.floats(allow_nan=False))), max_size=3
).map(lambda found: tuple(PageResult(number, tuple(of), note, times) for number, (of, note, times) in enumerate(found, 1)))


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Journal, Iterator[str]]]:
    with Journal(tmp_path_factory.mktemp("state")) as journal:
        yield journal, (f"job {number}" for number in itertools.count())


@settings(deadline=None)
@given(pages, texts)
def test_an_entry_comes_back_exactly(
    shared: tuple[Journal, Iterator[str]], pages: tuple[PageResult, ...], message: str
) -> None:
    journal, jobs = shared
    scan = add(journal, job=next(jobs))
    journal.settle(journal.start(scan), "done", message, pages)
    assert list(journal.entries(scan.job)) == [ScanEntry("a.png", "done", message, pages)]


@pytest.mark.parametrize(("before", "after"), list(itertools.product(get_args(State), repeat=2)))
def test_only_the_transitions_of_the_table_are_possible(journal: Journal, before: State, after: State) -> None:
    enter: dict[State, Callable[[Scan], Scan]] = {
        "waiting": journal.give_back,
        "reading": journal.start,
        "settled": lambda scan: journal.settle(scan, "done"),
        "moving": lambda scan: journal.move(scan, ROOT / "b.png"),
        "filed": journal.filed,
    }
    scan = in_state(journal, before)
    if after in TRANSITIONS[before]:
        assert enter[after](scan).state == after
    else:
        with pytest.raises(StateError, match=f"from {before} to {after}"):
            enter[after](scan)
        assert journal.named("9B", scan.file) == scan


@pytest.mark.parametrize(("content", "deaths"), [("abc", 1), ("another", 0)])
def test_deaths_are_charged_to_a_content_until_that_is_read(journal: Journal, content: str, deaths: int) -> None:
    scan = journal.give_back(journal.begin(journal.start(add(journal)), 7), was_deadly=True)
    assert scan.deaths == 1
    scan = journal.start(journal.again(scan, ROOT, scan.source, STAMP, content))
    assert (scan.deaths, scan.begun) == (deaths, None)
    assert journal.settle(scan, "done").deaths == 0


def test_every_state_is_in_the_table() -> None:
    assert set(TRANSITIONS) == set(get_args(State))


def test_filing_moves_the_source(journal: Journal) -> None:
    assert in_state(journal, "filed").source == ROOT / "processed" / "a.png"


def test_entries_come_in_natural_order(journal: Journal) -> None:
    for number in (11, 2, 1):
        journal.settle(add(journal, f"scan {number}.png"), "ignored")
    add(journal, "scan 3.png")  # has no outcome yet
    assert [entry.file for entry in journal.entries("9B")] == ["scan 1.png", "scan 2.png", "scan 11.png"]


def test_entries_are_of_one_moment(journal: Journal) -> None:
    for name in ("a.png", "b.png"):
        journal.settle(add(journal, name), "ignored")
    entries = journal.entries("9B")
    next(entries)
    journal.settle(add(journal, "c.png"), "ignored")
    assert [entry.file for entry in entries] == ["b.png"]


def test_readings_replace_those_before(journal: Journal) -> None:
    scan = journal.settle(add(journal), "done", "", (PageResult(1, (), "old"), PageResult(2, (), "old")))
    again = journal.again(scan, ROOT, scan.source, STAMP, "def")
    assert [entry.pages[0].note for entry in journal.entries("9B")] == ["old"]  # until it has been read again
    journal.settle(journal.start(again), "done", "", (PageResult(1, (), "new"),))
    assert [entry.pages for entry in journal.entries("9B")] == [(PageResult(1, (), "new"),)]


def test_settling_is_all_or_nothing(journal: Journal) -> None:
    scan = journal.start(add(journal))
    twice = (PageResult(1, ()), PageResult(1, ()))
    with pytest.raises(StateError):
        journal.settle(scan, "done", "", twice)
    assert journal.named("9B", "a.png") == scan
    assert list(journal.entries("9B")) == []


def test_twins_are_scans_that_stand_for_their_content(journal: Journal) -> None:
    done = journal.settle(add(journal, "done.png"), "done")
    waiting = add(journal, "waiting.png")
    journal.settle(add(journal, "duplicate.png"), "duplicate")
    add(journal, "other.png", content="def")
    add(journal, "other job.png", job="9C")
    assert journal.twins("9B", "abc") == [done, waiting]
    assert journal.twins("9B", "abc", but=done.id) == [waiting]


def test_forgetting_keeps_what_was_read(journal: Journal) -> None:
    journal.forget(add(journal, "new.png"))
    read = journal.settle(add(journal, "old.png"), "done")
    journal.forget(journal.again(read, ROOT, read.source, STAMP, "def"))
    assert [entry.file for entry in journal.entries("9B")] == ["old.png"]
    assert journal.twins("9B", "def") == []


def test_versions_tell_what_is_stale(journal: Journal) -> None:
    scan = add(journal)
    assert journal.stale(ROOT) == []
    journal.settle(scan, "ignored")
    assert journal.stale(ROOT) == ["9B"]
    assert journal.stale(Path("/elsewhere")) == []
    journal.written("9B", journal.version("9B"))
    assert journal.stale(ROOT) == []


def test_paths_that_are_no_text(journal: Journal) -> None:
    source = Path(os.fsdecode(b"/inbox/\xff\n.png"))
    scan = journal.add("9B", ROOT, "x", source, STAMP, "abc")
    assert journal.at(source) == scan
    assert scan.source == source


def test_totals_count_what_was_read(journal: Journal) -> None:
    cell = CellReading(1, 1, 1, "C1", "1", "1", 0.5, "review", "unsure", Box(0, 0, 1, 1))
    blank = CellReading(1, 1, 2, "C2", "", "", 1.0, "blank", "", Box(0, 0, 1, 1))
    journal.settle(add(journal), "done", "", (PageResult(1, (cell, blank)), PageResult(2, (cell,))))
    journal.settle(add(journal, "b.png"), "duplicate")
    totals = journal.totals("9B")
    assert (totals.scans, totals.pages, totals.cells, totals.review) == (1, 2, 2, 2)
    assert journal.totals("nothing").cells == 0


def test_a_newer_journal_is_refused(tmp_path: Path) -> None:
    Journal(tmp_path).close()
    with sqlite3.connect(tmp_path / FILE_NAME) as database:
        database.execute("PRAGMA user_version = 999")
    with pytest.raises(StateError, match="newer version"):
        Journal(tmp_path)


def test_a_damaged_journal_is_refused(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"this is no database, but it is long enough to be looked at" * 100)
    with pytest.raises(StateError, match="damaged"):
        Journal(tmp_path)


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StateError, match="can't be made"):
        Journal(tmp_path / "file" / "state")


def test_what_was_committed_survives_a_kill(tmp_path: Path) -> None:
    script = f"""
import os, signal
from pathlib import Path
from pipeline.journal import Journal
from pipeline.folders import Stamp
journal = Journal(Path({str(tmp_path)!r}))
for name in "ab":
    journal.start(journal.add("9B", Path("/inbox"), name, Path("/inbox") / name, Stamp(1, 1), name))
journal.settle(journal.named("9B", "a"), "done")
with journal.transaction():
    journal.settle(journal.named("9B", "b"), "done")
    os.kill(os.getpid(), signal.SIGKILL)
"""
    subprocess.run([sys.executable, "-c", script], check=False)
    with Journal(tmp_path) as journal:
        assert [scan.file for scan in journal.scans(Path("/inbox"), "reading")] == ["b"]
        assert [entry.file for entry in journal.entries("9B")] == ["a"]
