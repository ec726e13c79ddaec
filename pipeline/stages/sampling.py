"""Which way up a page is, told by a sample of its cells: reading all of them each way would take four times as long."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pipeline.records import Cell, Floats, Image, Table, TabledPage
from pipeline.stages.clean import clean
from pipeline.stages.interpret import interpret
from pipeline.stages.kit import Kit
from pipeline.stages.printedtable import find_all_tables
from pipeline.stages.recognise import recognise
from pipeline.stages.segment import segment
from pipeline.stages.upright import turned

#: So many cells tell which way up a page is.
_CELLS = 40
#: A cell is written in if this share of it is ink.
_WRITTEN = 0.005
#: A page that reads so well, and so many times as well as the other way up, lies on neither side: what is written along its
#: rows is not written across them.
_LEGIBLE, _CLEARER = 0.45, 1.25
#: Another way up is worth trying with the whole page if the sample reads so many times as well, and by so much better.
_BETTER, _MORE = 1.5, 0.1


def likelier_turn(tabled: TabledPage, kit: Kit) -> int:
    """The quarter turns counter-clockwise after which a page seems to read much better, 0 if it lies as it should."""
    if tabled.clean.printed:
        return 0  # its marks have said
    found = {0: legibility(tabled, kit), 2: legibility(upside_down(tabled), kit)}
    low, high = sorted(found.values())
    if high < max(_LEGIBLE, _CLEARER * low):
        page = tabled.clean.page
        aside = find_all_tables(clean(turned(page, 1), kit), kit)
        found |= {1: legibility(aside, kit), 3: legibility(upside_down(aside), kit)}
    best = max(found, key=lambda turn: found[turn])
    return best if found[best] > max(_BETTER * found[0], found[0] + _MORE) else 0


def legibility(tabled: TabledPage, kit: Kit) -> float:
    """How well a page reads as it lies, 0 to 1: the mean square of the confidence in a sample of its cells with ink.

    Squared, for digits upside down look like others, of which nobody is sure.
    """
    sample = sampled(tabled)
    if not sample.tables:
        return 0.0
    readings = interpret(recognise(segment(sample, kit), kit), kit).readings
    return sum(r.confidence**2 for r in readings if r.kind in ("number", "grade")) / len(readings)


def sampled(tabled: TabledPage) -> TabledPage:
    """The page with some of its cells, from all over it, of those that are written in."""
    written = [(table.number, cell) for table in tabled.tables for cell in table.cells if _is_written(cell, tabled.ink)]
    chosen = [written[i] for i in np.unique(np.linspace(0, len(written) - 1, min(_CELLS, len(written))).round().astype(int))]
    tables = (replace(t, cells=tuple(cell for number, cell in chosen if number == t.number)) for t in tabled.tables)
    return replace(tabled, tables=tuple(table for table in tables if table.cells))


def upside_down(tabled: TabledPage) -> TabledPage:
    """The page after half a turn, for reading: its cells keep their boxes in page pixels."""
    clean, corner = tabled.clean, np.array(tabled.ink.shape[::-1], np.float32) - 1
    tables = (_half_turned(table, corner) for table in tabled.tables)
    turned = replace(clean, grey=_half_turn(clean.grey), ink=_half_turn(clean.ink))
    return replace(tabled, clean=turned, tables=tuple(tables), ink=_half_turn(tabled.ink))


def _half_turned(table: Table, corner: Floats) -> Table:
    cells = (
        replace(
            cell,
            row=table.rows + 1 - cell.row,
            column=table.columns + 1 - cell.column,
            corners=np.roll(corner - cell.corners, 2, axis=0),
        )
        for cell in reversed(table.cells)
    )
    return replace(table, cells=tuple(cells))


def _half_turn(image: Image) -> Image:
    return np.ascontiguousarray(image[::-1, ::-1])


def _is_written(cell: Cell, ink: Image) -> bool:
    """Whether there is ink in it, away from its sides."""
    low, high = cell.corners.min(axis=0), cell.corners.max(axis=0)
    inset = 0.1 * (high - low)
    (left, top), (right, bottom) = np.maximum(low + inset, 0).astype(int), (high - inset).astype(int)
    inside = ink[top:bottom, left:right]
    return bool(inside.size and np.count_nonzero(inside) > _WRITTEN * inside.size)
