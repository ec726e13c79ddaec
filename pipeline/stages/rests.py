"""What is left of rulings in cells where nothing is written: printed unevenly, or gone over with a pen to close blank rows."""

from __future__ import annotations

import cv2
import numpy as np

from pipeline.records import Image
from pipeline.stages.grid import Grid

#: The rest of a ruling keeps within this share of a row from it, where no dash is written, and is so much lower than a row.
_BESIDE, _FLAT = 0.35, 0.25
#: One of a cell's rests at least is so many rows wide: dots and specks by themselves may mean something.
_LONG = 0.5
#: Ink at the left and right of a cell, within so many rows, may be of the rulings there.
_ASIDE = 0.1


def without_rests(ink: Image, grid: Grid) -> Image:
    """The ink without the rests of horizontal rulings in cells that hold nothing else."""
    out = ink.copy()
    v = grid.vertices
    level, upright = (v[:, :-1, 1] + v[:, 1:, 1]) / 2, (v[:-1, :, 0] + v[1:, :, 0]) / 2
    sides = np.stack([level[:-1], level[1:], upright[:, :-1], upright[:, 1:]], axis=2).tolist()
    for i, row in enumerate(sides):
        if {i, i + 1} & grid.open_rows:
            continue
        for top, bottom, left, right in row:
            height = bottom - top
            aside = _ASIDE * height
            y0, y1, x0, x1 = (max(0, round(place)) for place in (top, bottom, left + aside, right - aside))
            cell = out[y0:y1, x0:x1]
            if cell.size and _holds_rests_only(cell, height):
                cell[:] = 0
    return out


def _holds_rests_only(cell: Image, height: float) -> bool:
    """Whether all ink keeps beside the upper or the lower side, low as a line is, and some of it is as long as a line."""
    beside = round(_BESIDE * height)
    if cell[beside : max(beside, cell.shape[0] - beside)].any() or not cell.any():
        return False
    stats = cv2.connectedComponentsWithStats(cell, connectivity=8)[2][1:]
    widths, heights = stats[:, cv2.CC_STAT_WIDTH], stats[:, cv2.CC_STAT_HEIGHT]
    return bool(heights.max() < _FLAT * height and widths.max() > _LONG * height)
