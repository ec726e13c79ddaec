"""Lines that fill the room before a number, so that nobody can write into it: no minus signs, and no part of the number."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.records import Image
from pipeline.stages.grid import Grid

#: In row heights: how long a filler is at least (the bar of a 7 is shorter), and how near to the cell's left side it begins.
_LONG, _NEAR = 0.9, 0.35
#: Where ink is so many times as thick as the filler, the number begins.
_THICKER = 1.8

_Mask = NDArray[np.bool_]


def without_fillers(ink: Image, grid: Grid) -> Image:
    """The ink without the lines from the left side of cells to the writing in them; a line by itself stays, for it says nil."""
    out = ink.copy()
    v = grid.vertices
    left, right = v[:, :-1, 0], v[:, 1:, 0]
    top, bottom = v[:-1, :, 1], v[1:, :, 1]
    low = np.stack([np.minimum(left[:-1], left[1:]), np.minimum(top[:, :-1], top[:, 1:])], axis=2)
    high = np.stack([np.maximum(right[:-1], right[1:]), np.maximum(bottom[:, :-1], bottom[:, 1:])], axis=2)
    places = np.concatenate([np.maximum(low, 0), high], axis=2).astype(int)
    for x0, y0, x1, y1 in places.reshape(-1, 4).tolist():
        cell = out[y0:y1, x0:x1]
        if cell.size and cell[:, : round(_NEAR * cell.shape[0])].any():
            _erase_filler(cell)
    return out


def _erase_filler(cell: Image) -> None:
    height, width = cell.shape
    length = round(_LONG * height)
    if not 2 < length < width:
        return
    # where it runs into the cell's side, half the length that is looked for will do
    if cv2.reduce(cell, 1, cv2.REDUCE_SUM, dtype=cv2.CV_32S).max() < 255 * (length // 2):
        return
    runs = cv2.morphologyEx(cell, cv2.MORPH_OPEN, np.ones((1, length), np.uint8))
    if not runs.any():
        return
    count, labels, stats, _ = cv2.connectedComponentsWithStats(runs.astype(np.uint8), connectivity=8)
    for k in range(1, count):
        x, y, w, h, area = (int(s) for s in stats[k])
        middle = y + h / 2
        # what lies along the row's own sides is left of a ruling
        if x > _NEAR * height or not 0.15 * height < middle < 0.85 * height:
            continue
        mask = labels[:, x : x + w] == k
        thick = np.count_nonzero(_through(cell[:, x : x + w] > 0, mask), axis=0)
        usual = float(np.median(thick[: length // 2]))
        written = np.flatnonzero(thick > max(_THICKER * usual, usual + 3))
        end = int(written[written > length // 3][0]) if (written > length // 3).any() else w
        if end < 0.8 * length or area > 0.3 * height * w or not (cell[:, x + end :] > 0).any():
            continue
        cell[:, x : x + end][_through(cell[:, x : x + end] > 0, mask[:, :end])] = 0


def _through(inked: _Mask, mask: _Mask) -> _Mask:
    """The vertical runs of ink that hold a pixel of the mask."""
    out = mask & inked
    for _ in range(inked.shape[0]):
        grown = out.copy()
        grown[1:] |= out[:-1]
        grown[:-1] |= out[1:]
        grown &= inked
        if np.array_equal(grown, out):
            break
        out = grown
    return out
