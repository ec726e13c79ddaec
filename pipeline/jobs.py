"""One job from scans to spreadsheets: claim, read, commit, export. Backlogs and the drop folder both go through here."""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import chain, count
from pathlib import Path, PurePosixPath

from pipeline import memory
from pipeline.corrections import Taken, is_open, may_overwrite, take_edits, with_edits
from pipeline.engine import Engine
from pipeline.errors import OutputError, PipelineError, StateError, UsageError, WorkerDied
from pipeline.folders import sha256_of, stamp_of
from pipeline.forms import has_form
from pipeline.journal import Journal, Totals
from pipeline.lock import only_one
from pipeline.outbox import BESIDE, job_of, review_books
from pipeline.readers import reader_version
from pipeline.records import Failure, Outcome, ScanEntry, ScanResult, Written
from pipeline.settings import Settings
from pipeline.states import Scan
from pipeline.worker import Answer, Task, failed

logger = logging.getLogger(__name__)

#: Told the SHA-256 of a workbook before that is put in its place.
Announce = Callable[[str], None]
#: Writes a job's spreadsheets into a folder; `export`, unless a test says otherwise.
Writer = Callable[[str, Iterable[ScanEntry], Path, Announce], Written]

_JOB_BYTES = 200  # of the 255 that a file name may have; endings are added to it
_UNSAFE = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|\ud800-\udfff]')
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)  # Windows keeps these names to itself
_NOTES_SHOWN = 5
_LOCK = "write.lock"
_PATIENCE = 600.0  # seconds that others may take to write spreadsheets
_MOST_TRIES = 5  # to write a workbook that people save meanwhile
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


@dataclass(frozen=True, slots=True)
class Failed:
    """A scan that could not be read, and why."""

    file: str
    message: str


@dataclass(frozen=True, slots=True)
class Summary:
    """What came of a job, for a person: this time, `read` being the scans read in full, and in all that the job holds."""

    job: str
    written: Written
    totals: Totals
    read: int
    failed: tuple[Failed, ...] = ()
    duplicates: int = 0
    ignored: int = 0
    unchanged: int = 0
    outdated: int = 0  # of the unchanged, read by another model or form, or with other settings


def export(job: str, entries: Iterable[ScanEntry], outbox: Path, announce: Announce) -> Written:
    """The usual Writer. Raises OutputError."""
    from pipeline.export import write_job  # loads much, and only when something is written

    return write_job(job, entries, outbox, announce)


def write_spreadsheets(
    journal: Journal, job: str, settings: Settings, writer: Writer = export, patience: float = _PATIENCE
) -> Written:
    """Write a job's spreadsheets from the journal, after taking in what people have changed in those that are there.

    A workbook that is open, or whose changes can't be told, is left alone: the new ones go beside it, and the notes say so.
    Raises OutputError, also if another process is writing for `patience` seconds, and FormError.
    """
    with _nobody_else_writing(settings, patience):
        return _write(journal, job, settings, writer)


def accept(workbook: Path, settings: Settings, writer: Writer = export) -> tuple[Taken, Written]:
    """Take in what a person changed in JOB.xlsx, and write the job's spreadsheets anew.

    Raises UsageError if the workbook can't be read or is of no job, StateError, OutputError, FormError.
    """
    job = job_of(workbook)
    with Journal(settings.state_folder) as journal, _nobody_else_writing(settings, _PATIENCE):
        looked_at = _digests(workbook)
        taken = take_edits(journal, job, workbook, settings)
        if not taken.refusal and workbook.stem in (job, BESIDE.format(job)):
            journal.has_workbook(job, *looked_at)
        return taken, _write(journal, job, settings, writer)


@contextmanager
def _nobody_else_writing(settings: Settings, patience: float) -> Iterator[None]:
    """`run`, `watch` and `accept` may be at work at once, and the files of a job belong together. Raises OutputError."""
    with ExitStack() as stack:
        try:
            stack.enter_context(only_one(settings.state_folder / _LOCK, "The writing of spreadsheets", patience))
        except StateError as error:
            raise OutputError(error.message, error.remedy) from error
        yield


class _ChangedMeanwhileError(Exception):
    """Somebody has saved a workbook, or opened it, since we looked at what was changed in it."""


def _write(journal: Journal, job: str, settings: Settings, writer: Writer) -> Written:
    notes: list[str] = []
    for _ in range(_MOST_TRIES):
        with suppress(_ChangedMeanwhileError):
            return _write_once(journal, job, settings, writer, notes)
    raise OutputError(f"{job}.xlsx is changed again and again while the new one is written")


def _write_once(journal: Journal, job: str, settings: Settings, writer: Writer, notes: list[str]) -> Written:
    outbox, beside = settings.outbox, BESIDE.format(job)
    books = {name: [outbox / f"{name}.xlsx", *review_books(outbox, name)] for name in (job, beside)}
    stamps = {book: stamp_of(book) for book in chain(*books.values())}
    there = {name: _digests(outbox / f"{name}.xlsx") for name in books}
    taken = {name: [may_overwrite(journal, job, book, settings) for book in found] for name, found in books.items()}
    notes += [f"{each.edits} values accepted from the workbook" for each in chain(*taken.values()) if each.edits]
    problems = [problem for each in chain(*taken.values()) for problem in each.problems]
    refusals = {name: next((each.refusal for each in found if each.refusal), "") for name, found in taken.items()}
    name = job
    if refusals[job]:
        name = beside
        problems.append(f"{refusals[job]}; the new one is {beside}.xlsx")
        if refusals[beside]:
            raise OutputError(f"{refusals[beside]}, and so is {job}.xlsx")
    version = journal.version(job)  # before the entries are read: what comes in between is for the next time
    new: list[str] = []

    def announce(sha256: str) -> None:
        """Whatever happens while the files are replaced, the workbook is ours, and not one that somebody has changed."""
        if is_open(outbox / f"{name}.xlsx") or any(stamp_of(book) != stamp for book, stamp in stamps.items()):
            raise _ChangedMeanwhileError
        new[:] = [sha256]
        journal.has_workbook(job, *there[name], sha256)

    written = writer(name, journal.entries(job), outbox, announce)
    journal.written(job, version)
    journal.has_workbook(job, *new)
    stale = [book for book in books[name][1:] if str(book) not in written.reviews]
    if name == job and not refusals[beside]:
        stale += [*books[beside], *(outbox / f"{beside}{suffix}" for suffix in (".csv", ".readings.csv"))]
    for path in stale:  # what they held is in the journal, and in the new ones
        path.unlink(missing_ok=True)
    return replace(written, notes=(*notes, *problems))


def _digests(workbook: Path) -> list[str]:
    with suppress(OSError):
        return [sha256_of(workbook)]
    return []


def describe(result: ScanResult) -> str:
    """What a person should know about a scan: the failure and its remedy, or the notes of its pages."""
    if result.failure:
        text = str(PipelineError(result.failure.message, result.failure.remedy))
        if result.pages:
            text += f" Its first {len(result.pages)} pages were read." if len(result.pages) > 1 else " Its first page was read."
    elif len(result.pages) == 1:
        text = result.pages[0].note
    else:
        notes = [f"Page {page.number}: {page.note}" for page in result.pages if page.note]
        more = len(notes) - _NOTES_SHOWN
        text = "; ".join(notes[:_NOTES_SHOWN]) + (f"; and {more} pages more" if more > 0 else "")
    text = text[:1].upper() + text[1:]
    return text.encode("utf-8", "backslashreplace").decode()  # an error may quote a path that is no text


def free_name(journal: Journal, job: str, file: str) -> str:
    """`file`, or "file (2)" and so on: the first name that no scan of the job has."""
    path = PurePosixPath(file)
    names = (str(path.with_name(f"{path.stem} ({number}){path.suffix}")) for number in count(2))
    return next(name for name in chain([file], names) if journal.named(job, name) is None)


def checked_job(name: str) -> str:
    """A job's name as it is. Raises UsageError if it can't be the name of a file on any system."""
    if safe_job(name) != name:
        raise UsageError(f"{name!r} can't be the name of a file", "Give the job another name with --job.")
    return name


def safe_job(name: str) -> str:
    """A name that can be that of a file on any system, and is `name` if that is one."""
    safe = _UNSAFE.sub("_", name).rstrip(" .").lstrip(" ")
    if not safe or safe.startswith(".") or _DEVICES.fullmatch(safe):
        safe = f"_{safe}"
    if safe.lower().endswith(".readings"):  # JOB.readings.csv would be that of two jobs
        safe += "_"
    if len(safe.encode()) > _JOB_BYTES:
        digest = hashlib.sha256(safe.encode()).hexdigest()[:8]
        safe = safe.encode()[: _JOB_BYTES - 9].decode(errors="ignore").rstrip(" .") + "-" + digest
    return safe
