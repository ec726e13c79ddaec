"""Which state of a job's readings a workbook shows: told by the readings that were written with it."""

from __future__ import annotations

import hashlib
import io
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_LENGTH = 16


class Hashed(io.BufferedIOBase):
    """Writes to a stream, and knows the SHA-256 of all that went through. Closing it leaves the stream open."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream, self._digest = stream, hashlib.sha256()

    def writable(self) -> bool:
        return True

    def write(self, data: ReadableBuffer) -> int:
        self._digest.update(data)
        return self._stream.write(data)

    def flush(self) -> None:
        self._stream.flush()

    @property
    def edition(self) -> str:
        """The edition of what has been written."""
        return self._digest.hexdigest()[:_LENGTH]


def edition_of(readings: Path) -> str:
    """The edition of a file of readings; empty if there is none. Raises OSError if it can't be read."""
    try:
        with readings.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()[:_LENGTH]
    except FileNotFoundError:
        return ""
