"""The loop of `pipeline watch`: look, claim, read, commit, file away, write. One thread; only the reading is elsewhere."""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Hashable, Iterator
from datetime import date
from pathlib import Path

from pipeline.engine import Engine
from pipeline.errors import FormError, OutputError, PipelineError, SettingsError, StateUnavailable
from pipeline.files import natural_key
from pipeline.folders import Stamp, shown, stamp_of
from pipeline.intake.backoff import Backoff
from pipeline.intake.burst import Burst
from pipeline.intake.claim import claim
from pipeline.intake.filing import file_away
from pipeline.intake.folder import Inbox
from pipeline.intake.hints import Hints
from pipeline.intake.pulse import Pulse
from pipeline.intake.stability import Stability
from pipeline.intake.tally import Tally
from pipeline.jobs.desk import Desk
from pipeline.jobs.spreadsheets import Writer, export, write_spreadsheets
from pipeline.journal import Journal
from pipeline.records import Written
from pipeline.settings import Settings
from pipeline.states import Scan
from pipeline.worker import Answer

logger = logging.getLogger(__name__)

HOLDER = "watch"  # whose leases are on the scans in hand; there is one watcher a state folder
_LONGEST_WAIT = 0.5  # seconds; a signal is noticed that soon on systems where it does not end a wait
_ENGINE_WAIT = 0.1  # seconds for answers, before the folder gets its turn again
_WRITE_PATIENCE = 10.0  # seconds for `run` or `accept` to write spreadsheets; then ours are written later
_FOLLOWED = 900.0  # seconds that an original is looked after when it has been filed: a scanner may still write to it


class Watcher:
    """Brings the scans of an inbox through the engine and out of it."""

    def __init__(
        self,
        settings: Settings,
        inbox: Inbox,
        journal: Journal,
        engine: Engine,
        hints: Hints,
        writer: Writer = export,
        tally: Tally | None = None,
        pulse: Pulse | None = None,
    ) -> None:
        self._settings, self._inbox, self._journal, self._hints, self._writer = settings, inbox, journal, hints, writer
        self._tally = tally or Tally()
        self._pulse = pulse or Pulse(settings, self._tally)
        self._engine = engine
        self._desk = Desk(journal, engine, settings, HOLDER)
        self._stability = Stability(settings.settle)
        self._burst = Burst()
        self._backoff = Backoff()
        self._ready: deque[tuple[Path, Stamp]] = deque()
        self._answers: deque[tuple[Scan, Answer]] = deque()  # not in the journal yet
        self._suspects: set[Path] = set()  # being read when a worker or the program died; read one at a time
        self._written_to: set[Path] = set()  # originals that have changed since they were filed
        self._refused: dict[Path, str] = {}  # what is in the inbox and is never opened, and why
        self._has_recovered = False
        self._curious = False  # something happened since the last look
        self._others = 0  # what the journal says of others' changes
        self._next_look = self._next_sweep = 0.0
        self._stopping = False

    def stop(self) -> None:
        """Finish what is in hand and return from `run`; may be called from a signal handler."""
        self._stopping = True
        self._hints.wake()

    def run(self, once: bool = False) -> None:
        """Work until stopped; with `once`, until nothing is left to do.

        What may pass, like a full disk, is waited for, but with `once`. Raises StateError, ModelError, EngineError and, only at
        the end, OutputError and FormError.
        """
        while not self._stopping:
            try:
                self._turn()
            except (StateUnavailable, FormError) as error:
                if once:
                    raise
                self._sit_out(error)
                continue
            self._backoff.succeeded("journal")
            self._pulse.beat(self._ready, self._desk.busy, self._backoff)
            if once and not (self._ready or self._desk.busy or self._stability.pending or self._curious):
                break
            self._wait()
        self._leave()
        self._pulse.beat(self._ready, self._desk.busy, self._backoff, is_last=True)

    def _turn(self) -> None:
        if not self._has_recovered:
            self._recover()
        self._try_again()
        self._look_if_due()
        self._take_ready()
        self._collect(_ENGINE_WAIT)
        self._write(self._burst.due(time.monotonic()))

    def _sit_out(self, error: PipelineError) -> None:
        """Wait for what keeps the journal from working; answers stay where they are."""
        now = time.monotonic()
        pause = self._backoff.failed("journal", str(error), now)
        logger.error("%s Trying again in %g s", error, pause)
        self._pulse.beat(self._ready, self._desk.busy, self._backoff)
        while not self._stopping and time.monotonic() < now + pause:
            self._hear(self._hints.wait(min(_LONGEST_WAIT, pause)))

    def _leave(self) -> None:
        """Finish the scans in hand, if they can be in time; write what has changed. Raises the first error of writing."""
        end = time.monotonic() + self._settings.leave
        while self._desk.busy and (left := end - time.monotonic()) > 0:
            self._collect(left)
        if self._desk.busy:
            self._engine.close(kill=True)
            for scan in self._desk.give_up():
                logger.info("%s: to be read at the next start", scan.file, extra=_about(scan))
                self._journal.give_back(scan)
        errors = self._write(self._burst.jobs)
        if errors:
            raise errors[0]

    # -- looking

    def _recover(self) -> None:
        """Take up what an earlier watcher left when it ended."""
        with self._journal.transaction():
            held = self._journal.scans(self._inbox.root, "reading", holder=HOLDER)
            begun = self._desk.take_back(held)
            for scan in self._journal.scans(self._inbox.root, "waiting"):
                if stamp_of(scan.source) is None:
                    self._journal.forget(scan)
        self._suspects = {scan.source for scan in begun if scan.state == "waiting"}
        for scan in begun:
            if scan.state == "settled":
                self._note(scan)
        for job in self._journal.stale(self._inbox.root):
            self._burst.note(job, time.monotonic())
        self._has_recovered = True

    def _try_again(self) -> None:
        """Put what failed, and whose pause is over, in line once more."""
        for key in self._backoff.take_due(time.monotonic()):
            if isinstance(key, Path):
                stamp = stamp_of(key)
                if stamp is None:
                    self._backoff.succeeded(key)
                else:
                    self._ready.append((key, stamp))
            elif key == "move":
                self._file_rest()

    def _look_if_due(self) -> None:
        """Look at the whole folder if it is time to; hints only make it time sooner."""
        now = time.monotonic()
        if self._others != (others := self._journal.others_changes()):  # somebody may want a scan read again
            self._others, self._curious = others, True
        sweep = now >= self._next_sweep
        if sweep:
            self._sweep()
            self._next_sweep = now + self._settings.sweep
        if not sweep and not (self._looks_soon and now >= self._next_look):
            return
        self._curious = False
        refused: dict[Path, str] = {}
        try:
            files = self._inbox.files(refused.__setitem__)
        except OSError as error:
            pause = self._backoff.failed("inbox", f"The inbox can't be read: {error.strerror or error}", now)
            logger.warning("The inbox can't be read: %s. Trying again in %g s", error.strerror or error, pause)
            self._next_look = now + pause  # a share may come back
            return
        self._backoff.succeeded("inbox")
        for path, why in refused.items() - self._refused.items():
            logger.warning("%s: %s, left where it is", shown(path), why)
        self._refused = refused
        ready = self._stability.look([*files, *self._filed_before()], now)
        self._ready.extend(sorted(ready, key=lambda file: (file[1].mtime_ns, natural_key(str(file[0])))))  # first come first
        cost = time.monotonic() - now
        self._next_look = now + max(self._pause(), 5 * cost)

    def _filed_before(self) -> Iterator[tuple[Path, Stamp]]:
        """Originals that have been filed, and that are to be read anew: somebody asked for it, or more was written to them."""
        asked = {scan.source for scan in self._journal.scans(self._inbox.root, "waiting") if self._inbox.is_filed(scan.source)}
        for path in asked | self._written_to:
            stamp = stamp_of(path)
            if stamp is not None:
                yield path, stamp

    @property
    def _looks_soon(self) -> bool:
        return self._curious or self._stability.pending > 0 or not self._hints.live

    def _pause(self) -> float:
        """Seconds between two looks, so that a file is taken not much later than it is ready."""
        return min(1.0, max(0.02, self._settings.settle / 4))

    def _sweep(self) -> None:
        """Look after what events say nothing of."""
        self._hints.renew()
        self._file_rest()
        filed = self._journal.filed_since(self._inbox.root, time.time() - _FOLLOWED)
        self._written_to = {source for source, stamp in filed if stamp_of(source) not in (None, stamp)}

    def _wait(self) -> None:
        """Until something happens or is due."""
        now = time.monotonic()
        due = [self._next_sweep, now + _LONGEST_WAIT]
        if self._looks_soon:
            due.append(self._next_look)
        due += [moment for moment in (self._burst.next(), self._backoff.next()) if moment is not None]
        self._hear(self._hints.wait(0.0 if self._desk.busy or self._stopping else min(due) - now))

    def _hear(self, hints: set[Path | None]) -> None:
        now = time.monotonic()
        for path in hints - {None}:
            self._curious = True
            if path is not None:
                self._stability.stir(path, now)

    # -- reading

    def _take_ready(self) -> None:
        later = []
        while self._ready and self._desk.room:
            path, stamp = self._ready[0]
            is_suspect = path in self._suspects
            if self._desk.holds(path):
                later.append((path, stamp))  # replaced while it is read: its turn comes after that
            elif is_suspect and (self._desk.busy or any(other not in self._suspects for other, _ in self._ready)):
                later.append((path, stamp))
            else:
                self._take(path, stamp)
            self._ready.popleft()  # only now: the journal may be out of order
            if is_suspect and self._desk.busy:
                break  # with none that was there before: if the program ends now, it is clear what ended it
        self._ready.extend(later)

    def _take(self, path: Path, stamp: Stamp) -> None:
        try:
            scan = claim(self._journal, self._inbox, path, stamp, date.today())
        except FileNotFoundError:
            self._backoff.succeeded(path)
            return  # taken away again
        except OSError as error:
            self._put_off(path, f"{shown(path)} can't be read yet: {error.strerror or error}")
            return
        self._backoff.succeeded(path)
        if scan is None:
            self._look_again_at(path)
        elif scan.state == "waiting":
            self._desk.take(scan)
        elif scan.state == "filed":
            self._written_to.discard(path)
        else:
            self._note(scan)
            self._file_away(scan)

    def _put_off(self, key: Hashable, message: str) -> None:
        pause = self._backoff.failed(key, message, time.monotonic())
        logger.warning("%s. Trying again in %g s", message, pause)

    def _collect(self, timeout: float | None) -> None:
        if self._desk.busy:
            self._answers.extend(self._desk.collect(0.0 if self._answers else timeout))
        while self._answers:
            settled = self._take_in(*self._answers[0])
            self._answers.popleft()  # not before: the journal may be out of order; nor later: what is in it is in it
            if settled is not None:
                self._note(settled)
                self._file_away(settled)

    def _take_in(self, scan: Scan, answer: Answer) -> Scan | None:
        """Put an answer into the journal; returns the scan, if it has been read now."""
        self._suspects.discard(scan.source)
        stamp = stamp_of(scan.source)
        is_other = answer.sha256 != scan.sha256 and bool(answer.sha256 or stamp != scan.stamp)  # not the file that was claimed
        if is_other or answer.is_out_of_reach:
            with self._journal.transaction():
                waiting = self._journal.give_back(scan)
                if stamp is None:
                    self._journal.forget(waiting)
            if is_other:
                self._look_again_at(scan.source)
            elif answer.result.failure:
                self._put_off(scan.source, f"{scan.file}: {answer.result.failure.message}")
            return None
        scan = self._desk.commit(scan, answer)
        if scan.state == "waiting":
            logger.warning("%s: a process died of it; to be read once more, after the others", scan.file, extra=_about(scan))
            self._suspects.add(scan.source)
            self._ready.append((scan.source, scan.stamp))
            return None
        self._written_to.discard(scan.source)
        return scan

    def _look_again_at(self, path: Path) -> None:
        self._stability.forget(path)
        self._curious = True

    def _file_rest(self) -> None:
        """Move what could not be moved when it had been read."""
        left = self._journal.scans(self._inbox.root, "settled", "moving")
        if not left:
            self._backoff.succeeded("move")
        for scan in left:
            self._file_away(scan)

    def _file_away(self, scan: Scan) -> None:
        try:
            if file_away(self._journal, self._inbox, scan).state != "filed":
                self._curious = True  # it has changed since it was read
        except StateUnavailable:
            self._backoff.failed("move", f"{scan.file} is read but not moved yet", time.monotonic())
            raise
        except (OSError, OutputError) as error:
            self._put_off("move", f"{scan.file} is read but can't be moved yet: {error}")

    # -- telling and writing

    def _note(self, scan: Scan) -> None:
        if scan.outcome is None:
            return
        self._burst.note(scan.job, time.monotonic())
        self._tally.note(scan)
        if scan.outcome == "failed":
            logger.warning("%s: rejected. %s", scan.file, scan.message, extra=_about(scan))
        else:
            what = "read" if scan.outcome == "done" else scan.outcome
            logger.info("%s: %s", scan.file, f"{what}. {scan.message}" if scan.message else what, extra=_about(scan))

    def _write(self, jobs: list[str]) -> list[PipelineError]:
        """Write spreadsheets; those that can't be written now are tried again later."""
        errors: list[PipelineError] = []
        for job in jobs:
            start = time.monotonic()
            try:
                written = self._spreadsheets_of(job)
            except (OutputError, SettingsError) as error:
                errors.append(error)
                pause = self._backoff.failed(("write", job), str(error), time.monotonic())
                self._burst.failed(job, time.monotonic(), pause)
                logger.error("%s Trying again in %g s", error, pause)
            else:
                self._tally.written[job] = written
                self._backoff.succeeded(("write", job))
                self._burst.written(job, time.monotonic() - start)
                logger.info("Wrote %s", written.workbook, extra={"job": job})
        return errors

    def _spreadsheets_of(self, job: str) -> Written:
        try:
            return write_spreadsheets(self._journal, job, self._settings, self._writer, _WRITE_PATIENCE)
        except PipelineError:
            raise
        except Exception as error:  # it would end the program, and then again at each start, whatever else there is to do
            logger.exception("The spreadsheets of %s can't be written", job)
            message = f"The spreadsheets of {job} can't be written: an error inside pipeline: {type(error).__name__}: {error}"
            raise OutputError(message, "Please report it.") from error


def _about(scan: Scan) -> dict[str, object]:
    """What programs that read the log want to know of a line about a scan."""
    return {"scan": scan.id, "job": scan.job, "outcome": scan.outcome, "sha256": scan.sha256}
