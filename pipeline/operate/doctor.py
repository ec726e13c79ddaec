"""Is all in order? Looks at everything that a watcher needs, and reads a scan."""

from __future__ import annotations

import csv
import os
import platform
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

from pipeline import __version__
from pipeline.errors import PipelineError
from pipeline.inspection import Inspection
from pipeline.intake.filesystems import is_remote
from pipeline.intake.service import STATE_LOCK, check_folders
from pipeline.lock import is_held
from pipeline.readers import check_readers, reader_version
from pipeline.settings import Settings

_LIBRARIES = ("numpy", "opencv-python-headless", "pypdfium2", "openpyxl", "pandas", "watchdog")
_LITTLE_ROOM, _NO_ROOM = 2e9, 2e8  # bytes
_SAMPLES = Path(__file__).parents[1] / "samples"
_TEST_SCAN = "marks-9A.png"
_TEST_SHARE = 0.8  # of its cells that must be read right; far fewer than usually are


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; `remedy` says what to do if it is not in order."""

    what: str
    state: Literal["ok", "warn", "bad"]
    text: str
    remedy: str = ""


def examine(settings: Settings, reads: bool = True) -> list[Finding]:
    """Look at everything; with `reads`, read a scan too. Never fails: what goes wrong is a finding."""
    findings = [*_versions()]
    findings += _checked("folders", lambda: _arrangement(settings))
    for name, folder in (("inbox", settings.inbox), ("outbox", settings.outbox), ("state", settings.state_folder)):
        findings += _checked(name, lambda folder=folder, name=name: _folder(name, folder))  # type: ignore[misc]
    findings += _checked("journal", lambda: _journal(settings))
    findings += _checked("watcher", lambda: _watcher(settings))
    findings += _checked("model and forms", lambda: _readers(settings))
    if reads:
        findings += _checked("test scan", lambda: _test_scan(settings))
    return findings


def _checked(what: str, look: Callable[[], Iterator[Finding]]) -> list[Finding]:
    found: list[Finding] = []
    try:
        found.extend(look())
    except PipelineError as error:
        found.append(Finding(what, "bad", error.message, error.remedy))
    except Exception as error:  # to tell of it is what this is for
        found.append(Finding(what, "bad", f"{type(error).__name__}: {error}"))
    return found


def _versions() -> Iterator[Finding]:
    text = f"pipeline {__version__}, Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, {platform.platform()}"
    yield Finding("versions", "ok", text)
    for name in _LIBRARIES:
        try:
            yield Finding(name, "ok", version(name))
        except PackageNotFoundError:
            if name == "opencv-python-headless":  # the plain build does as well
                try:
                    yield Finding("opencv-python", "ok", version("opencv-python"))
                    continue
                except PackageNotFoundError:
                    pass
            yield Finding(name, "bad", "not installed", "Install pipeline again.")


def _arrangement(settings: Settings) -> Iterator[Finding]:
    check_folders(settings)
    yield Finding("folders", "ok", f"{settings.inbox} to {settings.outbox}, journal in {settings.state_folder}")


def _folder(name: str, folder: Path) -> Iterator[Finding]:
    """Whether a folder is there, may be written to, has room, and is where it should be."""
    if not folder.exists():
        above = next(parent for parent in folder.absolute().parents if parent.exists())
        ok = os.access(above, os.W_OK | os.X_OK)
        yield Finding(name, "ok" if ok else "bad", f"{folder} will be made" if ok else f"{folder} can't be made in {above}")
        return
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".pipeline-doctor-", suffix=".tmp") as probe:
        probe.write(b"x")
        probe.flush()
        os.fsync(probe.fileno())
    free = shutil.disk_usage(folder).free
    room = f"{free / 1e9:.1f} GB free"
    if free < _NO_ROOM:
        yield Finding(name, "bad", f"{folder}: {room}", "Make room on the disk.")
    elif free < _LITTLE_ROOM:
        yield Finding(name, "warn", f"{folder}: {room}", "Make room on the disk soon.")
    else:
        yield Finding(name, "ok", f"{folder} may be written to, {room}")
    if is_remote(folder):
        if name == "state":
            yield Finding(name, "warn", "it is on a network share, where a journal may be damaged", "Set [folders] state.")
        elif name == "inbox":
            yield Finding(name, "ok", "it is on a network share, and will be polled")


def _journal(settings: Settings) -> Iterator[Finding]:
    if not Inspection.is_possible(settings.state_folder):
        yield Finding("journal", "ok", "none yet")
        return
    with Inspection(settings.state_folder) as inspection:
        damage = inspection.damage()
        counts = inspection.counts(settings.inbox.resolve())
    if damage:
        yield Finding("journal", "bad", f"it is damaged: {damage}", "Move it away, and read the scans again.")
    else:
        yield Finding("journal", "ok", f"{counts.done} scans done, {counts.failed} failed, {counts.pages} pages")


def _watcher(settings: Settings) -> Iterator[Finding]:
    process = is_held(settings.state_folder / STATE_LOCK)
    yield Finding("watcher", "ok", f"at work, process {process}" if process else "not running")


def _readers(settings: Settings) -> Iterator[Finding]:
    check_readers(settings)
    yield Finding("model and forms", "ok", reader_version(settings))


def _test_scan(settings: Settings) -> Iterator[Finding]:
    """Read one of the samples, and compare with what is written there."""
    from pipeline.chain import read_scan

    with (_SAMPLES / "truth.csv").open(newline="", encoding="utf-8") as stream:
        lines = [line for line in csv.DictReader(stream) if line["page"] == _TEST_SCAN and line["value"] != "?"]
    truth = {(int(line["row"]) + 1, int(line["col"]) + 1): line["value"] for line in lines}
    result = read_scan((_SAMPLES / _TEST_SCAN).read_bytes(), settings)
    if result.failure:
        yield Finding("test scan", "bad", result.failure.message, result.failure.remedy)
        return
    read = {(reading.row, reading.column): reading.value for page in result.pages for reading in page.readings}
    right = sum(read.get(place) == value for place, value in truth.items())
    seconds = sum(sum(page.seconds.values()) for page in result.pages)
    text = f"{right} of {len(truth)} cells read right, in {seconds:.1f} s"
    good = right >= _TEST_SHARE * len(truth) > 0
    yield Finding("test scan", "ok" if good else "bad", text, "" if good else "Install pipeline again, or mend the model.")
