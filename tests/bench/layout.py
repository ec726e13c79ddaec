"""Where table finding breaks: drawn sheets, by what is wrong with them, without reading anything.

    python -m tests.bench.layout [--pages N] [--only NAME]

prints a line for each defect and strength: the share of sheets whose rows and columns come out as they are ruled, the share of
cells whose box is where the cell is (within a fifth of its height), seconds a page for straightening and for finding tables.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from pipeline.records import Page, TabledPage
from pipeline.stages.clean import clean
from pipeline.stages.table import find_tables
from pipeline.training.defects import AgedSheet, Defects, age
from pipeline.training.pages import RenderedSheet
from tests.bench.pages import conditions, sheet
from tests.stages.grids import kit

#: As the other conditions are drawn.
_DPI = 150
_AS_IT_IS: Mapping[str, Any] = {}
#: What is printed or written in another way, BGR: from dark to as pale as forms have it; red ink on red rulings; resolutions.
_DRAWN: tuple[tuple[str, Mapping[str, Any]], ...] = (
    ("blue 1", {"ruling_colour": (190, 130, 80)}),
    ("blue 2", {"ruling_colour": (225, 190, 150)}),
    ("blue 3", {"ruling_colour": (238, 220, 200)}),
    ("green 1", {"ruling_colour": (110, 170, 90)}),
    ("green 2", {"ruling_colour": (190, 225, 180)}),
    ("red 1", {"ruling_colour": (90, 80, 200)}),
    ("red 2", {"ruling_colour": (190, 180, 235)}),
    ("red pen on red", {"ruling_colour": (90, 80, 200), "pen": (60, 50, 190)}),
    ("pale pen", {"pen": (165, 160, 155)}),
    ("ruling 1 px", {"ruling_width": 1}),
    ("ruling 5 px", {"ruling_width": 5}),
    ("double lines", {"double": True}),
    ("merged 3", {"merged": 3}),
    ("merged 5", {"merged": 5}),
    ("resolution 400", {"dpi": 400}),
    ("resolution 600", {"dpi": 600}),
)


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


def measure(tally: Tally, aged: AgedSheet, drawn: RenderedSheet) -> None:
    start = time.process_time()
    cleaned = clean(Page(1, aged.image), kit())
    middle = time.process_time()
    page = find_tables(cleaned, kit())
    tally.clean += middle - start
    tally.table += time.process_time() - middle
    tally.pages += 1
    count(tally, page, drawn, aged)


def count(tally: Tally, page: TabledPage, drawn: RenderedSheet, aged: AgedSheet) -> None:
    """Adds how many cells of the sheet's table are found in their row and column, and where they are."""
    shape = max(row for row, _, _ in drawn.truth) + 1, max(column for _, column, _ in drawn.truth) + 1
    largest = max(page.tables, key=lambda t: len(t.cells), default=None)
    tally.whole += largest is not None and (largest.rows, largest.columns) == shape
    found = {(c.row - 1, c.column - 1): c.box for c in largest.cells} if largest else {}
    for (row, column, _), box in zip(drawn.truth, drawn.boxes, strict=True):
        tally.cells += 1
        got = found.get((row, column))
        if got is not None:
            left, top, right, bottom = aged.place_of(box)
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
    for name, changed in _DRAWN:
        if name.startswith(args.only):
            report(name, _DPI, Defects(), args.pages, changed)


def report(name: str, dpi: int, defects: Defects, pages: int, changed: Mapping[str, Any] = _AS_IT_IS) -> None:
    """Prints the line of one condition; `changed` is what is drawn in another way than usual."""
    tally = Tally()
    for seed in range(pages):
        drawn = sheet(seed, dpi, changed)
        aged = age(drawn, defects, np.random.default_rng(seed))
        measure(tally, aged, drawn)
    print(tally.line(name), flush=True)


if __name__ == "__main__":
    main()
