"""Columns' rulings so faded that only pieces of them are left: told by all of their way together.

Where a ruling ran, one narrow strip from top to bottom is darker than its surroundings in more places than theirs are, in the
white between the lines of writing as well as beside it.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.records import Image
from pipeline.stages.grid import Grid
from pipeline.stages.halfruled import with_columns
from pipeline.stages.straight import Straight

#: A faded ruling is drawn along this share of its way, by so much more than what is around it, and along this share of most of
#: its parts: a blot, or one long stroke, is in one of them only.
_DRAWN, _MORE, _IN_PARTS, _PARTS = 0.28, 0.27, 0.2, 8
#: What is around it, in character heights.
_AROUND = 2.5
#: How far from a boundary between two rows, in rows, nothing is written as a rule.
_BETWEEN = 0.2
#: Fewer rows than this show too little of a ruling.
_LEAST_ROWS = 5


def with_faded_columns(grid: Grid, dark: Image, character: float) -> Grid:
    """The grid with the vertical rulings of which there is little left.

    `dark` is 255 on what is a little darker than the paper left and right of it.
    """
    between = sorted(grid.open_rows - {0, grid.vertices.shape[0] - 1})
    if len(between) < _LEAST_ROWS:
        return grid
    strip = Straight.of(grid, dark, character)
    share = _drawn(strip, between)
    apart = max(1, round(strip.character))
    for x in strip.columns.round().astype(int):
        share[max(0, x - apart) : x + apart] = 0
    found = []
    while share.max() > _DRAWN:
        x = int(share.argmax())
        if share[x] - _around(share, x, apart) > _MORE:
            found.append(float(x))
        share[max(0, x - apart) : x + apart] = 0
    return with_columns(grid, strip, [np.full(len(between), x) for x in sorted(found)], between) if found else grid


def _drawn(strip: Straight, between: list[int]) -> NDArray[np.float64]:
    """For each x how much of its way is drawn: the least of the whole, of the white between rows and of most parts."""
    near = cv2.dilate(strip.image, np.ones((1, 3), np.uint8)) > 0
    reach = max(1, round(_BETWEEN * float(np.median(np.diff(strip.rows)[between]))))
    white = np.zeros(near.shape[0], bool)
    for y in strip.rows[between].round().astype(int):
        white[max(0, y - reach) : y + reach + 1] = True
    parts = np.median([part.mean(axis=0) for part in np.array_split(near, _PARTS)], axis=0)
    share = np.minimum(near.mean(axis=0), near[white].mean(axis=0))
    return np.asarray(np.where(parts > _IN_PARTS, share, 0.0))


def _around(share: NDArray[np.float64], x: int, apart: int) -> float:
    """How much is drawn left and right of x, where that is most."""
    reach, own = round(_AROUND * apart), apart // 3
    beside = np.concatenate([share[max(0, x - reach) : max(0, x - own)], share[x + own + 1 : x + reach + 1]])
    return float(np.quantile(beside, 0.9)) if beside.size else 0.0
