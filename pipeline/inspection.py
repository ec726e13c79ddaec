"""Looking into the journal from outside, for people and programs that want to know how things stand. Changes nothing."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from pipeline.database import Database
from pipeline.journal import FILE_NAME
from pipeline.records import TEXT_REASON, Outcome
from pipeline.schema import MIGRATIONS
from pipeline.states import State


@dataclass(frozen=True, slots=True)
class Event:
    """A state that a scan came into, as the journal keeps it for good."""

    at: float  # seconds since 1970
    scan: int
    job: str
    file: str
    state: State
    outcome: Outcome | None
    message: str
    sha256: str
    path: Path
    reader: str


@dataclass(frozen=True, slots=True)
class Counts:
    """How many scans are in which state or had which outcome, and what is left for people."""

    waiting: int
    reading: int
    unfiled: int  # read, but the original could not be moved yet
    done: int
    failed: int
    duplicates: int
    ignored: int
    pages: int
    review: int  # cells with numbers that a person should look at
    stale: int  # jobs whose spreadsheets are behind the journal


@dataclass(frozen=True, slots=True)
class LastFailure:
    """The scan that failed last."""

    at: float  # seconds since 1970
    scan: int
    job: str
    file: str
    message: str


class Inspection:
    """A view of the journal in a folder, which must be there. All methods raise StateError if it can't be used."""

    def __init__(self, folder: Path) -> None:
        self._database = Database(folder / FILE_NAME, MIGRATIONS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._database.close()

    @staticmethod
    def is_possible(folder: Path) -> bool:
        """Whether there is a journal in the folder."""
        return (folder / FILE_NAME).is_file()

    def counts(self, inbox: Path) -> Counts:
        """How things stand now, over all jobs; `inbox` is the drop folder, whose originals are moved."""
        states = dict(self._database.query("SELECT state, count(*) FROM scans GROUP BY state"))
        outcomes = dict(self._database.query("SELECT outcome, count(*) FROM scans GROUP BY outcome"))
        [(unfiled,)] = self._database.query(
            "SELECT count(*) FROM scans WHERE root = ? AND state IN ('settled', 'moving')", os.fsencode(inbox)
        )
        [(pages,)] = self._database.query("SELECT count(*) FROM pages")
        [(review,)] = self._database.query(
            "SELECT count(*) FROM readings WHERE status IN ('review', 'unreadable') AND reason != ?", TEXT_REASON
        )
        [(stale,)] = self._database.query("SELECT count(*) FROM jobs WHERE version > written")
        return Counts(
            waiting=states.get("waiting", 0),
            reading=states.get("reading", 0),
            unfiled=unfiled,
            done=outcomes.get("done", 0),
            failed=outcomes.get("failed", 0),
            duplicates=outcomes.get("duplicate", 0),
            ignored=outcomes.get("ignored", 0),
            pages=pages,
            review=review,
            stale=stale,
        )

    def damage(self) -> str:
        """What SQLite finds wrong with the file; empty if nothing."""
        found = [str(line) for (line,) in self._database.query("PRAGMA quick_check(5)")]
        return "" if found == ["ok"] else "; ".join(found)

    def reading(self) -> list[tuple[str, float]]:
        """The scans in workers' hands, and since when, in seconds since 1970."""
        rows = self._database.query("SELECT file, started FROM scans WHERE state = 'reading' ORDER BY started")
        return [(file, started) for file, started in rows]

    def sources(self, root: Path, *states: State) -> set[Path]:
        """Where the originals of the scans from a folder are that are in one of the states."""
        marks = ", ".join("?" * len(states))
        rows = self._database.query(
            f"SELECT source FROM scans WHERE root = ? AND state IN ({marks})", os.fsencode(root), *states
        )
        return {Path(os.fsdecode(source)) for (source,) in rows}

    def pages_since(self, moment: float) -> tuple[int, float | None]:
        """How many pages have been read since a moment, in seconds since 1970, and when the first scan of them was begun."""
        [(pages, first)] = self._database.query(
            "SELECT count(page), min(started) FROM scans LEFT JOIN pages ON scan = id WHERE finished > ? AND started NOT NULL",
            moment,
        )
        return pages, first

    def last_failure(self) -> LastFailure | None:
        """The scan that failed last, if one did."""
        rows = self._database.query(
            "SELECT finished, id, job, file, message FROM scans WHERE outcome = 'failed' ORDER BY finished DESC LIMIT 1"
        )
        return LastFailure(*rows[0]) if rows else None

    def scans_like(self, name: str) -> Sequence[int]:
        """The scans that go or went by a name: that in the spreadsheets or its end, or the original's path then or now."""
        rows = self._database.query(
            "SELECT DISTINCT scan FROM history WHERE file = ? OR path = ? OR file LIKE ? ESCAPE '!' ORDER BY scan",
            *(name, os.fsencode(name), "%/" + name.translate(_LIKE)),
        )
        return [scan for (scan,) in rows]

    def history(self, scans: Sequence[int] = (), sha256: str = "") -> list[Event]:
        """What has happened to scans, and to all that ever had a content, in the order in which it did."""
        marks = ", ".join("?" * len(scans))
        rows = self._database.query(
            "SELECT at, scan, job, file, state, outcome, message, sha256, path, reader FROM history "
            f"WHERE scan IN ({marks}) OR (sha256 = ? AND sha256 != '') ORDER BY id",
            *scans,
            sha256,
        )
        return [
            Event(at, scan, job, file, state, outcome, message, content, Path(os.fsdecode(path)), reader)
            for at, scan, job, file, state, outcome, message, content, path, reader in rows
        ]


_LIKE = str.maketrans({character: f"!{character}" for character in "!%_"})
