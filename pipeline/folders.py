"""Looking at folders that other people write to: what is a regular file, what is a scan, what a file holds."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from fnmatch import fnmatchcase
from io import BufferedReader
from pathlib import Path
from typing import NamedTuple

from pipeline.errors import UsageError

SCAN_SUFFIXES = frozenset({".jpg", ".jpeg", ".jpe", ".png", ".tif", ".tiff", ".pdf"})

#: First bytes of the formats that are read: JPEG, PNG, TIFF and BigTIFF in both byte orders.
_MAGIC = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+")
_PDF_HEADER_WITHIN = 1024  # readers allow that much rubbish before %PDF-

#: What file managers, shares and office programs leave behind. Names are compared in lower case.
_CLUTTER = (".*", "~$*", "@eadir", "thumbs.db", "desktop.ini")

_LINE_BREAKS, _TURNS = (0x2028, 0x2029), (*range(0x202A, 0x202F), *range(0x2066, 0x206A))
_NO_TEXT = (*range(0xD800, 0xDC80), *range(0xDD00, 0xE000))  # surrogates, but for those that stand for bytes of a name
_ESCAPES: dict[int, str] = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))}
_ESCAPES |= {code: f"\\u{code:04x}" for code in (*_LINE_BREAKS, *_TURNS, *_NO_TEXT)} | {9: "\\t", 10: "\\n", 13: "\\r"}


class Stamp(NamedTuple):
    """What tells, without reading it, that a file was changed: its size in bytes and its time."""

    size: int
    mtime_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> Stamp:
        return cls(status.st_size, status.st_mtime_ns)


def is_clutter(name: str) -> bool:
    """Whether a file or folder of this name is hidden, or is there for a program and not for a person."""
    return any(fnmatchcase(name.lower(), pattern) for pattern in _CLUTTER)


def walk(
    root: Path,
    skip: Callable[[str, bool], bool],
    note: Callable[[Path, str], None] = lambda path, why: None,
) -> Iterator[tuple[Path, Stamp]]:
    """Every regular file below `root`, in no order, but for what `skip` names: it is asked about the name of each file and
    folder, and told whether that is at the top.

    Symbolic links are not followed; `note` is told of them, of devices and of folders that can't be read, and why. What
    vanishes meanwhile is left out. Raises OSError if `root` itself can't be read.
    """
    top = os.fspath(root)
    folders = [top]  # names, not Paths: a watcher looks at all of them many times, and each Path enters its names in a table
    while folders:
        folder = folders.pop()
        try:
            with os.scandir(folder) as found:
                entries = list(found)
        except OSError as error:
            if folder == top:
                raise
            if not isinstance(error, FileNotFoundError):
                note(Path(folder), error.strerror or str(error))
            continue
        for entry in entries:
            if skip(entry.name, folder == top):
                continue
            with suppress(FileNotFoundError):
                status = os.lstat(entry.path)  # not entry.stat: on Windows that is what the folder remembers
                if stat.S_ISDIR(status.st_mode):
                    folders.append(entry.path)
                elif stat.S_ISREG(status.st_mode):
                    yield Path(entry.path), Stamp.of(status)
                else:
                    note(Path(entry.path), "a symbolic link" if stat.S_ISLNK(status.st_mode) else "not a file")


def stamp_of(path: Path) -> Stamp | None:
    """The stamp of the file at a path; None if there is none, or no regular one."""
    try:
        status = os.lstat(path)
    except OSError:
        return None
    return Stamp.of(status) if stat.S_ISREG(status.st_mode) else None


def open_regular(path: Path, below: Path | None = None) -> BufferedReader:
    """Open a file for reading. Raises OSError, also for a link or a device, and never waits for the other end of a FIFO.

    With `below`, a folder that it is in, none of the folders between that and the file may be a link either, not even one that
    somebody puts there at this moment.
    """
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    flags |= getattr(os, "O_CLOEXEC", 0)
    if below is None:
        descriptor = os.open(path, flags)
    else:
        with folder_below(below, path.parent) as folder:
            descriptor = os.open(path, flags) if folder is None else os.open(path.name, flags, dir_fd=folder)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "not a file", str(path))
    return os.fdopen(descriptor, "rb")


def sha256_of(path: Path, below: Path | None = None) -> str:
    """SHA-256 of a regular file's content, in hexadecimal. Raises OSError. `below` is that of open_regular."""
    with open_regular(path, below) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextmanager
def folder_below(root: Path, folder: Path) -> Iterator[int | None]:
    """A descriptor of a folder in `root`, come to without following a link; None where the system has no such thing.

    Raises OSError, also if it is outside `root`.
    """
    if ".." in folder.parts or not folder.is_relative_to(root):
        raise OSError(errno.EPERM, f"outside {root}", str(folder))
    if os.open not in os.supports_dir_fd:  # Windows
        if folder.resolve() != root.resolve() / folder.relative_to(root):
            raise OSError(errno.ELOOP, "a link on the way", str(folder))
        yield None
        return
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
    descriptor = os.open(root, flags)
    try:
        for part in folder.relative_to(root).parts:
            inner = os.open(part, flags | os.O_NOFOLLOW, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = inner
        yield descriptor
    finally:
        os.close(descriptor)


def rename_below(root: Path, source: Path, target: Path) -> None:
    """Rename a file within `root`; neither path may lead through a link. Raises OSError."""
    with folder_below(root, source.parent) as before, folder_below(root, target.parent) as after:
        if before is None or after is None:
            source.rename(target)
        else:
            os.rename(source.name, target.name, src_dir_fd=before, dst_dir_fd=after)


def is_scan(path: Path) -> bool:
    """Whether the file is called a scan or starts like one. Raises OSError."""
    if path.suffix.lower() in SCAN_SUFFIXES:
        return True
    with open_regular(path) as stream:
        start = stream.read(_PDF_HEADER_WITHIN)
    return start.startswith(_MAGIC) or b"%PDF-" in start


def refuse_nested(inner: Path, outer: Path, message: str) -> None:
    """Raises UsageError with `message` if `inner` is `outer` or lies within it, links resolved."""
    if inner.resolve().is_relative_to(outer.resolve()):
        raise UsageError(message)


def shown(path: Path | str) -> str:
    """A path as text that every terminal, database and spreadsheet takes: bytes that are no UTF-8 appear as \\xNN."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def line_safe(text: Path | str) -> str:
    """A path, or a text with one in it, on one line and in one field of it.

    What would end the line, command the terminal or turn the text around appears as an escape: names are chosen by anybody.
    """
    return shown(str(text).translate(_ESCAPES))
