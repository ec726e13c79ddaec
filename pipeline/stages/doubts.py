"""What makes a reading doubtful that no network can see: where the ink stands in its cell."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from pipeline.records import Box, Lattice

#: A stroke that is longer than this share of its cell's height, and so thin for its length, may be a ruling.
_THROUGH, _THIN = 0.92, 0.3
#: It may be what is left of one, if it stands at the side, so far from all else, in digit heights.
_APART, _BESIDE = 1.2, 0.6
#: Between digits that are so far apart, in digit heights, there may have been a point; it is lost if they stand on the ruling.
_WIDE = 0.5
#: They stand on it if they end so many strokes above it at most.
_ON_RULING = 1.5
#: What is lower than this share of a digit is none.
_LOWEST = 0.5


def is_doubtful(lattice: Lattice, height: float, pen: float) -> bool:
    """Whether a ruling may have been read as a 1, or erased together with a point.

    `height` of the digits and width of the `pen` are in clean pixels.
    """
    pieces = sorted((s.box for s in lattice.segments if s.last - s.first == 1), key=lambda box: box.x)
    return (
        _runs_through(lattice, pieces)
        or _stands_apart(lattice, pieces, height)
        or _may_lack_a_point(lattice, pieces, height, pen)
    )


def _runs_through(lattice: Lattice, pieces: list[Box]) -> bool:
    """Whether a thin stroke runs through the cell from top to bottom: a ruling or the paper's edge, more likely than a 1."""
    corners = lattice.cell.corners
    tall = float(np.linalg.norm(corners[3] - corners[0]) + np.linalg.norm(corners[2] - corners[1])) / 2
    return any(box.height > _THROUGH * tall and box.width < _THIN * box.height for box in pieces)


def _stands_apart(lattice: Lattice, pieces: list[Box], height: float) -> bool:
    """Whether a thin stroke at a side of the cell is far from the number: left of the ruling, more likely than a 1."""
    if len(pieces) < 2:
        return False
    corners, room = lattice.cell.corners, _BESIDE * height
    first, last = pieces[0], pieces[-1]
    at_left = first.x - float(corners[[0, 3], 0].mean()) < room and pieces[1].x - first.right > _APART * height
    at_right = (
        float(corners[[1, 2], 0].mean()) - last.right < room and last.x - max(p.right for p in pieces[:-1]) > _APART * height
    )
    return (at_left and first.width < _THIN * first.height) or (at_right and last.width < _THIN * last.height)


def _may_lack_a_point(lattice: Lattice, pieces: list[Box], height: float, pen: float) -> bool:
    """Whether digits on the lower ruling are so far apart that a point between them may have been erased with it."""
    (left, low), (right, high) = lattice.cell.corners[3].tolist(), lattice.cell.corners[2].tolist()
    slope = (high - low) / max(right - left, 1.0)
    digits = [box for box in pieces if box.height > _LOWEST * height]
    for before, after in pairwise(digits):
        middle = (before.right + after.x) / 2
        ruling = low + slope * (middle - left)
        is_free = not any(before.right <= (box.x + box.right) / 2 <= after.x for box in pieces)
        if after.x - before.right > _WIDE * height and max(before.bottom, after.bottom) > ruling - _ON_RULING * pen and is_free:
            return True
    return False
