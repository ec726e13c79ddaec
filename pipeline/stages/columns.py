"""Tables whose columns alone are ruled: ledgers. Their rows are lines of writing."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from pipeline.records import CleanPage, Image
from pipeline.stages.grid import Grid, overlap
from pipeline.stages.halfruled import with_lines, with_worn_columns
from pipeline.stages.rulings import Curve, Ruling, darker, drawn_share, find_rulings, with_faint_lines, without_rulings
from pipeline.stages.straight import Straight

#: The longest ruling is so many character heights long, the others this share of it, and they run beside it for most of it.
_LEAST_LENGTH, _LEAST_SHARE, _BESIDE = 10.0, 0.25, 0.8
#: They are found along this share of their way, and darker than what is beside them along this one: digits that stand exactly
#: below one another are white between.
_INKED, _DRAWN = 0.7, 0.92
#: What underlines a sum is so many character heights long.
_UNDERLINE = 3.0
#: Columns are this many character heights wide, or wider.
_NARROWEST = 0.8
#: Writing outside the outermost rulings is a column if it stands in this share of the rows; the outermost columns are at least
#: this many character heights wide.
_MARGIN, _MARGIN_WIDTH = 0.3, 1.6
#: A column of numbers has ink in this share of the rows, in most of them no wider than so many rows are high.
_FILLED, _WIDEST = 0.25, 5.0


def column_grids(page: CleanPage, thin: Image, level: list[Ruling], character: float) -> list[Grid]:
    """Tables made by vertical rulings, their rows found by the writing; `thin` is the page's ink without blots.

    Of the page's horizontal rulings, `level`, those within a table underline sums: they are taken with its own.
    """
    ink, grey = np.ascontiguousarray(thin.T), np.ascontiguousarray(page.grey.T)
    lines = with_faint_lines(ink, grey, character, page.stroke_width)
    pale = darker(grey, page.stroke_width)
    rulings = [r for r in find_rulings(lines, character, page.stroke_width) if r.inked > _INKED * r.length]
    rulings = [r for r in rulings if drawn_share(pale, r) > _DRAWN]
    ink = without_rulings(thin, [], rulings, page.stroke_width)
    grids = []
    for group in _abreast(rulings, character):
        grid = _framed(group, _inner(ink), character)
        if grid.vertices.shape[1] < 2:
            continue
        grid = with_lines(grid, ink, character, is_sure=True)
        grid = with_worn_columns(grid, np.ascontiguousarray(lines.T), character)
        grid = without_margins(grid, ink, character)
        grid = replace(grid, level=_within(grid, level, character))
        if holds_numbers(grid, ink, character) and not any(overlap(grid, other) for other in grids):
            grids.append(grid)
    return grids


def _within(grid: Grid, level: list[Ruling], character: float) -> list[Ruling]:
    """The rulings that lie in a grid and are longer than any stroke of a digit."""
    (left, top), (right, bottom) = grid.vertices.min(axis=(0, 1)), grid.vertices.max(axis=(0, 1))
    inside = [
        r for r in level if top < r.level + r.slope * (r.start + r.stop) / 2 < bottom and r.stop > left and r.start < right
    ]
    return [r for r in inside if r.length > _UNDERLINE * character]


def holds_numbers(grid: Grid, ink: Image, character: float) -> bool:
    """Whether a column has short writing, as numbers are, in many of at least three rows."""
    if grid.vertices.shape[0] < 4:
        return False
    strip = Straight.of(grid, ink, character)
    height = float(np.median(np.diff(strip.rows)))
    for j in range(strip.columns.size - 1):
        widths = np.array(strip.widths(j))
        short = (widths > 0) & (widths < _WIDEST * height)
        if short.mean() > _FILLED and short.sum() > 0.7 * np.count_nonzero(widths):
            return True
    return False


def without_margins(grid: Grid, ink: Image, character: float) -> Grid:
    """Without the outermost columns that are too narrow for a number, or not closed by a ruling and next to empty."""
    first, last = 0, grid.vertices.shape[1] - 1
    strip = Straight.of(grid, ink, character)
    filled = [np.mean(np.array(strip.widths(j)) > 0) for j in range(last)]
    narrow = np.diff(strip.columns) < _MARGIN_WIDTH * strip.character
    while last - first > 1 and (narrow[first] or (first in grid.open_columns and filled[first] < _MARGIN)):
        first += 1
    while last - first > 1 and (narrow[last - 1] or (last in grid.open_columns and filled[last - 1] < _MARGIN)):
        last -= 1
    return replace(
        grid,
        vertices=grid.vertices[:, first : last + 1],
        open_columns=frozenset(j - first for j in grid.open_columns if first <= j <= last),
    )


def _abreast(rulings: list[Ruling], character: float) -> list[list[Ruling]]:
    """Groups of rulings that run beside one another; a shorter one joins the longest beside which it lies."""
    groups: list[list[Ruling]] = []
    for ruling in sorted(rulings, key=lambda r: -r.length):
        for group in groups:
            longest = group[0]
            overlap = min(ruling.stop, longest.stop) - max(ruling.start, longest.start)
            if overlap > _BESIDE * ruling.length:
                group.append(ruling)
                break
        else:
            groups.append([ruling])
    return [group for group in groups if group[0].length > _LEAST_LENGTH * character]


def _courses(group: list[Ruling], middle: float, character: float) -> list[Ruling]:
    """The columns' rulings from left to right; pieces of one, and double lines, are one if together they are long enough."""
    clusters: list[list[Ruling]] = []
    for ruling in sorted(group, key=lambda r: float(r.at(middle))):
        if clusters and abs(float(ruling.at(middle) - clusters[-1][0].at(middle))) < _NARROWEST * character:
            clusters[-1].append(ruling)
            clusters[-1].sort(key=lambda r: -r.inked)
        else:
            clusters.append([ruling])
    least = _LEAST_SHARE * group[0].length
    return [c[0] for c in clusters if sum(r.inked for r in c) > least]


def _framed(group: list[Ruling], ink: Image, character: float) -> Grid:
    """A grid of one row between the rulings, with a column to either side as far as there is ink."""
    long = [r for r in group if r.length > 0.5 * group[0].length]
    top = float(np.quantile([r.start for r in long], 0.25))
    bottom = float(np.quantile([r.stop for r in long], 0.75))
    middle = (top + bottom) / 2
    columns = _courses(group, middle, character)
    heights = np.array([top, bottom])
    edges: list[Curve] = [ruling.at(heights) for ruling in columns]
    beside = np.flatnonzero(ink[round(top) : round(bottom)].any(axis=0))
    open_columns = set()
    if beside.size and edges[0].min() - beside[0] > _NARROWEST * character:
        edges.insert(0, np.full(2, float(beside[0]) - 1))
        open_columns.add(0)
    if beside.size and beside[-1] - edges[-1].max() > _NARROWEST * character:
        edges.append(np.full(2, float(beside[-1]) + 2))
        open_columns.add(len(edges) - 1)
    x = np.stack(edges, axis=1)
    vertices = np.stack([x, np.broadcast_to(heights[:, None], x.shape)], axis=2)
    return Grid(vertices, frozenset({0, 1}), frozenset(open_columns), [], group, (1.0, 1.0))


def _inner(ink: Image) -> Image:
    """The ink without what touches the image's edge: a scanner's black border, the shadow of a page below."""
    count, labels = cv2.connectedComponents(ink, connectivity=8)
    edge = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    keep = np.ones(count, bool)
    keep[edge] = False
    keep[0] = False
    return np.where(keep[labels], 255, 0).astype(np.uint8)
