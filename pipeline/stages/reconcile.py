"""A page's readings → what goes into the spreadsheets: each by itself, then together with what must add up."""

from __future__ import annotations

import numpy as np

from pipeline.arithmetic import check_page, judged
from pipeline.forms import Form, matching_form
from pipeline.records import CellReading, Lattice, PageResult, Reading, ReadPage, Table
from pipeline.stages.interpret import value_of
from pipeline.stages.kit import Kit

#: Where the best reading is wrong, the right one is among its alternatives so often (drawn sheets, handwriting not trained on).
_LISTED = 0.65
#: No reading is surer than this before anything is added up.
_SUREST = 0.9998


def reconcile(page: ReadPage, kit: Kit) -> PageResult:
    """Decides on every reading. Nothing is accepted that is less sure than the settings' threshold."""
    pairs = zip(page.segmented.lattices, page.readings, strict=True)
    threshold = kit.settings.threshold
    readings = [_decided(lattice, reading, threshold) for lattice, reading in pairs]
    tabled = page.segmented.tabled
    checked, notes = check_page(readings, _forms(tabled.tables, kit), threshold)
    return PageResult(tabled.clean.page.number, checked, tabled.note, tables=notes)


def candidates(reading: Reading) -> tuple[tuple[str, float], ...]:
    """The values that a reading may have, best first; what their probabilities leave to one is for something else."""
    if reading.kind not in ("number", "grade"):
        return ((reading.text, reading.confidence),) if reading.text else ()
    sure = min(reading.confidence, _SUREST)
    others: dict[str, float] = {}
    for text, p in reading.alternatives:
        value = value_of(text)
        if value != reading.value:
            others[value] = others.get(value, 0.0) + p
    total = sum(others.values())
    share = _LISTED * (1 - sure) / total if total > 0 else 0.0
    return ((reading.value, sure), *((value, share * p) for value, p in others.items() if share * p > 0))


def _decided(lattice: Lattice, reading: Reading, threshold: float) -> CellReading:
    cell, found = lattice.cell, candidates(reading)
    as_shown = ((reading.text, reading.confidence), *reading.alternatives)
    status, reason = judged(reading.kind, as_shown, threshold, lattice.note)
    return CellReading(
        lattice.table,
        cell.row,
        cell.column,
        f"C{cell.column}",
        reading.value,
        reading.text,
        round(reading.confidence, 4),
        status,
        reason,
        cell.box,
        reading.kind,
        found,
    )


def _forms(tables: tuple[Table, ...], kit: Kit) -> dict[int, Form]:
    """The form of each table that has one."""
    found = {}
    for table in tables:
        form = matching_form(kit.forms, _widths(table), kit.settings.form)
        if form:
            found[table.number] = form
    return found


def _widths(table: Table) -> list[float]:
    """How wide each column is, in clean pixels: that of most of its cells."""
    widths: dict[int, list[float]] = {}
    for cell in table.cells:
        top, bottom = cell.corners[1] - cell.corners[0], cell.corners[2] - cell.corners[3]
        widths.setdefault(cell.column, []).append(float(np.hypot(*top) + np.hypot(*bottom)) / 2)
    return [float(np.median(widths[column])) for column in sorted(widths)]
