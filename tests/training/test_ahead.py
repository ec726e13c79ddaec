"""Work done ahead in another process: the same results, in order, and no process that outlives its parent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.training.ahead import Ahead

ROOT = Path(__file__).parent.parent.parent


def divided(pair: tuple[int, int]) -> float:
    return pair[0] / pair[1]


def test_each_result_comes_in_the_order_of_the_jobs() -> None:
    with Ahead(divided) as process:
        assert list(process.each((n, 4) for n in range(9))) == [n / 4 for n in range(9)]
        assert list(process.each([])) == []
        assert list(process.each([(6, 3)])) == [2.0]


def test_the_next_job_is_asked_for_before_the_result_is_used() -> None:
    asked: list[int] = []

    def jobs() -> Iterator[tuple[int, int]]:
        for n in range(4):
            asked.append(n)
            yield n, 1

    with Ahead(divided) as process:
        results = process.each(jobs())
        assert next(results) == 0 and asked == [0, 1]
        assert next(results) == 1 and asked == [0, 1, 2]


def test_what_a_job_raises_is_raised_and_the_process_goes_on() -> None:
    with Ahead(divided) as process:
        with pytest.raises(ZeroDivisionError):
            list(process.each([(1, 0)]))
        assert list(process.each([(1, 2)])) == [0.5]


ORPHAN = """
import os, signal
from pipeline.training.ahead import Ahead
if __name__ == "__main__":
    with Ahead(str) as process:
        print(process._process.pid, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="no such signal here")
def test_the_process_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "orphan.py"
    script.write_text(ORPHAN)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, script], env=environment, capture_output=True, text=True, check=False)
    child, deadline = int(done.stdout), time.monotonic() + 30
    while _alive(child):
        assert time.monotonic() < deadline, "it is still there"
        time.sleep(0.1)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    status = Path(f"/proc/{pid}/stat")  # an ended process that nobody has waited for yet is no longer alive
    return not (status.exists() and status.read_text().rsplit(")", 1)[1].split()[0] == "Z")
