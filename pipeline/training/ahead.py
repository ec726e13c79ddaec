"""The next work in a process of its own, while the present one's result is learned from."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.connection import Connection
from types import TracebackType
from typing import Any, Generic, TypeVar

Job = TypeVar("Job")
Result = TypeVar("Result")


class Ahead(Generic[Job, Result]):
    """A process that does a function's work. A context: it ends with it, and by itself if its parent is killed."""

    def __init__(self, work: Callable[[Job], Result]) -> None:
        """`work` is a function of a module: it is sent by its name."""
        self._work = work

    def __enter__(self) -> Ahead[Job, Result]:
        context = multiprocessing.get_context("spawn")  # fork and threads don't go together
        self._connection, its = context.Pipe()
        self._process = context.Process(target=_serve, args=(its, self._work), name="ahead", daemon=True)
        self._process.start()
        its.close()  # only the child holds its end, so that each sees when the other is gone
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._connection.close()
        self._process.join(5)
        self._process.terminate()

    def each(self, jobs: Iterable[Job]) -> Iterator[Result]:
        """The result of each job, in order. What a job raises is raised here; a process that died raises EOFError."""
        waiting = False
        for job in jobs:
            if waiting:
                result = self._received()
                self._connection.send(job)
                yield result
            else:
                self._connection.send(job)
                waiting = True
        if waiting:
            yield self._received()

    def _received(self) -> Result:
        result, error = self._connection.recv()
        if error is not None:
            raise error
        made: Result = result
        return made


def _serve(connection: Connection, work: Callable[[Any], Any]) -> None:
    import cv2

    cv2.setNumThreads(1)
    while True:
        try:
            job = connection.recv()
        except (EOFError, OSError):  # the parent is gone
            return
        try:
            connection.send((work(job), None))
        except Exception as error:  # it is the parent's to handle
            connection.send((None, error))
