"""Scans kept on the disk, so that a job of any size can be gone through more than once in little memory."""

from __future__ import annotations

import pickle
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from pipeline.files import reported
from pipeline.records import ScanEntry


class Spool:
    """Add scans, then iterate as often as needed. A context manager: its temporary file has no name and ends with it.

    Raises OutputError, naming the folder of temporary files, if that is full.
    """

    def __init__(self) -> None:
        self._folder = Path(tempfile.gettempdir())
        self._count = 0
        with reported(self._folder):
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 closed by __exit__

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        with suppress(OSError):  # closing writes what nobody will read
            self._file.close()

    def add(self, scan: ScanEntry) -> None:
        with reported(self._folder):
            pickle.dump(scan, self._file, pickle.HIGHEST_PROTOCOL)
        self._count += 1

    def __iter__(self) -> Iterator[ScanEntry]:
        with reported(self._folder):
            self._file.seek(0)
        for _ in range(self._count):
            scan: ScanEntry = pickle.load(self._file)  # noqa: S301 our own file, which nobody else can open
            yield scan
