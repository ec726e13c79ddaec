"""What runs in a worker: one scan, from its path to its readings. Nothing here writes anything."""

from __future__ import annotations

import hashlib
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from multiprocessing.connection import Connection
from pathlib import Path

from pipeline.errors import OversizedScan, ScanError
from pipeline.folders import open_regular
from pipeline.memory import go_first
from pipeline.records import Failure, ScanResult
from pipeline.settings import Settings


@dataclass(frozen=True, slots=True)
class Task:
    """One scan to read, in the folder `root` or below. Pictures of its stages go into the folder `trace`, if there is one."""

    path: Path
    settings: Settings
    trace: Path | None = None
    root: Path | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a task. `sha256` is of the bytes that were read, empty if none could be.

    `is_out_of_reach` says that the bytes could not be had, for a reason that may pass; `is_death` that the worker has died, or
    was killed for its silence, after it had begun the task.
    """

    task: Task
    sha256: str
    result: ScanResult
    is_out_of_reach: bool = False
    is_death: bool = False


class Sign(Enum):
    """A worker's signs of life between its answers."""

    STARTED = "it has loaded what it needs"
    BEGUN = "it has begun the task that it was given"
    GOES_ON = "it has read a page"


#: Called by a task's work after each page.
Tell = Callable[[], None]
#: A task's work, and what a process does once before its first task. Functions of a module, so that they can be sent to one.
Work = Callable[[Task, Tell], Answer]
Start = Callable[[Settings], None]


def read_task(task: Task, tell: Tell) -> Answer:
    """The work of a worker: read the file, then run the chain on its bytes."""
    from pipeline.chain import read_scan

    try:
        with open_regular(task.path, task.root) as stream:
            size = os.fstat(stream.fileno()).st_size
            if size > task.settings.max_bytes:
                return failed(
                    task, OversizedScan(f"a file of {size / 1e6:.0f} MB"), hashlib.file_digest(stream, "sha256").hexdigest()
                )
            data = stream.read()
    except OSError as error:
        return Answer(task, "", ScanResult((), unreadable(error)), is_out_of_reach=True)
    return Answer(task, hashlib.sha256(data).hexdigest(), read_scan(data, task.settings, task.trace, tell))


def warm_up(settings: Settings) -> None:
    """Load the model before the first task. Raises ModelError."""
    import cv2

    from pipeline import chain

    cv2.setNumThreads(1)
    chain.warm_up(settings)


def unreadable(error: OSError) -> Failure:
    """The failure of a file whose bytes can't be had."""
    message = f"The file can't be read: {error.strerror or error}"
    return Failure(type(error).__name__, message, "Is it there, and may you read it?")


class CannotStart(Exception):
    """Carries what went wrong in a worker's start to the parent: it concerns all scans, not the one at hand."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(cause)
        self.cause = cause


#: Signals that a terminal or a service manager may send to all processes; when to stop is the parent's business.
NOT_FOR_WORKERS = ("SIGINT", "SIGTERM", "SIGHUP")


def serve(tasks: Connection, answers: Connection, work: Work, start: Start, settings: Settings) -> None:
    """What a worker does from its start to its end: says that it has started, or why it can't, then answers task after task.

    Between answers it gives signs of life. It ends when the parent closes its end of a pipe, as it does by ending, however it
    ends.
    """
    go_first()
    for name in NOT_FOR_WORKERS:
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    with suppress(EOFError, OSError):
        try:
            start(settings)
        except Exception as error:
            answers.send(CannotStart(error))
            return
        answers.send(Sign.STARTED)
        while True:
            task = tasks.recv()
            answers.send(Sign.BEGUN)
            answer = guarded(work, task, lambda: answers.send(Sign.GOES_ON))
            try:
                answers.send(answer)
            except (EOFError, OSError):
                raise
            except Exception as error:  # an answer that can't be pickled; nothing of it has been sent
                answers.send(failed(task, error))


def guarded(work: Work, task: Task, tell: Tell) -> Answer:
    """The work's answer; an error in it becomes one too."""
    try:
        return work(task, tell)
    except Exception as error:  # whatever it is, it must not stop the batch
        return failed(task, error)


def failed(task: Task, error: BaseException, sha256: str = "") -> Answer:
    """The answer for a task that ended in an error."""
    if isinstance(error, ScanError):
        return Answer(task, sha256, ScanResult((), Failure(type(error).__name__, error.message, error.remedy)))
    failure = Failure(
        "InternalError",
        f"An error inside pipeline: {type(error).__name__}: {error}",
        "Please report it, with the scan if you may.",
    )
    return Answer(task, "", ScanResult((), failure))
