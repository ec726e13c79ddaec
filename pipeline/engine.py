"""Where chains run: in this process, or in a pool of processes. Workers compute; whoever holds the engine writes.

Both engines are fed and asked in turns: `submit` while there is `room`, then `poll` for answers, which come as they are ready.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import wait
from types import TracebackType
from typing import Protocol, Self

from pipeline.errors import EngineError, WorkerDied
from pipeline.settings import Settings
from pipeline.worker import (
    NOT_FOR_WORKERS,
    Answer,
    CannotStart,
    Sign,
    Start,
    Task,
    Work,
    failed,
    guarded,
    read_task,
    serve,
    warm_up,
)

#: Each process computes on one core; two thread pools in each of them would only get in each other's way.
CHILD_ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}

_MOST_FALSE_STARTS = 3  # workers that die in a row before they have begun what they were given
_STARTING_SECONDS = 300.0  # for a worker to load the models, on the busiest of machines
_LEAVING_SECONDS = 60.0  # for a worker to finish the scan in its hands


#: Called when the work on a task begins.
Begins = Callable[[], None]


def unheard() -> None:
    """A Begins for who need not know."""


class Engine(Protocol):
    """Reads scans. `poll` raises ModelError and the like if no scan can be read at all; one scan's fault is in its answer.

    So is the death of the process that had begun it: whoever asked decides whether to submit it once more.
    """

    @property
    def room(self) -> int:
        """How many more tasks may be submitted now, so that no worker waits and no backlog piles up."""

    @property
    def busy(self) -> int:
        """How many answers are outstanding."""

    def submit(self, task: Task, begins: Begins = unheard) -> None:
        """Hand in a task. `begins` is called from within `poll`, and not before the work on it has begun."""

    def poll(self, timeout: float | None = None) -> list[Answer]:
        """The answers that are ready; if any are due, waits up to `timeout` seconds (None: without limit) for the first."""

    def close(self, kill: bool = False) -> None:
        """End the workers: after the scans in their hands or, with `kill`, at once. Outstanding answers are lost."""

    def __enter__(self) -> Self:
        """An engine in a with statement is closed at its end; an error ends its workers at once."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None: ...


class _Closing:
    """An engine in a with statement."""

    def close(self, kill: bool = False) -> None:
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close(kill=kind is not None)


@dataclass(frozen=True, slots=True)
class _Job:
    """A task, and who is to be told that it begins."""

    task: Task
    begins: Begins


class SerialEngine(_Closing):
    """Runs one task at a time, in this process, when polled."""

    def __init__(self, settings: Settings, work: Work = read_task, start: Start = warm_up) -> None:
        self._settings, self._work, self._start = settings, work, start
        self._started = False
        self._tasks: deque[_Job] = deque()

    @property
    def room(self) -> int:
        return 1 - len(self._tasks)

    @property
    def busy(self) -> int:
        return len(self._tasks)

    def submit(self, task: Task, begins: Begins = unheard) -> None:
        self._tasks.append(_Job(task, begins))

    def poll(self, timeout: float | None = None) -> list[Answer]:
        if not self._started:
            self._start(self._settings)
            self._started = True
        if not self._tasks:
            return []
        job = self._tasks.popleft()
        job.begins()
        return [guarded(self._work, job.task, lambda: None)]

    def close(self, kill: bool = False) -> None:
        self._tasks.clear()


class _Worker:
    """A process that reads one scan after the other. Pipes, not sockets: nothing here could reach a network."""

    def __init__(self, work: Work, start: Start, settings: Settings) -> None:
        context = multiprocessing.get_context("spawn")  # OpenCV and forks don't go together
        receiver, self._tasks = context.Pipe(duplex=False)
        self.answers, sender = context.Pipe(duplex=False)
        self.process = context.Process(target=serve, args=(receiver, sender, work, start, settings), name="pipeline-worker")
        self.has_started = self.has_begun = False
        self.job: _Job | None = None
        self.heard = time.monotonic()  # when it last gave a sign of life, or was given a task
        with _for_children():
            self.process.start()
        receiver.close()  # ours; when the process ends, however it ends, the last other end of `answers` is closed
        sender.close()

    def give(self, job: _Job) -> None:
        """Have a task worked on. A worker that has died takes it too: `next_word` finds that out."""
        self.job, self.has_begun, self.heard = job, False, time.monotonic()
        with suppress(OSError):
            self._tasks.send(job.task)

    def next_word(self) -> Answer | CannotStart | Sign:
        """What it says next. Raises EOFError or OSError if it has died."""
        said: Answer | CannotStart | Sign = self.answers.recv()
        self.heard = time.monotonic()
        return said

    def close(self, kill: bool) -> None:
        """Let the process end, after the scan in its hands if it is not killed."""
        if kill:
            self.process.kill()
        self._tasks.close()
        self.answers.close()
        self.process.join(None if kill else _LEAVING_SECONDS)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        self.process.close()


class PoolEngine(_Closing):
    """Runs tasks in `settings.worker_count` processes. A process that dies costs no scan but the one that it had begun.

    One that is silent for `settings.page_seconds` with a scan in its hands, hung in whatever it is, is killed.
    """

    def __init__(self, settings: Settings, work: Work = read_task, start: Start = warm_up) -> None:
        self._settings, self._work, self._start = settings, work, start
        self._workers: list[_Worker] = []
        self._waiting: deque[_Job] = deque()
        self._false_starts = 0  # in a row

    @property
    def room(self) -> int:
        return max(0, 2 * self._settings.worker_count - self.busy)  # one in hand and one at hand for each worker

    @property
    def busy(self) -> int:
        return len(self._waiting) + sum(worker.job is not None for worker in self._workers)

    def submit(self, task: Task, begins: Begins = unheard) -> None:
        self._waiting.append(_Job(task, begins))
        self._hand_out()

    def poll(self, timeout: float | None = None) -> list[Answer]:
        end = None if timeout is None else time.monotonic() + timeout
        while self.busy:
            self._hand_out()
            answers = self._gather(None if end is None else max(0.0, end - time.monotonic()))
            self._hand_out()
            if answers or (end is not None and time.monotonic() >= end):
                return answers
        return []

    def close(self, kill: bool = False) -> None:
        for worker in self._workers:
            worker.close(kill)
        self._workers.clear()

    def _hand_out(self) -> None:
        """Give what is waiting to idle workers; start more as long as there are not enough."""
        while self._waiting:
            worker = next((worker for worker in self._workers if worker.job is None), None)
            if worker is None:
                if len(self._workers) >= self._settings.worker_count:
                    return
                worker = self._new_worker()
            worker.give(self._waiting.popleft())

    def _new_worker(self) -> _Worker:
        try:
            worker = _Worker(self._work, self._start, self._settings)
        except OSError as error:
            raise EngineError(f"No process can be started: {error.strerror or error}") from error
        self._workers.append(worker)
        return worker

    def _gather(self, timeout: float | None) -> list[Answer]:
        """What the workers have to say; waits for the first of them. May be nothing, though there was something to hear."""
        answers = []
        until_late = min((self._patience(worker) for worker in self._workers if worker.job), default=None)
        waits = [seconds for seconds in (timeout, until_late) if seconds is not None]
        speaking = wait([worker.answers for worker in self._workers], max(0.0, min(waits)) if waits else None)
        for worker in [worker for worker in self._workers if worker.answers in speaking]:
            try:
                said = worker.next_word()
            except (EOFError, OSError):
                answers += self._buried(worker)
                continue
            if isinstance(said, CannotStart):
                raise said.cause
            if isinstance(said, Answer):
                worker.job = None
                answers.append(said)
            elif said is Sign.STARTED:
                worker.has_started = True
            elif said is Sign.BEGUN and worker.job is not None:
                worker.has_begun, self._false_starts = True, 0
                worker.job.begins()
        for worker in [worker for worker in self._workers if worker.job and worker.answers not in speaking]:
            if self._patience(worker) <= 0:
                answers += self._buried(worker, is_late=True)
        return answers

    def _patience(self, worker: _Worker) -> float:
        """Seconds until a worker is taken for hung."""
        allowed = self._settings.page_seconds if worker.has_started else _STARTING_SECONDS
        return worker.heard + allowed - time.monotonic()

    def _buried(self, worker: _Worker, is_late: bool = False) -> list[Answer]:
        """A worker has died, or is to: it is late. A scan that it had not begun is given to another."""
        self._workers.remove(worker)
        worker.close(kill=True)
        if not worker.has_started or (worker.job is not None and not worker.has_begun):
            self._false_starts += 1
            if self._false_starts >= _MOST_FALSE_STARTS:
                raise EngineError("The processes that read scans die as soon as they start")
        if worker.job is None:
            return []
        if worker.has_begun:
            return [replace(failed(worker.job.task, self._cause(is_late)), is_death=True)]
        self._waiting.appendleft(worker.job)
        return []

    def _cause(self, is_late: bool) -> WorkerDied:
        if not is_late:
            return WorkerDied("The process that read the scan was killed")
        return WorkerDied(
            f"The process that read the scan was killed, for a page took longer than {self._settings.page_seconds:g} s",
            "Scan it again, or allow more time: page_seconds in config/pipeline.toml.",
        )


@contextmanager
def _for_children() -> Iterator[None]:
    """What processes started in the block inherit: one thread each, and no signal to stop even while they start."""
    before = {name: os.environ.get(name) for name in CHILD_ENVIRONMENT}
    os.environ.update(CHILD_ENVIRONMENT)
    stops = {getattr(signal, name) for name in NOT_FOR_WORKERS if hasattr(signal, name)}
    masked = signal.pthread_sigmask(signal.SIG_BLOCK, stops) if hasattr(signal, "pthread_sigmask") else None
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
        if masked is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, masked)
