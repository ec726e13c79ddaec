"""Rulings → grids: those that cross make rows and columns, whether anything is written there or not.

Rulings may be curved, broken and open at the sides.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pipeline.stages.rulings import Curve, Ruling, median_along

#: A separator runs along this share of the table and more.
_LEAST_SHARE = 0.25
#: And has, beside twice the gaps that the others have, gaps of this share of its length at most.
_MORE_GAPS = 0.2
#: A line that ends so many character heights away from any ruling ends within a cell, if it runs along less than this share of
#: the table: a longer one is worn.
_WITHIN, _MOST = 1.2, 0.8
#: So many lines that run all the way tell the pitch of rows, which are so many characters high at least. Nothing parts what is
#: less than so many pitches high, and no row begins so far, in pitches, from where one should.
_LEAST_WHOLE, _LOWEST, _ONE_ROW, _OFF_PITCH = 4, 0.8, 1.4, 0.3
#: A line below a heading goes over so many columns or more, and ends so many character heights from their rulings.
_OVER, _AT_RULING = 2, 0.6
#: The two of a double line are so many character heights, and so many pitches, apart at most.
_DOUBLE = 0.6, 0.3
#: A crease goes on for so many character heights beyond a table on both sides; few lines of a table are creases.
_CREASE, _FEW = 2.0, 0.25
#: Where a line is not drawn it has so many knots; neighbours are drawn there but for this share of the way; where its own ends
#: are, so many knots tell.
_KNOTS, _NEARLY, _AT_END = 12, 0.1, 5
#: A single vertical ruling makes a table with more horizontal ones than this that run on from it by so many character heights.
_LEAST_RUNGS, _WIDE = 3, 3.0


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
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

    def turned(self) -> Grid:
        """The same grid in the transposed image."""
        vertices = np.ascontiguousarray(self.vertices.transpose(1, 0, 2)[..., ::-1])
        return Grid(vertices, self.open_columns, self.open_rows, self.upright, self.level, self.least[::-1])


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


def grid_of(
    level: list[Ruling],
    upright: list[Ruling],
    character: float,
    least: tuple[float, float] = (1.0, 1.0),
    is_cut: bool = False,
) -> Grid | None:
    """The grid that rulings make, those left out that have more gaps than the others, and than `least` allows.

    A picture that `is_cut` may show a single vertical ruling of a table: its columns then end where their rulings do.
    """
    rows, least_level = _separators(level, character, least[0])
    columns, least_upright = _separators(upright, character, least[1])
    if is_cut and len(columns) == 1 and len(rows) > _LEAST_RUNGS:
        columns = _with_open_sides(columns[0], rows, character)
    if len(rows) < 2 or len(columns) < 2:
        return None
    rows, folds_level = _without_creases(rows, columns, character)
    columns, folds_upright = _without_creases(columns, rows, character)
    # where a table is whole, a line that ends within a cell is a worn ruling as likely as not
    rows, loose = _reaching(rows, columns, character) if is_cut else _even(rows, columns, character)
    if len(rows) < 2:
        return None
    rows = _closed(rows, _but_for(upright, folds_upright), columns[len(columns) // 2], character)
    columns = _closed(columns, _but_for(level, folds_level), rows[len(rows) // 2], character)
    rows = _with_heading(rows, columns, level, character)
    x, y = _crossings(rows, columns)
    if (np.diff(x, axis=1) <= 0).any() or (np.diff(y, axis=0) <= 0).any():
        return None  # lines that cross their own kind rule no table
    undrawn_rows = frozenset(i for i, row in enumerate(rows) if not row.rulings)
    undrawn_columns = frozenset(j for j, column in enumerate(columns) if not column.rulings)
    drawn_level = [r for i, row in enumerate(rows) for r in _whole(row, x[i], y[i])] + loose + folds_level
    drawn_upright = [r for j, column in enumerate(columns) for r in _whole(column, y[:, j], x[:, j])] + folds_upright
    return Grid(
        np.stack([x, y], axis=2), undrawn_rows, undrawn_columns, drawn_level, drawn_upright, (least_level, least_upright)
    )


def _with_heading(rows: list[_Separator], columns: list[_Separator], level: list[Ruling], character: float) -> list[_Separator]:
    """The rows, and one more for a line in the first of them that parts a heading over several columns from theirs.

    It runs from one column's ruling to another's, and may be too short to part the rows of a whole table.
    """
    if len(rows) < 3:
        return rows
    above, below = rows[0], rows[1]
    found = []
    for ruling in level:
        ends = np.array([ruling.start, ruling.stop])
        y = ruling.at(ends)
        if (np.minimum(y - above.at(ends), below.at(ends) - y) < _LOWEST * character).any():
            continue
        places = np.array([column.at(y) for column in columns])  # (columns, ends)
        nearest = np.abs(places - ends).argmin(axis=0)
        if nearest[1] - nearest[0] >= _OVER and (np.abs(places[nearest, [0, 1]] - ends) < _AT_RULING * character).all():
            found.append(ruling)
    if not found:
        return rows
    longest = max(found, key=lambda r: r.length)
    offset = longest.across - above.reference.at(longest.along)
    line = _Separator(above.reference, longest.along, _smooth(offset), float(np.median(offset)), (longest,))
    return [above, line, *rows[1:]]


def _crossings(rows: list[_Separator], columns: list[_Separator]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Where each row's line meets each column's: x and y, (rows, columns)."""
    y = np.array([row.level + float(row.reference.at(row.reference.start)) for row in rows])[:, None]
    y = np.broadcast_to(y, (len(rows), len(columns)))
    for _ in range(4):  # each line is nearly straight, so this settles at once
        x = np.stack([column.at(y[:, j]) for j, column in enumerate(columns)], axis=1)
        y = np.stack([row.at(x[i]) for i, row in enumerate(rows)], axis=0)
    return np.stack([column.at(y[:, j]) for j, column in enumerate(columns)], axis=1), y


def _with_open_sides(column: _Separator, rows: list[_Separator], character: float) -> list[_Separator]:
    """A single vertical ruling, and where the rows that it crosses end: the sides of a table that the picture cuts."""
    at = np.array([row.level + float(row.reference.at(row.reference.start)) for row in rows])
    place = np.array([float(column.at(y)) for y in at])
    starts = place - np.array([min(r.start for r in row.rulings) for row in rows])
    stops = np.array([max(r.stop for r in row.rulings) for row in rows]) - place
    out = [column]
    for away, is_left in ((float(np.median(starts)), True), (float(np.median(stops)), False)):
        if away > _WIDE * character:
            level = column.level + (-away if is_left else away)
            edge = _Separator(column.reference, column.along, np.full(column.along.size, level), level)
            out.insert(0 if is_left else len(out), edge)
    return out


def _reaching(rows: list[_Separator], columns: list[_Separator], character: float) -> tuple[list[_Separator], list[Ruling]]:
    """The rows without lines that end within a cell: a person drew these, to underline, to strike out or to fill up.

    And those of them that begin at a ruling: what fills the room before a number is no part of it.
    """
    ends = _ends_within(rows, columns, character)
    kept = [row for row, within in zip(rows, ends, strict=True) if not any(within)]
    return kept, [r for row, within in zip(rows, ends, strict=True) if any(within) and not all(within) for r in row.rulings]


def _without_creases(
    lines: list[_Separator], across: list[_Separator], character: float
) -> tuple[list[_Separator], list[Ruling]]:
    """The lines but for those that go on beyond the table on both sides, as hardly any other does: the paper was folded there.

    And the creases, which are drawn like rulings all the same.
    """
    if len(across) < 2:
        return lines, []
    beyond = np.array([_beyond(line, across[0], across[-1]) for line in lines]) / character
    crease = beyond.min(axis=1) > _CREASE
    if not crease.any() or crease.sum() > _FEW * crease.size or (beyond[~crease].max(axis=1) > _CREASE).mean() > _FEW:
        return lines, []
    return [line for line, is_crease in zip(lines, crease, strict=True) if not is_crease], [
        r for line, is_crease in zip(lines, crease, strict=True) if is_crease for r in line.rulings
    ]


def _but_for(rulings: list[Ruling], creases: list[Ruling]) -> list[Ruling]:
    return [ruling for ruling in rulings if not any(ruling is crease for crease in creases)]


def _beyond(line: _Separator, first: _Separator, last: _Separator) -> tuple[float, float]:
    """How far a line goes on before the first and after the last of those that it crosses, in pixels."""
    if not line.rulings:
        return 0.0, 0.0
    start, stop = min(r.start for r in line.rulings), max(r.stop for r in line.rulings)
    return float(first.at(float(line.at(start)))) - start, stop - float(last.at(float(line.at(stop))))


def _even(rows: list[_Separator], columns: list[_Separator], character: float) -> tuple[list[_Separator], list[Ruling]]:
    """The rows without lines that end within a cell where no row begins, if the others are as far apart as rows are.

    And those of them that begin at a ruling. Where the others are two rows apart the line in the middle is a worn ruling.
    """
    ends = _ends_within(rows, columns, character)
    whole = [row for row, within in zip(rows, ends, strict=True) if not any(within)]
    if len(whole) == len(rows) or len(whole) < _LEAST_WHOLE:
        return rows, []
    apart = np.diff([row.level for row in whole])
    pitch = float(np.median(apart[apart > _LOWEST * character])) if (apart > _LOWEST * character).any() else 0.0
    kept: list[_Separator] = []
    loose: list[Ruling] = []
    for row, within in zip(rows, ends, strict=True):
        above = max((w.level for w in whole if w.level < row.level), default=-np.inf)
        below = min((w.level for w in whole if w.level > row.level), default=np.inf)
        steps = (row.level - above) / pitch if pitch else np.inf
        is_between = (below - above) < _ONE_ROW * pitch or ((below - above) < np.inf and abs(steps - round(steps)) > _OFF_PITCH)
        if not any(within) or not is_between:
            kept.append(row)
        elif not all(within):
            loose.extend(row.rulings)
    return kept, loose


def _ends_within(rows: list[_Separator], columns: list[_Separator], character: float) -> list[tuple[bool, bool]]:
    """Whether each line between rows starts, and stops, away from all columns' rulings; never if it runs most of the way."""
    ends = np.array([(min(r.start for r in row.rulings), max(r.stop for r in row.rulings)) for row in rows])
    across = np.array([row.at(at) for row, at in zip(rows, ends, strict=True)])
    places = np.stack([column.at(across.ravel()).reshape(across.shape) for column in columns], axis=2)
    is_long = ends[:, 1] - ends[:, 0] > _MOST * (places[:, 0, -1] - places[:, 0, 0])
    is_inside = (places[..., 0] < ends) & (ends < places[..., -1])
    is_away = np.abs(places - ends[..., None]).min(axis=2) > _WITHIN * character
    within = is_inside & is_away & ~is_long[:, None]
    return [(bool(first), bool(last)) for first, last in within]


def _whole(separator: _Separator, along: Curve, across: Curve) -> list[Ruling]:
    """A separator's rulings, and one that runs from the first to the last of its vertices, through all of them."""
    if not separator.rulings:
        return []
    thickness = float(np.median([r.thickness for r in separator.rulings]))
    between = separator.along[(separator.along > along[0]) & (separator.along < along[-1])]
    places = np.concatenate([along, between])
    order = np.argsort(places, kind="stable")
    course = np.concatenate([across, separator.at(between)])
    return [*separator.rulings, Ruling.through(places[order], course[order], thickness)]


def _separators(rulings: list[Ruling], character: float, least: float) -> tuple[list[_Separator], float]:
    """Rulings brought into order across; those at one level (parts of a line, double lines) are one separator.

    Levels are measured from the longest ruling, whose shape the others of a curled page share. The second result is the
    least density that was asked for.
    """
    reference = max(rulings, key=lambda r: r.length)
    extent = max(r.stop for r in rulings) - min(r.start for r in rulings)
    offsets = [r.across - reference.at(r.along) for r in rulings]
    levels = np.array([float(np.median(o)) for o in offsets])
    near = 0.4 * character
    clusters = _clusters(levels, near)
    if len(clusters) > 3:  # where rows are far apart, so may the two of a double line be
        pitch = float(np.median(np.diff([float(np.mean(levels[cluster])) for cluster in clusters])))
        clusters = _clusters(levels, max(near, min(_DOUBLE[0] * character, _DOUBLE[1] * pitch)))
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
    return [_drawn_on(line, found) for line in found], least


def _drawn_on(line: _Separator, lines: list[_Separator]) -> _Separator:
    """A line that goes on beyond its ends as its nearest neighbours on both sides do; as the reference does, without any."""
    low, high = (float(np.median([other.along[end] for other in lines])) for end in (0, -1))
    at = lines.index(line)
    parts = [(line.along, line.offset)]
    for end, stop in ((float(line.along[0]), low), (float(line.along[-1]), high)):
        beyond = np.linspace(end, stop, _KNOTS + 1)[1:]
        # those that are drawn there, and where the line ends as well
        able = [i for i, other in enumerate(lines) if i != at and other.along[0] <= min(end, stop) + _NEARLY * abs(stop - end)]
        able = [i for i in able if lines[i].along[-1] >= max(end, stop) - _NEARLY * abs(stop - end)]
        beside = [max((i for i in able if i < at), default=None), min((i for i in able if i > at), default=None)]
        near = [lines[i] for i in beside if i is not None]
        if (stop - end) * (end - float(line.along.mean())) <= 0 or not near:
            continue  # it goes as far as the others
        share = np.array([1 / max(abs(other.level - line.level), 1.0) for other in near])
        change = np.array([np.interp(beyond, o.along, o.offset) - np.interp(end, o.along, o.offset) for o in near])
        own = np.median(line.offset[:_AT_END] if stop < end else line.offset[-_AT_END:])
        offset = own + (share / share.sum()) @ change
        parts.insert(0, (beyond[::-1], offset[::-1])) if stop < end else parts.append((beyond, offset))
    along, offset = (np.concatenate(part) for part in zip(*parts, strict=True))
    return replace(line, along=along, offset=offset)


def _clusters(levels: Curve, near: float) -> list[list[int]]:
    """Which levels follow upon one another as closely as this, from the lowest to the highest."""
    clusters: list[list[int]] = []
    for i in np.argsort(levels).tolist():
        if clusters and levels[i] - levels[clusters[-1][-1]] < near:
            clusters[-1].append(i)
        else:
            clusters.append([i])
    return clusters


def _density(rulings: list[Ruling]) -> float:
    """How much of the way from the first ruling's start to the last one's stop is drawn; double lines count once."""
    way = max(r.stop for r in rulings) - min(r.start for r in rulings)
    return min(1.0, sum(r.inked for r in rulings) / max(way, 1.0))


def _smooth(values: Curve) -> Curve:
    """Running median of five: a digit that touches the line pulls single knots away."""
    if values.size < 5:
        return values
    padded = np.pad(values, 2, mode="edge")
    return median_along(np.lib.stride_tricks.sliding_window_view(padded, 5))


def _closed(separators: list[_Separator], crossing: list[Ruling], middle: _Separator, character: float) -> list[_Separator]:
    """Adds the first or last separator where the crossing rulings go on beyond it by a cell: a table without that border."""
    pitch = float(np.median(np.diff([s.level for s in separators])))
    beyond = max(1.5 * character, 0.25 * pitch)
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


def overlap(one: Grid, other: Grid) -> bool:
    """Whether two grids have a place on the page in common."""
    low = np.maximum(one.vertices.min(axis=(0, 1)), other.vertices.min(axis=(0, 1)))
    high = np.minimum(one.vertices.max(axis=(0, 1)), other.vertices.max(axis=(0, 1)))
    return bool((low < high).all())
