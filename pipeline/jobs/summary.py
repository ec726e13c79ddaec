"""What came of a job, for a person."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.journal import Totals
from pipeline.records import Written


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
