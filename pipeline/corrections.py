"""What people say of cells, from a workbook into the journal, and what follows from it for the cells around them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.arithmetic import as_entered, as_read, check_page
from pipeline.errors import UsageError
from pipeline.folders import sha256_of
from pipeline.forms import Form, forms_in_use
from pipeline.journal import Journal
from pipeline.records import Edit, PageResult
from pipeline.settings import Settings


@dataclass(frozen=True, slots=True)
class Taken:
    """What came of a workbook's edits: how many were taken, cell by cell what could not be, and why none could be told."""

    edits: int = 0
    problems: tuple[str, ...] = ()
    refusal: str = ""  # why the workbook must not be overwritten; empty if it may be


def take_edits(journal: Journal, job: str, workbook: Path, settings: Settings) -> Taken:
    """Bring what a person changed in a workbook into the journal.

    Raises UsageError if it can't be read or the job is not known, FormError, StateError.
    """
    from pipeline.export import read_edits  # loads much

    files = journal.files(job)
    if not files:
        raise UsageError(
            f"There is no job {job!r} in {settings.state_folder}", "Use the workbook in the outbox it was written to."
        )
    found = read_edits(workbook, workbook.with_name(f"{workbook.stem}.readings.csv"), files)
    problems = list(found.problems)
    taken = 0
    with journal.transaction():
        for file, edits in found.edits.items():
            scan = journal.named(job, file)
            if scan is None:
                continue
            pages = journal.pages(scan)
            known = {(page.number, r.table, r.row, r.column) for page in pages for r in page.readings}
            problems += [f"{file}: it has no cell {place}" for place in edits if place not in known]
            entered = [edit for place, edit in edits.items() if place in known]
            taken += len(entered)
            journal.enter(scan, entered)
            journal.put(scan, with_edits(pages, journal.edits(scan), settings))
    refusal = "" if found.is_comparable else f"{workbook.name} and its readings are not of one edition"
    return Taken(taken, tuple(problems), refusal)


def with_edits(pages: Sequence[PageResult], edits: Iterable[Edit], settings: Settings) -> tuple[PageResult, ...]:
    """The pages with what people said of their cells, and their rules solved again with that. Raises FormError."""
    entered = {(edit.page, edit.table, edit.row, edit.column): edit.value for edit in edits}
    if not entered:
        return tuple(pages)
    touched = {page for page, *_ in entered}
    forms = {form.name: form for form in forms_in_use(settings.forms)}
    return tuple(_solved(page, entered, forms, settings) if page.number in touched else page for page in pages)


def _solved(
    page: PageResult, entered: dict[tuple[int, int, int, int], str], forms: dict[str, Form], settings: Settings
) -> PageResult:
    readings = []
    for cell in page.readings:
        place = (page.number, cell.table, cell.row, cell.column)
        readings.append(as_entered(cell, entered[place]) if place in entered else as_read(cell, settings.threshold))
    known: dict[int, Form] = {}
    for note in page.tables:
        form = forms.get(note.form) or (forms_in_use(settings.forms, note.form)[-1] if note.form else None)
        if form is not None:
            known[note.table] = form
    checked, notes = check_page(readings, known, settings.threshold)
    return replace(page, readings=checked, tables=notes)


def may_overwrite(journal: Journal, job: str, workbook: Path, settings: Settings) -> Taken:
    """Takes in what was changed in a workbook, if anything was, so that it may be written anew; or says why it may not."""
    if not workbook.exists():
        return Taken()
    if is_open(workbook):
        return Taken(refusal=f"{workbook.name} is open in another program")
    try:
        if sha256_of(workbook) in journal.workbooks(job):
            return Taken()
        return take_edits(journal, job, workbook, settings)
    except (UsageError, OSError) as error:
        return Taken(refusal=f"{workbook.name} was changed, and what was changed can't be read ({error})")


def is_open(workbook: Path) -> bool:
    """Whether Excel or LibreOffice has a workbook open, told by the files that they leave beside it."""
    return any(workbook.with_name(name).exists() for name in (f"~${workbook.name}", f".~lock.{workbook.name}#"))
