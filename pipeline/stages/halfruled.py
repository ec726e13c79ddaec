"""Rows that no ruling parts: a grid's tall rows are split into the lines of writing that they hold."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.records import Image
from pipeline.stages.grid import Grid
from pipeline.stages.lines import Lines, lines_of_writing
from pipeline.stages.rulings import Curve

#: A row may hold several lines if it is this many character heights high.
_ROOM = 3.0
#: So many lines make rows of their own, if this share of the columns has ink in most of them: text that runs on within a cell
#: has as many lines as it needs, beside cells of one line.
_LEAST_LINES, _AGREEING, _MOST_LINES = 3, 0.4, 0.6
#: A ruled row this many times as high as the usual one is no row of its own kind.
_TALLER = 2.2


def with_lines(grid: Grid, ink: Image, character: float) -> Grid:
    """The grid with rows for the lines of writing in its tall rows; the grid itself if they are rows of their own."""
    strip = Strip.of(grid, ink, character)
    heights = np.diff(strip.rows)
    usual = float(np.median(heights))
    tall = [i for i, h in enumerate(heights) if h > _ROOM * strip.character and (len(heights) < 3 or h > _TALLER * usual)]
    found: dict[int, Lines] = {}
    for i in tall:
        lines = strip.lines(i)
        if lines is not None and lines.edges.size > _LEAST_LINES and _agree(lines):
            found[i] = lines
    if not found:
        return grid
    return _split(grid, strip, found)


@dataclass(frozen=True, slots=True, eq=False)
class Strip:
    """A grid's ink as it were if all its lines were straight; `columns` and `rows` are where they are in the image."""

    image: Image
    columns: Curve
    rows: Curve
    vertices: NDArray[np.float64]
    character: float  # in the strip's pixels

    @staticmethod
    def of(grid: Grid, ink: Image, character: float) -> Strip:
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
        return Strip(np.where(image > 90, 255, 0).astype(np.uint8), columns, rows, v, character * shrink)

    def lines(self, row: int) -> Lines | None:
        """The lines of writing in a row, their edges measured from the top of the strip."""
        top, bottom = round(self.rows[row]), round(self.rows[row + 1])
        lines = lines_of_writing(self.image[top:bottom], self.columns, self.character)
        return None if lines is None else replace(lines, edges=lines.edges + top)

    def back(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Clean pixels of strip pixels, (..., 2)."""
        flat = points.reshape(-1, 2)
        across, down = _weights(flat[:, 0], self.columns), _weights(flat[:, 1], self.rows)
        return np.einsum("ni,ijk,nj->nk", down, self.vertices, across).reshape(points.shape)


def _weights(positions: Curve, knots: Curve) -> NDArray[np.float64]:
    """(positions, knots): the linear interpolation between knots, and beyond them, as a matrix."""
    index = np.clip(np.searchsorted(knots, positions, side="right") - 1, 0, knots.size - 2)
    share = (positions - knots[index]) / (knots[index + 1] - knots[index])
    out = np.zeros((positions.size, knots.size))
    place = np.arange(positions.size)
    out[place, index] = 1 - share
    out[place, index + 1] = share
    return out


def _agree(lines: Lines) -> bool:
    """Whether most columns have ink in most of the lines."""
    inked = lines.inked.mean(axis=1)
    written = inked > 0
    most = inked > _MOST_LINES
    return bool(most.sum() >= max(min(2, written.size), _AGREEING * written.sum()))


def _split(grid: Grid, strip: Strip, found: dict[int, Lines]) -> Grid:
    """The first and the last line of a row take in what is left above and below them."""
    rows: list[NDArray[np.float64]] = [grid.vertices[0]]
    open_rows = {0} & grid.open_rows
    offsets = strip.columns - strip.columns[-1] / 2
    for i in range(grid.vertices.shape[0] - 1):
        if i in found:
            low, high = strip.rows[i], strip.rows[i + 1]
            for edge in found[i].edges[1:-1]:
                y = np.clip(edge + found[i].slope * offsets, low + 1, high - 1)
                open_rows.add(len(rows))
                rows.append(strip.back(np.stack([strip.columns, y], axis=1)))
        if i + 1 in grid.open_rows:
            open_rows.add(len(rows))
        rows.append(grid.vertices[i + 1])
    return replace(grid, vertices=np.stack(rows), open_rows=frozenset(open_rows))
