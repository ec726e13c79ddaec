"""Cuts through touching digits: seams from top to bottom that cross little ink, like a drop that falls and cuts where it must.

Drop-fall segmentation (Congedo et al. 1995) follows one greedy path; a seam of least cost is the best of all such paths.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.records import Image

#: A seam may step aside by one column a row, at this cost beside that of the ink.
_SIDEWAYS = 0.15
_MOST_CUTS = 8
#: The most ink that a seam may cross, in stroke widths: two strokes and some slant.
_DEAREST = 3.0


def cut_apart(mask: Image, darkness: Image, height: float, stroke: float) -> list[tuple[Image, float]]:
    """Parts of a component from left to right, each with the cost of the cut on its right, in stroke widths.

    `darkness` is the component as scanned: where two digits lie side by side the ink is paler than in a stroke. `height` is
    that of a digit in the component's surroundings; a component no wider than a digit comes back whole.
    """
    width = mask.shape[1]
    if width < 0.75 * height or width < 8:
        return [(mask, 0.0)]
    full = max(1.0, float(np.percentile(darkness[mask > 0], 80)))
    ink = np.where(mask > 0, np.minimum(darkness / full, 1.0) ** 2, 0.0)
    seams = _seams(ink, height, stroke)
    if not seams:
        return [(mask, 0.0)]
    columns = np.arange(width)
    parts, left = [], np.zeros(mask.shape[0], int)
    for path, cost in [*seams, (np.full(mask.shape[0], width), 0.0)]:
        inside = (columns[None, :] >= left[:, None]) & (columns[None, :] < path[:, None])
        parts.append((np.where(inside, mask, 0).astype(np.uint8), cost))
        left = np.maximum(left, path)
    return parts


def _seams(cost: NDArray[np.float64], height: float, stroke: float) -> list[tuple[NDArray[np.int64], float]]:
    """Paths (column for each row) and costs, from left to right, none nearer to another than a narrow digit is wide."""
    rows, width = cost.shape
    total, came = np.empty_like(cost), np.zeros(cost.shape, np.int8)
    total[0] = cost[0]
    for y in range(1, rows):
        previous = total[y - 1]
        from_left = np.concatenate([[np.inf], previous[:-1] + _SIDEWAYS])
        from_right = np.concatenate([previous[1:] + _SIDEWAYS, [np.inf]])
        options = np.stack([from_left, previous, from_right])
        choice = options.argmin(axis=0)
        came[y] = choice - 1
        total[y] = cost[y] + options[choice, np.arange(width)]
    apart = max(3, round(0.16 * height))  # a 1 can be as narrow
    ends = np.concatenate([total[-1], _straight(cost, apart) if width > height else []])
    found: list[tuple[NDArray[np.int64], float]] = []
    for candidate in np.argsort(ends, kind="stable"):
        if ends[candidate] > _DEAREST * stroke or len(found) == _MOST_CUTS:
            break
        path = _trace(came, int(candidate)) if candidate < width else np.full(rows, candidate - width)
        middle = float(path.mean())
        if not apart <= middle <= width - apart:
            continue
        if all(abs(middle - float(other.mean())) >= apart for other, _ in found):
            found.append((path, float(ends[candidate]) / stroke))
    return sorted(found, key=lambda f: float(f[0].mean()))


def _straight(cost: NDArray[np.float64], apart: int) -> NDArray[np.float64]:
    """The cost of cutting straight down each column, infinite but where it is lowest around.

    Where two round digits touch side by side, the best seam often goes through the digit beside it instead.
    """
    straight = cost.sum(axis=0)
    padded = np.pad(straight, apart, mode="edge")
    lowest = np.lib.stride_tricks.sliding_window_view(padded, 2 * apart + 1).min(axis=1)
    return np.where(straight <= lowest, straight, np.inf)


def _trace(came: NDArray[np.int8], column: int) -> NDArray[np.int64]:
    path = np.empty(came.shape[0], np.int64)
    for y in range(came.shape[0] - 1, -1, -1):
        path[y] = column
        column += int(came[y, column])
    return path
