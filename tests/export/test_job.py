"""The three files together: same input, same bytes; all or none."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.errors import OutputError, UsageError
from pipeline.export import write_job
from pipeline.records import ScanEntry
from tests.export.scans import JOB, grid, scan

NAMES = ["9B.csv", "9B.readings.csv", "9B.xlsx"]


def contents(outbox: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(outbox.iterdir())}


def write_in_a_process(outbox: Path, before: str, scans: str) -> subprocess.CompletedProcess[str]:
    code = f"""
        import os, resource, signal, sys, tempfile
        from pathlib import Path
        from pipeline.export import write_job
        from tests.export.scans import grid, scan
        {before}
        try:
            write_job("9B", {scans}, Path(sys.argv[1]))
        except Exception as error:
            print(type(error).__name__, error)
            print(os.listdir(tempfile.gettempdir()))
        """
    command = [sys.executable, "-c", textwrap.dedent(code), str(outbox)]
    with tempfile.TemporaryDirectory() as temporary:
        environment = {**os.environ, "TMPDIR": temporary}
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)


MANY_SCANS = "(scan(str(number), grid(25, 10)) for number in range(200))"
#: The table sheet is much larger than the readings behind it.
MOSTLY_EMPTY = "[scan('wide', grid(1, 60)), scan('long', grid(1000, 1))]"


def test_written_says_where(tmp_path: Path) -> None:
    written = write_job("9B", JOB, tmp_path / "not" / "yet")
    assert sorted(contents(tmp_path / "not" / "yet")) == NAMES
    assert Path(written.workbook) == tmp_path / "not" / "yet" / "9B.xlsx"
    assert [Path(path).suffixes for path in (written.table_csv, written.readings_csv)] == [[".csv"], [".readings", ".csv"]]


def test_same_scans_same_bytes(tmp_path: Path) -> None:
    write_job("9B", iter(JOB), tmp_path)
    before = contents(tmp_path)
    time.sleep(2.1)  # the dates in zip files have a resolution of two seconds
    write_job("9B", iter(JOB), tmp_path)
    assert contents(tmp_path) == before


def test_failing_scans_leave_the_old_files(tmp_path: Path) -> None:
    def failing() -> Iterator[ScanEntry]:
        yield from JOB
        raise ZeroDivisionError

    write_job("9B", [scan("old", grid(2, 2))], tmp_path)
    before = contents(tmp_path)
    with pytest.raises(ZeroDivisionError):
        write_job("9B", failing(), tmp_path)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("blocked", NAMES)
def test_one_file_that_can_not_be_written_leaves_all(tmp_path: Path, blocked: str) -> None:
    write_job("9B", [scan("old", grid(2, 2))], tmp_path)
    (tmp_path / blocked).unlink()
    before = contents(tmp_path)
    (tmp_path / blocked).mkdir()
    with pytest.raises(OutputError, match=f"{blocked} can't be written: Is a directory"):
        write_job("9B", JOB, tmp_path)
    (tmp_path / blocked).rmdir()
    assert contents(tmp_path) == before


def test_an_outbox_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "outbox").write_bytes(b"")
    with pytest.raises(OutputError, match="outbox can't be written: File exists"):
        write_job("9B", JOB, tmp_path / "outbox")


@pytest.mark.skipif(os.name == "nt", reason="RLIMIT_FSIZE")
@pytest.mark.parametrize(("limit", "scans"), [(1_000, MANY_SCANS), (300_000, MANY_SCANS), (80_000, MOSTLY_EMPTY)])
def test_a_full_disk_leaves_the_old_files(tmp_path: Path, limit: int, scans: str) -> None:
    write_job("9B", JOB, tmp_path)
    before = contents(tmp_path)
    done = write_in_a_process(tmp_path, f"resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))", scans)
    assert done.stdout.startswith("OutputError")
    assert "can't be written: File too large" in done.stdout
    assert ("9B.xlsx" in done.stdout) == (scans == MOSTLY_EMPTY)
    assert done.stdout.endswith("\n[]\n")  # no temporary file is left
    assert done.stderr == ""
    assert contents(tmp_path) == before


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL")
@pytest.mark.parametrize("seconds", [0.02, 0.2, 0.5])
def test_kill_in_the_middle_leaves_the_old_files(tmp_path: Path, seconds: float) -> None:
    write_job("9B", JOB, tmp_path)
    before = contents(tmp_path)
    alarm = (
        f"signal.signal(signal.SIGALRM, lambda *_: os.kill(os.getpid(), 9)); signal.setitimer(signal.ITIMER_REAL, {seconds})"
    )
    done = write_in_a_process(tmp_path, alarm, MANY_SCANS)
    assert done.returncode == -signal.SIGKILL
    assert {name: content for name, content in contents(tmp_path).items() if not name.startswith(".")} == before


@pytest.mark.parametrize("job", ["", "..", "a/b", "/etc", "a\0b", "9B.readings"])
def test_names_that_are_no_file_names(tmp_path: Path, job: str) -> None:
    with pytest.raises(UsageError, match="can't be the name of a job"):
        write_job(job, JOB, tmp_path / "outbox")
    assert not (tmp_path / "outbox").exists()
