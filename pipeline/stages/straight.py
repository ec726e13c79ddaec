"""A grid's ink as it were if its lines were straight: small, for what is measured along its rows and columns."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.records import Image
from pipeline.stages.grid import Grid
from pipeline.stages.lines import Lines, lines_of_writing
from pipeline.stages.rulings import Curve


@dataclass(frozen=True, slots=True, eq=False)
class Straight:
    """A grid's ink as it were if all its lines were straight; `columns` and `rows` are where they are in the image."""

    image: Image
    columns: Curve
    rows: Curve
    vertices: NDArray[np.float64]
    character: float  # in the image's pixels

    @staticmethod
    def of(grid: Grid, ink: Image, character: float) -> Straight:
        """Made as small as characters of some twelve pixels allow."""
        shrink = 1 / max(1.0, character / 12)
        v = grid.vertices
        columns = (v[..., 0].mean(axis=0) - v[..., 0].mean(axis=0)[0]) * shrink
        rows = (v[..., 1].mean(axis=1) - v[..., 1].mean(axis=1)[0]) * shrink
        width, height = max(2, round(columns[-1])), max(2, round(rows[-1]))
        across = _weights(np.arange(width) + 0.5, columns)
        down = _weights(np.arange(height) + 0.5, rows)
        x, y = ((down @ v[..., k] @ across.T).astype(np.float32) for k in (0, 1))
        soft = cv2.blur(ink, (round(1 / shrink), round(1 / shrink))) if shrink < 0.7 else ink
        image = cv2.remap(soft, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=0)
        return Straight(np.where(image > 90, 255, 0).astype(np.uint8), columns, rows, v, character * shrink)

    def lines(self, row: int, pitch: float | None = None) -> Lines | None:
        """The lines of writing in a row, their edges measured from the top of the image."""
        top, bottom = round(self.rows[row]), round(self.rows[row + 1])
        lines = lines_of_writing(self.image[top:bottom], self.columns, self.character, pitch)
        return None if lines is None else replace(lines, edges=lines.edges + top)

    def widths(self, column: int) -> list[int]:
        """How wide the writing in each row of a column is; 0 where there is none."""
        x = round(self.columns[column]) + 1, round(self.columns[column + 1]) - 1
        out = []
        for top, bottom in pairwise(self.rows.round().astype(int)):
            inked = np.flatnonzero(np.count_nonzero(self.image[top + 1 : bottom - 1, x[0] : x[1]], axis=0) > 1)
            out.append(int(np.ptp(inked)) + 1 if inked.size > 1 else 0)
        return out

    def back(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Clean pixels of the image's pixels, (..., 2)."""
        flat = points.reshape(-1, 2)
        across, down = _weights(flat[:, 0], self.columns), _weights(flat[:, 1], self.rows)
        placed: NDArray[np.float64] = np.einsum("ni,ijk,nj->nk", down, self.vertices, across)
        return placed.reshape(points.shape)


def _weights(positions: Curve, knots: Curve) -> NDArray[np.float64]:
    """(positions, knots): the linear interpolation between knots, and beyond them, as a matrix."""
    index = np.clip(np.searchsorted(knots, positions, side="right") - 1, 0, knots.size - 2)
    share = (positions - knots[index]) / (knots[index + 1] - knots[index])
    out = np.zeros((positions.size, knots.size))
    place = np.arange(positions.size)
    out[place, index] = 1 - share
    out[place, index + 1] = share
    return out
