"""How things stand with a drop folder: from the journal, the folder itself, and what the watcher tells of itself."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pipeline.folders import line_safe, shown
from pipeline.inspection import Counts, Inspection
from pipeline.intake.folder import Inbox
from pipeline.intake.pulse import read_pulse
from pipeline.intake.service import STATE_LOCK
from pipeline.lock import is_held
from pipeline.settings import Settings

_WINDOW = 600.0  # seconds over which pages a minute are counted
_NOTHING = Counts(0, 0, 0, 0, 0, 0, 0, 0, 0, 0)
_MOST_SHOWN = 5


@dataclass(frozen=True, slots=True)
class Error:
    """A scan that failed."""

    at: str  # ISO 8601
    scan: int
    file: str
    message: str


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that failed and is tried again: what, why, how often, since when (ISO 8601), and in how many seconds again."""

    what: str
    message: str
    tries: int
    since: str
    again_in: float


@dataclass(frozen=True, slots=True)
class Status:
    """How things stand. Scans are counted over all jobs of the journal, backlogs too."""

    watcher: str  # its process, empty if there is none
    inbox: str
    state: str
    waiting: int  # files in the inbox, or scans that somebody wants read again
    running: int
    unfiled: int  # read, but the original could not be moved yet
    done: int
    failed: int
    duplicates: int
    pages: int
    review: int  # cells that a person should look at
    stale_jobs: int  # whose spreadsheets are behind the journal
    pages_per_minute: float  # in the last ten minutes
    running_files: tuple[str, ...]
    refused: tuple[str, ...]  # what is in the inbox and is not opened, and why
    troubles: tuple[Trouble, ...]
    last_error: Error | None


def status_of(settings: Settings) -> Status:
    """Look. Raises StateError if the journal can't be used."""
    inbox, state = Inbox(settings.inbox), settings.state_folder
    process = is_held(state / STATE_LOCK)
    counts, running, last, rate = _NOTHING, [], None, 0.0
    sources: set[Path] = set()
    asked: set[Path] = set()
    if Inspection.is_possible(state):
        with Inspection(state) as inspection:
            counts = inspection.counts(inbox.root)
            running = [file for file, _ in inspection.reading()]
            failure = inspection.last_failure()
            if failure is not None:
                last = Error(_moment(failure.at), failure.scan, failure.file, failure.message)
            rate = _rate(*inspection.pages_since(time.time() - _WINDOW), time.time())
            sources = inspection.sources(inbox.root, "reading", "settled", "moving")
            asked = {path for path in inspection.sources(inbox.root, "waiting") if inbox.is_filed(path)}
    refused: dict[Path, str] = {}
    files = _files(inbox, refused)
    return Status(
        watcher=process,
        inbox=str(inbox.root),
        state=str(state),
        waiting=len(asked) + sum(path not in sources for path in files),
        running=counts.reading,
        unfiled=counts.unfiled,
        done=counts.done,
        failed=counts.failed,
        duplicates=counts.duplicates,
        pages=counts.pages,
        review=counts.review,
        stale_jobs=counts.stale,
        pages_per_minute=round(rate, 1),
        running_files=tuple(running),
        refused=tuple(f"{shown(path)}: {why}" for path, why in sorted(refused.items())),
        troubles=_troubles(read_pulse(state)) if process else (),
        last_error=last,
    )


def status_lines(status: Status) -> list[str]:
    """The same for people."""
    watcher = f"at work, process {status.watcher}" if status.watcher else "not running"
    lines = [
        f"Watcher   {watcher}, {status.inbox}",
        f"Waiting   {status.waiting}",
        f"Running   {status.running}" + "".join(f"  {line_safe(file)}" for file in status.running_files[:_MOST_SHOWN]),
        f"Done      {status.done}, {status.duplicates} duplicates; {status.pages} pages, {status.pages_per_minute:g} a minute",
        f"Failed    {status.failed}",
        f"Review    {status.review} cells",
    ]
    if status.unfiled:
        lines.append(f"Unfiled   {status.unfiled} read, whose originals could not be moved yet")
    if status.stale_jobs:
        lines.append(f"Unwritten {status.stale_jobs} jobs with more in the journal than in their spreadsheets")
    for refused in status.refused[:_MOST_SHOWN]:
        lines.append(f"Refused   {line_safe(refused)}")
    if (more := len(status.refused) - _MOST_SHOWN) > 0:
        lines.append(f"Refused   and {more} more")
    for trouble in status.troubles:
        tried = f"tried {trouble.tries} times since {trouble.since}, again in {trouble.again_in:.0f} s"
        lines.append(f"Trouble   {line_safe(trouble.message)} ({tried})")
    if status.last_error:
        error = status.last_error
        lines.append(f"Last error {error.at} {line_safe(error.file)}: {line_safe(error.message)} [scan {error.scan}]")
    return lines


def _files(inbox: Inbox, refused: dict[Path, str]) -> list[Path]:
    try:
        return [path for path, _ in inbox.files(refused.__setitem__)]
    except OSError:
        return []


def _rate(pages: int, first: float | None, now: float) -> float:
    """Pages a minute since the first of them was begun."""
    return 0.0 if first is None else pages * 60.0 / max(1.0, now - max(first, now - _WINDOW))


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at).astimezone().isoformat(timespec="seconds")


def _troubles(pulse: dict[str, Any]) -> tuple[Trouble, ...]:
    return tuple(
        Trouble(fault["what"], fault["message"], fault["tries"], _moment(fault["since"]), max(0.0, fault["next"] - time.time()))
        for fault in pulse.get("faults", [])
    )
