"""A watcher over months: other settings, scans asked for again, originals that grow, crashes, and a second watcher."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.engine import SerialEngine
from pipeline.errors import SettingsError, StateError, UsageError
from pipeline.intake import ask_again, ask_anew, watch
from pipeline.intake.folder import Inbox
from pipeline.intake.service import INBOX_LOCK, check_folders
from pipeline.intake.watcher import HOLDER
from pipeline.journal import Journal
from pipeline.lock import is_held, only_one
from pipeline.records import Edit
from pipeline.settings import Settings, load_settings
from tests.intake.test_watcher import once, start
from tests.intake.watching import until, watching
from tests.scanning import no_start, read_text, rows, serial, tree, write_plainly

SETTLE = 0.05


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "inbox" / "9B").mkdir(parents=True)
    return Settings(inbox=tmp_path / "inbox", outbox=tmp_path / "out", settle=SETTLE, sweep=0.3, workers=1)


def drop(settings: Settings, name: str, text: str) -> Path:
    path = settings.inbox / "9B" / name
    path.write_text(text)
    return path


# --- once more ----------------------------------------------------------------------------------------------------------------


def test_rejected_scans_are_read_once_more_where_they_lie(settings: Settings) -> None:
    drop(settings, "a.png", "bad")
    drop(settings, "b.png", "3\nbad")
    once(settings)
    (settings.inbox / "rejected" / "9B" / "b.png").write_text("4")  # mended in place
    asked, unknown = ask_again(settings)
    assert ([scan.file for scan in asked], unknown) == (["9B/a.png", "9B/b.png"], [])
    [summary] = once(settings)
    assert (summary.read, len(summary.failed)) == (1, 1)
    assert tree(settings.inbox).keys() == {"processed/9B/b.png", "rejected/9B/a.png", "rejected/9B/a.png.txt"}
    assert rows(settings.outbox, "9B")["9B/b.png"] == ("done", "", "4")


def test_only_those_named_are_read_once_more(settings: Settings) -> None:
    for name in ("a.png", "b.png", "c.png"):
        drop(settings, name, f"{name}\nbad")
    drop(settings, "d.png", "1")
    once(settings)
    by_path = str(settings.inbox / "rejected" / "9B" / "b.png")
    asked, unknown = ask_again(settings, ["9B/a.png", by_path, "9B/d.png", "nothing"])
    assert ([scan.file for scan in asked], unknown) == (["9B/a.png", "9B/b.png"], ["9B/d.png", "nothing"])


def test_a_watcher_at_work_takes_up_what_is_asked(settings: Settings) -> None:
    drop(settings, "a.png", "bad")
    with watching(replace(settings, sweep=60.0)):
        rejected = settings.inbox / "rejected" / "9B" / "a.png"
        until(rejected.exists)
        rejected.write_text("5")
        until(lambda: bool(ask_again(settings)[0]))  # as soon as it has been filed
        until((settings.inbox / "processed" / "9B" / "a.png").exists)
    assert rows(settings.outbox, "9B")["9B/a.png"] == ("done", "", "5")


def test_another_form_reads_anew_and_what_people_said_stays(settings: Settings, tmp_path: Path) -> None:
    forms = tmp_path / "forms"
    forms.mkdir()
    settings = replace(settings, forms=forms)
    drop(settings, "a.png", "1")
    once(settings)
    with Journal(settings.state_folder) as journal:
        scan = journal.named("9B", "9B/a.png")
        assert scan is not None and scan.reader
        journal.enter(scan, [Edit(1, 1, 1, 1, "77")])
    assert ask_anew(settings) == []
    (forms / "x.toml").write_text('columns = [{ name = "a", type = "integer" }]')
    assert [scan.file for scan in ask_anew(settings)] == ["9B/a.png"]
    [summary] = once(settings)
    assert summary.read == 1
    assert rows(settings.outbox, "9B")["9B/a.png"] == ("done", "", "77")
    assert tree(settings.inbox) == {"processed/9B/a.png": "1"}
    assert ask_anew(settings) == []


def test_pages_that_a_scanner_writes_after_the_file_was_taken_are_read_too(settings: Settings) -> None:
    """It holds the file open, pauses for longer than anybody expects, and goes on: where the file is then is its own affair."""
    with watching(settings), (settings.inbox / "9B" / "a.png").open("w") as scanner:
        scanner.write("page 1\n")
        scanner.flush()
        until((settings.inbox / "processed" / "9B" / "a.png").exists)
        scanner.write("page 2\n")
        scanner.flush()
        until((settings.outbox / "9B.csv").exists)
        until(lambda: rows(settings.outbox, "9B").get("9B/a.png") == ("done", "", "page 1 page 2"))
    assert tree(settings.inbox) == {"processed/9B/a.png": "page 1\npage 2\n"}


# --- leases -------------------------------------------------------------------------------------------------------------------


def test_a_lease_ends_with_its_holder_and_no_sooner(settings: Settings) -> None:
    for name in ("a.png", "b.png"):
        drop(settings, name, name)
    root = Inbox(settings.inbox).root
    with Journal(settings.state_folder) as journal:
        for name, holder in (("a.png", HOLDER), ("b.png", "run 9B")):
            path = root / "9B" / name
            status = path.stat()
            from pipeline.folders import Stamp, sha256_of

            scan = journal.add("9B", root, f"9B/{name}", path, Stamp.of(status), sha256_of(path))
            assert journal.start(scan, holder).holder == holder
    once(settings)
    with Journal(settings.state_folder) as journal:
        states = {scan.file: scan.state for scan in journal.scans(root, "reading", "filed")}
    assert states == {"9B/a.png": "filed", "9B/b.png": "reading"}
    assert (root / "9B" / "b.png").exists()


def test_scans_that_take_too_long_are_left_for_the_next_start(settings: Settings, tmp_path: Path) -> None:
    endless = drop(settings, "a.png", "slow\n" * 1000)
    process = start(settings, tmp_path, "pool", leave=0.3)
    with Journal(settings.state_folder) as journal:
        until(lambda: bool(journal.scans(settings.inbox.resolve(), "reading")))
        process.terminate()
        output, _ = process.communicate(timeout=120)
        assert (process.returncode, output) == (0, "clean\n")
        assert [scan.state for scan in journal.scans(settings.inbox.resolve(), "waiting", "reading")] == ["waiting"]
    assert endless.exists()


# --- settings -----------------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="needs SIGHUP")
def test_sighup_takes_up_new_settings_and_keeps_the_old_ones_if_they_are_wrong(settings: Settings) -> None:
    made: list[Settings] = []
    ready = iter([SettingsError("wrong"), replace(settings, threshold=0.5, inbox=Path("elsewhere")), None])

    def make(settings: Settings) -> SerialEngine:
        made.append(settings)
        if len(made) < 4:
            os.kill(os.getpid(), signal.SIGHUP)
        else:
            os.kill(os.getpid(), signal.SIGTERM)
        return SerialEngine(settings, read_text, no_start)

    def reload() -> Settings:
        new = next(ready)
        if isinstance(new, SettingsError):
            raise new
        if new is None:
            return replace(settings, model=settings.inbox / "model.pkl")  # is not there
        return new

    drop(settings, "a.png", "1")
    stdin = os.open(os.devnull, os.O_RDONLY)
    before = os.dup(0)
    os.dup2(stdin, 0)
    try:
        watch(settings, make_engine=make, writer=write_plainly, reload=reload)
    finally:
        os.dup2(before, 0)
        os.close(before)
        os.close(stdin)
    assert [one.threshold for one in made] == [0.986, 0.986, 0.5, 0.5]
    assert {one.inbox for one in made} == {settings.inbox}


@pytest.mark.parametrize("what", ["outbox", "state", "forms", "model", "metrics"])
def test_nothing_that_counts_may_be_inside_the_inbox(tmp_path: Path, what: str) -> None:
    settings = Settings(inbox=tmp_path / "inbox", outbox=tmp_path / "out")
    check_folders(settings)
    inside = tmp_path / "inbox" / "deep" / "x"
    if what == "model":
        inside.parent.mkdir(parents=True)
        inside.touch()
    with pytest.raises(UsageError, match="inside"):
        check_folders(load_settings({"inbox": settings.inbox, "outbox": settings.outbox, what: inside}, environment={}))


def test_one_watcher_an_inbox_whatever_its_state_folder(settings: Settings) -> None:
    with (
        only_one(settings.inbox / INBOX_LOCK, "A watcher"),
        pytest.raises(StateError, match=f"already running, as process {os.getpid()}"),
    ):
        watch(replace(settings, state=settings.outbox / "other"), once=True, make_engine=serial)


def test_asking_who_has_a_lock_takes_it_from_nobody(tmp_path: Path) -> None:
    file = tmp_path / "lock"
    assert is_held(file) == ""
    assert not file.exists()
    with only_one(file, "A test"):
        assert is_held(file) == str(os.getpid())
    assert is_held(file) == ""


# --- what is told -------------------------------------------------------------------------------------------------------------


def test_the_pulse_and_the_metrics(settings: Settings, tmp_path: Path) -> None:
    metrics = tmp_path / "pipeline.prom"
    drop(settings, "a.png", "1")
    drop(settings, "b.png", "bad")
    once(replace(settings, metrics=metrics))
    told = json.loads((settings.state_folder / "watch.json").read_text())
    assert (told["scans"], told["faults"], told["is_running"]) == ({"done": 1, "failed": 1}, [], False)
    lines = metrics.read_text().splitlines()
    assert 'pipeline_scans_total{outcome="done"} 1' in lines
    assert 'pipeline_scans_total{outcome="duplicate"} 0' in lines
    assert "pipeline_up 0" in lines
    for line in lines:  # the whole grammar that is used of Prometheus' text format
        assert line.startswith(("# HELP pipeline_", "# TYPE pipeline_")) or float(line.split()[-1]) >= 0
    assert metrics.read_text().endswith("\n")
    assert [path.name for path in tmp_path.glob(".*.tmp")] == []


def test_pauses_of_a_service_cost_no_time(settings: Settings, tmp_path: Path) -> None:
    """A watcher with nothing to do is quiet: no busy loop."""
    process = start(settings, tmp_path)
    try:
        until((settings.state_folder / "watch.json").exists)  # the start, which takes time, is over
        before = _cpu(process)
        time.sleep(1.0)
        assert _cpu(process) - before < 0.3
    finally:
        process.terminate()
        process.wait(120)


def _cpu(process: subprocess.Popen[str]) -> float:
    stat = Path(f"/proc/{process.pid}/stat")
    if not stat.exists():
        pytest.skip("needs Linux")
    fields = stat.read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
