"""Work for engines that reads text files as if they were scans: fast, and of known outcome. Used by several tests."""

from __future__ import annotations

import csv
import hashlib
import os
import signal
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from pipeline.engine import Engine, PoolEngine, SerialEngine
from pipeline.files import write_atomically
from pipeline.intake.service import INBOX_LOCK
from pipeline.jobs.spreadsheets import Announce
from pipeline.records import Box, CellReading, Failure, PageResult, ScanEntry, ScanResult, Written
from pipeline.settings import Settings
from pipeline.worker import Answer, Task, Tell


def no_start(settings: Settings) -> None:
    """This work needs no model."""


def page(text: str, number: int = 1) -> PageResult:
    """A page with one cell that says `text`."""
    return PageResult(number, (CellReading(1, 1, 1, "C1", text, text, 0.1 + 0.2, "ok", "", Box(1, 2, 3, 4)),))


def read_text(task: Task, tell: Tell) -> Answer:
    """A page for each line of the file; "bad" on it is a failure, "die" kills the worker, "slow" takes a moment."""
    data = task.path.read_bytes()
    pages, failure = [], None
    for number, line in enumerate(data.decode(errors="replace").splitlines(), 1):
        if line == "bad":
            failure = Failure("CorruptScan", "It can't be decoded", "Scan it again.")
            break
        if line == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if line == "slow":
            time.sleep(0.3)
        pages.append(page(line, number))
        tell()
    if not data:
        failure = Failure("EmptyScan", "The file is empty", "Scan it again.")
    return Answer(task, hashlib.sha256(data).hexdigest(), ScanResult(tuple(pages), failure))


def serial(settings: Settings) -> Engine:
    return SerialEngine(settings, read_text, no_start)


def pool(settings: Settings) -> Engine:
    return PoolEngine(settings, read_text, no_start)


def write_plainly(job: str, scans: Iterable[ScanEntry], outbox: Path, announce: Announce) -> Written:
    """A Writer of one small CSV: file, outcome, message, and what the cells say."""
    path = outbox / f"{job}.csv"
    outbox.mkdir(exist_ok=True)
    lines = []
    for scan in scans:
        cells = [cell.value for page in scan.pages for cell in page.readings]
        lines.append([scan.file, scan.outcome, scan.message, " ".join(cells)])
    with (outbox / f"{job}.new").open("w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows(lines)
    write_atomically(path, (outbox / f"{job}.new").read_bytes())
    (outbox / f"{job}.new").unlink()
    return Written(str(path), str(path), str(path))


def rows(outbox: Path, job: str) -> dict[str, tuple[str, str, str]]:
    """What write_plainly wrote: file → outcome, message, cells."""
    with (outbox / f"{job}.csv").open(newline="", encoding="utf-8") as stream:
        return {file: (outcome, message, cells) for file, outcome, message, cells in csv.reader(stream)}


def tree(folder: Path) -> dict[str, str]:
    """Every file below a folder → its text; but for the lock of a watcher, which stays, and for what is moved meanwhile."""
    texts = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name != INBOX_LOCK:
            with suppress(FileNotFoundError):
                texts[path.relative_to(folder).as_posix()] = path.read_text()
    return texts
