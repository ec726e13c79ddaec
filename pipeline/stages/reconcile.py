"""A page's readings → what goes into the spreadsheets: each by itself, then together with what must add up."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from pipeline.arithmetic import check_page, judged
from pipeline.records import Cell, CellReading, Image, Lattice, PageResult, Reading, ReadPage, SegmentedPage
from pipeline.stages.kit import Kit
from pipeline.stages.printedtable import unknown_form
from pipeline.stages.texts import value_of

#: Where the best reading is wrong, the right one is among its alternatives so often: in 369 of 410 wrong ones of 24,161 numbers
#: on drawn sheets, in the handwriting that calibration is fitted on.
_LISTED = 0.9
#: No reading is surer than this before anything is added up.
_SUREST = 0.9998
#: Pictures of cells: what is shown around them, in cell heights, and how high they are at most, in pixels.
_MARGIN, _PICTURE = 0.15, 56
#: Runs of the same grey are most of such a picture: looking for anything else takes ten times as long, for a larger file.
_PACKED = (cv2.IMWRITE_PNG_COMPRESSION, 9, cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE)


def reconcile(page: ReadPage, kit: Kit) -> PageResult:
    """Decides on every reading. Nothing is accepted that is less sure than the settings' threshold."""
    pairs = zip(page.segmented.lattices, page.readings, strict=True)
    threshold = kit.settings.threshold
    readings = [_decided(lattice, reading, threshold) for lattice, reading in pairs]
    tabled = page.segmented.tabled
    named = {form.name: form for form in kit.forms}
    forms = {table: named[name] for table, name in page.forms.items()}
    checked, notes = check_page(readings, forms, threshold)
    note = tabled.note or unknown_form(tabled.clean.printed, kit)
    if kit.settings.form and tabled.tables and not forms:
        note = f"no table has the columns of the form {kit.settings.form}"
    return PageResult(tabled.clean.page.number, _pictured(checked, page.segmented, threshold), note, tables=notes)


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
    listed = ((value, round(share * p, 6)) for value, p in others.items())
    return ((reading.value, sure), *((value, p) for value, p in listed if p > 0))


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


def _pictured(readings: tuple[CellReading, ...], page: SegmentedPage, threshold: float) -> tuple[CellReading, ...]:
    """The readings, with pictures of the cells that a person may want to see: in doubt, changed, or no numbers."""
    grey = page.tabled.clean.grey
    out = []
    for reading, lattice in zip(readings, page.lattices, strict=True):
        is_sure = not reading.candidates or reading.candidates[0][1] >= threshold
        is_plain = reading.status == "blank" or (reading.status in ("ok", "verified") and is_sure)
        out.append(reading if is_plain else replace(reading, picture=_picture(lattice.cell, grey)))
    return tuple(out)


def _picture(cell: Cell, grey: Image) -> bytes:
    """A cell cut out of the clean page with a little of what is around it, as PNG; no higher than it is worth looking at."""
    left, top = cell.corners.min(axis=0)
    right, bottom = cell.corners.max(axis=0)
    margin = _MARGIN * (bottom - top)
    height, width = grey.shape[:2]
    x, y = max(int(left - margin), 0), max(int(top - margin), 0)
    crop = grey[y : min(int(bottom + margin) + 1, height), x : min(int(right + margin) + 1, width)]
    if crop.size == 0:
        return b""
    if crop.shape[0] > _PICTURE:
        scale = _PICTURE / crop.shape[0]
        crop = np.asarray(cv2.resize(crop, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)
    levels = np.asarray(crop // 17 * 17, np.uint8)  # 16 levels of grey are plenty, and take half the room
    return cv2.imencode(".png", levels, _PACKED)[1].tobytes()
