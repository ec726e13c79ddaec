"""A folder of scans, read as one job: `pipeline run --batch DIR`. Originals stay where they are."""

from __future__ import annotations

import logging
import os
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pipeline.engine import Engine, PoolEngine
from pipeline.errors import UsageError
from pipeline.files import natural_key
from pipeline.folders import Stamp, is_clutter, is_scan, refuse_nested, sha256_of, shown, stamp_of, walk
from pipeline.jobs.describe import describe
from pipeline.jobs.desk import Desk
from pipeline.jobs.names import checked_job, free_name
from pipeline.jobs.spreadsheets import Writer, export, write_spreadsheets
from pipeline.jobs.summary import Failed, Summary
from pipeline.journal import Journal
from pipeline.lock import only_one
from pipeline.records import Outcome, ScanResult
from pipeline.settings import Settings
from pipeline.states import Scan, State
from pipeline.worker import unreadable

logger = logging.getLogger(__name__)

_DONE_WITH: tuple[State, ...] = ("settled", "filed")


@dataclass(frozen=True, slots=True)
class Found:
    """A file of the backlog: its absolute path, its path as the user would type it, and below the folder."""

    path: Path
    file: str
    relative: Path
    stamp: Stamp


def run_batch(
    batch: Path,
    settings: Settings,
    job: str | None = None,
    trace: Path | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
    make_engine: Callable[[Settings], Engine] = PoolEngine,
    writer: Writer = export,
    again: bool = False,
) -> Summary:
    """Read what is new or changed in a folder, or failed the last time, then write the job's spreadsheets into the outbox.

    `job` is the folder's name unless given. `progress` is told how many of how many files are done. With `again`, what was read
    by another model or form, or with other settings, is read anew; what people said of its cells stays.

    Raises UsageError if the folders or the job's name won't do, StateError, ModelError, OutputError.
    """
    root = batch.resolve()
    name = checked_job(root.name if job is None else job)
    for folder, what in ((settings.outbox, "output folder"), (settings.state_folder, "state folder"), (trace, "trace folder")):
        if folder is not None:
            refuse_nested(folder, root, f"The {what} {folder} is inside the batch {batch}")
    found = find(batch)
    with (
        only_one(settings.state_folder / f"{name}.run.lock", f"A run of job {name}"),
        Journal(settings.state_folder) as journal,
    ):
        with make_engine(settings) as engine:
            holder = f"run {name}"
            run = _Run(journal, Desk(journal, engine, settings, holder), root, name, trace, holder, again)
            run.give_back()
            run.read(found, progress)
        written = write_spreadsheets(journal, name, settings, writer)
        return Summary(
            name,
            written,
            journal.totals(name),
            read=run.counts["done"],
            failed=tuple(sorted(run.failed, key=lambda failed: natural_key(failed.file))),
            duplicates=run.counts["duplicate"],
            ignored=run.counts["ignored"],
            unchanged=run.unchanged,
            outdated=run.outdated,
        )


def find(batch: Path) -> list[Found]:
    """The files of a backlog folder, recursively, in natural order; hidden ones and links are left out. Raises UsageError."""
    root = batch.resolve()
    try:
        files = list(
            walk(root, lambda name, is_top: is_clutter(name), lambda path, why: logger.warning("%s: %s, left out", path, why))
        )
    except OSError as error:
        raise UsageError(f"{batch} can't be read: {error.strerror}") from error
    found = [(path.relative_to(root), path, stamp) for path, stamp in files]
    found.sort(key=lambda file: natural_key(file[0].as_posix()))
    return [Found(path, _as_typed(batch / relative), relative, stamp) for relative, path, stamp in found]


def _as_typed(path: Path) -> str:
    return shown(Path(os.path.normpath(path)).as_posix())


class _Run:
    """One pass over the files of a backlog."""

    def __init__(
        self, journal: Journal, desk: Desk, root: Path, job: str, trace: Path | None, holder: str, again: bool
    ) -> None:
        self._journal, self._desk, self._root, self._job, self._trace = journal, desk, root, job, trace
        self._holder, self._again = holder, again
        self.counts: Counter[Outcome] = Counter()
        self.failed: list[Failed] = []
        self._suspects: deque[tuple[Scan, Path | None]] = deque()
        self.unchanged = self.outdated = 0

    def give_back(self) -> None:
        """Let the scans that an earlier run had in hand when it ended wait again."""
        self._desk.take_back(self._journal.scans(self._root, "reading", job=self._job, holder=self._holder))
        for waiting in self._journal.scans(self._root, "waiting", job=self._job):
            if not waiting.source.exists():
                self._journal.forget(waiting)

    def read(self, found: list[Found], progress: Callable[[int, int], None]) -> None:
        """Read what is new or changed, or failed the last time."""
        news = [file for file in found if not self._is_unchanged(file)]
        self.unchanged = len(found) - len(news)
        for number, file in enumerate(news):
            scan = self._claim(file)
            if scan is not None:
                while not self._desk.room:
                    self._collect()
                self._desk.take(scan, self._trace and self._trace / file.relative)
            progress(number + 1 - self._desk.busy - len(self._suspects), len(news))
        self._finish(lambda left: progress(len(news) - left, len(news)))

    def _finish(self, left: Callable[[int], None]) -> None:
        """Wait for what is in hand; then, one at a time, read what workers have died of."""
        while self._desk.busy or self._suspects:
            if not self._desk.busy:
                self._desk.take(*self._suspects.popleft())
            self._collect()
            left(self._desk.busy + len(self._suspects))

    def _is_unchanged(self, file: Found) -> bool:
        """Whether the journal has what is needed from a file, told by its size and time alone."""
        known = self._journal.at(file.path, self._job)
        if known is None or known.stamp != file.stamp or known.state not in _DONE_WITH or known.outcome == "failed":
            return False
        if known.outcome == "duplicate":
            twin = self._twin(known.sha256, known)
            return twin is not None and stamp_of(twin.source) is not None
        return not self._is_to_be_read_again(known)

    def _is_to_be_read_again(self, known: Scan) -> bool:
        is_outdated = self._desk.is_outdated(known)
        self.outdated += is_outdated and not self._again
        return is_outdated and self._again

    def _claim(self, file: Found) -> Scan | None:
        """The scan to be read, waiting; None if there is nothing to read, and then the journal says why."""
        try:
            content = sha256_of(file.path, self._root) if is_scan(file.path) else ""
        except FileNotFoundError:
            return None  # gone since the folder was looked at
        except OSError as error:
            self._settle(self._waiting(file, ""), "failed", describe(ScanResult((), unreadable(error))))
            return None
        if not content:
            self._settle(self._waiting(file, ""), "ignored", "Not a scan: no JPEG, PNG, TIFF or PDF.")
            return None
        with self._journal.transaction():
            twin = self._twin(content, self._journal.at(file.path, self._job))
            if twin is not None and stamp_of(twin.source) is None:
                self._follow(twin, file)
                twin = None
            known = self._journal.at(file.path, self._job)
            is_read = known is not None and known.sha256 == content and known.outcome == "done" and known.state in _DONE_WITH
            if known is not None and is_read and not self._is_to_be_read_again(known):
                self._journal.renamed(known, known.file, file.path, file.stamp)  # at most, its time is new
                self.unchanged += 1
                return None
            scan = self._waiting(file, content)
            if twin is None:
                return scan
            self._settle(scan, "duplicate", f"Same content as {twin.file}.")
            return None

    def _follow(self, scan: Scan, file: Found) -> None:
        """A file was renamed: the scan goes with its content, and takes the place of what was read at that path before."""
        replaced = self._journal.at(file.path, self._job)
        if replaced is not None:
            self._journal.remove(replaced)
        self._journal.renamed(scan, self._name(file, scan), file.path, file.stamp)

    def _waiting(self, file: Found, content: str) -> Scan:
        known = self._journal.at(file.path, self._job)
        if known is None:
            return self._journal.add(self._job, self._root, self._name(file), file.path, file.stamp, content)
        return self._journal.again(known, self._root, file.path, file.stamp, content)

    def _settle(self, scan: Scan, outcome: Outcome, message: str) -> None:
        self._note(self._journal.settle(scan, outcome, message))

    def _twin(self, content: str, known: Scan | None) -> Scan | None:
        """Another scan of the job that has this content: one whose file still holds it, else one whose file has gone."""
        twins = self._journal.twins(self._job, content, known.id if known else None)
        stamps = [(stamp_of(twin.source), twin) for twin in twins]
        present = (twin for stamp, twin in stamps if stamp == twin.stamp)
        gone = (twin for stamp, twin in stamps if stamp is None and twin.state in _DONE_WITH)
        return next(present, None) or next(gone, None)

    def _name(self, file: Found, mine: Scan | None = None) -> str:
        """The name of a file in its job; the whole path if another file of the job goes by the short one."""
        names = (file.file, shown(file.path.as_posix()))
        free = (name for name in names if (holder := self._journal.named(self._job, name)) is None or holder == mine)
        return next(free, None) or free_name(self._journal, self._job, names[-1])

    def _collect(self) -> None:
        for scan, answer in self._desk.collect():
            scan = self._desk.commit(scan, answer)
            if scan.state == "waiting":
                self._suspects.append((scan, answer.task.trace))
            else:
                self._note(scan)

    def _note(self, scan: Scan) -> None:
        if scan.outcome is not None:
            self.counts[scan.outcome] += 1
        if scan.outcome == "failed":
            self.failed.append(Failed(scan.file, scan.message))
