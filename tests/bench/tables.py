"""How many tables of a folder of pages are found, with the rows and columns that they have.

    python -m tests.bench.tables DIR [--misses]

DIR holds page images with ICDAR cTDaR 2019 annotations beside them (NAME.jpg, NAME.xml): the outlines of each table and of what
is written in its cells, with their neighbours. The rows are told within bounds only: there are at least as many as the longest
chain of neighbours downwards, which merged cells shorten, and at most as many as there are writings of which none is beside
another; so with columns. A table is right if it is within the bounds.
"""

from __future__ import annotations

import argparse
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pipeline.ann import Model, Network
from pipeline.records import Box, TabledPage
from pipeline.settings import Settings
from pipeline.stages.clean import clean
from pipeline.stages.decode import decode
from pipeline.stages.kit import Kit
from pipeline.stages.table import find_tables

#: Two outlines are the same table if they share this much of what they cover together.
_SAME = 0.6


@dataclass(frozen=True)
class Known:
    """A table as it is annotated, and the least and most rows and columns that it can have."""

    box: Box
    rows: tuple[int, int]
    columns: tuple[int, int]


def known_tables(file: Path) -> list[Known]:
    """The tables of an annotation file."""
    tables = []
    for table in ET.parse(file).getroot().iter("table"):
        outline, *cells = (_box(coords) for coords in table.iter("Coords"))
        if not cells:
            continue
        neighbours = {cell.get("id", ""): cell.get("neighbors", "").split() for cell in table.iter("cell")}
        rows = _longest(neighbours, "B"), _apart([(c.y, c.bottom) for c in cells])
        columns = _longest(neighbours, "R"), _apart([(c.x, c.right) for c in cells])
        tables.append(Known(outline, rows, columns))
    return tables


def _longest(neighbours: dict[str, list[str]], side: str) -> int:
    """Length of the longest chain of neighbours on one side."""
    known: dict[str, int] = {}

    def chain(name: str, before: frozenset[str]) -> int:
        if name not in known:
            following = [n.split(":")[0] for n in neighbours.get(name, []) if n.endswith(":" + side)]
            known[name] = 1 + max((chain(n, before | {name}) for n in following if n not in before), default=0)
        return known[name]

    return max(chain(name, frozenset()) for name in neighbours)


def _box(coords: ET.Element) -> Box:
    points = [tuple(map(int, p.split(","))) for p in coords.get("points", "").split()]
    xs, ys = [p[0] for p in points], [p[1] for p in points]
    return Box(min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys))


def _apart(spans: list[tuple[int, int]]) -> int:
    """How many of the spans can be had without one overlapping another."""
    count, end = 0, -1
    for low, high in sorted(spans, key=lambda s: s[1]):
        if low > end:
            count, end = count + 1, high
    return count


def outlines(page: TabledPage) -> Iterator[tuple[Box, int, int]]:
    """Box in page pixels, rows and columns of each table found."""
    for table in page.tables:
        boxes = [cell.box for cell in table.cells]
        x, y = min(b.x for b in boxes), min(b.y for b in boxes)
        right, bottom = max(b.right for b in boxes), max(b.bottom for b in boxes)
        yield Box(x, y, right - x, bottom - y), table.rows, table.columns


def shared(a: Box, b: Box) -> float:
    """Area of the intersection over that of the union."""
    width = min(a.right, b.right) - max(a.x, b.x)
    height = min(a.bottom, b.bottom) - max(a.y, b.y)
    if width <= 0 or height <= 0:
        return 0.0
    both = width * height
    return both / (a.width * a.height + b.width * b.height - both)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--misses", action="store_true", help="list the tables that are not found as they are")
    args = parser.parse_args()
    kit = Kit(Settings(), Model(Network((("dense", 10),)), tuple("0123456789")))
    counts: Counter[str] = Counter()
    for file in sorted(args.folder.glob("*.xml")):
        page = next(iter(decode(file.with_suffix(".jpg").read_bytes(), kit.settings)))
        found = list(outlines(find_tables(clean(page, kit), kit)))
        counts["tables found"] += len(found)
        for known in known_tables(file):
            box, rows, columns = max(found, key=lambda f: shared(f[0], known.box), default=(known.box, 0, 0))
            outcome = "not found"
            if rows and shared(box, known.box) > _SAME:
                right = known.rows[0] <= rows <= known.rows[1] and known.columns[0] <= columns <= known.columns[1]
                outcome = "right" if right else "wrong shape"
            counts[outcome] += 1
            if args.misses and outcome != "right":
                print(
                    f"{file.stem}: {known.rows} × {known.columns} at {known.box}, {outcome}: {rows} × {columns} at {box}",
                    flush=True,
                )
    total = sum(n for name, n in counts.items() if name != "tables found")
    print(f"{total} tables known, " + ", ".join(f"{name} {n}" for name, n in sorted(counts.items())))
    print(f"found with their rows and columns: {100 * counts['right'] / max(total, 1):.1f} %")


if __name__ == "__main__":
    main()
