"""JOB.readings.csv: one line a cell, all that is known of it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedIOBase
from typing import TYPE_CHECKING, BinaryIO, cast

from pipeline.export.text import safe_text
from pipeline.records import ScanEntry

if TYPE_CHECKING:
    from _csv import Writer

HEADER = (
    *("file", "page", "table", "row", "column", "name"),
    *("value", "text", "confidence", "status", "reason"),
    *("x", "y", "width", "height"),
)


@contextmanager
def csv_writer(stream: BinaryIO | BufferedIOBase) -> Iterator[Writer]:
    """A CSV writer on `stream`, which stays open: UTF-8 without BOM, lines end in a line feed."""
    text = io.TextIOWrapper(cast(BinaryIO, stream), "utf-8", newline="")
    try:
        yield csv.writer(text, lineterminator="\n")
    finally:
        text.detach()  # flushes


def write_readings(writer: Writer, scan: ScanEntry) -> None:
    """One line for every cell of the scan, the blank ones included. Coordinates are page pixels."""
    file = safe_text(scan.file)
    for page in scan.pages:
        for r in page.readings:
            texts = (safe_text(r.name), safe_text(r.value), safe_text(r.text))
            judged = (f"{r.confidence:.4f}", r.status, safe_text(r.reason))
            place = (r.box.x, r.box.y, r.box.width, r.box.height)
            writer.writerow((file, page.number, r.table, r.row, r.column, *texts, *judged, *place))
