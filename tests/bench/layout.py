"""Where table finding breaks: drawn sheets, by what is wrong with them, without reading anything.

    python -m tests.bench.layout [--pages N] [--only NAME]

prints a line for each defect and strength: the share of sheets whose rows and columns come out as they are ruled, the share of
cells whose box is where the cell is (within a fifth of its height), seconds a page for straightening and for finding tables.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass

import numpy as np

from pipeline.records import Image, Matrix, Page, TabledPage
from pipeline.stages.clean import clean
from pipeline.stages.table import find_tables
from pipeline.training.defects import Defects, age
from pipeline.training.pages import RenderedSheet
from tests.bench.pages import conditions, sheet
from tests.stages.grids import kit, moved_box


@dataclass
class Tally:
    pages: int = 0
    whole: int = 0
    cells: int = 0
    placed: int = 0
    clean: float = 0.0
    table: float = 0.0

    def line(self, name: str) -> str:
        whole, placed = 100 * self.whole / self.pages, 100 * self.placed / max(self.cells, 1)
        return f"{name:18}{whole:9.0f}{placed:9.1f}{self.clean / self.pages:9.2f}{self.table / self.pages:9.2f}"


def measure(tally: Tally, image: Image, drawn: RenderedSheet, from_sheet: Matrix) -> None:
    start = time.process_time()
    cleaned = clean(Page(1, image), kit())
    middle = time.process_time()
    page = find_tables(cleaned, kit())
    tally.clean += middle - start
    tally.table += time.process_time() - middle
    tally.pages += 1
    count(tally, page, drawn, from_sheet)


def count(tally: Tally, page: TabledPage, drawn: RenderedSheet, from_sheet: Matrix) -> None:
    """Adds how many cells of the sheet's table are found in their row and column, and where they are."""
    shape = max(row for row, _, _ in drawn.truth) + 1, max(column for _, column, _ in drawn.truth) + 1
    largest = max(page.tables, key=lambda t: len(t.cells), default=None)
    tally.whole += largest is not None and (largest.rows, largest.columns) == shape
    found = {(c.row - 1, c.column - 1): c.box for c in largest.cells} if largest else {}
    for (row, column, _), box in zip(drawn.truth, drawn.boxes, strict=True):
        tally.cells += 1
        got = found.get((row, column))
        if got is not None:
            left, top, right, bottom = moved_box(box, from_sheet)
            off = max(abs(got.x - left), abs(got.y - top), abs(got.right - right), abs(got.bottom - bottom))
            tally.placed += off < 0.2 * (bottom - top)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--pages", type=int, default=3, help="sheets a condition")
    parser.add_argument("--only", default="", help="conditions whose name begins so")
    args = parser.parse_args()
    print(f"{'':18}{'whole %':>9}{'cells %':>9}{'clean s':>9}{'table s':>9}")
    for name, dpi, defects in conditions():
        if name.startswith(args.only):
            report(name, dpi, defects, args.pages)


def report(name: str, dpi: int, defects: Defects, pages: int) -> None:
    tally = Tally()
    for seed in range(pages):
        drawn = sheet(seed, dpi)
        aged = age(drawn, defects, np.random.default_rng(seed))
        measure(tally, aged.image, drawn, aged.from_sheet)
    print(tally.line(name), flush=True)


if __name__ == "__main__":
    main()
