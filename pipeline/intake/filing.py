"""Originals leave the inbox, after the journal has committed: into processed/, rejected/ or duplicates/.

Nothing is overwritten. The journal notes the target before the move, so that the next start can finish it after a crash.
"""

from __future__ import annotations

import errno
import logging
import os
import shutil
from itertools import count
from pathlib import Path, PurePosixPath

from pipeline.files import fsync_folder, write_atomically
from pipeline.folders import sha256_of, stamp_of
from pipeline.intake.folder import DUPLICATES, PROCESSED, REJECTED, Inbox
from pipeline.journal import Journal, Scan

logger = logging.getLogger(__name__)

_FOLDERS = {"done": PROCESSED, "failed": REJECTED, "duplicate": DUPLICATES}
_NAME_BYTES = 255
_REASON = ".txt"


def file_away(journal: Journal, inbox: Inbox, scan: Scan) -> Scan:
    """Move the original of a scan that is settled, or was being moved; a file that has changed since it was read is left.

    Raises OSError or OutputError if it can't be moved; it may be tried again.
    """
    if scan.target is not None and stamp_of(scan.target) is not None and sha256_of(scan.target) == scan.sha256:
        _finish_copy(scan.source, scan.target)
        return journal.filed(scan)
    stamp = stamp_of(scan.source)
    if stamp is None:
        logger.warning("%s has gone before it could be moved", scan.file)
        return journal.filed(scan)
    if stamp != scan.stamp:
        return scan
    planned = scan.target  # by an attempt that failed; its reason may be there already
    target = planned if planned is not None and not os.path.lexists(planned) else _free_target(inbox, scan)
    moving = journal.move(scan, target)
    _make_folder(target.parent)
    if scan.outcome == "failed":
        reason = f"{scan.file} could not be read.\n\n{scan.message}\n\nTo try again, drop the file into the inbox once more.\n"
        write_atomically(target.with_name(target.name + _REASON), reason.encode())
    _move(scan.source, target)
    return journal.filed(moving)


def _free_target(inbox: Inbox, scan: Scan) -> Path:
    """The first free name for a scan in the folder of its outcome; below it, the path that it had in its job's folder."""
    *folders, name = PurePosixPath(scan.file).parts
    parent = inbox.root / _FOLDERS[scan.outcome or "done"] / scan.job
    for folder in folders[1:]:  # the first is the job's
        parent /= _fitting(folder)
    rejected = scan.outcome == "failed"
    limit = _NAME_BYTES - (len(_REASON) if rejected else 0)
    for number in count(1):
        target = parent / _fitting(name, f" ({number})" if number > 1 else "", limit)
        taken = os.path.lexists(target) or (rejected and os.path.lexists(target.with_name(target.name + _REASON)))
        if not taken:
            return target
    raise AssertionError  # count has no end


def _fitting(name: str, mark: str = "", limit: int = _NAME_BYTES) -> str:
    """A file name with a mark before its ending, its stem cut where a file system would not take so long a name."""
    path = PurePosixPath(name)
    ending = (mark + path.suffix).encode()
    stem = path.stem.encode()[: max(1, limit - len(ending))].decode(errors="ignore")
    return (stem.encode() + ending)[:limit].decode(errors="ignore")


def _make_folder(folder: Path) -> None:
    """Make a folder and those above it, so that they are there after a power cut too."""
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    fsync_folder(folder.parent)


def _move(source: Path, target: Path) -> None:
    try:
        source.rename(target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        _copy(source, target)  # another file system
        source.unlink()
    fsync_folder(target.parent)
    fsync_folder(source.parent)


def _copy(source: Path, target: Path) -> None:
    temporary = target.with_name(".moving.tmp")  # one watcher, so one name will do; hidden, and left over only by a crash
    shutil.copy2(source, temporary)
    with temporary.open("rb+") as stream:
        os.fsync(stream.fileno())
    temporary.rename(target)
    fsync_folder(target.parent)


def _finish_copy(source: Path, target: Path) -> None:
    """After a crash, and the target is whole: where it is a copy on another file system, the original goes now."""
    same = stamp_of(source) == stamp_of(target) and sha256_of(source) == sha256_of(target)
    if same and source.stat().st_dev != target.stat().st_dev:
        source.unlink()
