"""Where scans are in hand: from the journal to the engine, and their readings back into the journal."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from pipeline import memory
from pipeline.corrections import with_edits
from pipeline.engine import Engine
from pipeline.errors import PipelineError, StateError, WorkerDied
from pipeline.forms import has_form
from pipeline.jobs.describe import describe
from pipeline.journal import Journal
from pipeline.readers import reader_version
from pipeline.records import Failure, Outcome, ScanResult
from pipeline.settings import Settings
from pipeline.states import Scan
from pipeline.worker import Answer, Task, failed

logger = logging.getLogger(__name__)

_MOST_DEATHS = 2  # of workers that have begun a scan, until that is rejected
_SHORT_OF_MEMORY = Failure(
    "WorkerDied", "The whole program was killed for want of memory when it read this scan", WorkerDied.default_remedy
)


class Readers:
    """What reads the scans of each job, as it is when it is first asked for."""

    def __init__(self, settings: Settings) -> None:
        """Raises ModelError or FormError if there is nothing to read with."""
        self._settings = settings
        self._versions = {settings.form: reader_version(settings)}  # by form

    def settings_for(self, job: str) -> Settings:
        """The settings of a job's scans: a job that is called as a form is has sheets of that form."""
        if self._settings.form or not has_form(self._settings.forms, job):
            return self._settings
        return replace(self._settings, form=job)

    def version_for(self, job: str) -> str:
        """The version of what reads a job's scans: see readers.py."""
        settings = self.settings_for(job)
        if settings.form not in self._versions:
            self._versions[settings.form] = reader_version(settings)
        return self._versions[settings.form]

    def are_outdated_for(self, scan: Scan) -> bool:
        """Whether a scan has been read by another program, model or form, or with other settings, than it would be now."""
        return scan.outcome == "done" and scan.reader != self.version_for(scan.job)


class Desk:
    """Where scans are in hand: from the journal to the engine, and their readings back into the journal."""

    def __init__(self, journal: Journal, engine: Engine, settings: Settings, holder: str = "") -> None:
        """`holder` is whose leases are on the scans in hand. Raises ModelError if there is no model."""
        self._journal, self._engine, self._settings, self._holder = journal, engine, settings, holder
        self._in_hand: dict[Path, Scan] = {}
        self._readers = Readers(settings)

    @property
    def room(self) -> int:
        """How many more scans may be taken now."""
        return self._engine.room

    @property
    def busy(self) -> int:
        """How many scans are in hand."""
        return len(self._in_hand)

    def holds(self, path: Path) -> bool:
        """Whether the scan at a path is in hand."""
        return path in self._in_hand

    def take(self, scan: Scan, trace: Path | None = None) -> None:
        """Have a waiting scan read."""
        scan = self._in_hand[scan.source] = self._journal.start(scan, self._holder)

        def begins() -> None:
            with suppress(StateError):  # it serves only to find the guilty, should the whole program end
                self._journal.begin(scan, memory.kills())

        self._engine.submit(Task(scan.source, self._readers.settings_for(scan.job), trace, scan.root), begins)

    def is_outdated(self, scan: Scan) -> bool:
        """Whether a scan has been read by another program, model or form, or with other settings, than it would be now."""
        return self._readers.are_outdated_for(scan)

    def give_up(self) -> list[Scan]:
        """The scans in hand, whose answers are not waited for any more."""
        scans = list(self._in_hand.values())
        self._in_hand.clear()
        return scans

    def collect(self, timeout: float | None = None) -> list[tuple[Scan, Answer]]:
        """The scans that have been read, with what was read; waits for the first as Engine.poll does. Commits nothing."""
        answers = self._engine.poll(timeout)
        return [(self._in_hand.pop(answer.task.path), answer) for answer in answers]

    def commit(self, scan: Scan, answer: Answer) -> Scan:
        """Put what was read into the journal. A scan whose worker has died waits once more, to be read when no other is."""
        if answer.is_death and answer.result.failure:
            return self._after_death(scan, answer.result.failure)
        try:
            return self._settle(scan, answer)
        except PipelineError:
            raise
        except Exception as error:  # it would end the program, and then again at each start
            logger.exception("%s: what was read can't be kept", scan.file)
            return self._settle(scan, failed(answer.task, error))

    def _settle(self, scan: Scan, answer: Answer) -> Scan:
        outcome: Outcome = "failed" if answer.result.failure else "done"
        pages = with_edits(answer.result.pages, self._journal.edits(scan, answer.sha256), self._settings)
        return self._journal.settle(
            scan, outcome, describe(answer.result), pages, answer.sha256, self._readers.version_for(scan.job)
        )

    def take_back(self, held: Sequence[Scan]) -> list[Scan]:
        """Take up what a program had in hand that ended without a word; returns those that a worker had begun, as they are now.

        They wait again: whoever kills the program has nothing against a scan. But where the system has run short of memory,
        which may cost a whole container its life, and only one scan had been begun, that counts like the death of its worker.
        """
        begun = [scan for scan in held if scan.begun is not None]
        is_guilty = len(begun) == 1 and memory.kills() > (begun[0].begun or 0)
        with self._journal.transaction():
            back = [self._journal.give_back(scan) for scan in held if not (is_guilty and scan in begun)]
            if is_guilty:
                back.append(self._after_death(begun[0], _SHORT_OF_MEMORY))
        return [scan for scan in back if scan.id in {one.id for one in begun}]

    def _after_death(self, scan: Scan, failure: Failure) -> Scan:
        """A scan has taken a worker with it: it waits once more, or is poison."""
        with self._journal.transaction():
            waiting = self._journal.give_back(scan, was_deadly=True)
            if waiting.deaths < _MOST_DEATHS:
                return waiting
            poison = replace(failure, message=f"{failure.message}, twice")
            return self._journal.settle(waiting, "failed", describe(ScanResult((), poison)))
