"""A job's three spreadsheets, written together in one pass over its scans."""

from __future__ import annotations

import codecs
import gc
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from pathlib import Path

from pipeline.errors import UsageError
from pipeline.export.consolidated import write_consolidated
from pipeline.export.edition import Hashed
from pipeline.export.readings import HEADER, csv_writer, write_readings
from pipeline.export.spool import Spool
from pipeline.export.survey import Survey
from pipeline.files import atomic_file, atomic_files, remove_leftovers, reported
from pipeline.folders import sha256_of
from pipeline.outbox import REVIEW
from pipeline.records import ScanEntry, Written


def write_job(
    job: str, scans: Iterable[ScanEntry], outbox: Path, announce: Callable[[str], None] = lambda sha256: None
) -> Written:
    """Write outbox/JOB.xlsx, JOB.csv and JOB.readings.csv, in the order of `scans`, which is gone through once.

    All three are new afterwards, or, whatever goes wrong, all three are as they were; none is replaced before all can be. Same
    scans, same bytes. `announce` is told the SHA-256 of the workbook before that is put in its place. Where there is more to
    review than a workbook should hold pictures of, "JOB (review 2).xlsx" and so on are written then.

    Raises OutputError if a file can't be written, UsageError if `job` can't be a file's name. Errors of `scans` pass through.
    """
    is_hidden, is_path = job.startswith("."), Path(job).name != job or "\0" in job
    if not job or is_hidden or is_path or job.endswith(".readings"):  # 9B.readings.csv belongs to job 9B
        raise UsageError(f"{job!r} can't be the name of a job", "Take one without /, a dot in front or .readings behind.")
    with reported(outbox):
        outbox.mkdir(parents=True, exist_ok=True)
    remove_leftovers(outbox)
    # the workbook first: it is what people leave open, and then none must be replaced
    paths = [outbox / f"{job}{suffix}" for suffix in (".xlsx", ".csv", ".readings.csv")]
    with ExitStack() as stack:
        workbook, table, readings = stack.enter_context(atomic_files(paths, lambda complete: announce(sha256_of(complete[0]))))
        spool = stack.enter_context(Spool())
        hashed = Hashed(readings)
        survey = _read_once(scans, spool, hashed)
        if not survey.is_ascii:
            table.write(codecs.BOM_UTF8)  # Excel takes a CSV without it for one in the local code page
        with csv_writer(table) as writer:
            write_consolidated(writer, survey.columns, spool)
        from pipeline.export.workbook import write_workbook  # openpyxl takes a quarter of a second to load

        with reported(paths[0]):  # openpyxl writes temporary files of its own
            write_workbook(workbook, job, survey, spool, hashed.edition)
    reviews = _write_more(job, survey, hashed.edition, outbox)
    gc.collect()  # openpyxl's books and sheets hold each other, and a watcher writes them for months
    return Written(readings_csv=str(paths[2]), table_csv=str(paths[1]), workbook=str(paths[0]), reviews=reviews)


def _write_more(job: str, survey: Survey, edition: str, outbox: Path) -> tuple[str, ...]:
    """Further workbooks, one after the other: there may be too many pictures for one."""
    from pipeline.export.review import parts
    from pipeline.export.workbook import write_review_book

    written = []
    for number, doubts in enumerate(parts(survey.most_doubtful_first()), 2):
        path = outbox / f"{REVIEW.format(job, number)}.xlsx"
        with atomic_file(path) as stream, reported(path):
            write_review_book(stream, job, survey, doubts, edition)
        written.append(str(path))
    return tuple(written)


def _read_once(scans: Iterable[ScanEntry], spool: Spool, readings: Hashed) -> Survey:
    """Everything that can be done while the scans pass by; the rest needs to know the widest table."""
    survey = Survey()
    with csv_writer(readings) as writer:
        writer.writerow(HEADER)
        for scan in scans:
            write_readings(writer, scan)
            survey.add(scan)
            spool.add(scan)
    return survey
