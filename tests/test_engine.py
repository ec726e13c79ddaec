"""Scans through engines: answers, order, faults, and workers that are killed."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from hashlib import sha256
from pathlib import Path

import pytest

from pipeline import engine
from pipeline.engine import CHILD_ENVIRONMENT, Engine, PoolEngine, SerialEngine
from pipeline.errors import EngineError, ModelError
from pipeline.records import PageResult, ScanResult
from pipeline.settings import Settings
from pipeline.worker import Answer, Task, Tell

SETTINGS = Settings(workers=2)


def no_start(settings: Settings) -> None:
    """Work here needs no model."""


def broken_start(settings: Settings) -> None:
    raise ModelError("digits.pkl is damaged")


def act(task: Task, tell: Tell) -> Answer:
    """Do what the file says."""
    text = task.path.read_text()
    if text == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if text == "die once" and not task.path.with_suffix(".died").exists():
        task.path.with_suffix(".died").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    if text == "slow":
        time.sleep(0.3)
    if text == "hang" or (text == "hang once" and not task.path.with_suffix(".hung").exists()):
        task.path.with_suffix(".hung").touch()
        time.sleep(3600)
    if text == "hang in C":
        re.match(r"(a+)+$", 60 * "a" + "b")
    if text == "pages":
        for _ in range(6):
            time.sleep(0.25)
            tell()
    if text == "fail":
        raise ZeroDivisionError("by zero")
    if text == "unsendable":
        return Answer(task, "", ScanResult((), failure=lambda: None))  # type: ignore[arg-type]
    note = ",".join(os.environ.get(name, "") for name in CHILD_ENVIRONMENT) if text == "environment" else text
    return Answer(task, sha256(text.encode()).hexdigest(), ScanResult((PageResult(1, (), note),)))


def tasks(folder: Path, *texts: str) -> list[Task]:
    made = [Task(folder / f"{number}.png", SETTINGS) for number, _ in enumerate(texts)]
    for task, text in zip(made, texts, strict=True):
        task.path.write_text(text)
    return made


def run(engine: Engine, tasks: Iterable[Task]) -> Iterator[Answer]:
    """Answers to all tasks, as they are ready; tasks are taken from the iterable only as there is room."""
    for task in tasks:
        while not engine.room:
            yield from engine.poll()
        engine.submit(task)
    while engine.busy:
        yield from engine.poll()


def outcome(answer: Answer) -> str:
    return answer.result.failure.error if answer.result.failure else answer.result.pages[0].note


@pytest.mark.parametrize("kind", [SerialEngine, PoolEngine])
def test_every_task_is_answered_once(kind: Callable[..., Engine], tmp_path: Path) -> None:
    given = tasks(tmp_path, *(f"scan {number}" for number in range(20)), "fail")
    with kind(SETTINGS, act, no_start) as pool:
        answers = {answer.task.path: outcome(answer) for answer in run(pool, given)}
        assert pool.busy == 0
    assert answers == {
        task.path: task.path.read_text() if "scan" in task.path.read_text() else "InternalError" for task in given
    }


def test_an_unforeseen_error_says_what_it_was(tmp_path: Path) -> None:
    with SerialEngine(SETTINGS, act, no_start) as pool:
        [answer] = run(pool, tasks(tmp_path, "fail"))
    assert answer.result.failure is not None
    assert "ZeroDivisionError: by zero" in answer.result.failure.message
    assert "report" in answer.result.failure.remedy


def test_backlog_is_not_submitted_at_once(tmp_path: Path) -> None:
    taken = 0
    given = tasks(tmp_path, *["scan"] * 50)

    def counted() -> Iterator[Task]:
        nonlocal taken
        for taken, task in enumerate(given, 1):  # noqa: B007
            yield task

    with PoolEngine(SETTINGS, act, no_start) as pool:
        for done, _ in enumerate(run(pool, counted()), 1):
            assert taken - done <= 2 * SETTINGS.workers + 1


def test_killed_worker_costs_no_other_scan(tmp_path: Path) -> None:
    texts = ["a", "b", "die", "c", "die once", "d", "e", "die", "f"]
    with PoolEngine(SETTINGS, act, no_start) as pool:
        answers = {int(answer.task.path.stem): answer for answer in run(pool, tasks(tmp_path, *texts))}
        assert {number: outcome(answer) for number, answer in answers.items()} == {
            number: "WorkerDied" if "die" in text else text for number, text in enumerate(texts)
        }
        assert {number for number, answer in answers.items() if answer.is_death} == {2, 4, 7}
        assert [outcome(answer) for answer in run(pool, [answers[4].task])] == ["die once"]  # whoever asked may ask again


def test_a_scan_that_no_worker_had_begun_has_killed_none(tmp_path: Path) -> None:
    """It waited behind another, or was given to a worker that was killed before it could begin: the next one reads it."""
    begun: list[str] = []
    with PoolEngine(replace(SETTINGS, workers=1), act, no_start) as pool:
        given = tasks(tmp_path, "hang", "a", "b")
        for task in given[:2]:
            pool.submit(task, partial(begun.append, task.path.read_text()))
        while not begun:
            assert pool.poll(0.05) == []
        kill_worker(pool)
        answers = [*pool.poll(), *pool.poll()]
        [worker] = pool._workers
        os.kill(worker.process.pid or 0, signal.SIGSTOP)
        pool.submit(given[2], partial(begun.append, "b"))
        kill_worker(pool)
        answers += pool.poll()
    assert [(outcome(answer), answer.is_death) for answer in answers] == [("WorkerDied", True), ("a", False), ("b", False)]
    assert begun == ["hang", "a", "b"]


class Unreadable:
    """What no worker can take in."""

    def __reduce__(self) -> tuple[Callable[[str], object], tuple[str]]:
        return eval, ("1 / 0",)


def test_workers_that_can_begin_nothing_are_not_started_for_ever(tmp_path: Path) -> None:
    [task] = tasks(tmp_path, "a")
    with PoolEngine(SETTINGS, act, no_start) as pool, pytest.raises(EngineError, match="as soon as they start"):
        list(run(pool, [replace(task, trace=Unreadable())]))  # type: ignore[arg-type]


def kill_worker(pool: PoolEngine) -> None:
    """The only one."""
    [worker] = pool._workers
    worker.process.kill()
    worker.process.join()


def test_worker_killed_while_idle_is_replaced(tmp_path: Path) -> None:
    first, second = tasks(tmp_path, "a", "b")
    with PoolEngine(replace(SETTINGS, workers=1), act, no_start) as pool:
        assert [outcome(answer) for answer in run(pool, [first])] == ["a"]
        kill_worker(pool)
        assert [outcome(answer) for answer in run(pool, [second])] == ["b"]


def hanging_start(settings: Settings) -> None:
    time.sleep(3600)


def test_a_worker_that_hangs_is_killed_and_the_rest_goes_on(tmp_path: Path) -> None:
    """Asleep, or in C code that lets no other thread of Python run; while scans of many pages have all the time they take."""
    texts = ["a", "hang", "b", "hang in C", "pages", "c"]
    with PoolEngine(replace(SETTINGS, page_seconds=0.8), act, no_start) as pool:
        answers = {int(answer.task.path.stem): answer for answer in run(pool, tasks(tmp_path, *texts))}
    expected = {"hang": "WorkerDied", "hang in C": "WorkerDied"}
    assert {number: outcome(answer) for number, answer in answers.items()} == {
        number: expected.get(text, text) for number, text in enumerate(texts)
    }
    failure = answers[1].result.failure
    assert failure is not None
    assert "0.8 s" in failure.message and "page_seconds" in failure.remedy


def test_a_scan_on_which_a_worker_hung_may_be_tried_again(tmp_path: Path) -> None:
    with PoolEngine(replace(SETTINGS, page_seconds=0.8), act, no_start) as pool:
        [late] = run(pool, tasks(tmp_path, "hang once"))
        assert late.is_death
        assert [outcome(answer) for answer in run(pool, [late.task])] == ["hang once"]


def test_an_answer_that_waited_longer_than_a_page_may_take_is_no_hang(tmp_path: Path) -> None:
    """The parent had other things to do, like writing a large workbook."""
    with PoolEngine(replace(SETTINGS, page_seconds=0.8, workers=1), act, no_start) as pool:
        [task] = tasks(tmp_path, "pages")
        pool.submit(task)
        time.sleep(4.0)
        assert [outcome(answer) for answer in pool.poll()] == ["pages"]


def test_workers_that_hang_at_their_start_are_no_scans_fault(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "_STARTING_SECONDS", 0.5)
    with pytest.raises(EngineError, match="as soon as they start"), PoolEngine(SETTINGS, act, hanging_start) as pool:
        list(run(pool, tasks(tmp_path, "a", "b")))


def dying_start(settings: Settings) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_workers_that_die_at_their_start_are_no_scans_fault(tmp_path: Path) -> None:
    with PoolEngine(SETTINGS, act, dying_start) as pool, pytest.raises(EngineError, match="as soon as they start"):
        list(run(pool, tasks(tmp_path, "a", "b")))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals_to_all_processes_leave_workers_alone(tmp_path: Path, number: signal.Signals) -> None:
    with PoolEngine(replace(SETTINGS, workers=1), act, no_start) as pool:
        [task] = tasks(tmp_path, "slow")
        pool.submit(task)
        [worker] = pool._workers
        assert worker.process.pid is not None
        os.kill(worker.process.pid, number)
        assert [outcome(answer) for answer in pool.poll()] == ["slow"]
        assert worker.process.is_alive()


def test_workers_end_with_their_parent(tmp_path: Path) -> None:
    script = tmp_path / "parent.py"
    script.write_text(
        "import os, sys\n"
        "from pipeline.engine import PoolEngine\n"
        "from pipeline.settings import Settings\n"
        "from pipeline.worker import Task\n"
        "from pathlib import Path\n"
        "from tests.test_engine import act, no_start\n"
        "if __name__ == '__main__':\n"
        "    engine = PoolEngine(Settings(workers=2), act, no_start)\n"
        "    for number in range(2):\n"
        "        engine.submit(Task(Path(sys.argv[1]), Settings()))\n"
        "    engine.poll()\n"
        "    print(*(worker.process.pid for worker in engine._workers), flush=True)\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    [task] = tasks(tmp_path, "slow")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, str(script), str(task.path)]
    found = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    pids = [int(pid) for pid in found.stdout.split()]
    assert len(pids) == 2
    end = time.monotonic() + 10
    while any(map(is_running, pids)):
        assert time.monotonic() < end, "a worker outlives its parent"
        time.sleep(0.02)


def is_running(pid: int) -> bool:
    """Whether a process computes or waits; one that has ended and that nobody has asked about does neither."""
    status = Path(f"/proc/{pid}/stat")
    with suppress(OSError):
        return status.read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def test_answer_that_cannot_be_sent_is_a_failure(tmp_path: Path) -> None:
    with PoolEngine(SETTINGS, act, no_start) as pool:
        assert {outcome(answer) for answer in run(pool, tasks(tmp_path, "unsendable", "a"))} == {"InternalError", "a"}


@pytest.mark.parametrize("kind", [SerialEngine, PoolEngine])
def test_what_concerns_all_scans_stops_the_batch(kind: Callable[..., Engine], tmp_path: Path) -> None:
    with kind(SETTINGS, act, broken_start) as pool, pytest.raises(ModelError, match="digits"):
        list(run(pool, tasks(tmp_path, "a", "b")))


def test_workers_compute_on_one_thread_and_the_parent_is_left_alone(tmp_path: Path) -> None:
    before = dict(os.environ)
    with PoolEngine(SETTINGS, act, no_start) as pool:
        [answer] = run(pool, tasks(tmp_path, "environment"))
    assert outcome(answer) == "1,1,1"
    assert dict(os.environ) == before
    if hasattr(signal, "pthread_sigmask"):
        assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])


@pytest.mark.skipif(not Path("/proc/self/oom_score_adj").exists(), reason="needs Linux")
def test_workers_are_the_first_to_go_when_memory_runs_out(tmp_path: Path) -> None:
    with PoolEngine(replace(SETTINGS, workers=1), act, no_start) as pool:
        list(run(pool, tasks(tmp_path, "a")))
        scores = [int(Path(f"/proc/{pid}/oom_score_adj").read_text()) for pid in (os.getpid(), pool._workers[0].process.pid)]
    assert scores[0] < scores[1]


def test_poll_without_tasks_returns_at_once() -> None:
    with PoolEngine(SETTINGS, act, no_start) as pool:
        assert pool.poll() == []
        assert pool.room == 2 * SETTINGS.workers
