"""Rows that no ruling parts: a grid's tall rows are split into the lines of writing that they hold."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.records import Image
from pipeline.stages.grid import Grid
from pipeline.stages.lines import Lines
from pipeline.stages.rulings import Curve, Ruling, median_along, transposed
from pipeline.stages.straight import Straight

#: A row may hold several lines if it is this many character heights high.
_ROOM = 3.0
#: So many lines make rows of their own, if this share of the columns has ink in most of them: text that runs on within a cell
#: has as many lines as it needs, beside cells of one line.
_LEAST_LINES, _AGREEING, _MOST_LINES = 4, 0.5, 0.6
#: A place that has ink between this share of the lines is a ruling; looked for this share of a row up and down.
_CROSSING, _BAND = (0.25, 0.45), 0.12
#: A column so many times as wide as the usual one may be two; what parts them has ink in this share of the lines at most.
_DOUBLE, _WHITE = 1.6, 0.15
#: A ruling that is lost has ink along this share of its way, and is this share of a row away from the next.
_LOST, _CLEAR = 0.75, 0.4
#: It is traced in pieces of so many characters' height, by what is straight for this long, so far up and down, and seen along
#: this share of a piece.
_PIECE, _STRAIGHT, _ASIDE, _SEEN = 3.0, 0.7, 0.6, 0.4
#: A ruled row this many times as high as the usual one is no row of its own kind.
_TALLER = 2.2


def with_lines(grid: Grid, ink: Image, character: float, is_sure: bool = False) -> Grid:
    """The grid with rows for the lines of writing in its tall rows; the grid itself if they are rows of their own.

    That is told by the columns, most of which have ink in most of the lines, unless it `is_sure` that no ruling parts rows.
    """
    tall = _tall_rows(grid, character)
    if not tall:
        return grid
    strip = Straight.of(grid, ink, character)
    found: dict[int, Lines] = {}
    for i in tall:
        lines = strip.lines(i)
        if lines is not None and lines.edges.size > (2 if is_sure else _LEAST_LINES) and (is_sure or _agree(lines)):
            found[i] = lines
    if not found:
        return grid
    pitch = float(np.median([lines.pitch for lines in found.values()]))
    for i in set(tall) - set(found):  # what holds two lines shows no pitch of its own
        lines = strip.lines(i, pitch)
        if lines is not None:
            found[i] = lines
    return _split(grid, strip, found)


def may_hold_lines(grid: Grid, character: float) -> bool:
    """Whether a row is so high that it may hold several lines."""
    return bool(_tall_rows(grid, character))


def _tall_rows(grid: Grid, character: float) -> list[int]:
    heights = np.diff(grid.vertices[..., 1].mean(axis=1))
    usual = float(np.quantile(heights, 0.2))
    return [i for i, h in enumerate(heights) if h > _ROOM * character and (len(heights) < 3 or h > _TALLER * usual)]


def with_lost_rulings(grid: Grid, ink: Image, character: float) -> Grid:
    """The grid with rulings that are too broken to be found as lines, where a row or column is as wide as two or more."""
    if _may_have_lost(grid):
        grid = _with_lost_rows(grid, ink, character)
    turned = grid.turned()
    return _with_lost_rows(turned, transposed(ink), character).turned() if _may_have_lost(turned) else grid


def _may_have_lost(grid: Grid) -> bool:
    """Whether a row is as high as two or more."""
    heights = np.diff(grid.vertices[..., 1].mean(axis=1))
    return bool(heights.size >= 3 and heights.max() >= _DOUBLE * np.median(heights))


def _with_lost_rows(grid: Grid, ink: Image, character: float) -> Grid:
    """With the lines that have ink most of the way across the grid, once that is straight."""
    strip = Straight.of(grid, ink, character)
    usual = float(np.median(np.diff(strip.rows)))
    wide = cv2.dilate(strip.image, np.ones((3, 1), np.uint8)) > 0
    share = wide.mean(axis=1)
    clear = round(_CLEAR * usual)
    for top, bottom in pairwise(strip.rows):
        if bottom - top < _DOUBLE * usual:  # where nothing is missing
            share[round(top) : round(bottom) + 1] = 0
    for y in strip.rows.round().astype(int):
        share[max(0, y - clear) : y + clear + 1] = 0
    for y in _creases(grid, strip, character):
        share[max(0, y - round(strip.character / 2)) : y + round(strip.character / 2) + 1] = 0
    lost: list[float] = []
    while share.max() > _LOST:
        y = _middle_one(share == share.max())
        lost.append(float(y))
        share[max(0, y - clear) : y + clear + 1] = 0
    if not lost:
        return grid
    courses = [_traced(strip, y) for y in lost]
    lines = [strip.back(np.stack([strip.columns, np.interp(strip.columns, *course)], axis=1)) for course in courses]
    drawn = [strip.back(np.stack(course, axis=1)) for course in courses]
    order = np.argsort(np.concatenate([strip.rows, lost]))
    was = {int(j): i for i, j in enumerate(order)}
    thickness = float(np.median([r.thickness for r in grid.level]))
    return replace(
        grid,
        vertices=np.concatenate([grid.vertices, np.stack(lines)], axis=0)[order],
        open_rows=frozenset(was[i] for i in grid.open_rows),
        level=[*grid.level, *(Ruling.through(course[:, 0], course[:, 1], thickness) for course in drawn)],
    )


def _traced(strip: Straight, y: float) -> tuple[Curve, Curve]:
    """The way that a lost ruling near this height takes through the strip, by what of it is straight: x and y of its knots."""
    width = strip.image.shape[1]
    reach = max(1, round(_ASIDE * strip.character))
    top = max(0, round(y) - reach)
    band = strip.image[top : round(y) + reach + 1]
    straight = cv2.morphologyEx(band, cv2.MORPH_OPEN, np.ones((1, max(2, round(_STRAIGHT * strip.character))), np.uint8))
    edges = np.linspace(0, width, max(2, round(width / (_PIECE * strip.character))) + 1).round().astype(int)
    share = np.array([(straight[:, a:b] > 0).mean(axis=1) for a, b in pairwise(edges)])
    found = share.max(axis=1) > _SEEN
    if not found.any():
        return np.array([0.0, width]), np.array([y, y])
    most = share == share.max(axis=1, keepdims=True)
    middle = most @ np.arange(most.shape[1]) / most.sum(axis=1)
    x = (edges[:-1] + edges[1:]) / 2
    course = np.pad(np.interp(x, x[found], middle[found]), 2, mode="edge")
    smooth = median_along(np.lib.stride_tricks.sliding_window_view(course, 5)) + top
    return np.concatenate([[0.0], x, [width]]), np.concatenate([smooth[:1], smooth, smooth[-1:]])


def _creases(grid: Grid, strip: Straight, character: float) -> list[int]:
    """Where in the strip there are lines that go on beyond the grid, which it has taken for none of its own."""
    rows, sides = grid.vertices[..., 1].mean(axis=1), grid.vertices[..., 0]
    low, high = float(sides.min()) - character, float(sides.max()) + character
    at = np.array([float(r.across.mean()) for r in grid.level if r.start < low or r.stop > high])
    within = at[(at > rows[0]) & (at < rows[-1])]
    return [round(y) for y in np.interp(within, rows, strip.rows).tolist()]


def with_worn_columns(grid: Grid, ink: Image, character: float) -> Grid:
    """The grid with the vertical rulings that are too broken to be found as lines, told by what is between its open rows.

    Writing stays within its line, mostly; what has ink between most of the lines, at one place, is a ruling.
    """
    between = sorted(grid.open_rows - {0, grid.vertices.shape[0] - 1})
    if len(between) < _LEAST_LINES:
        return grid
    strip = Straight.of(grid, ink, character)
    pitch = float(np.median(np.diff(strip.rows)[between]))
    reach = max(1, round(_BAND * pitch))
    height = strip.image.shape[0]
    bands = [slice(max(0, round(strip.rows[i]) - reach), min(height, round(strip.rows[i]) + reach + 1)) for i in between]
    crossed = np.array([(strip.image[band] > 0).mean(axis=0) > 0.5 for band in bands]).astype(np.float32)
    near = cv2.dilate(crossed, np.ones((1, 3), np.uint8))
    share = near.mean(axis=0)
    apart = max(1, round(strip.character))
    for x in strip.columns.round().astype(int):
        share[max(0, x - apart) : x + apart] = 0
    # writing crosses here and there, where lines are close together more than elsewhere
    least = float(np.clip(1.6 * np.quantile(share, 0.9), *_CROSSING))
    found = []
    while share.max() >= least:
        x = _middle_one(share == share.max())
        found.append(x)
        share[max(0, x - apart) : x + apart] = 0
    found += _unparted(strip, np.sort([*strip.columns, *found]), between)
    if not found:
        return grid
    return with_columns(grid, strip, [_course(crossed, x, apart) for x in sorted(found)], between)


def _unparted(strip: Straight, columns: Curve, between: list[int]) -> list[int]:
    """Where columns that are as wide as two or more of the others have white from top to bottom, between numbers."""
    usual = float(np.median(np.diff(columns)))
    bands = [slice(round(strip.rows[i] + 0.2 * (strip.rows[i + 1] - strip.rows[i])), round(strip.rows[i + 1])) for i in between]
    inked = np.array([(strip.image[band] > 0).any(axis=0) for band in bands])
    found = []
    for left, right in pairwise(columns):
        count = round((right - left) / usual + 0.5 - (_DOUBLE - 1))
        width = (right - left) / max(count, 1)
        last = round(left) + 2
        for k in range(1, count):
            x0, x1 = round(left + (k - 0.35) * width), round(left + (k + 0.35) * width)
            share = cv2.blur(inked[:, x0:x1].mean(axis=0).reshape(1, -1), (3, 1))[0]
            x = x0 + _middle_one(share == share.min())
            both = inked[:, last:x].any(axis=1) & inked[:, x + 1 : min(round(x + width), round(right) - 1)].any(axis=1)
            if share.min() < _WHITE and both.mean() > _MOST_LINES:
                found.append(x)
                last = x + 1
    return found


def _middle_one(places: NDArray[np.bool_]) -> int:
    """Of the places the one in the middle; itself one of them, though they may lie apart."""
    found = np.flatnonzero(places)
    return int(found[found.size // 2])


def _course(crossed: NDArray[np.float32], x: int, apart: int) -> Curve:
    """Where a ruling near x is, at each of the places where it was looked for: a running median, for some have no ink."""
    left = max(0, x - apart // 2)
    places = [np.flatnonzero(line[left : x + apart // 2 + 1]) for line in crossed]
    course = np.array([left + float(p.mean()) if p.size else float(x) for p in places])
    padded = np.pad(course, 3, mode="edge")
    return np.asarray(np.median(np.lib.stride_tricks.sliding_window_view(padded, 7), axis=1))


def with_columns(grid: Grid, strip: Straight, courses: list[Curve], between: list[int]) -> Grid:
    """The grid with columns parted where new rulings run, whose x in the strip is known at the rows `between`."""
    at = np.array([strip.rows[i] for i in between])
    thickness = float(np.median([r.thickness for r in grid.upright])) if grid.upright else 1.0
    lines = [strip.back(np.stack([np.interp(strip.rows, at, course), strip.rows], axis=1)) for course in courses]
    drawn = [Ruling.through(line[:, 1], line[:, 0], thickness) for line in lines]
    places = np.concatenate([strip.columns, [float(np.median(course)) for course in courses]])
    order = np.argsort(places)
    vertices = np.concatenate([grid.vertices, np.stack(lines, axis=1)], axis=1)[:, order]
    was = {int(j): i for i, j in enumerate(order)}
    return replace(
        grid,
        vertices=vertices,
        open_columns=frozenset(was[j] for j in grid.open_columns),
        upright=[*grid.upright, *drawn],
    )


def _agree(lines: Lines) -> bool:
    """Whether most columns have ink in most of the lines."""
    inked = lines.inked.mean(axis=1)
    written = inked > 0
    most = inked > _MOST_LINES
    return bool(most.sum() >= max(min(2, written.size), _AGREEING * written.sum()))


def _split(grid: Grid, strip: Straight, found: dict[int, Lines]) -> Grid:
    """With the first and the last line of a row to its rulings; where none is drawn, the table ends with the writing."""
    rows: list[NDArray[np.float64]] = []
    open_rows = set()
    last = grid.vertices.shape[0] - 1
    offsets = strip.columns - strip.columns[-1] / 2
    for i in range(last + 1):
        is_open = i in grid.open_rows
        if not (is_open and (i in found or i - 1 in found)):
            open_rows |= {len(rows)} if is_open else set()
            rows.append(grid.vertices[i])
        if i not in found:
            continue
        edges = found[i].edges[0 if is_open else 1 : None if i + 1 in grid.open_rows else -1]
        for edge in edges:
            y = np.clip(edge + found[i].slope * offsets, strip.rows[i], strip.rows[i + 1])
            open_rows.add(len(rows))
            rows.append(_at_rulings(grid, i, strip.back(np.stack([strip.columns, y], axis=1))))
    return replace(grid, vertices=np.stack(rows), open_rows=frozenset(open_rows))


def _at_rulings(grid: Grid, row: int, line: NDArray[np.float64]) -> NDArray[np.float64]:
    """A line of vertices within a row, each put where the ruling of its column is at its height: rulings may bend in a row."""
    placed = line.copy()
    for (top_x, top), (bottom_x, bottom), vertex in zip(grid.vertices[row], grid.vertices[row + 1], placed, strict=True):
        for ruling in grid.upright:
            if ruling.start <= top + 1 and ruling.stop >= bottom - 1:
                ends = ruling.at(np.array([top, bottom])) - (top_x, bottom_x)
                if np.abs(ends).max() < 1:  # it goes through the vertices above and below
                    vertex[0] = float(ruling.at(vertex[1]))
                    break
    return placed
