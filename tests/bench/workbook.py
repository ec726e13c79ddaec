"""How a workbook of very many rows is written and opened: time, memory, size, pictures.

    python -m tests.bench.workbook [--rows N] [--names] [--open]

writes the spreadsheets of a job of mark sheets as they would have been read, two cells in a hundred in doubt with a picture of
real size; with --names, every row has a name, a text with a picture for the Review sheet; with --open, LibreOffice loads what
was written and saves the first sheet as CSV, which must have all rows.
"""

from __future__ import annotations

import argparse
import csv
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np

from pipeline.export import write_job
from pipeline.records import TEXT_REASON, Box, CellReading, PageResult, ScanEntry, SumCheck, TableNote

_ROWS, _QUESTIONS = 25, 6  # of a page
_RULE = "total = sum(q1..q6)"
_NAME = 2  # the column of names
_DOUBTFUL = 0.02
_PICTURES = 200  # different ones


def scans(rows: int, has_names: bool = True) -> Iterator[ScanEntry]:
    """So many rows in all, on pages of their own."""
    rng = np.random.default_rng(1)
    pictures = [_picture(rng) for _ in range(_PICTURES)]
    for page in range(-(-rows // _ROWS)):
        cells, checks = [], []
        for row in range(1, min(_ROWS, rows - page * _ROWS) + 1):
            marks = rng.integers(0, 21, _QUESTIONS)
            texts = [f"{row:03d}", "", *map(str, marks), str(marks.sum())]
            for column, text in enumerate(texts, 1):
                if column == _NAME and not has_names:
                    continue
                cells.append(_cell(row, column, text, bool(rng.random() < _DOUBTFUL), pictures[rng.integers(_PICTURES)]))
            terms = tuple((row, column, 1.0) for column in range(3, 3 + _QUESTIONS))
            checks.append(SumCheck(_RULE, row, 3 + _QUESTIONS, terms, 0.0, None, "holds", texts[-1]))
        note = TableNote(1, "marksheet", (_RULE,), False, tuple(checks))
        result = PageResult(1, tuple(cells), tables=(note,))
        yield ScanEntry(f"9B/scan {page + 1}.png", "done", "", (result,), f"/scans/9B/scan {page + 1}.png")


def _cell(row: int, column: int, text: str, is_doubtful: bool, picture: bytes) -> CellReading:
    name = ("roll", "name", *(f"q{q}" for q in range(1, _QUESTIONS + 1)), "total")[column - 1]
    place = (1, row, column, name)
    box = Box(80 * column, 40 * row, 80, 40)
    if column == _NAME:
        return CellReading(*place, "", "", 0.0, "review", TEXT_REASON, box, "text", picture=picture)
    if is_doubtful:
        others = ((text, 0.9), ("7", 0.05))
        return CellReading(*place, text, text, 0.9, "review", "could be 7", box, "number", others, picture)
    return CellReading(*place, text, text, 0.9999, "verified", f"agrees with {_RULE}", box, "number", ((text, 0.9998),))


def _picture(rng: np.random.Generator) -> bytes:
    """A cell's picture as the chain cuts it out: 56 pixels high, 16 levels, some noise and a scrawl."""
    image = rng.normal(243, 6, (56, 120)).clip(0, 255).astype(np.uint8)
    points = rng.integers((20, 8), (100, 48), (6, 2)).astype(np.int32)
    cv2.polylines(image, [points], False, 40, 3, cv2.LINE_AA)
    return cv2.imencode(".png", image // 17 * 17, [cv2.IMWRITE_PNG_COMPRESSION, 9])[1].tobytes()


def opened(workbook: Path, rows: int) -> float:
    """Seconds that LibreOffice takes to load a workbook and save its first sheet; exits if a row is lost."""
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        profile = f"-env:UserInstallation=file://{folder}/profile"
        command = ["soffice", profile, "--headless", "--convert-to", "csv", "--outdir", folder, str(workbook)]
        subprocess.run(command, check=True, capture_output=True)
        with (Path(folder) / f"{workbook.stem}.csv").open(encoding="utf-8") as stream:
            found = sum(1 for _ in csv.reader(stream))
    if found != rows + 1:
        sys.exit(f"LibreOffice has {found} of {rows + 1} rows")
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--names", action="store_true", help="with a name in every row")
    parser.add_argument("--open", action="store_true", help="load it in LibreOffice, too")
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        start = time.process_time()
        written = write_job("9B", scans(wanted.rows, wanted.names), Path(folder))
        seconds = time.process_time() - start
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"{wanted.rows:,} rows: {seconds:.0f} s of processor time, {peak:.0f} MiB at most", flush=True)
        for path in sorted(Path(folder).iterdir()):
            print(f"{path.name:24}{path.stat().st_size / 2**20:9.1f} MiB", flush=True)
        if wanted.open:
            print(f"LibreOffice has all rows after {opened(Path(written.workbook), wanted.rows):.0f} s", flush=True)


if __name__ == "__main__":
    main()
