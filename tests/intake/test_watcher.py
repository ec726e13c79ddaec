"""The watcher at work on a real folder: bursts, slow writers, crashes, signals."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.engine import SerialEngine
from pipeline.errors import OutputError, StateError, UsageError
from pipeline.intake.service import watch
from pipeline.jobs.summary import Summary
from pipeline.journal import Journal
from pipeline.records import Written
from pipeline.settings import Settings
from pipeline.worker import Answer, Task, Tell
from tests.intake.watching import until, watching
from tests.scanning import no_start, pool, read_text, rows, serial, tree, write_plainly

SETTLE = 0.1


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "inbox" / "9B").mkdir(parents=True)
    return Settings(inbox=tmp_path / "inbox", outbox=tmp_path / "out", settle=SETTLE, sweep=1.0, workers=2)


def once(settings: Settings, **options: object) -> tuple[Summary, ...]:
    arguments: dict[str, object] = {"make_engine": serial, "writer": write_plainly, **options}
    return watch(settings, once=True, **arguments)  # type: ignore[arg-type]


def test_once_reads_what_is_there(settings: Settings) -> None:
    (settings.inbox / "9B" / "a.png").write_text("1")
    (settings.inbox / "9B" / "b.png").write_text("bad")
    (settings.inbox / "9B" / "c.png").write_text("1")
    [summary] = once(settings)
    assert (summary.job, summary.read, len(summary.failed), summary.duplicates) == ("9B", 1, 1, 1)
    assert rows(settings.outbox, "9B") == {
        "9B/a.png": ("done", "", "1"),
        "9B/b.png": ("failed", "It can't be decoded. Scan it again.", ""),
        "9B/c.png": ("duplicate", "Same content as 9B/a.png.", ""),
    }
    assert tree(settings.inbox).keys() == {
        "processed/9B/a.png",
        "rejected/9B/b.png",
        "rejected/9B/b.png.txt",
        "duplicates/9B/c.png",
    }
    assert once(settings) == ()


@pytest.mark.parametrize("poll", [False, True])
def test_a_burst_with_slow_writers_comes_out_once(settings: Settings, poll: bool) -> None:
    """Files written whole, in pieces, and under another name first, while the watcher runs; by events or without."""
    names = [f"scan {number}.png" for number in range(30)]
    texts = {name: f"{name}\n" * 40 for name in names}

    def write(name: str) -> None:
        path = settings.inbox / "9B" / name
        kind = int(name.split()[1][:-4]) % 3
        if kind == 0:
            path.write_text(texts[name])
        elif kind == 1:
            path.with_name(name + ".part").write_text(texts[name])
            path.with_name(name + ".part").rename(path)
        else:
            for start in range(0, len(texts[name]), 100):
                with path.open("a") as stream:
                    stream.write(texts[name][start : start + 100])
                time.sleep(SETTLE / 4)

    with watching(Settings(inbox=settings.inbox, outbox=settings.outbox, settle=SETTLE, sweep=5.0, poll=poll)):
        threads = [threading.Thread(target=write, args=(name,)) for name in names]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        until(lambda: len(tree(settings.inbox)) == 30 and all(file.startswith("processed") for file in tree(settings.inbox)))
    assert tree(settings.inbox) == {f"processed/9B/{name}": texts[name] for name in names}
    assert {file: cells for file, (_, _, cells) in rows(settings.outbox, "9B").items()} == {
        f"9B/{name}": " ".join(texts[name].splitlines()) for name in names
    }


def test_what_is_not_opened_is_told_once(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    (settings.inbox / "9B" / "a.png").symlink_to("/etc/passwd")
    with caplog.at_level(logging.WARNING), watching(replace(settings, sweep=0.1)):
        for number in range(3):
            (settings.inbox / "9B" / f"{number}.png").write_text(f"{number}")
            until((settings.inbox / "processed" / "9B" / f"{number}.png").exists)
    assert [record.getMessage() for record in caplog.records] == [
        f"{settings.inbox.resolve()}/9B/a.png: a symbolic link, left where it is"
    ]
    assert (settings.inbox / "9B" / "a.png").is_symlink()


def test_the_workbook_is_there_soon_after_the_last_scan(settings: Settings) -> None:
    with watching(settings):
        (settings.inbox / "9B" / "a.png").write_text("1")
        until((settings.outbox / "9B.csv").exists)
        assert list(rows(settings.outbox, "9B")) == ["9B/a.png"]


def test_a_file_changed_while_it_is_read_is_read_again(settings: Settings) -> None:
    path = settings.inbox / "9B" / "a.png"
    path.write_text("first")
    edits = iter([lambda: path.write_text("and more pages")])

    def read_edited(task: Task, tell: Tell) -> Answer:
        next(edits, lambda: 0)()
        return read_text(task, tell)

    once(settings, make_engine=lambda settings: SerialEngine(settings, read_edited, no_start))
    assert rows(settings.outbox, "9B") == {"9B/a.png": ("done", "", "and more pages")}
    assert tree(settings.inbox) == {"processed/9B/a.png": "and more pages"}


def test_a_file_changed_just_after_it_was_read_is_read_again(settings: Settings) -> None:
    path = settings.inbox / "9B" / "a.png"
    path.write_text("first")
    edits = iter([lambda: path.write_text("and more pages")])

    def edit_read(task: Task, tell: Tell) -> Answer:
        answer = read_text(task, tell)
        next(edits, lambda: 0)()
        return answer

    once(settings, make_engine=lambda settings: SerialEngine(settings, edit_read, no_start))
    assert rows(settings.outbox, "9B") == {"9B/a.png": ("done", "", "and more pages")}


def test_a_file_that_vanishes_while_it_is_read_leaves_nothing(settings: Settings) -> None:
    path = settings.inbox / "9B" / "a.png"
    path.write_text("first")

    def read_gone(task: Task, tell: Tell) -> Answer:
        path.unlink()
        from pipeline.worker import read_task

        return read_task(task, tell)

    assert once(settings, make_engine=lambda settings: SerialEngine(settings, read_gone, no_start)) == ()
    with Journal(settings.state_folder) as journal:
        assert journal.named("9B", "9B/a.png") is None


def test_a_killed_worker_rejects_its_scan_and_no_other(settings: Settings) -> None:
    for number, text in enumerate(["1", "die", "3", "4"]):
        (settings.inbox / "9B" / f"{number}.png").write_text(text)
    [summary] = once(settings, make_engine=pool)
    assert [failed.file for failed in summary.failed] == ["9B/1.png"]
    assert [cells for _, _, cells in rows(settings.outbox, "9B").values()] == ["1", "", "3", "4"]


def test_spreadsheets_that_could_not_be_written_are_written_at_the_next_start(settings: Settings) -> None:
    (settings.inbox / "9B" / "a.png").write_text("1")

    def locked(job: str, scans: object, outbox: Path, announce: object) -> Written:
        raise OutputError("9B.xlsx is open in another program")

    with pytest.raises(OutputError):
        once(settings, writer=locked)
    assert not (settings.outbox / "9B.csv").exists()
    assert once(settings) == ()  # no scan, but a job that was behind
    assert list(rows(settings.outbox, "9B")) == ["9B/a.png"]


def test_a_scan_that_cannot_be_moved_is_moved_by_a_later_sweep(settings: Settings) -> None:
    (settings.inbox / "processed").write_text("in the way")
    (settings.inbox / "9B" / "a.png").write_text("1")
    with watching(settings):
        until((settings.outbox / "9B.csv").exists)
        assert (settings.inbox / "9B" / "a.png").exists()
        (settings.inbox / "processed").unlink()
        until(lambda: not (settings.inbox / "9B" / "a.png").exists())
    assert tree(settings.inbox) == {"processed/9B/a.png": "1"}


@pytest.mark.parametrize("outbox", ["inbox", "inbox/out", "."])
def test_folders_within_each_other_are_refused(tmp_path: Path, outbox: str) -> None:
    settings = Settings(inbox=tmp_path / "inbox", outbox=tmp_path / outbox)
    with pytest.raises(UsageError, match="inside"):
        watch(settings, once=True)
    assert tree(tmp_path) == {}


SCRIPT = """
from dataclasses import replace
from pathlib import Path
from pipeline.intake import watch
from pipeline.settings import Settings
from tests.scanning import pool, serial, write_plainly
if __name__ == "__main__":
    settings = Settings(inbox=Path({inbox!r}), outbox=Path({outbox!r}), settle=0.05, sweep=1.0, workers=1, leave={leave})
    print("ready", flush=True)
    watch(settings, once={once}, make_engine={engine}, writer=write_plainly)
    print("clean", flush=True)
"""


def start(
    settings: Settings, folder: Path, engine: str = "serial", once: bool = False, leave: float = 60.0
) -> subprocess.Popen[str]:
    """A watcher in a process and a session of its own."""
    script = folder / "watching.py"  # a file, for a pool's workers import it too
    folders = {"inbox": str(settings.inbox), "outbox": str(settings.outbox)}
    script.write_text(SCRIPT.format(**folders, engine=engine, once=once, leave=leave))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen(
        [sys.executable, str(script)], stdout=subprocess.PIPE, text=True, env=environment, start_new_session=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_finishes_what_is_in_hand(settings: Settings, tmp_path: Path, number: signal.Signals) -> None:
    process = start(settings, tmp_path, "pool")
    (settings.inbox / "9B" / "a.png").write_text("slow\nslow\nslow\nslow")
    with Journal(settings.state_folder) as journal:
        until(lambda: bool(journal.scans(settings.inbox.resolve(), "reading")))
    process.send_signal(number)
    output, _ = process.communicate(timeout=120)
    assert (process.returncode, output) == (0, "clean\n")
    assert rows(settings.outbox, "9B")["9B/a.png"] == ("done", "", "slow slow slow slow")
    assert tree(settings.inbox).keys() == {"processed/9B/a.png"}


def test_one_watcher_at_a_time_even_after_a_kill(settings: Settings, tmp_path: Path) -> None:
    process = start(settings, tmp_path)
    until(lambda: (settings.state_folder / "watch.lock").exists() and (settings.state_folder / "watch.lock").read_text() != "")
    with pytest.raises(StateError, match=f"process {process.pid}"):
        once(settings)
    process.kill()
    process.wait()
    assert once(settings) == ()
