"""Clean page → tables of cells.

A table is a set of horizontal and vertical rulings that cross. Its rows and columns are what lies between them, whether
anything is written there or not: a blank row keeps its place. Rulings may be curved, broken and open at the sides.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.records import Cell, CleanPage, Image, Matrix, Table, TabledPage
from pipeline.stages.kit import Kit
from pipeline.stages.lone import lone_number, page_box
from pipeline.stages.rulings import Curve, Ruling, character_height, find_rulings, with_faint_lines, without_rulings


def find_tables(page: CleanPage, kit: Kit) -> TabledPage:
    """Every ruled table of the page, from top to bottom; or one cell with a lone number; or a note that there is neither."""
    character = character_height(page.ink, page.stroke_width)
    thin = _without_blots(page.ink, character)
    level = find_rulings(thin, character, page.stroke_width)
    upright = find_rulings(np.ascontiguousarray(thin.T), character, page.stroke_width)
    good = []
    for h, v in _crossing(level, upright, character):
        grid = _grid(h, v, character)
        if grid is not None and _is_table(grid, thin, character):
            more_h, more_v = _faint(page, thin, grid, character)
            more = _grid(h + more_h, v + more_v, character, grid.least) if more_h or more_v else None
            good.append(more or grid)
    good.sort(key=lambda g: float(g.vertices[0, 0, 1]))
    if good:
        drawn_level = [ruling for grid in good for ruling in grid.level]
        drawn_upright = [ruling for grid in good for ruling in grid.upright]
        ink = without_rulings(page.ink, drawn_level, drawn_upright, page.stroke_width)
        tables = tuple(_table(i + 1, grid, page.to_page, page.page.image.shape) for i, grid in enumerate(good))
        return TabledPage(page, tables, ink)
    return lone_number(page)


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


#: A separator runs along this share of the table and more.
_LEAST_SHARE = 0.25
#: And has, beside twice the gaps that the others have, gaps of this share of its length at most.
_MORE_GAPS = 0.2
#: A line that is not ink all along must run along this share of the table.
_ALL_ALONG = 0.9


@dataclass(frozen=True, slots=True, eq=False)
class _Grid:
    """`vertices` (rows + 1, columns + 1, 2) in clean pixels; the sides that no ruling draws are `open`.

    `level` and `upright` are the rulings that draw the others, as found and, where they have gaps or end early, as they
    should run.
    """

    vertices: NDArray[np.float64]
    open_rows: frozenset[int]
    open_columns: frozenset[int]
    level: list[Ruling]
    upright: list[Ruling]
    least: tuple[float, float]  # density of the rulings, horizontal and vertical ones


@dataclass(frozen=True, slots=True, eq=False)
class _Separator:
    """A line between rows (or columns): how far it lies from the reference ruling, as a function of `along`."""

    reference: Ruling
    along: Curve
    offset: Curve
    level: float
    rulings: tuple[Ruling, ...] = ()  # none if it is not drawn

    def at(self, along: Curve | float) -> Curve:
        return np.asarray(self.reference.at(along) + np.interp(along, self.along, self.offset))


def _without_blots(ink: Image, character: float) -> Image:
    """The ink that is thin enough to be a line or a stroke."""
    size = max(7, round(0.5 * character))
    blots = cv2.morphologyEx(ink, cv2.MORPH_OPEN, np.ones((size, size), np.uint8))
    return np.where(cv2.dilate(blots, np.ones((5, 5), np.uint8)) > 0, 0, ink).astype(np.uint8)


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
    return [m for m in members.values() if len(m[0]) >= 2 and len(m[1]) >= 2]


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


def _grid(
    level: list[Ruling], upright: list[Ruling], character: float, least: tuple[float, float] = (1.0, 1.0)
) -> _Grid | None:
    """The grid that rulings make, those left out that have more gaps than the others, and than `least` allows."""
    rows, least_level = _separators(level, character, least[0])
    columns, least_upright = _separators(upright, character, least[1])
    if len(rows) < 2 or len(columns) < 2:
        return None
    rows = _closed(rows, upright, columns[len(columns) // 2], character)
    columns = _closed(columns, level, rows[len(rows) // 2], character)
    x = np.empty((len(rows), len(columns)))
    y = np.empty_like(x)
    for j, column in enumerate(columns):
        for i, row in enumerate(rows):
            px = float(column.at(row.level + float(row.reference.at(row.reference.start))))
            for _ in range(4):  # each line is nearly straight, so this settles at once
                py = float(row.at(px))
                px = float(column.at(py))
            x[i, j], y[i, j] = px, py
    if (np.diff(x, axis=1) <= 0).any() or (np.diff(y, axis=0) <= 0).any():
        return None  # lines that cross their own kind rule no table
    undrawn_rows = frozenset(i for i, row in enumerate(rows) if not row.rulings)
    undrawn_columns = frozenset(j for j, column in enumerate(columns) if not column.rulings)
    drawn_level = [r for i, row in enumerate(rows) for r in _whole(row, x[i], y[i])]
    drawn_upright = [r for j, column in enumerate(columns) for r in _whole(column, y[:, j], x[:, j])]
    return _Grid(
        np.stack([x, y], axis=2), undrawn_rows, undrawn_columns, drawn_level, drawn_upright, (least_level, least_upright)
    )


def _whole(separator: _Separator, along: Curve, across: Curve) -> list[Ruling]:
    """A separator's rulings, and one that runs through all its vertices."""
    if not separator.rulings:
        return []
    thickness = float(np.median([r.thickness for r in separator.rulings]))
    return [*separator.rulings, Ruling.through(along, across, thickness)]


def _separators(rulings: list[Ruling], character: float, least: float) -> tuple[list[_Separator], float]:
    """Rulings brought into order across; those at one level (parts of a line, double lines) are one separator.

    Levels are measured from the longest ruling, whose shape the others of a curled page share. The second result is the
    least density that was asked for.
    """
    reference = max(rulings, key=lambda r: r.length)
    extent = max(r.stop for r in rulings) - min(r.start for r in rulings)
    offsets = [r.across - reference.at(r.along) for r in rulings]
    levels = np.array([float(np.median(o)) for o in offsets])
    order = np.argsort(levels)
    clusters: list[list[int]] = []
    for i in order:
        if clusters and levels[i] - levels[clusters[-1][-1]] < 0.4 * character:
            clusters[-1].append(int(i))
        else:
            clusters.append([int(i)])
    clusters = [c for c in clusters if sum(rulings[i].inked for i in c) > _LEAST_SHARE * extent]
    density = [_density([rulings[i] for i in c]) for c in clusters]
    # a column of ones has more gaps than a ruling; but where rulings are worn, some are worn more than others
    least = min(least, 2 * float(np.median(density)) - 1 - _MORE_GAPS) if density else least
    found = []
    for cluster, dense in zip(clusters, density, strict=True):
        if dense < least:
            continue
        along = np.concatenate([rulings[i].along for i in cluster])
        offset = np.concatenate([offsets[i] for i in cluster])
        sort = np.argsort(along, kind="stable")
        members = tuple(rulings[i] for i in cluster)
        found.append(_Separator(reference, along[sort], _smooth(offset[sort]), float(np.median(offset)), members))
    return found, least


def _density(rulings: list[Ruling]) -> float:
    """How much of the way from the first ruling's start to the last one's stop is drawn; double lines count once."""
    way = max(r.stop for r in rulings) - min(r.start for r in rulings)
    return min(1.0, sum(r.inked for r in rulings) / max(way, 1.0))


def _smooth(values: Curve) -> Curve:
    """Running median of five: a digit that touches the line pulls single knots away."""
    if values.size < 5:
        return values
    padded = np.pad(values, 2, mode="edge")
    smoothed: Curve = np.median(np.lib.stride_tricks.sliding_window_view(padded, 5), axis=1)
    return smoothed


def _closed(separators: list[_Separator], crossing: list[Ruling], middle: _Separator, character: float) -> list[_Separator]:
    """Adds the first or last separator where the crossing rulings go on beyond it by a cell: a table without that border."""
    pitch = float(np.median(np.diff([s.level for s in separators])))
    beyond = max(1.5 * character, 0.4 * pitch)
    origin = separators[0].reference
    at = float(np.median(middle.along))
    base = float(origin.at(at))
    # where the crossing rulings begin and end, measured like the separators' levels
    starts = np.array([r.start - float(origin.at(float(r.across[0]))) for r in crossing])
    stops = np.array([r.stop - float(origin.at(float(r.across[-1]))) for r in crossing])
    weight = np.array([r.length for r in crossing])
    long = weight > 0.5 * weight.max()
    out = list(separators)
    first, last = separators[0], separators[-1]
    if np.mean(starts[long] < first.level - beyond) > 0.6:
        edge = float(np.quantile(starts[long], 0.25))
        out.insert(0, _Separator(origin, np.array([base]), np.array([edge]), edge))
    if np.mean(stops[long] > last.level + beyond) > 0.6:
        edge = float(np.quantile(stops[long], 0.75))
        out.append(_Separator(origin, np.array([base]), np.array([edge]), edge))
    return out


def _faint(page: CleanPage, thin: Image, grid: _Grid, character: float) -> tuple[list[Ruling], list[Ruling]]:
    """Rulings within a table too faint or broken to be found as ink, but drawn all along it: a lost one would join two rows."""
    low = grid.vertices.min(axis=(0, 1))
    high = grid.vertices.max(axis=(0, 1))
    x0, y0 = np.maximum(low - character / 2, 0).astype(int)
    x1, y1 = (high + character / 2).astype(int)
    place = np.s_[y0:y1, x0:x1]
    ink, grey = np.ascontiguousarray(thin[place]), np.ascontiguousarray(page.grey[place])
    found = []
    for image, shade, known, extent, along, across in (
        (ink, grey, grid.vertices[..., 1].mean(axis=1), high[0] - low[0], x0, y0),
        (
            np.ascontiguousarray(ink.T),
            np.ascontiguousarray(grey.T),
            grid.vertices[..., 0].mean(axis=0),
            high[1] - low[1],
            y0,
            x0,
        ),
    ):
        lines = with_faint_lines(image, shade, character, page.stroke_width)
        rulings = [r.moved(along, across) for r in find_rulings(lines, character, page.stroke_width)]
        whole = [r for r in rulings if r.inked > _ALL_ALONG * extent]
        found.append([r for r in whole if np.abs(known - r.across.mean()).min() > 0.6 * character])
    return found[0], found[1]


def _is_table(grid: _Grid, ink: Image, character: float) -> bool:
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


def _table(number: int, grid: _Grid, to_page: Matrix, shape: tuple[int, ...]) -> Table:
    rows, columns = grid.vertices.shape[0] - 1, grid.vertices.shape[1] - 1
    cells = []
    for i in range(rows):
        for j in range(columns):
            v = grid.vertices
            corners = np.array([v[i, j], v[i, j + 1], v[i + 1, j + 1], v[i + 1, j]], np.float32)
            cells.append(Cell(i + 1, j + 1, corners, page_box(corners, to_page, shape)))
    return Table(number, rows, columns, tuple(cells))
