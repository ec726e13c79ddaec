"""Rows that hold several lines of writing, one in nearly every column, where a ruling was left out or is lost.

A group of rows that only belong together is ruled so, and so is a table of which the scanner lost a ruling. Text that runs on
within a cell has as many lines as it needs, beside cells of one.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from pipeline.records import Image
from pipeline.stages.grid import Grid
from pipeline.stages.straight import Straight

#: So many rows and columns tell what a usual row is; that is as low as this share of them.
_FEWEST, _USUAL = 3, 0.2
#: A row holds so many usual ones at most, to within so much of one.
_MOST, _OFF = 5, 0.25
#: If more than this share of the rows is so high, they are groups of rows.
_GROUPED = 0.7
#: A boundary is where there is least ink, so far, in lines, from where lines of one height would have it.
_ASTRAY = 0.25
#: This share of the columns has ink in each of the lines, and white between them.
_AGREEING = 0.75
#: What is so near a ruling, in lines, may be left of it, or of another row's writing.
_MARGIN = 0.12


def may_hold_rows(grid: Grid) -> bool:
    """Whether a row is as high as several of the others."""
    return bool(_counts(grid))


def with_unparted_rows(grid: Grid, ink: Image, character: float) -> Grid:
    """The grid with rows for the lines of writing in rows that are as high as several; `ink` is without rulings."""
    counts = _counts(grid)
    if not counts:
        return grid
    strip = Straight.of(grid, ink, character)
    edges = {row: found for row, count in counts.items() if (found := _boundaries(strip, row, count)) is not None}
    if not edges:
        return grid
    rows: list[NDArray[np.float64]] = []
    open_rows = set()
    for i, line in enumerate(grid.vertices):
        open_rows |= {len(rows)} if i in grid.open_rows else set()
        rows.append(line)
        for y in edges.get(i, []):
            open_rows.add(len(rows))
            rows.append(strip.back(np.stack([strip.columns, np.full(strip.columns.size, float(y))], axis=1)))
    return replace(grid, vertices=np.stack(rows), open_rows=frozenset(open_rows))


def _counts(grid: Grid) -> dict[int, int]:
    """The rows as high as several usual ones, and how many, below two of these: headings have as many lines as they need.

    Below one where nearly all rows are so high: those are groups of rows, below a heading of a single line.
    """
    rows, columns = (side - 1 for side in grid.vertices.shape[:2])
    if min(rows, columns) < _FEWEST:
        return {}
    heights = np.diff(grid.vertices[..., 1].mean(axis=1))
    times = heights / np.quantile(heights, _USUAL, method="lower")
    counts = np.round(times).astype(int)
    above = np.cumsum(counts == 1)
    is_several = (counts > 1) & (counts <= _MOST) & (np.abs(times - counts) < _OFF)
    is_several &= above > (0 if is_several.mean() > _GROUPED else 1)
    return {i: int(counts[i]) for i in np.flatnonzero(is_several).tolist() if not {i, i + 1} & grid.open_rows}


def _boundaries(strip: Straight, row: int, count: int) -> list[int] | None:
    """Where lines of writing part so many rows in one; None unless nearly all columns have them."""
    top, bottom = strip.rows[row], strip.rows[row + 1]
    pitch = (bottom - top) / count
    aside = round(_MARGIN * pitch)
    low, high = round(top) + aside, round(bottom) - aside
    inked = np.array([_inked(strip.image[:, round(a) + 2 : round(b) - 1]) for a, b in pairwise(strip.columns)])
    edges = []
    for k in range(1, count):
        near = np.arange(round(top + (k - _ASTRAY) * pitch), round(top + (k + _ASTRAY) * pitch) + 1)
        ink = inked[:, near].sum(axis=0)
        least = near[ink == ink.min()]
        edges.append(int(least[least.size // 2]))
    lines = list(pairwise([low, *edges, high]))
    is_full = np.array([[bool(column[a + 1 : b].any()) for a, b in lines] for column in inked]).all(axis=1)
    is_parted = ~inked[:, edges].any(axis=1)
    return edges if (is_full & is_parted).mean() >= _AGREEING else None


def _inked(image: Image) -> NDArray[np.bool_]:
    """The heights at which a column has ink."""
    return np.asarray((image > 0).any(axis=1))
