"""Scans that take their worker or the whole program with them, and scans that are only near when somebody kills those."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from pipeline import chain, memory
from pipeline.engine import PoolEngine, SerialEngine
from pipeline.journal import Journal
from pipeline.records import CleanPage, TabledPage
from pipeline.settings import Settings
from pipeline.stages.kit import Kit
from pipeline.stages.printedtable import find_all_tables
from pipeline.states import Scan
from pipeline.worker import Answer, Task, Tell, read_task
from tests.intake.test_watcher import once, start
from tests.intake.watching import until
from tests.scanning import no_start, pool, read_text, tree
from tests.stages.scanfiles import drawing, encode, tiff


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "inbox" / "9B").mkdir(parents=True)
    return Settings(inbox=tmp_path / "inbox", outbox=tmp_path / "out", settle=0.05, sweep=0.3, workers=2)


def drop(settings: Settings, name: str, text: str) -> Path:
    path = settings.inbox / "9B" / name
    path.write_text(text)
    return path


def known(settings: Settings, name: str) -> Scan | None:
    with Journal(settings.state_folder) as journal:
        return journal.named("9B", f"9B/{name}")


@contextmanager
def killed(settings: Settings, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A watcher with a worker, in a session of its own; at the end of the block all of them are killed at once."""
    process = start(settings, folder, "pool")
    try:
        yield process
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def test_scans_that_kill_their_workers_are_poison_and_none_beside_them_is(settings: Settings) -> None:
    """As many of these as of those, at once: each deadly one is tried twice, the second time after the others."""
    texts = {f"{number}.png": "die" if number % 2 else f"{number}\nslow" for number in range(12)}
    for name, text in texts.items():
        drop(settings, name, f"{text}\n{name}" if text == "die" else text)
    [summary] = once(settings, make_engine=pool)
    assert {failed.file for failed in summary.failed} == {f"9B/{name}" for name, text in texts.items() if text == "die"}
    assert summary.read == 6
    assert "killed, twice" in tree(settings.inbox)["rejected/9B/1.png.txt"]
    for name, text in texts.items():
        scan = known(settings, name)
        assert scan is not None
        assert (scan.attempts, scan.deaths) == (2 if text == "die" else 1, 0)


def read_with_a_stage_that_hangs(task: Task, tell: Tell) -> Answer:
    """The real chain, in which one stage never ends with the second page of a scan."""

    def table(page: CleanPage, kit: Kit) -> TabledPage:
        if page.page.number == 2:
            os.kill(os.getpid(), signal.SIGSTOP)
        return find_all_tables(page, kit)

    chain.CHAIN = tuple(replace(stage, run=table) if stage.name == "table" else stage for stage in chain.CHAIN)
    return read_task(task, tell)


@pytest.mark.slow
def test_a_scan_on_which_a_stage_hangs_is_rejected_and_the_others_are_read(settings: Settings) -> None:
    drop(settings, "a.png", "").write_bytes(encode(".png", drawing()))
    drop(settings, "b.tif", "").write_bytes(tiff([drawing()] * 3))
    drop(settings, "c.png", "").write_bytes(encode(".png", drawing()[::-1]))
    hanging = partial(PoolEngine, work=read_with_a_stage_that_hangs)
    [summary] = once(replace(settings, page_seconds=4.0), make_engine=hanging)
    assert (summary.read, len(summary.failed)) == (2, 1)
    rejected = settings.inbox / "rejected" / "9B"
    assert sorted(path.name for path in rejected.iterdir()) == ["b.tif", "b.tif.txt"]
    assert "longer than 4 s, twice" in (rejected / "b.tif.txt").read_text()
    assert sorted(path.name for path in (settings.inbox / "processed" / "9B").iterdir()) == ["a.png", "c.png"]


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "killpg"), reason="needs process groups")
def test_a_scan_is_not_charged_with_the_end_of_the_program_however_often_somebody_kills_that(
    settings: Settings, tmp_path: Path
) -> None:
    """While it waits for a worker, and while a worker is reading it and nothing else."""
    for kill in range(6):
        if kill == 0:
            drop(settings, "a.png", "slow\n" * 4)
        with killed(settings, tmp_path):
            until(lambda: (scan := known(settings, "a.png")) is not None and scan.state == "reading")
            if kill % 2:
                until(lambda: (scan := known(settings, "a.png")) is not None and scan.begun is not None)
        scan = known(settings, "a.png")
        assert scan is not None
        assert (scan.state, scan.deaths) == ("reading", 0)
    [summary] = once(settings, make_engine=pool)
    assert (summary.read, summary.failed) == (1, ())


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "killpg"), reason="needs process groups")
def test_the_death_of_a_worker_counts_though_the_program_was_killed_since(settings: Settings, tmp_path: Path) -> None:
    drop(settings, "a.png", "die")
    drop(settings, "b.png", "slow\n" * 30)
    with killed(settings, tmp_path):
        until(lambda: (scan := known(settings, "a.png")) is not None and scan.deaths == 1)
    drop(settings, "b.png", "slow")
    [summary] = once(settings, make_engine=pool)
    assert ([failed.file for failed in summary.failed], summary.read) == (["9B/a.png"], 1)
    scan = known(settings, "a.png")
    assert scan is not None
    assert (scan.attempts, scan.outcome) == (2, "failed")


class Killed(BaseException):
    """As by kill -9: nothing is put in order."""


@pytest.mark.parametrize("is_for_memory", [True, False])
def test_a_scan_that_costs_the_whole_program_its_memory_is_poison(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_for_memory: bool
) -> None:
    """As in a container that is killed whole. Without the system's word for it, it is tried on and on, after all the others."""
    counters = tmp_path / "vmstat"
    counters.write_text("pgfault 7\noom_kill 3\n")
    monkeypatch.setattr(memory, "_COUNTERS", counters)
    path = drop(settings, "a.png", "deadly")

    def deadly(task: Task, tell: Tell) -> Answer:
        if task.path.read_text() == "deadly":
            counters.write_text(f"oom_kill {memory.kills() + is_for_memory}\n")
            raise Killed
        return read_text(task, tell)

    ends = 0
    while path.exists() and ends < 5:
        drop(settings, f"{ends}.png", str(ends))
        try:
            once(settings, make_engine=lambda settings: SerialEngine(settings, deadly, no_start))
        except Killed:
            ends += 1
    found = tree(settings.inbox)
    if is_for_memory:
        assert ends == 2
        assert "want of memory" in found.pop("rejected/9B/a.png.txt")
        assert found.pop("rejected/9B/a.png") == "deadly"
    else:
        assert ends == 5
        assert found.pop("9B/a.png") == "deadly"
    assert {f"processed/9B/{number}.png" for number in range(1, ends)} <= set(found)
