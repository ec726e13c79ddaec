"""What a table stands on: paper, and not the grain of a desk or the leaves of a tree, which have lines that cross as well."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.records import Image
from pipeline.stages.grid import Grid
from pipeline.stages.shrinking import shrunk

#: The ground is looked at in squares of so many pixels, further than so many from any ink.
_COARSE, _AWAY = 8, 4
#: Evenly lit paper is brighter than this; if all but this share of a page is, ink counted in, nobody need look closer.
_BRIGHT, _CLEAR = 225, 0.12
#: Of the ground this share may be darker: tints and blots. Or this share of its squares may differ by so much from those beside
#: them: rough paper. What is both is no paper, and nor is what has less than this share of a table left bare.
_DARK, _UNEVEN, _STEP, _BARE = 0.15, 0.25, 8, 0.04


def on_paper(grids: list[Grid], grey: Image, ink: Image) -> list[Grid]:
    """Those of the grids that were found on paper, on an evenly lit page with this ink."""
    if float((grey[::_COARSE, ::_COARSE] < _BRIGHT).mean()) < _CLEAR:
        return grids
    shade = shrunk(grey, _COARSE).astype(np.int16)
    near = cv2.dilate(ink, np.ones((2 * _AWAY + 1, 2 * _AWAY + 1), np.uint8)).astype(np.uint8, copy=False)
    is_bare = shrunk(near, _COARSE) == 0
    return [grid for grid in grids if _is_paper(grid, shade, is_bare)]


def _is_paper(grid: Grid, shade: NDArray[np.int16], bare: NDArray[np.bool_]) -> bool:
    """Of the shade of the page's squares, and which of them are bare."""
    low, high = grid.vertices.min(axis=(0, 1)), grid.vertices.max(axis=(0, 1))
    (left, top), (right, bottom) = np.maximum(low / _COARSE, 0).astype(int), (high / _COARSE).astype(int) + 1
    shade, bare = shade[top:bottom, left:right], bare[top:bottom, left:right]
    if np.count_nonzero(bare) < _BARE * bare.size:
        return False
    steps = np.concatenate(
        [
            np.abs(np.diff(shade, axis=0))[bare[1:] & bare[:-1]],
            np.abs(np.diff(shade, axis=1))[bare[:, 1:] & bare[:, :-1]],
        ]
    )
    is_rough = steps.size > 0 and float((steps > _STEP).mean()) > _UNEVEN
    return not (is_rough and float((shade[bare] < _BRIGHT).mean()) > _DARK)
