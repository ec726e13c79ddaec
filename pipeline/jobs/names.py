"""Names of jobs, which become those of files, and of scans in a job."""

from __future__ import annotations

import hashlib
import re
from itertools import chain, count
from pathlib import PurePosixPath

from pipeline.errors import UsageError
from pipeline.journal import Journal

_JOB_BYTES = 200  # of the 255 that a file name may have; endings are added to it
_UNSAFE = re.compile(r'[\x00-\x1f\x7f/\\:*?"<>|\ud800-\udfff]')
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)  # Windows keeps these names to itself


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
