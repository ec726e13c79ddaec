"""Saves a workbook so that the same content gives the same bytes: no time of writing anywhere in it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from openpyxl import Workbook
from openpyxl.writer.excel import ExcelWriter

#: The first moment that a zip file can express.
EPOCH = datetime(1980, 1, 1)


@contextmanager
def new_workbook(stream: BinaryIO) -> Iterator[Workbook]:
    """A workbook in streaming mode, written to `stream` when the block ends well."""
    book = Workbook(write_only=True)
    book.properties.creator = "pipeline"
    book.properties.created = book.properties.modified = EPOCH
    try:
        yield book
        with _TimelessZip(stream, "w", ZIP_DEFLATED) as archive:
            ExcelWriter(book, archive).write_data()  # Workbook.save would put the time into the properties
    except BaseException:
        _discard(book)
        raise


def _discard(book: Workbook) -> None:
    """Delete openpyxl's temporary files; left alone, they stay until the process ends, and a watcher's disk fills up."""
    for sheet in book.worksheets:
        parts: Any = sheet
        # each may be missing or gone, and closing writes what may still find no room
        with suppress(Exception):
            parts._rows.close()
        with suppress(Exception):
            parts._writer.close()
        with suppress(Exception):
            parts._writer.cleanup()


class _TimelessZip(ZipFile):
    """A zip file whose entries all carry the same date. Has the two methods that openpyxl uses."""

    def writestr(self, name, data, compress_type=None, compresslevel=None) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
        super().writestr(self._entry(name), data, compress_type, compresslevel)

    def write(self, filename, arcname=None, compress_type=None, compresslevel=None) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001
        entry = self._entry(arcname or filename)
        entry.file_size = Path(filename).stat().st_size  # zipfile chooses the format for huge entries by it
        with Path(filename).open("rb") as source, self.open(entry, "w") as target:
            shutil.copyfileobj(source, target, 1 << 20)

    def _entry(self, name: str) -> ZipInfo:
        entry = ZipInfo(name, EPOCH.timetuple()[:6])
        entry.compress_type = self.compression
        entry.external_attr = 0o644 << 16
        return entry
