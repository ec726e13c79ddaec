"""Short versions of what `python -m tests.bench.crashes`, `faults` and `burst` try at length; and all commands at once."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from openpyxl import load_workbook

from pipeline.backlog import run_batch
from pipeline.intake.service import watch
from pipeline.jobs.spreadsheets import accept
from pipeline.journal import Journal
from pipeline.settings import Settings
from tests.accounting import Accounts
from tests.bench.burst import burst
from tests.bench.crashes import crash
from tests.scanning import serial


@pytest.mark.slow
def test_killed_at_random_moments_nothing_is_lost_or_doubled(tmp_path: Path) -> None:
    accounts, wrong = crash(tmp_path, kills=5, seed=3, longest=1.5)
    assert accounts.number > 10
    assert wrong == []


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("strace"), reason="needs strace")
def test_system_calls_fail(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "tests.bench.faults", "--runs", "12"]
    result = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "12 hit, 0 wrong" in result.stdout


@pytest.mark.slow
def test_a_burst(tmp_path: Path) -> None:
    assert burst(tmp_path, files=300, seconds=200) == []


ACCEPT = """
import sys
from pathlib import Path
from pipeline.jobs.spreadsheets import accept
from pipeline.settings import Settings
accept(Path(sys.argv[1]), Settings(outbox=Path(sys.argv[1]).parent))
"""


@pytest.mark.slow
def test_run_watch_and_accept_at_once_on_one_state_folder(tmp_path: Path) -> None:
    """Each again and again, a backlog, an inbox and a workbook with corrections; in the end each has all of its own."""
    settings = Settings(inbox=tmp_path / "inbox", outbox=tmp_path / "out", settle=0.02, sweep=1.0)
    backlog = tmp_path / "backlog"
    backlog.mkdir()
    (backlog / "a.png").write_text("1\n2")
    run_batch(backlog, settings, make_engine=serial)
    workbook = settings.outbox / "backlog.xlsx"
    accounts = Accounts(settings.inbox, random.Random(5))
    errors: list[BaseException] = []

    def often(work: Callable[[int], object]) -> threading.Thread:
        def run() -> None:
            try:
                for number in range(4):
                    work(number)
            except BaseException as error:
                errors.append(error)

        return threading.Thread(target=run)

    def watch_more(number: int) -> None:
        for _ in range(5):
            content = f"{number} {accounts.number}"
            accounts.drop(content)
        watch(settings, once=True, make_engine=serial)

    def run_more(number: int) -> None:
        (backlog / f"{number}.png").write_text(f"{number}")
        run_batch(backlog, settings, make_engine=serial)

    def accept_more(number: int) -> None:
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        done = subprocess.run([sys.executable, "-c", ACCEPT, str(workbook)], env=environment, capture_output=True, check=False)
        # a workbook that another process replaces between two looks at it may be refused, in order
        assert b"Traceback" not in done.stderr or b"pipeline.errors" in done.stderr, done.stderr.decode()

    threads = [often(work) for work in (watch_more, run_more, accept_more)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    accept(workbook, settings)
    run_batch(backlog, settings, make_engine=serial)
    assert accounts.faults(settings.outbox, settings.state_folder) == []
    with Journal(settings.state_folder) as journal:
        assert sorted(journal.files("backlog")) == [str(backlog / f"{name}.png") for name in "0123a"]
        assert journal.totals("backlog").cells == 6
    book = load_workbook(workbook, read_only=True)
    told = [str(row[0]) for row in book["Files"].iter_rows(values_only=True)]
    assert all(str(backlog / f"{name}.png") in told for name in "0123a"), told
    book.close()
