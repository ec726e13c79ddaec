"""Clean page → tables of cells.

A table is a set of horizontal and vertical rulings that cross. Its rows and columns are what lies between them, whether
anything is written there or not: a blank row keeps its place. Rulings may be curved, broken and open at the sides.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.records import Cell, CleanPage, Image, Matrix, Table, TabledPage
from pipeline.stages.boxes import box_groups
from pipeline.stages.columns import PaleRulings, column_grids
from pipeline.stages.erasing import within_edges, without_edges, without_rulings
from pipeline.stages.fillers import without_fillers
from pipeline.stages.grid import Grid, grid_of, overlap
from pipeline.stages.ground import on_paper
from pipeline.stages.halfruled import may_hold_lines, with_lines, with_lost_rulings, with_worn_columns
from pipeline.stages.ink import with_weak_parts
from pipeline.stages.kit import Kit
from pipeline.stages.lone import lone_number, page_boxes
from pipeline.stages.rests import without_rests
from pipeline.stages.rulings import Ruling, character_height, find_long_pale_rulings, find_rulings, is_bar, transposed
from pipeline.stages.unparted import may_hold_rows, with_unparted_rows
from pipeline.stages.unruled import unruled_grid


def find_tables(page: CleanPage, kit: Kit) -> TabledPage:
    """Every table of the page, from top to bottom; or one cell with a lone number; or a note that there is neither.

    Looked for are tables ruled on all sides, then boxes for one digit each, then tables whose columns alone are ruled, then
    numbers with white between them.
    """
    character = character_height(page.ink, page.stroke_width)
    boxes = box_groups(page.ink, character, page.stroke_width)
    if boxes:
        page = replace(page, ink=boxes.ink)
    thin = _without_blots(page.ink, character)
    level = find_rulings(thin, character, page.stroke_width)
    upright = find_rulings(transposed(thin), character, page.stroke_width)
    good = _ruled(page, level, upright, thin, character)
    if boxes and not good:
        return _tabled(page, [boxes.grid()], page.ink)
    whole = [grid for grid in good if not _is_patchy(grid, thin)]
    if good and len(whole) == len(good):
        return _tabled(page, good, _without_lines(page.ink, good, page.pen, page.grey))
    lone = None if good else lone_number(page)
    if lone and lone.tables and len(level) + len(upright) <= _FEW_LINES:
        return lone
    pale = PaleRulings.of(page, thin, character)
    good = good or _ruled(page, pale.level, pale.upright, pale.image, character)
    columns = [grid for grid in column_grids(pale, character) if not any(overlap(grid, other) for other in whole)]
    good = _best(good, columns)
    if good:
        ink = within_edges(_without_shadows(page.ink, character), pale.edges)
        return _tabled(page, good, _without_lines(ink, good, page.pen, page.grey))
    grid = unruled_grid(pale.rest, page.stroke_width)
    return _tabled(page, [grid], pale.rest) if grid else lone or lone_number(page)


def ruled_as(page: CleanPage, grid: Grid) -> TabledPage:
    """The page with one table where it is known to be."""
    return _laid_out(page, [grid], _without_lines(page.ink, [grid], page.pen, page.grey))


def _ruled(page: CleanPage, level: list[Ruling], upright: list[Ruling], image: Image, character: float) -> list[Grid]:
    """Tables that horizontal and vertical rulings make, which were found in the image; half-ruled ones among them."""
    groups = _crossing(level, upright, character)
    good = _grids(page, [group for group in groups if len(group[1]) > 1], image, character)
    if not good:  # maybe a table that goes on beyond the picture
        cut = _grids(page, groups, image, character, is_cut=True)
        good = [grid for grid in cut if np.ptp(grid.vertices[..., 1]) > _CUT_HEIGHT * image.shape[0]][:1]
    if not good:
        return []
    if not any(may_hold_lines(grid, character) or may_hold_rows(grid) for grid in good):
        return good
    ink = _without_lines(page.ink, good, page.pen)
    lined = [with_worn_columns(with_lines(grid, ink, character), ink, character) for grid in good]
    return [with_unparted_rows(grid, ink, character) for grid in lined]


def _grids(
    page: CleanPage,
    groups: list[tuple[list[Ruling], list[Ruling]]],
    image: Image,
    character: float,
    is_cut: bool = False,
) -> list[Grid]:
    """The tables that groups of rulings make."""
    good = []
    for h, v in groups:
        grid = grid_of(h, v, character, is_cut=is_cut)
        if grid is not None and _is_table(grid, image, character):
            more_h, more_v = _faint(page, image, grid, character)
            more = grid_of(h + more_h, v + more_v, character, grid.least, is_cut) if more_h or more_v else None
            good.append(with_lost_rulings(more or grid, image, character))
    return good


def _tabled(page: CleanPage, grids: list[Grid], ink: Image) -> TabledPage:
    """The page with the tables that stand on paper; or with a note that there are none."""
    on = on_paper(grids, page.grey, page.ink)
    return (
        _laid_out(page, on, ink)
        if on
        else TabledPage(page, (), page.ink, "no table was found on the page: lines cross, but on no paper")
    )


def _laid_out(page: CleanPage, grids: list[Grid], ink: Image) -> TabledPage:
    order = _in_reading_order(grids)
    row_height = max(float(np.median(np.diff(grid.vertices[..., 1], axis=0))) for grid in grids)
    ink = without_edges(ink, row_height)
    for grid in grids:
        ink = without_rests(without_fillers(ink, grid), grid)
    ink = with_weak_parts(ink, page, _near_rulings(page, grids, ink))
    tables = tuple(_table(i + 1, grid, page.to_page, page.page.image.shape) for i, grid in enumerate(order))
    return TabledPage(page, tables, ink)


def _near_rulings(page: CleanPage, grids: list[Grid], ink: Image) -> Image:
    """255 where the pale edges of rulings may be: near what was taken out of the ink, and on the lines of the grids."""
    reach = round(page.stroke_width)
    gone = cv2.bitwise_and(page.ink, cv2.bitwise_not(ink)).astype(np.uint8, copy=False)
    near = cv2.dilate(gone, np.ones((reach | 1, reach | 1), np.uint8))
    for grid in grids:
        lines = [*grid.vertices, *grid.vertices.transpose(1, 0, 2)]
        cv2.polylines(near, [line.round().astype(np.int32) for line in lines], False, 255, reach + 1)
    return near.astype(np.uint8, copy=False)


def _in_reading_order(grids: list[Grid]) -> list[Grid]:
    """From top to bottom; those that begin within a row of one another from left to right."""
    order: list[list[Grid]] = []
    for grid in sorted(grids, key=lambda g: float(g.vertices[0, 0, 1])):
        first = order[-1][0].vertices if order else grid.vertices
        if order and grid.vertices[0, 0, 1] < (first[0, 0, 1] + first[1, 0, 1]) / 2:
            order[-1].append(grid)
        else:
            order.append([grid])
    return [grid for beside in order for grid in sorted(beside, key=lambda g: float(g.vertices[0, 0, 0]))]


def draw_tables(tabled: TabledPage) -> Image:
    """For --trace: the cells over the page, the ink that is left after the rulings are gone in black."""
    picture = cv2.cvtColor(np.maximum(tabled.clean.grey, 160), cv2.COLOR_GRAY2BGR)
    picture[tabled.ink > 0] = 0
    for table in tabled.tables:
        for cell in table.cells:
            corners = cell.corners.round().astype(np.int32)
            cv2.polylines(picture, [corners], True, (0, 160, 0), 2, cv2.LINE_AA)
            if cell.row == 1 or cell.column == 1:
                label = f"{cell.row},{cell.column}"
                cv2.putText(
                    picture, label, (int(corners[0, 0]) + 4, int(corners[0, 1]) + 14), 0, 0.45, (0, 0, 220), 1, cv2.LINE_AA
                )
    if tabled.note:
        cv2.putText(picture, tabled.note, (20, 40), 0, 1.0, (0, 0, 220), 2, cv2.LINE_AA)
    return picture.astype(np.uint8)


#: A lone number may be underlined, and have a stroke as long as a line.
_FEW_LINES = 2
#: A table of which the picture shows a single vertical ruling takes up this share of the picture's height.
_CUT_HEIGHT = 0.4
#: A line that is not ink all along must run along this share of the table.
_ALL_ALONG = 0.9
#: It is a crease if it goes on from a table for so many character heights, darker by so much than beside it, most of the way.
_ONWARD, _DARKER, _ONGOING = (0.7, 3.0), 6, 0.7
#: A line between rows that is drawn along less than this share of the columns is none.
_PATCHY = 0.75
#: What is so many character heights thick, and so many long, is no writing.
_THICK, _LONG = 0.7, 6.0


def _is_patchy(grid: Grid, ink: Image) -> bool:
    """Whether most lines between rows go only part of the way: they are below the sums in a ledger, not between rows."""
    near = cv2.dilate(ink, np.ones((5, 5), np.uint8)).astype(np.uint8)
    share = np.linspace(0.1, 0.9, 9)[:, None, None, None]
    v = grid.vertices[[i for i in range(1, grid.vertices.shape[0] - 1) if i not in grid.open_rows]]
    drawn = _sample(near, v[:, :-1] * (1 - share) + v[:, 1:] * share).mean(axis=0) > 0.5
    return bool(len(drawn) and np.median(drawn.mean(axis=1)) < _PATCHY)


def _best(ruled: list[Grid], columns: list[Grid]) -> list[Grid]:
    """Of grids at one place those with more columns; of as many, those with horizontal rulings."""
    better = [g for g in columns if all(g.vertices.shape[1] > r.vertices.shape[1] for r in ruled if overlap(g, r))]
    left = [r for r in ruled if not any(overlap(g, r) for g in better)]
    return [*left, *better]


def _without_lines(ink: Image, grids: list[Grid], stroke: float, grey: Image | None = None) -> Image:
    """The ink without the rulings of the grids; strokes along those paler than the pen stay, if `grey` is given."""
    level = [ruling for grid in grids for ruling in grid.level]
    upright = [ruling for grid in grids for ruling in grid.upright]
    return without_rulings(ink, level, upright, stroke, grey)


def _without_shadows(ink: Image, character: float) -> Image:
    """The ink but for what is on and right beside what is thicker than any stroke and longer than a number: around a page."""
    size = max(7, round(_THICK * character))
    blots = cv2.morphologyEx(ink, cv2.MORPH_OPEN, np.ones((size, size), np.uint8)).astype(np.uint8)
    outlines = cv2.findContours(blots, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)[0]
    large = [outline for outline in outlines if max(cv2.boundingRect(outline)[2:]) > _LONG * character]
    if not large:
        return ink
    shadows = cv2.bitwise_and(blots, cv2.drawContours(np.zeros_like(ink), large, -1, 255, cv2.FILLED))
    around = cv2.dilate(shadows, np.ones((2 * size + 1, 2 * size + 1), np.uint8))
    return cv2.bitwise_and(ink, cv2.bitwise_not(around)).astype(np.uint8, copy=False)


def _without_blots(ink: Image, character: float) -> Image:
    """The ink that is thin enough to be a line or a stroke, or long enough for so thick a line."""
    size = max(7, round(0.5 * character))
    blots = cv2.morphologyEx(ink, cv2.MORPH_OPEN, np.ones((size, size), np.uint8)).astype(np.uint8, copy=False)
    if not blots.any():
        return ink
    bars = [
        outline
        for outline in cv2.findContours(blots, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)[0]
        if _is_bar(outline, character)
    ]
    blots = cv2.drawContours(blots, bars, -1, 0, cv2.FILLED).astype(np.uint8, copy=False)
    return cv2.bitwise_and(ink, cv2.bitwise_not(cv2.dilate(blots, np.ones((5, 5), np.uint8)))).astype(np.uint8, copy=False)


def _is_bar(outline: NDArray[Any], character: float) -> bool:
    """Whether an outline is that of a thick line, as they are printed around tables."""
    length = max(cv2.boundingRect(outline)[2:])
    return is_bar(cv2.contourArea(outline) / length + 1, length, character)


def _crossing(level: list[Ruling], upright: list[Ruling], character: float) -> list[tuple[list[Ruling], list[Ruling]]]:
    """Groups of rulings that cross or touch one another, directly or through others."""
    slack = 0.6 * character
    group = list(range(len(level) + len(upright)))

    def root(i: int) -> int:
        while group[i] != i:
            group[i] = group[group[i]]
            i = group[i]
        return i

    for i, j in np.argwhere(_meet(level, upright, slack)).tolist():
        group[root(i)] = root(len(level) + j)
    members: dict[int, tuple[list[Ruling], list[Ruling]]] = {}
    for i, h in enumerate(level):
        members.setdefault(root(i), ([], []))[0].append(h)
    for j, v in enumerate(upright):
        members.setdefault(root(len(level) + j), ([], []))[1].append(v)
    several = [m for m in members.values() if len(m[0]) >= 2 and len(m[1]) >= 1]
    return [(_with_rungs(h, v[0], level, slack) if len(v) == 1 else h, v) for h, v in several]


def _with_rungs(found: list[Ruling], upright: Ruling, level: list[Ruling], slack: float) -> list[Ruling]:
    """With the horizontal rulings that end where a single vertical one would be, if it were drawn all along."""
    more = [
        r
        for r in level
        if not any(r is f for f in found)
        and min(abs(float(upright.at(float(r.at(end)))) - end) for end in (r.start, r.stop)) < slack
    ]
    return [*found, *more]


def _meet(level: list[Ruling], upright: list[Ruling], slack: float) -> NDArray[np.bool_]:
    """(horizontal, vertical): whether the two cross, or end within `slack` of it."""
    if not level or not upright:
        return np.zeros((len(level), len(upright)), bool)
    y0, dy, x_low, x_high = (np.array([[getattr(r, n)] for r in level]) for n in ("level", "slope", "start", "stop"))
    x0, dx, y_low, y_high = (np.array([[getattr(r, n) for r in upright]]) for n in ("level", "slope", "start", "stop"))
    x = (x0 + dx * y0) / (1 - dx * dy)
    y = y0 + dy * x
    inside = (x_low - slack <= x) & (x <= x_high + slack) & (y_low - slack <= y) & (y <= y_high + slack)
    return np.asarray(inside)


def _faint(page: CleanPage, thin: Image, grid: Grid, character: float) -> tuple[list[Ruling], list[Ruling]]:
    """Rulings within a table too faint or broken to be found as ink, but drawn all along it: a lost one would join two rows."""
    low = grid.vertices.min(axis=(0, 1))
    high = grid.vertices.max(axis=(0, 1))
    x0, y0 = np.maximum(low - character / 2, 0).astype(int)
    x1, y1 = (high + character / 2).astype(int)
    place = np.s_[y0:y1, x0:x1]
    ink, grey = np.ascontiguousarray(thin[place]), np.ascontiguousarray(page.grey[place])
    found: list[list[Ruling]] = []
    for image, shade, known, extent, along, across in (
        (ink, grey, _known(grid.vertices[..., 1].mean(axis=1), grid.level), high[0] - low[0], x0, y0),
        (
            transposed(ink),
            transposed(grey),
            _known(grid.vertices[..., 0].mean(axis=0), grid.upright),
            high[1] - low[1],
            y0,
            x0,
        ),
    ):
        rulings = [r.moved(along, across) for r in find_long_pale_rulings(image, shade, character, page.stroke_width)]
        whole = [r for r in rulings if r.inked > _ALL_ALONG * extent]
        unknown = [r for r in whole if np.abs(known - r.across.mean()).min() > 0.6 * character]
        everywhere = transposed(page.grey) if unknown and found else page.grey
        found.append([_with_ends(r, everywhere, character, page.stroke_width) for r in unknown])
    return found[0], found[1]


def _with_ends(ruling: Ruling, grey: Image, character: float, stroke: float) -> Ruling:
    """A horizontal ruling of the table, longer if it goes on from it on both sides."""
    away = np.linspace(*_ONWARD, 24) * character
    beside = round(2 * stroke) + 2
    for along in (ruling.start - away, ruling.stop + away):
        x, y = along.round().astype(int), np.asarray(ruling.at(along)).round().astype(int)
        inside = (x >= 0) & (x < grey.shape[1]) & (y >= beside + 1) & (y < grey.shape[0] - beside - 1)
        if not inside.all():
            return ruling
        on = np.min([grey[y + k, x] for k in (-1, 0, 1)], axis=0).astype(int)
        off = np.minimum(grey[y - beside, x], grey[y + beside, x]).astype(int)
        if (off - on > _DARKER).mean() < _ONGOING:
            return ruling
    ends = np.array([ruling.start - away[-1], ruling.stop + away[-1]])
    along = np.concatenate([ends[:1], ruling.along, ends[1:]])
    return Ruling.through(along, ruling.at(along), ruling.thickness, ruling.inked + 2 * float(away[-1]))


def _known(places: NDArray[np.float64], rulings: list[Ruling]) -> NDArray[np.float64]:
    """Where a grid has lines, and creases, which are none of it."""
    return np.concatenate([places, [float(r.across.mean()) for r in rulings]])


def _is_table(grid: Grid, ink: Image, character: float) -> bool:
    """At least three cells with room for a number, and most of the lines between them really drawn."""
    rows, columns = grid.vertices.shape[0] - 1, grid.vertices.shape[1] - 1
    if rows * columns < 3:
        return False
    high = np.median(np.diff(grid.vertices[..., 1], axis=0))
    wide = np.median(np.diff(grid.vertices[..., 0], axis=1))
    if high < character or wide < character or rows * high + columns * wide < 10 * character:
        return False  # a grain of wood, a weave
    near = cv2.dilate(ink, np.ones((5, 5), np.uint8)).astype(np.uint8)
    share = np.linspace(0.1, 0.9, 9)[:, None, None, None]
    v = grid.vertices
    across = (v[:, :-1] * (1 - share) + v[:, 1:] * share)[:, [i for i in range(rows + 1) if i not in grid.open_rows]]
    down = (v[:-1] * (1 - share) + v[1:] * share)[:, :, [j for j in range(columns + 1) if j not in grid.open_columns]]
    drawn = np.concatenate([_sample(near, across).ravel(), _sample(near, down).ravel()])
    return float(np.mean(drawn)) > 0.7


def _sample(image: Image, points: NDArray[np.float64]) -> NDArray[np.bool_]:
    x = np.clip(points[..., 0].round().astype(int), 0, image.shape[1] - 1)
    y = np.clip(points[..., 1].round().astype(int), 0, image.shape[0] - 1)
    return np.asarray(image[y, x] > 0)


def _table(number: int, grid: Grid, to_page: Matrix, shape: tuple[int, ...]) -> Table:
    rows, columns = grid.vertices.shape[0] - 1, grid.vertices.shape[1] - 1
    v = grid.vertices.astype(np.float32)
    corners = np.stack([v[:-1, :-1], v[:-1, 1:], v[1:, 1:], v[1:, :-1]], axis=2).reshape(-1, 4, 2)
    places = [(i + 1, j + 1) for i in range(rows) for j in range(columns)]
    boxes = page_boxes(corners, to_page, shape)
    cells = (Cell(i, j, quad, box) for (i, j), quad, box in zip(places, corners, boxes, strict=True))
    return Table(number, rows, columns, tuple(cells))
