"""Whatever fails, whenever: the watcher sits it out, and in the end all is where it belongs, once."""

from __future__ import annotations

import errno
import itertools
import logging
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from pipeline import database, files
from pipeline.errors import OutputError, StateUnavailable
from pipeline.intake import watch, watcher
from pipeline.intake.backoff import Backoff
from pipeline.intake.burst import Burst
from pipeline.intake.pulse import read_pulse
from pipeline.journal import Journal
from pipeline.records import Outcome, Written
from pipeline.schema import MIGRATIONS
from pipeline.settings import Settings
from pipeline.states import Scan
from pipeline.worker import Answer, Task, Tell
from tests.intake.watching import until, watching
from tests.scanning import read_text, rows, serial, tree, write_plainly

TEXTS = {"a.png": "1", "b.png": "2\n3", "c.png": "bad", "d.png": "1"}


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setattr(watcher, "Backoff", partial(Backoff, first=0.01, longest=0.05))
    monkeypatch.setattr(watcher, "Burst", partial(Burst, quiet=0.02, longest=0.1))
    (tmp_path / "inbox" / "9B").mkdir(parents=True)
    return Settings(inbox=tmp_path / "inbox", outbox=tmp_path / "out", settle=0.02, sweep=0.2)


def drop(settings: Settings) -> None:
    for name, text in TEXTS.items():
        (settings.inbox / "9B" / name).write_text(text)


def all_is_well(settings: Settings) -> bool:
    """Whether every file is where it belongs, and the spreadsheet says of each what it should."""
    found = tree(settings.inbox)
    reasons = [name for name in found if name.endswith(".png.txt")]
    first, second = ("a.png", "d.png") if "processed/9B/a.png" in found else ("d.png", "a.png")  # which of the two was put off
    homes = {f"processed/9B/{first}": "1", "processed/9B/b.png": "2\n3"}
    homes |= {"rejected/9B/c.png": "bad", f"duplicates/9B/{second}": "1"}
    if {name: text for name, text in found.items() if name not in reasons} != homes or reasons != ["rejected/9B/c.png.txt"]:
        return False
    with suppress(OSError, ValueError):
        read = rows(settings.outbox, "9B")
        return {name: row[::2] for name, row in read.items()} == {
            f"9B/{first}": ("done", "1"),
            "9B/b.png": ("done", "2 3"),
            "9B/c.png": ("failed", ""),
            f"9B/{second}": ("duplicate", ""),
        }
    return False


# --- each call in turn --------------------------------------------------------------------------------------------------------


@dataclass
class Injector:
    """Lets the n-th call that the watcher's thread makes of a function fail, which changes something on the disk."""

    number: int
    code: int
    calls: int = 0
    on: bool = field(default=False)

    @property
    def has_hit(self) -> bool:
        return self.calls >= self.number

    def around(self, owner: Any, name: str, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ANN401 - a module or a class
        real = getattr(owner, name)

        def call(*arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - whatever the real one takes
            if self.on and threading.current_thread() is not threading.main_thread():
                self.calls += 1
                if self.calls == self.number:
                    if owner is database.Database:
                        raise StateUnavailable(f"the journal can't be used: {os.strerror(self.code)}")
                    raise OSError(self.code, os.strerror(self.code))
            return real(*arguments, **options)

        monkeypatch.setattr(owner, name, call)


POINTS: tuple[tuple[Any, str], ...] = (
    (os, "fsync"),
    (os, "rename"),
    (os, "replace"),
    (os, "mkdir"),
    (os, "open"),
    (files._Reported, "write"),
    (database.Database, "change"),
    (database.Database, "insert_many"),
)


@pytest.mark.slow
@pytest.mark.parametrize(("owner", "name"), POINTS, ids=[name for _, name in POINTS])
def test_each_call_fails_in_turn(
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    owner: Any,  # noqa: ANN401 - a module or a class
    name: str,
) -> None:
    """From the first to the last, until one run has come through without a fault, with each kind of error in turn."""
    logging.getLogger("pipeline").setLevel(logging.CRITICAL)
    codes = itertools.cycle([errno.ENOSPC, errno.EIO, errno.EACCES])
    try:
        for number in itertools.count(1):
            for folder in ("inbox", "out"):
                shutil.rmtree(tmp_path / folder, ignore_errors=True)
            (settings.inbox / "9B").mkdir(parents=True)
            drop(settings)
            injector = Injector(number, next(codes))
            with monkeypatch.context() as patch:
                injector.around(owner, name, patch)
                with watching(settings):
                    injector.on = True
                    until(lambda: all_is_well(settings))
                    injector.on = False
            assert all_is_well(settings), f"call {number}"
            if not injector.has_hit:
                break
    finally:
        logging.getLogger("pipeline").setLevel(logging.NOTSET)
    assert number > 1


# --- one at a time ------------------------------------------------------------------------------------------------------------


def test_an_error_of_ours_costs_a_scan_or_a_workbook_and_not_the_watcher(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What nobody has foreseen would end the program at each start anew."""
    real = Journal.settle

    def settle(journal: Journal, scan: Scan, outcome: Outcome, *rest: Any) -> Scan:  # noqa: ANN401 - whatever settle takes
        if scan.file.endswith("a.png") and outcome == "done":
            raise ZeroDivisionError("by zero")
        return real(journal, scan, outcome, *rest)

    def write(job: str, *rest: Any) -> Written:  # noqa: ANN401 - whatever a Writer takes
        if job == "9C":
            raise ZeroDivisionError("by zero")
        return write_plainly(job, *rest)

    monkeypatch.setattr(Journal, "settle", settle)
    (settings.inbox / "9C").mkdir()
    for path in ("9B/a.png", "9B/b.png", "9C/c.png"):
        (settings.inbox / path).write_text(path)
    with pytest.raises(OutputError, match=r"9C .*ZeroDivisionError: by zero"):
        watch(settings, once=True, make_engine=serial, writer=write)
    assert rows(settings.outbox, "9B")["9B/b.png"] == ("done", "", "9B/b.png")
    assert "ZeroDivisionError: by zero" in rows(settings.outbox, "9B")["9B/a.png"][1]
    assert set(tree(settings.inbox)) == {
        "rejected/9B/a.png",
        "rejected/9B/a.png.txt",
        "processed/9B/b.png",
        "processed/9C/c.png",
    }


def test_a_disk_that_is_full_for_a_while(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the journal: SQLite's own limit is the real thing, without a disk."""
    monkeypatch.setattr(watcher, "Backoff", partial(Backoff, first=0.2, longest=0.2))
    with watching(settings) as at_work:
        until(lambda: at_work._has_recovered)
        drop(settings)
        real = database.Database.change
        full = threading.Event()
        full.set()

        def change(self: database.Database, statement: str, *values: object) -> int:
            [[pages]] = self._connection.execute("PRAGMA page_count").fetchall()
            self._connection.execute(f"PRAGMA max_page_count = {pages if full.is_set() else 1_000_000}")
            if full.is_set() and statement.startswith("INSERT"):
                with self.reported():
                    self._connection.execute("CREATE TABLE filler AS SELECT zeroblob(1000000)")
            return real(self, statement, *values)

        monkeypatch.setattr(database.Database, "change", change)
        until(lambda: "full" in str(read_pulse(settings.state_folder).get("faults")))
        assert len(tree(settings.inbox)) == len(TEXTS)
        full.clear()
        until(lambda: all_is_well(settings))


def test_a_file_that_may_not_be_read_for_a_while_is_waited_for(settings: Settings) -> None:
    refusals = itertools.count()

    def read(task: Task, tell: Tell) -> Answer:
        if next(refusals) < 3:
            task.path.unlink(missing_ok=True)
            task.path.symlink_to("nowhere")  # can't be opened, and is there
            from pipeline.worker import read_task

            answer = read_task(task, tell)
            task.path.unlink()
            task.path.write_text("1")
            os.utime(task.path, ns=(1, 1))
            return answer
        return read_text(task, tell)

    path = settings.inbox / "9B" / "a.png"
    path.write_text("1")
    os.utime(path, ns=(1, 1))
    with watching(settings, read):
        until((settings.inbox / "processed" / "9B" / "a.png").exists)
    assert next(refusals) == 4
    assert not (settings.inbox / "rejected").exists()


def test_a_locked_output_is_written_when_it_can_be(settings: Settings) -> None:
    drop(settings)
    locked = settings.outbox / "9B.csv"
    locked.mkdir(parents=True)  # can't be replaced
    with watching(settings):
        until(lambda: any("9B.csv" in str(fault) for fault in read_pulse(settings.state_folder).get("faults", [])))  # type: ignore[attr-defined]
        locked.rmdir()
        until(lambda: all_is_well(settings))
    assert read_pulse(settings.state_folder)["faults"] == []


def test_a_journal_in_use_is_waited_for(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "_BUSY_SECONDS", 0.05)
    with watching(settings) as at_work:
        until(lambda: at_work._has_recovered)
        other = database.Database(settings.state_folder / "journal.sqlite", MIGRATIONS)
        other.change("BEGIN IMMEDIATE")
        drop(settings)
        time.sleep(0.3)
        assert len(tree(settings.inbox)) == len(TEXTS)
        other.change("ROLLBACK")
        other.close()
        until(lambda: all_is_well(settings))


def test_an_inbox_that_is_away_comes_back(settings: Settings) -> None:
    with watching(settings) as at_work:
        until(lambda: at_work._has_recovered)
        settings.inbox.rename(settings.inbox.with_name("away"))
        time.sleep(0.4)
        settings.inbox.with_name("away").rename(settings.inbox)
        drop(settings)
        until(lambda: all_is_well(settings))


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A real file system of one megabyte."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("may not mount a file system")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.skipif(sys.platform != "linux" or not shutil.which("mount"), reason="needs Linux")
def test_a_real_disk_that_fills_up(settings: Settings, tiny_disk: Path) -> None:
    """Inbox, outbox and journal on it; somebody fills it to the last byte, and makes room again."""
    here = Settings(inbox=tiny_disk / "inbox", outbox=tiny_disk / "out", settle=0.02, sweep=0.2)
    (here.inbox / "9B").mkdir(parents=True)
    with watching(here) as at_work:
        until(lambda: at_work._has_recovered)
        drop(here)
        with suppress(OSError), (tiny_disk / "filler").open("wb", buffering=0) as filler:
            while filler.write(bytes(4096)):
                pass
        until(lambda: bool(at_work._backoff.faults))
        assert not all_is_well(here)
        (tiny_disk / "filler").unlink()
        until(lambda: all_is_well(here))
