"""What was read, in SQLite: scans by content, their states, pages and readings. The only place that asks the database.

The journal is the truth; spreadsheets are views of it. One process may write while others read; each change is one transaction
that is on the disk when the call returns.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pipeline.database import Database
from pipeline.errors import StateError
from pipeline.files import natural_key
from pipeline.folders import Stamp
from pipeline.records import TEXT_REASON, Edit, Outcome, PageResult, ScanEntry
from pipeline.rows import cell_of, notes_of_json, notes_to_json, reading_row
from pipeline.schema import MIGRATIONS
from pipeline.states import TRANSITIONS, Scan, State

FILE_NAME = "journal.sqlite"

_READING_COLUMNS = (
    '"table", "row", "column", name, value, text, confidence, status, reason, x, y, width, height, kind, candidates, picture'
)
_SCAN_COLUMNS = (
    "id, job, root, file, source, target, size, mtime_ns, sha256, state, outcome, message, attempts, reader, holder, "
    "deaths, begun"
)


@dataclass(frozen=True, slots=True)
class Totals:
    """What a job holds."""

    scans: int  # with pages that could be read
    pages: int
    cells: int  # that are not blank
    review: int  # cells with numbers that a person should look at
    text: int  # cells with writing that is passed on


class Journal:
    """The journal in a folder, made if it is not there. Use it from one thread.

    All methods raise StateError if the database can't be used, and if a scan's state does not allow what is asked.
    """

    def __init__(self, folder: Path) -> None:
        self._database = Database(folder / FILE_NAME, MIGRATIONS)

    def close(self) -> None:
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def others_changes(self) -> int:
        """A number that changes whenever another process, or another Journal, has committed something."""
        return int(self._database.query("PRAGMA data_version")[0][0])

    # -- finding scans

    def at(self, source: Path, job: str | None = None) -> Scan | None:
        """The scan whose original is at an absolute path, of one job or, the latest, of any."""
        return self._one("source = ? AND job = coalesce(?, job) ORDER BY id DESC", os.fsencode(source), job)

    def named(self, job: str, file: str) -> Scan | None:
        """The scan of that name in the job."""
        return self._one("job = ? AND file = ?", job, file)

    def twins(self, job: str, sha256: str, but: int | None = None) -> list[Scan]:
        """The scans of a job with that content that have been read or will be, read ones first; not that with the id `but`."""
        return self._many(
            "job = ? AND sha256 = ? AND id IS NOT ? AND (outcome IN ('done', 'failed') OR state IN ('waiting', 'reading')) "
            "ORDER BY outcome IS NOT 'done', id",
            *(job, sha256, but),
        )

    def scans(self, root: Path, *states: State, job: str | None = None, holder: str | None = None) -> list[Scan]:
        """The scans from a folder in one of the states, oldest first; only those of a job, or in a holder's hands, if given."""
        marks = ", ".join("?" * len(states))
        where = f"root = ? AND state IN ({marks}) AND job = coalesce(?, job) AND holder = coalesce(?, holder) ORDER BY id"
        return self._many(where, os.fsencode(root), *states, job, holder)

    def filed_since(self, root: Path, moment: float) -> Iterator[tuple[Path, Stamp]]:
        """Where the originals of the scans from a folder have been filed that were read after a moment, in seconds since 1970.

        One at a time, for there may be thousands.
        """
        found = self._database.each(
            "SELECT source, size, mtime_ns FROM scans WHERE root = ? AND finished > ? AND state = 'filed'",
            *(os.fsencode(root), moment),
        )
        for source, size, mtime_ns in found:
            yield Path(os.fsdecode(source)), Stamp(size, mtime_ns)

    # -- changing them

    def transaction(self) -> AbstractContextManager[None]:
        """All changes of the block, or none of them. Blocks may be nested; the outermost counts."""
        return self._database.transaction()

    def add(self, job: str, root: Path, file: str, source: Path, stamp: Stamp, sha256: str) -> Scan:
        """A new scan, waiting."""
        with self._database.transaction():
            id_ = self._database.change(
                "INSERT INTO scans (job, root, file, source, size, mtime_ns, sha256, state, added) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, 'waiting', ?)",
                *(job, os.fsencode(root), file, os.fsencode(source), *stamp, sha256, time.time()),
            )
            self._database.change("INSERT OR IGNORE INTO jobs (job) VALUES (?)", job)
            return self._remember(self._get(id_))

    def again(self, scan: Scan, root: Path, source: Path, stamp: Stamp, sha256: str) -> Scan:
        """Let a scan wait to be read anew, from what is now at `source`. Until then it keeps its readings."""
        paths = {"root": os.fsencode(root), "source": os.fsencode(source), "target": None}
        content: dict[str, object] = {"size": stamp.size, "mtime_ns": stamp.mtime_ns, "sha256": sha256}
        if sha256 != scan.sha256:
            content["deaths"] = 0
        if scan.state == "waiting":
            return self._update(scan, **paths, **content)
        return self._enter(scan, "waiting", **paths, **content)

    def start(self, scan: Scan, holder: str = "") -> Scan:
        """A waiting scan goes to a worker of `holder`, whose lease on it ends when it is settled or given back.

        A lease has no clock: holders have a lock that the system takes from them when they end, and whoever has that lock next
        gives back what they held.
        """
        return self._enter(scan, "reading", attempts=scan.attempts + 1, started=time.time(), holder=holder, begun=None)

    def begin(self, scan: Scan, memory_kills: int) -> Scan:
        """A worker has begun to read a scan that is in its hands; `memory_kills` is what memory.kills says then."""
        return self._update(scan, begun=memory_kills)

    def give_back(self, scan: Scan, was_deadly: bool = False) -> Scan:
        """A scan comes back from a worker unread; `was_deadly` if the worker that had begun it has died of it."""
        return self._enter(scan, "waiting", holder="", deaths=scan.deaths + was_deadly)

    def settle(
        self,
        scan: Scan,
        outcome: Outcome,
        message: str = "",
        pages: Sequence[PageResult] = (),
        sha256: str = "",
        reader: str = "",
    ) -> Scan:
        """Commit a scan's outcome and its readings, which replace those it had. `sha256` is that of the content read."""
        changes: dict[str, object] = {"sha256": sha256} if sha256 else {}
        changes |= {"finished": time.time(), "reader": reader, "holder": "", "deaths": 0}
        with self._database.transaction():
            settled = self._enter(scan, "settled", outcome=outcome, message=message, **changes)
            self._put(settled, pages)
        return settled

    def put(self, scan: Scan, pages: Sequence[PageResult]) -> None:
        """Replace the readings of a scan that has been read: a person has said something of them."""
        with self._database.transaction():
            self._put(self._get(scan.id), pages)

    def pages(self, scan: Scan) -> tuple[PageResult, ...]:
        """What was read of a scan."""
        with self._database.reported(), closing(self._database.connect()) as database:
            return _pages(database, scan.id)

    def enter(self, scan: Scan, edits: Iterable[Edit]) -> None:
        """Keep what a person said of cells of a scan. It counts for its present content, whenever that is read again."""
        with self._database.transaction():
            self._database.insert_many(
                "INSERT OR REPLACE INTO edits VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                ((scan.id, scan.sha256, e.page, e.table, e.row, e.column, e.value, time.time()) for e in edits),
            )

    def edits(self, scan: Scan, sha256: str = "") -> list[Edit]:
        """What people said of the cells of a scan with that content, or with the content that it has now."""
        rows = self._database.query(
            'SELECT page, "table", "row", "column", value FROM edits WHERE scan = ? AND sha256 = ?',
            scan.id,
            sha256 or scan.sha256,
        )
        return [Edit(*row) for row in rows]

    def corrected(self) -> list[Scan]:
        """The scans of all jobs that people have said something of, as they are now."""
        return self._many(
            "EXISTS (SELECT 1 FROM edits WHERE edits.scan = scans.id AND edits.sha256 = scans.sha256) ORDER BY id"
        )

    def move(self, scan: Scan, target: Path) -> Scan:
        """A settled scan's original is about to be moved to `target`."""
        return self._enter(scan, "moving", target=os.fsencode(target))

    def filed(self, scan: Scan) -> Scan:
        """A scan's original has been moved, or taken away by someone."""
        return self._enter(scan, "filed", source=os.fsencode(scan.target or scan.source), target=None)

    def renamed(self, scan: Scan, file: str, source: Path, stamp: Stamp) -> Scan:
        """The same content has a new path, or the same path a new time."""
        with self._database.transaction():
            if file != scan.file:
                self._changed(scan.job)
            return self._update(scan, file=file, source=os.fsencode(source), size=stamp.size, mtime_ns=stamp.mtime_ns)

    def remove(self, scan: Scan) -> None:
        """Take a scan and its readings out of its job: another scan has taken its place."""
        with self._database.transaction():
            self._database.change("DELETE FROM scans WHERE id = ?", scan.id)
            self._changed(scan.job)

    def forget(self, scan: Scan) -> None:
        """A waiting scan's file has gone. What had been read of it before stays, but counts as no other file's content."""
        with self._database.transaction():
            if scan.outcome is None and scan.state == "waiting":
                self._database.change("DELETE FROM scans WHERE id = ?", scan.id)
            else:
                self._enter(scan, "settled", sha256="")

    # -- jobs and their readings

    def entries(self, job: str) -> Iterator[ScanEntry]:
        """The scans of a job that have an outcome, in natural order, as they were when the first is asked for.

        Only one scan's readings are in memory at a time.
        """
        with self._database.reported(), closing(self._database.connect()) as database:
            database.execute("BEGIN")  # on a connection of its own: it sees one moment, whatever is committed meanwhile
            rows = database.execute(
                "SELECT file, id, outcome, message, source FROM scans WHERE job = ? AND outcome NOT NULL", (job,)
            )
            for file, id_, outcome, message, source in sorted(rows, key=lambda row: natural_key(row[0])):
                yield ScanEntry(file, outcome, message, _pages(database, id_), os.fsdecode(source))

    def totals(self, job: str) -> Totals:
        """How much has been read in a job."""
        [(scans, pages)] = self._database.query(
            "SELECT count(DISTINCT scan), count(*) FROM scans JOIN pages ON scan = id WHERE job = ?",
            job,
        )
        [(cells, review, text)] = self._database.query(
            "SELECT coalesce(sum(status != 'blank'), 0), coalesce(sum(status IN ('review', 'unreadable')), 0), "
            "coalesce(sum(status = 'review' AND reason = ?), 0) FROM scans JOIN readings ON scan = id WHERE job = ?",
            TEXT_REASON,
            job,
        )
        return Totals(scans, pages, cells, review - text, text)

    def version(self, job: str) -> int:
        """A number that grows with every change to what the job's spreadsheets show."""
        found = self._database.query("SELECT version FROM jobs WHERE job = ?", job)
        return found[0][0] if found else 0

    def written(self, job: str, version: int) -> None:
        """The job's spreadsheets have been written as of `version`."""
        with self._database.transaction():
            self._database.change("UPDATE jobs SET written = ? WHERE job = ?", version, job)

    def stale(self, root: Path) -> list[str]:
        """The jobs with scans from a folder whose spreadsheets are behind the journal."""
        rows = self._database.query(
            "SELECT job FROM jobs WHERE version > written "
            "AND EXISTS (SELECT 1 FROM scans WHERE scans.job = jobs.job AND root = ?)",
            os.fsencode(root),
        )
        return [job for (job,) in rows]

    def files(self, job: str) -> list[str]:
        """The names of the job's scans that have an outcome."""
        rows = self._database.query("SELECT file FROM scans WHERE job = ? AND outcome NOT NULL", job)
        return [file for (file,) in rows]

    def workbooks(self, job: str) -> frozenset[str]:
        """SHA-256 of the job's workbook as we know it; none if it was never written.

        Two, if it was about to be written, and it is not known how that went.
        """
        found = self._database.query("SELECT workbook FROM jobs WHERE job = ?", job)
        return frozenset(str(found[0][0]).split()) if found else frozenset()

    def has_workbook(self, job: str, *sha256: str) -> None:
        """The job's workbook is what we have written or taken in, with that content, or one of these."""
        with self._database.transaction():
            self._database.change("UPDATE jobs SET workbook = ? WHERE job = ?", " ".join(sha256), job)

    # -- underneath

    def _put(self, scan: Scan, pages: Sequence[PageResult]) -> None:
        self._database.change("DELETE FROM pages WHERE scan = ?", scan.id)
        self._database.insert_many(
            "INSERT INTO pages VALUES (?, ?, ?, ?, ?)",
            ((scan.id, page.number, page.note, json.dumps(dict(page.seconds)), notes_to_json(page.tables)) for page in pages),
        )
        self._database.insert_many(
            f"INSERT INTO readings VALUES ({', '.join('?' * 19)})",
            (
                (scan.id, page.number, position, *reading_row(reading))
                for page in pages
                for position, reading in enumerate(page.readings)
            ),
        )
        self._changed(scan.job)

    def _enter(self, scan: Scan, state: State, **changes: object) -> Scan:
        """Change a scan's state, if the table allows it and nobody else has changed it meanwhile."""
        with self._database.transaction():
            current = self._get(scan.id).state
            if state not in TRANSITIONS[current]:
                raise StateError(f"{scan.file} can't go from {current} to {state}", "Please report this.")
            return self._remember(self._update(scan, state=state, **changes))

    def _remember(self, scan: Scan) -> Scan:
        """Write the state that a scan has come into into the history."""
        is_news = scan.state == "settled"
        self._database.change(
            "INSERT INTO history (at, scan, job, file, state, outcome, message, sha256, path, reader) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            *(time.time(), scan.id, scan.job, scan.file, scan.state, scan.outcome if is_news else None),
            *(scan.message if is_news else "", scan.sha256, os.fsencode(scan.source), scan.reader if is_news else ""),
        )
        return scan

    def _update(self, scan: Scan, **changes: object) -> Scan:
        with self._database.transaction():
            assignments = ", ".join(f"{name} = ?" for name in changes)
            self._database.change(f"UPDATE scans SET {assignments} WHERE id = ?", *changes.values(), scan.id)
            return self._get(scan.id)

    def _changed(self, job: str) -> None:
        self._database.change("UPDATE jobs SET version = version + 1 WHERE job = ?", job)

    def _get(self, id_: int) -> Scan:
        scan = self._one("id = ?", id_)
        if scan is None:
            raise StateError(f"Scan {id_} is not in {self._database.path}", "Please report this.")
        return scan

    def _one(self, where: str, *values: object) -> Scan | None:
        return next(iter(self._many(f"{where} LIMIT 1", *values)), None)

    def _many(self, where: str, *values: object) -> list[Scan]:
        return [_scan(row) for row in self._database.query(f"SELECT {_SCAN_COLUMNS} FROM scans WHERE {where}", *values)]


def _scan(row: tuple[Any, ...]) -> Scan:
    id_, job, root, file, source, target, size, mtime_ns, *rest = row
    places = (Path(os.fsdecode(root)), file, Path(os.fsdecode(source)), Path(os.fsdecode(target)) if target else None)
    return Scan(id_, job, *places, Stamp(size, mtime_ns), *rest)


def _pages(database: sqlite3.Connection, scan: int) -> tuple[PageResult, ...]:
    rows = database.execute(f"SELECT page, {_READING_COLUMNS} FROM readings WHERE scan = ? ORDER BY page, position", (scan,))
    readings = {page: tuple(cell_of(row[1:]) for row in cells) for page, cells in groupby(rows, lambda row: row[0])}
    pages = database.execute("SELECT page, note, seconds, tables FROM pages WHERE scan = ? ORDER BY page", (scan,))
    return tuple(
        PageResult(page, readings.get(page, ()), note, json.loads(seconds), notes_of_json(tables))
        for page, note, seconds, tables in pages
    )
