"""Tables whose columns alone are ruled: ledgers. Their rows are lines of writing."""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np

from pipeline.records import CleanPage, Image
from pipeline.stages.erasing import within_edges, without_rulings
from pipeline.stages.faded import with_faded_columns
from pipeline.stages.grid import Grid, overlap
from pipeline.stages.halfruled import with_lines, with_worn_columns
from pipeline.stages.rulings import Curve, Ruling, as_inked, find_pale_rulings, transposed
from pipeline.stages.straight import Straight

#: The longest ruling is so many character heights long, the others this share of it, and they run beside it for most of it.
_LEAST_LENGTH, _LEAST_SHARE, _BESIDE = 10.0, 0.25, 0.8
#: What underlines a sum is so many character heights long.
_UNDERLINE = 3.0
#: Fewer rulings than this are a margin, or the edges of the paper.
_LEAST_COURSES = 3
#: What is so near the edge of the picture, in its widths, is that edge.
_EDGE = 0.01
#: A piece of a ruling is longer than the strokes of two digits that stand below one another.
_PIECE = 5.0
#: Columns are this many character heights wide, or wider.
_NARROWEST = 0.8
#: Writing outside the outermost rulings is a column if it stands in this share of the rows; the outermost columns are at least
#: this many character heights wide.
_MARGIN, _MARGIN_WIDTH = 0.3, 1.6
#: A column of numbers has ink in this share of the rows, in most of them no wider than so many rows are high.
_FILLED, _WIDEST = 0.25, 5.0


@dataclass(frozen=True, slots=True, eq=False)
class PaleRulings:
    """Rulings of a page, the pale ones too, that are longer than any stroke of a digit.

    `edges` are the left and right edges of the picture or the paper. `image` is the ink, without blots, and what is pale but
    may be a ruling; `dark` is 255 on what is a little darker than the paper left and right of it; `rest` is the ink within the
    edges without all rulings.
    """

    level: list[Ruling]
    upright: list[Ruling]
    edges: list[Ruling]
    image: Image
    dark: Image
    rest: Image

    @staticmethod
    def of(page: CleanPage, thin: Image, character: float) -> PaleRulings:
        """`thin` is the page's ink without blots."""
        level, across, _ = find_pale_rulings(thin, page.grey, character, page.stroke_width)
        upright, down, dark = find_pale_rulings(transposed(thin), transposed(page.grey), character, page.stroke_width)
        # a sum's underline is blurred into the digits upon it; a column's ruling must go all of it, or is read as ones
        level = [as_inked(r, thin) for r in level if r.length > _UNDERLINE * character]
        long = [r for r in upright if r.length > _PIECE * character]
        edges = [r for r in long if _is_edge(r, page)]
        upright = [r for r in long if not any(r is edge for edge in edges)]
        image = np.maximum(across, down.T)
        rest = within_edges(without_rulings(thin, level, upright, page.stroke_width, page.grey), edges)
        return PaleRulings(level, upright, edges, image, transposed(dark), rest)


def column_grids(pale: PaleRulings, character: float) -> list[Grid]:
    """Tables made by vertical rulings, their rows found by the writing.

    Horizontal lines within them underline sums, or are too pale to part rows: they are taken for the tables' own.
    """
    grids: list[Grid] = []
    inner = _inner(pale.rest)
    for group in _abreast(pale.upright, character):
        grid = _framed(group, inner, character)
        if grid is None:
            continue
        grid = with_lines(grid, pale.rest, character, is_sure=True)
        grid = with_worn_columns(grid, pale.image, character)
        across = 0.5 * float(np.ptp(grid.vertices[..., 0]))
        if sum(r.length > across for r in _within(grid, pale.level)) < grid.vertices.shape[0] / 2:  # else its rows are ruled
            grid = with_faded_columns(grid, pale.dark, character)
        grid = without_margins(grid, pale.rest, character)
        grid = replace(grid, level=_within(grid, pale.level))
        if holds_numbers(grid, pale.rest, character) and not any(overlap(grid, other) for other in grids):
            grids.append(grid)
    return grids


def _is_edge(upright: Ruling, page: CleanPage) -> bool:
    """Whether it is the left or right edge of the picture."""
    knots = np.stack([upright.across, upright.along], axis=1)
    x = cv2.perspectiveTransform(knots[None], page.to_page)[0, :, 0]
    width = page.page.image.shape[1]
    near = np.minimum(x, width - x)
    return bool(np.median(near) < _EDGE * width)


def _within(grid: Grid, level: list[Ruling]) -> list[Ruling]:
    """The rulings that lie in a grid."""
    (left, top), (right, bottom) = grid.vertices.min(axis=(0, 1)), grid.vertices.max(axis=(0, 1))
    return [r for r in level if top < r.level + r.slope * (r.start + r.stop) / 2 < bottom and r.stop > left and r.start < right]


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


def _courses(group: list[Ruling], middle: float, character: float) -> list[list[Ruling]]:
    """The columns' rulings from left to right; pieces of one, and double lines, are one if together they are long enough.

    The longest piece of each comes first.
    """
    clusters: list[list[Ruling]] = []
    for ruling in sorted(group, key=lambda r: float(r.at(middle))):
        if clusters and abs(float(ruling.at(middle) - clusters[-1][0].at(middle))) < _NARROWEST * character:
            clusters[-1].append(ruling)
            clusters[-1].sort(key=lambda r: -r.inked)
        else:
            clusters.append([ruling])
    least = _LEAST_SHARE * group[0].length
    return [c for c in clusters if sum(r.inked for r in c) > least]


def _framed(group: list[Ruling], ink: Image, character: float) -> Grid | None:
    """A grid of one row between the rulings, with a column to either side as far as there is ink; None for too few."""
    long = [r for r in group if r.length > 0.5 * group[0].length]
    top = float(np.quantile([r.start for r in long], 0.25))
    bottom = float(np.quantile([r.stop for r in long], 0.75))
    middle = (top + bottom) / 2
    courses = _courses(group, middle, character)
    if len(courses) < _LEAST_COURSES:
        return None
    columns = [course[0] for course in courses]
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
    drawn = [r for course in courses for r in course]
    return Grid(vertices, frozenset({0, 1}), frozenset(open_columns), [], drawn, (1.0, 1.0))


def _inner(ink: Image) -> Image:
    """The ink without what touches the image's edge: a scanner's black border, the shadow of a page below."""
    count, labels = cv2.connectedComponents(ink, connectivity=8)
    edge = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    keep = np.ones(count, bool)
    keep[edge] = False
    keep[0] = False
    return np.asarray(np.multiply(keep, 255, dtype=np.uint8)[labels], np.uint8)
