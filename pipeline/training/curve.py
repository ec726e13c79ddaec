"""The learning curve of a training run: a CSV with a line for each epoch, and a picture of it.

The CSV is also the store: a run that goes on from a checkpoint finds the epochs before it there.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from pipeline.errors import DataError
from pipeline.files import atomic_files
from pipeline.training.plot import Columns, Published, draw_curve


def write_curve(csv_file: Path, png_file: Path, columns: Columns, title: str, published: Sequence[Published] = ()) -> None:
    """Writes both files, whole or not at all.

    `columns` has what was measured after each epoch, the first first, and NaN where it was not. A column whose name ends in
    "loss" has losses, any other shares from 0 to 1. Raises ValueError if there is no epoch or columns differ in length,
    OutputError if a file can't be written.
    """
    lengths = {len(values) for values in columns.values()}
    if len(lengths) != 1 or lengths == {0}:
        raise ValueError(f"the columns of a learning curve have {sorted(lengths)} values")
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["epoch", *columns])
    for epoch, values in enumerate(zip(*columns.values(), strict=True), start=1):
        writer.writerow([epoch, *("" if math.isnan(value) else repr(float(value)) for value in values)])
    picture = draw_curve(columns, title, published)
    with atomic_files([csv_file, png_file]) as [text, image]:
        text.write(stream.getvalue().encode())
        image.write(picture)


def read_curve(csv_file: Path) -> dict[str, list[float]]:
    """The columns that write_curve wrote; none without a file. Raises DataError for another or a damaged file."""
    if not csv_file.is_file():
        return {}
    try:
        head, *lines = csv.reader(io.StringIO(csv_file.read_text(encoding="utf-8")))
        if head[0] != "epoch" or [line[0] for line in lines] != [str(epoch) for epoch in range(1, len(lines) + 1)]:
            raise ValueError("its first column does not count the epochs")
        rows = [[float(value) if value else math.nan for value in line[1:]] for line in lines]
        if any(len(row) != len(head) - 1 for row in rows):
            raise ValueError("its lines differ in length")
    except (OSError, ValueError, IndexError, csv.Error) as error:
        raise DataError(f"{csv_file} is no learning curve: {error}", "Move it away.") from error
    return {name: [row[i] for row in rows] for i, name in enumerate(head[1:])}


def record_epoch(
    csv_file: Path,
    png_file: Path,
    epoch: int,
    values: Mapping[str, float],
    title: str,
    published: Sequence[Published] = (),
) -> None:
    """Puts what was measured after an epoch (counted from 1) into both files, after the epochs before it that are there.

    Epochs from this one on that are there came from a run that was started anew from an earlier checkpoint: they go. Raises
    DataError for a damaged CSV, OutputError if a file can't be written.
    """
    before = read_curve(csv_file) if epoch > 1 else {}
    columns: dict[str, list[float]] = {}
    for name in {**before, **values}:
        kept = before.get(name, [])[: epoch - 1]
        columns[name] = [*kept, *[math.nan] * (epoch - 1 - len(kept)), values.get(name, math.nan)]
    write_curve(csv_file, png_file, columns, title, published)
