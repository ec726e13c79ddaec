"""One process at a time: a lock on a file that the system lets go of when its holder ends, however it ends."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from pipeline.errors import StateError

_PATIENCE = 0.25  # seconds, for somebody who only looks whether a lock is held
_PAUSE = 0.05  # seconds

if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        os.lseek(descriptor, 1 << 30, os.SEEK_SET)  # far behind the text, which others must be able to read
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


@contextmanager
def only_one(file: Path, what: str, patience: float = _PATIENCE) -> Iterator[None]:
    """Hold the lock `file` for the block; `what` says in the error message what there may be only one of.

    Raises StateError, naming the process that has it, if another process or another block has it for `patience` seconds.
    """
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o666)
    except OSError as error:
        raise StateError(f"{file} can't be made: {error.strerror}") from error
    try:
        try:
            _lock_within(patience, descriptor)
        except OSError as error:
            holder = _holder(file)
            raise StateError(f"{what} is already running, as process {holder}", "Wait for it, or stop it.") from error
        with suppress(OSError):  # a full disk, say; it is only for people
            os.ftruncate(descriptor, 0)
            os.lseek(descriptor, 0, os.SEEK_SET)
            os.write(descriptor, str(os.getpid()).encode())
        yield
    finally:
        # Lets go. The file stays: if it were removed, two processes could each hold a file of this name.
        os.close(descriptor)


def is_held(file: Path) -> str:
    """The process that has the lock `file`, or "unknown"; empty if none has."""
    try:
        descriptor = os.open(file, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
    except OSError:
        return ""
    try:
        _lock(descriptor)
    except OSError:
        return _holder(file)
    finally:
        os.close(descriptor)  # lets go at once
    return ""


def _lock_within(seconds: float, descriptor: int) -> None:
    """Take the lock, when it is free. Raises OSError if it is not by then."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with suppress(OSError):
            return _lock(descriptor)
        time.sleep(_PAUSE)
    return _lock(descriptor)


def _holder(file: Path) -> str:
    with suppress(OSError, UnicodeDecodeError):
        return file.read_text(encoding="ascii").strip() or "unknown"
    return "unknown"
