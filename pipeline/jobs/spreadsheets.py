"""A job's spreadsheets, written from the journal after taking in what people have changed in those that are there."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from itertools import chain
from pathlib import Path

from pipeline.corrections import Taken, is_open, may_overwrite, take_edits
from pipeline.errors import OutputError, StateError
from pipeline.folders import sha256_of, stamp_of
from pipeline.journal import Journal
from pipeline.lock import only_one
from pipeline.outbox import BESIDE, job_of, review_books
from pipeline.records import ScanEntry, Written
from pipeline.settings import Settings

#: Told the SHA-256 of a workbook before that is put in its place.
Announce = Callable[[str], None]
#: Writes a job's spreadsheets into a folder; `export`, unless a test says otherwise.
Writer = Callable[[str, Iterable[ScanEntry], Path, Announce], Written]

_LOCK = "write.lock"
_PATIENCE = 600.0  # seconds that others may take to write spreadsheets
_MOST_TRIES = 5  # to write a workbook that people save meanwhile


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
