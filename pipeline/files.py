"""Files that are whole or not there: atomic writes, and the order in which people sort file names."""

from __future__ import annotations

import errno
import io
import os
import re
import secrets
import time
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from pipeline.errors import OutputError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

#: How unfinished files are called: hidden, and so that a sweep of the outbox can tell them from other people's.
TEMPORARY = ".pipeline-{}.tmp"


def write_atomically(path: Path, data: bytes) -> None:
    """Put `data` in `path`: afterwards, even after a power cut, it has all of the new content or all of the old.

    Raises OutputError, naming `path`.
    """
    with atomic_file(path) as stream:
        stream.write(data)


@contextmanager
def atomic_file(path: Path) -> Iterator[BinaryIO]:
    """A stream whose content becomes `path` when the block ends well; when it doesn't, `path` stays as it was.

    Raises OutputError, naming `path`; the block's own errors pass through.
    """
    with atomic_files([path]) as [stream]:
        yield stream


@contextmanager
def atomic_files(
    paths: Sequence[Path], complete: Callable[[list[Path]], None] = lambda files: None
) -> Iterator[list[BinaryIO]]:
    """Like atomic_file, for files that belong together: none is replaced before all are complete and on the disk.

    They are replaced in the order given, so name first the one that another program is most likely to hold open. Before, the
    complete files, which still have other names, are shown to `complete`.
    """
    with ExitStack() as cleanup:
        streams = [cleanup.enter_context(_temporary(path)) for path in paths]
        yield [stream for stream, _ in streams]
        for path, (stream, _) in zip(paths, streams, strict=True):
            with reported(path):
                stream.flush()
                os.fsync(stream.fileno())
                stream.close()  # Windows renames no open file
        complete([temporary for _, temporary in streams])
        for path, (_, temporary) in zip(paths, streams, strict=True):
            with reported(path):
                temporary.replace(path)
        for folder in {path.parent: None for path in paths}:
            fsync_folder(folder)


def fsync_folder(folder: Path) -> None:
    """Bring new names and renames in `folder` to the disk; does nothing where the system can't.

    Raises OutputError if the disk fails.
    """
    if os.name == "nt":  # folders can't be opened; NTFS journals renames by itself
        return
    with reported(folder):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network file systems
                raise
        finally:
            os.close(descriptor)


@contextmanager
def reported(path: Path) -> Iterator[None]:
    """Turn an OSError of the block into an OutputError that names `path`."""
    try:
        yield
    except OSError as error:
        raise OutputError(f"{path} can't be written: {error.strerror or error}") from error


def remove_leftovers(folder: Path) -> None:
    """Delete unfinished files of more than a day ago from `folder`: whoever wrote them was killed. Never fails."""
    for temporary in folder.glob(TEMPORARY.format("*")):
        with suppress(OSError):
            if time.time() - temporary.stat().st_mtime > 86_400:
                temporary.unlink()


def natural_key(text: str) -> tuple[tuple[tuple[str, int, str], ...], str]:
    """Sort key for the order people expect: "scan 2" before "scan 11", whatever the script of the digits or the letter case.

    A total order: different texts have different keys.
    """
    parts = []
    for letters, number in re.findall(r"(\D*)(\d*)", text):
        # digits as text, by length first: int() refuses very long ones
        digits = "".join(str(unicodedata.decimal(digit)) for digit in number).lstrip("0")
        parts.append((letters.casefold(), len(digits), digits))
    return tuple(parts), text


@contextmanager
def _temporary(path: Path) -> Iterator[tuple[BinaryIO, Path]]:
    """An unfinished file beside `path`, gone when the block ends unless it was renamed."""
    temporary = path.with_name(TEMPORARY.format(secrets.token_hex(8)))
    with reported(path):
        _refuse_unwritable(path)
        raw = _Reported(temporary, path)
    stream = cast(BinaryIO, io.BufferedWriter(raw))
    try:
        yield stream, temporary
    finally:
        with suppress(OSError, OutputError):  # closing flushes; what failed then has been reported
            stream.close()
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def _refuse_unwritable(path: Path) -> None:
    """Fail before the work rather than after it; a rename alone would also replace a file that someone made read-only."""
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if path.exists() and not os.access(path, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))


class _Reported(io.FileIO):
    """A new file whose write errors name the file it is to become, not the temporary one or none."""

    def __init__(self, temporary: Path, path: Path) -> None:
        # 0o666 less the umask, as any program would create it: a shared outbox stays readable to the office
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
        super().__init__(os.open(temporary, flags, 0o666), "r+")
        self._path = path

    def write(self, data: ReadableBuffer) -> int:
        with reported(self._path):
            return super().write(data)
