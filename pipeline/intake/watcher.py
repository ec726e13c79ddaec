"""The loop of `pipeline watch`: look, claim, read, commit, file away, write. One thread; only the reading is elsewhere."""

from __future__ import annotations

import logging
import signal
import threading
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from types import FrameType

from pipeline.engine import Engine, PoolEngine
from pipeline.errors import OutputError, PipelineError, UsageError
from pipeline.folders import Stamp, refuse_nested, shown, stamp_of
from pipeline.intake.burst import Burst
from pipeline.intake.claim import claim
from pipeline.intake.filing import file_away
from pipeline.intake.folder import Inbox
from pipeline.intake.hints import Hints
from pipeline.intake.stability import Stability
from pipeline.jobs import Desk, Failed, Summary, Writer, export, write_spreadsheets
from pipeline.journal import Journal, Scan
from pipeline.lock import only_one
from pipeline.records import Outcome, Written
from pipeline.settings import Settings

logger = logging.getLogger(__name__)

_LONGEST_WAIT = 0.5  # seconds; a signal is noticed that soon on systems where it does not end a wait
_ENGINE_WAIT = 0.1  # seconds for answers, before the folder gets its turn again


def watch(
    settings: Settings,
    once: bool = False,
    make_engine: Callable[[Settings], Engine] = PoolEngine,
    writer: Writer = export,
) -> tuple[Summary, ...]:
    """Take in what is dropped into the inbox, until SIGTERM or SIGINT; with `once`, until all that is there has been read.

    Then the scans in hand are finished and the spreadsheets written. Returns what came of each job that had scans.

    Raises UsageError if the folders won't do, StateError, also if another watcher is at work, ModelError and, only at the end,
    OutputError.
    """
    outbox, state = settings.outbox, settings.state_folder
    for inner, outer in ((outbox, settings.inbox), (settings.inbox, outbox), (state, settings.inbox)):
        refuse_nested(inner, outer, f"The folder {inner} is inside the folder {outer}")
    try:
        settings.inbox.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"The inbox {settings.inbox} can't be made: {error.strerror}") from error
    inbox = Inbox(settings.inbox)
    with (
        only_one(state / "watch.lock", f"A watcher with the state folder {state}"),
        Journal(state) as journal,
        make_engine(settings) as engine,
        Hints(inbox, settings.poll) as hints,
    ):
        watcher = Watcher(settings, inbox, journal, engine, hints, writer)
        with _stopped_by_signals(watcher):
            logger.info("Watching %s, writing to %s", settings.inbox, outbox)
            return watcher.run(once)


class Watcher:
    """Brings the scans of an inbox through the engine and out of it."""

    def __init__(
        self, settings: Settings, inbox: Inbox, journal: Journal, engine: Engine, hints: Hints, writer: Writer = export
    ) -> None:
        self._settings, self._inbox, self._journal, self._hints, self._writer = settings, inbox, journal, hints, writer
        self._desk = Desk(journal, engine, settings)
        self._stability = Stability(settings.settle)
        self._burst = Burst()
        self._ready: deque[tuple[Path, Stamp]] = deque()
        self._put_off: set[Path] = set()  # could not be read or moved; tried again at the next sweep
        self._curious = False  # something happened since the last look
        self._next_look = self._next_sweep = 0.0
        self._stopping = False
        self._counts: dict[str, Counter[Outcome]] = defaultdict(Counter)
        self._failed: dict[str, list[Failed]] = defaultdict(list)
        self._written: dict[str, Written] = {}

    def stop(self) -> None:
        """Finish what is in hand and return from `run`; may be called from a signal handler."""
        self._stopping = True
        self._hints.wake()

    def run(self, once: bool = False) -> tuple[Summary, ...]:
        """Work until stopped; with `once`, until nothing is left to do."""
        self._recover()
        while not self._stopping:
            self._look_if_due()
            self._take_ready()
            self._collect(_ENGINE_WAIT)
            self._write(self._burst.due(time.monotonic()))
            if once and not (self._ready or self._desk.busy or self._stability.pending or self._curious):
                break
            self._wait()
        while self._desk.busy:
            self._collect(None)
        errors = self._write(self._burst.jobs)
        if errors:
            raise errors[0]
        return tuple(self._summary(job) for job in self._counts)

    # -- looking

    def _recover(self) -> None:
        """Take up what an earlier watcher left when it ended."""
        for scan in self._journal.scans(self._inbox.root, "reading"):
            self._journal.give_back(scan)
        for scan in self._journal.scans(self._inbox.root, "waiting"):
            if stamp_of(scan.source) is None:
                self._journal.forget(scan)
        for job in self._journal.stale(self._inbox.root):
            self._burst.note(job, time.monotonic())

    def _look_if_due(self) -> None:
        """Look at the whole folder if it is time to; hints only make it time sooner."""
        now = time.monotonic()
        sweep = now >= self._next_sweep
        if sweep:
            self._sweep()
            self._next_sweep = now + self._settings.sweep
        if not sweep and not (self._looks_soon and now >= self._next_look):
            return
        self._curious = False
        try:
            files = self._inbox.files()
        except OSError as error:
            logger.warning("The inbox can't be read: %s", error.strerror or error)  # a share may come back
            files = None
        if files is not None:
            ready = self._stability.look(files, now)
            self._ready.extend(ready)
        cost = time.monotonic() - now
        self._next_look = now + max(self._pause(), 5 * cost)

    @property
    def _looks_soon(self) -> bool:
        return self._curious or self._stability.pending > 0 or not self._hints.live

    def _pause(self) -> float:
        """Seconds between two looks, so that a file is taken not much later than it is ready."""
        return min(1.0, max(0.02, self._settings.settle / 4))

    def _sweep(self) -> None:
        """Try again what could not be done before."""
        for path in self._put_off:
            self._stability.forget(path)
        self._put_off.clear()
        for scan in self._journal.scans(self._inbox.root, "settled", "moving"):
            self._file_away(scan)

    def _wait(self) -> None:
        """Until something happens or is due."""
        now = time.monotonic()
        due = [self._next_sweep, now + _LONGEST_WAIT]
        if self._looks_soon:
            due.append(self._next_look)
        if (write := self._burst.next()) is not None:
            due.append(write)
        hints = self._hints.wait(0.0 if self._desk.busy or self._stopping else min(due) - now)
        now = time.monotonic()
        for path in hints - {None}:
            self._curious = True
            if path is not None:
                self._stability.stir(path, now)

    # -- reading

    def _take_ready(self) -> None:
        later = []
        while self._ready and self._desk.room:
            path, stamp = self._ready.popleft()
            if self._desk.holds(path):
                later.append((path, stamp))  # replaced while it is read: its turn comes after that
            else:
                self._take(path, stamp)
        self._ready.extend(later)

    def _take(self, path: Path, stamp: Stamp) -> None:
        try:
            scan = claim(self._journal, self._inbox, path, stamp, date.today())
        except FileNotFoundError:
            return  # taken away again
        except OSError as error:
            logger.warning("%s can't be read yet: %s", shown(path), error.strerror or error)
            self._put_off.add(path)
            return
        if scan is None:
            self._look_again_at(path)
        elif scan.state == "waiting":
            self._desk.take(scan)
        else:
            self._note(scan)
            self._file_away(scan)

    def _collect(self, timeout: float | None) -> None:
        if not self._desk.busy:
            return
        for scan, answer in self._desk.collect(timeout):
            stamp = stamp_of(scan.source)
            if answer.sha256 != scan.sha256 and (answer.sha256 or stamp != scan.stamp):  # not the file that was claimed
                waiting = self._journal.give_back(scan)
                if stamp is None:
                    self._journal.forget(waiting)
                self._look_again_at(scan.source)
                continue
            settled = self._desk.commit(scan, answer)
            self._note(settled)
            self._file_away(settled)

    def _look_again_at(self, path: Path) -> None:
        self._stability.forget(path)
        self._curious = True

    def _file_away(self, scan: Scan) -> None:
        try:
            if file_away(self._journal, self._inbox, scan).state != "filed":
                self._curious = True  # it has changed since it was read
        except (OSError, OutputError) as error:
            logger.warning("%s is read but can't be moved yet: %s", scan.file, error)

    # -- telling and writing

    def _note(self, scan: Scan) -> None:
        if scan.outcome is None:
            return
        self._burst.note(scan.job, time.monotonic())
        self._counts[scan.job][scan.outcome] += 1
        if scan.outcome == "failed":
            self._failed[scan.job].append(Failed(scan.file, scan.message))
            logger.warning("%s: rejected. %s", scan.file, scan.message)
        else:
            what = "read" if scan.outcome == "done" else scan.outcome
            logger.info("%s: %s", scan.file, f"{what}. {scan.message}" if scan.message else what)

    def _write(self, jobs: list[str]) -> list[PipelineError]:
        """Write spreadsheets; those that can't be written now are tried again later."""
        errors: list[PipelineError] = []
        for job in jobs:
            start = time.monotonic()
            try:
                self._written[job] = write_spreadsheets(self._journal, job, self._settings, self._writer)
            except OutputError as error:
                logger.error("%s", error)
                errors.append(error)
                self._burst.failed(job, time.monotonic())
            else:
                self._burst.written(job, time.monotonic() - start)
                logger.info("Wrote %s", self._written[job].workbook)
        return errors

    def _summary(self, job: str) -> Summary:
        counts = self._counts[job]
        return Summary(
            job,
            self._written[job],
            self._journal.totals(job),
            read=counts["done"],
            failed=tuple(self._failed[job]),
            duplicates=counts["duplicate"],
        )


@contextmanager
def _stopped_by_signals(watcher: Watcher) -> Iterator[None]:
    """The first SIGINT or SIGTERM stops the watcher in good order; a second SIGINT interrupts."""

    def stop(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        watcher.stop()

    if threading.current_thread() is not threading.main_thread():  # elsewhere Python takes no signals
        yield
        return
    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
