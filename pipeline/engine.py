"""Where chains run: in this process, or in a pool of processes. Workers compute; whoever holds the engine writes.

Both engines are fed and asked in turns: `submit` while there is `room`, then `poll` for answers, which come as they are ready.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from types import TracebackType
from typing import Protocol, Self

from pipeline.errors import WorkerDied
from pipeline.settings import Settings
from pipeline.worker import Answer, CannotStart, Start, Task, Work, begin, failed, guarded, read_task, warm_up, work_on

#: Each process computes on one core; two thread pools in each of them would only get in each other's way.
CHILD_ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


class Engine(Protocol):
    """Reads scans. `poll` raises ModelError and the like if no scan can be read at all; one scan's fault is in its answer."""

    @property
    def room(self) -> int:
        """How many more tasks may be submitted now, so that no worker waits and no backlog piles up."""

    @property
    def busy(self) -> int:
        """How many answers are outstanding."""

    def submit(self, task: Task) -> None:
        """Hand in a task."""

    def poll(self, timeout: float | None = None) -> list[Answer]:
        """The answers that are ready; if any are due, waits up to `timeout` seconds (None: without limit) for the first."""

    def close(self, kill: bool = False) -> None:
        """End the workers: after the scans in their hands or, with `kill`, at once. Outstanding answers are lost."""

    def __enter__(self) -> Self:
        """An engine in a with statement is closed at its end; an error ends its workers at once."""

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None: ...


def run(engine: Engine, tasks: Iterable[Task]) -> Iterator[Answer]:
    """Answers to all tasks, as they are ready; tasks are taken from the iterable only as there is room."""
    for task in tasks:
        while not engine.room:
            yield from engine.poll()
        engine.submit(task)
    while engine.busy:
        yield from engine.poll()


class _Closing:
    """An engine in a with statement."""

    def close(self, kill: bool = False) -> None:
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close(kill=kind is not None)


class SerialEngine(_Closing):
    """Runs one task at a time, in this process, when polled."""

    def __init__(self, settings: Settings, work: Work = read_task, start: Start = warm_up) -> None:
        self._settings, self._work, self._start = settings, work, start
        self._started = False
        self._tasks: deque[Task] = deque()

    @property
    def room(self) -> int:
        return 1 - len(self._tasks)

    @property
    def busy(self) -> int:
        return len(self._tasks)

    def submit(self, task: Task) -> None:
        self._tasks.append(task)

    def poll(self, timeout: float | None = None) -> list[Answer]:
        if not self._started:
            self._start(self._settings)
            self._started = True
        return [guarded(self._work, self._tasks.popleft())] if self._tasks else []

    def close(self, kill: bool = False) -> None:
        self._tasks.clear()


class PoolEngine(_Closing):
    """Runs tasks in `settings.worker_count` processes. A process that dies costs no scan but, at most, the one that killed it.

    When one dies, nobody can tell which scan did it. All that were in hand become suspects and run again one at a time; a
    scan whose worker dies twice while nothing else is running is answered with WorkerDied.
    """

    def __init__(self, settings: Settings, work: Work = read_task, start: Start = warm_up) -> None:
        self._settings, self._work, self._start = settings, work, start
        self._limit = 2 * settings.worker_count  # a task in hand and one at hand for each worker
        self._pool = self._new_pool()
        self._waiting: deque[Task] = deque()
        self._suspects: deque[tuple[Task, int]] = deque()  # with the number of workers that it has killed for certain
        self._flying: dict[Future[Answer], tuple[Task, int | None]] = {}  # the same, or None if it is no suspect

    @property
    def room(self) -> int:
        return max(0, self._limit - self.busy)

    @property
    def busy(self) -> int:
        return len(self._flying) + len(self._waiting) + len(self._suspects)

    def submit(self, task: Task) -> None:
        self._waiting.append(task)
        self._send()

    def poll(self, timeout: float | None = None) -> list[Answer]:
        self._send()
        done, _ = wait(self._flying, timeout, FIRST_COMPLETED)
        if any(isinstance(future.exception(), BrokenProcessPool) for future in done):
            done = set(self._flying)  # all that were in hand end with the pool
            wait(done)
            self._kill_workers()  # one that was just starting is forgotten by the broken pool, which would wait for it for ever
            self._pool.shutdown()
            self._pool = self._new_pool()
        answers = [answer for future in done if (answer := self._landed(future))]
        self._send()
        return answers

    def close(self, kill: bool = False) -> None:
        if kill:  # a hung decoder would keep Ctrl-C waiting
            self._kill_workers()
        self._pool.shutdown(cancel_futures=True)

    def _kill_workers(self) -> None:
        """There is no public way before Python 3.14."""
        for process in list((self._pool._processes or {}).values()):
            process.kill()

    def _new_pool(self) -> ProcessPoolExecutor:
        return ProcessPoolExecutor(
            self._settings.worker_count,
            multiprocessing.get_context("spawn"),  # OpenCV and forks don't go together
            initializer=begin,
            initargs=(self._start, self._settings),
        )

    def _send(self) -> None:
        """Give the pool what it may have now: one suspect, or as many others as the limit allows."""
        with _for_children():  # the pool starts its processes as tasks come
            while self._suspects or self._waiting:
                if len(self._flying) >= (1 if self._suspects else self._limit):
                    return
                task, killed = self._suspects[0] if self._suspects else (self._waiting[0], None)
                try:
                    future = self._pool.submit(work_on, self._work, task)
                except BrokenProcessPool:
                    if self._flying:  # poll finds out by them
                        return
                    self._pool = self._new_pool()
                    continue
                (self._waiting if killed is None else self._suspects).popleft()
                self._flying[future] = (task, killed)

    def _landed(self, future: Future[Answer]) -> Answer | None:
        task, killed = self._flying.pop(future)
        error = future.exception()
        if error is None:
            return future.result()
        if isinstance(error, BrokenProcessPool):
            if killed:
                return failed(task, WorkerDied("The process that read the scan was killed, twice"))
            self._suspects.appendleft((task, 0 if killed is None else killed + 1))
            return None
        if isinstance(error, CannotStart):
            raise error.cause
        return failed(task, error)  # an answer that can't be sent between processes, say


@contextmanager
def _for_children() -> Iterator[None]:
    """What processes started in the block inherit: one thread each, and no Ctrl-C even while they start."""
    before = {name: os.environ.get(name) for name in CHILD_ENVIRONMENT}
    os.environ.update(CHILD_ENVIRONMENT)
    masked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT}) if hasattr(signal, "pthread_sigmask") else None
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
