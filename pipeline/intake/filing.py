"""Originals leave the inbox, after the journal has committed: into processed/, rejected/ or duplicates/.

Nothing is overwritten. The journal notes the target before the move, so that the next start can finish it after a crash.
"""

from __future__ import annotations

import errno
import logging
import os
import shutil
from contextlib import suppress
from itertools import count
from pathlib import Path, PurePosixPath

from pipeline.files import fsync_folder, write_atomically
from pipeline.folders import open_regular, rename_below, sha256_of, stamp_of
from pipeline.intake.folder import DUPLICATES, PROCESSED, REJECTED, Inbox
from pipeline.journal import Journal
from pipeline.states import Scan

logger = logging.getLogger(__name__)

_FOLDERS = {"done": PROCESSED, "failed": REJECTED, "duplicate": DUPLICATES}
_NAME_BYTES = 255
_REASON = ".txt"
_SAYS = " could not be read."
_ONCE_MORE = "To try again, drop the file into the inbox once more, or run `pipeline retry`."


def file_away(journal: Journal, inbox: Inbox, scan: Scan) -> Scan:
    """Move the original of a scan that is settled, or was being moved; a file that has changed since it was read is left.

    Raises OSError or OutputError if it can't be moved; it may be tried again.
    """
    root = inbox.root
    if scan.target is not None and stamp_of(scan.target) is not None and sha256_of(scan.target, root) == scan.sha256:
        _finish_copy(root, scan.source, scan.target)
        return journal.filed(scan)
    stamp = stamp_of(scan.source)
    if stamp is None:
        logger.warning("%s has gone before it could be moved", scan.file)
        return journal.filed(scan)
    if stamp != scan.stamp:
        return scan
    if scan.source.is_relative_to(_home(inbox, scan)):  # read anew, where it lay, and with the outcome of before
        if scan.outcome == "failed":
            _write_reason(scan, scan.source)
        return journal.filed(scan)
    planned = scan.target  # by an attempt that failed; its reason may be there already
    target = planned if planned is not None and not os.path.lexists(planned) else _free_target(inbox, scan)
    moving = journal.move(scan, target)
    _make_folder(target.parent, root)
    if scan.outcome == "failed":
        _write_reason(scan, target)
    _move(root, scan.source, target)
    _remove_reason(scan.source, inbox)
    return journal.filed(moving)


def _home(inbox: Inbox, scan: Scan) -> Path:
    """The folder of a job's originals of an outcome."""
    return inbox.root / _FOLDERS[scan.outcome or "done"] / scan.job


def _write_reason(scan: Scan, original: Path) -> None:
    reason = f"{scan.file}{_SAYS}\n\n{scan.message}\n\n{_ONCE_MORE}\n"
    write_atomically(original.with_name(original.name + _REASON), reason.encode())


def _remove_reason(source: Path, inbox: Inbox) -> None:
    """An original that was rejected has been read after all: what we wrote beside it would be of no file. Never fails."""
    reason = source.with_name(source.name + _REASON)
    if source.is_relative_to(inbox.root / REJECTED):
        with suppress(OSError):
            text = reason.read_text(encoding="utf-8", errors="replace")
            if _SAYS in text and text.endswith(f"{_ONCE_MORE}\n"):  # ours; the journal keeps what it says
                reason.unlink()


def _free_target(inbox: Inbox, scan: Scan) -> Path:
    """The first free name for a scan in the folder of its outcome; below it, the path that it had in its job's folder."""
    *folders, name = PurePosixPath(scan.file).parts
    parent = _home(inbox, scan)
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


def _make_folder(folder: Path, root: Path) -> None:
    """Make a folder and those above it up to `root`, so that they are there after a power cut too. A link is none."""
    if folder == root:
        return
    _make_folder(folder.parent, root)
    if folder.is_symlink():
        raise OSError(errno.ELOOP, f"{folder} is a link, and originals are not moved through links")
    if not folder.is_dir():
        folder.mkdir(exist_ok=True)
        fsync_folder(folder.parent)


def _move(root: Path, source: Path, target: Path) -> None:
    try:
        rename_below(root, source, target)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        _copy(root, source, target)  # another file system
        source.unlink()
    fsync_folder(target.parent)
    fsync_folder(source.parent)


def _copy(root: Path, source: Path, target: Path) -> None:
    temporary = target.with_name(".moving.tmp")  # one watcher, so one name will do; hidden, and left over only by a crash
    with open_regular(source, root) as original, temporary.open("wb") as stream:
        shutil.copyfileobj(original, stream, 1 << 20)
        stream.flush()
        os.fsync(stream.fileno())
    shutil.copystat(source, temporary, follow_symlinks=False)
    rename_below(root, temporary, target)
    fsync_folder(target.parent)


def _finish_copy(root: Path, source: Path, target: Path) -> None:
    """After a crash, and the target is whole: where it is a copy on another file system, the original goes now."""
    same = stamp_of(source) == stamp_of(target) and sha256_of(source, root) == sha256_of(target, root)
    if same and source.stat().st_dev != target.stat().st_dev:
        source.unlink()
