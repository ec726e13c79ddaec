"""Cells → lattices of candidate characters.

Ink is given to cells by connected component, so that a tail that crosses a ruling stays with its digit. A cell's ink is then
over-segmented: connected components are pieces, and those wide enough to be several digits are cut along seams that cross
little ink. Every run of neighbouring pieces that could be one character becomes a candidate; which candidates make the number
is decided later, with the network's word on each (Casey & Lecolinet 1996, the recognition-based strategy).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.records import Box, Cell, CleanPage, Image, Lattice, Segment, SegmentedPage, TabledPage
from pipeline.stages.astride import Component, owners
from pipeline.stages.clean import stroke_width
from pipeline.stages.glyph import normalise
from pipeline.stages.heights import page_height
from pipeline.stages.kit import Kit
from pipeline.stages.seams import cut_apart

#: A character is made of at most this many pieces; a number of at most that many.
_MOST_MERGED, _MOST_PIECES = 5, 28
#: Among more than so many pieces of security print or dirt not even a number could be found.
_MOST_SPECKS = 300


def segment(page: TabledPage, kit: Kit) -> SegmentedPage:
    """A lattice for each cell of each table, empty where the cell is blank."""
    cells = [(table.number, cell) for table in page.tables for cell in table.cells]
    inks = _ink_of_cells(page, [cell for _, cell in cells])
    height = page_height([max(p.mask.shape[0] for p in pieces) for pieces in inks if pieces])
    lattices = [
        _lattice(page, table, cell, _without_strays(ink, height), height, len(cells) == 1)
        for (table, cell), ink in zip(cells, inks, strict=True)
    ]
    return SegmentedPage(page, tuple(lattices), _pen(inks, height))


def draw_segments(page: SegmentedPage) -> Image:
    """For --trace: the pieces of each cell in alternating colours, cuts through ink marked."""
    grey = page.tabled.clean.grey
    picture = cv2.cvtColor(np.maximum(grey, 140), cv2.COLOR_GRAY2BGR)
    colours = ((200, 80, 0), (0, 120, 220), (0, 150, 0))
    for lattice in page.lattices:
        for s in lattice.segments:
            if s.last - s.first == 1:
                colour = colours[s.first % 3]
                cv2.rectangle(picture, (s.box.x, s.box.y), (s.box.right, s.box.bottom), colour, 1)
    return picture.astype(np.uint8)


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """A part of a cell's ink: `mask` is 255 on its pixels, its top left corner at (x, y) in clean pixels."""

    x: int
    y: int
    mask: Image

    @property
    def right(self) -> int:
        return self.x + int(self.mask.shape[1])

    @property
    def bottom(self) -> int:
        return self.y + int(self.mask.shape[0])

    @property
    def middle(self) -> float:
        return (self.x + self.right) / 2


def _ink_of_cells(page: TabledPage, cells: list[Cell]) -> list[list[Piece]]:
    """For each cell, the connected components that are its own, specks and remains of rulings left out."""
    territory = np.zeros(page.ink.shape, np.int32)
    for i, cell in enumerate(cells):
        cv2.fillConvexPoly(territory, cell.corners.round().astype(np.int32), i + 1)
    _, labels, stats, _ = cv2.connectedComponentsWithStats(page.ink, connectivity=8, ltype=cv2.CV_32S)
    speck = max(4.0, 0.36 * page.clean.pen**2)
    components = {
        label: Component(Box(*stats[label, :4].tolist()), int(stats[label, cv2.CC_STAT_AREA]), shares)
        for label, shares in _shares(labels, territory).items()
        if stats[label, cv2.CC_STAT_AREA] >= speck
    }
    inks: list[list[Piece]] = [[] for _ in cells]
    for (label, component), owner in zip(components.items(), owners(list(components.values()), cells), strict=True):
        box = component.box
        own = labels[box.y : box.bottom, box.x : box.right] == label
        if owner is not None:
            parts = {owner: own}
        else:  # written across a ruling, or two cells' ink in one: each cell keeps what lies in it
            there = territory[box.y : box.bottom, box.x : box.right]
            parts = {number: own & (there == number + 1) for number, n in component.shares.items() if n >= speck}
        for number, mask in parts.items():
            piece = _trimmed(box.x, box.y, mask)
            if piece is not None and not _is_ruling(piece, cells[number], page.clean.pen):
                inks[number].append(piece)
    # a point may be as small as a speck, or stand on a ruling, beside its number; alone it is dirt, or a crumb of the ruling
    return [
        [] if all(_is_crumb(piece, cell, page.clean.pen) for piece in ink) else ink
        for ink, cell in zip(inks, cells, strict=True)
    ]


def _shares(labels: NDArray[np.number], territory: NDArray[np.int32]) -> dict[int, dict[int, int]]:
    """For each label of ink how many pixels of it lie in each cell: territory is 1 in the first, and 0 outside of all."""
    inside = (labels > 0) & (territory > 0)
    many = int(territory.max()) + 1
    pairs, pixels = np.unique(labels[inside].astype(np.int64) * many + territory[inside], return_counts=True)
    shares: dict[int, dict[int, int]] = {}
    for pair, n in zip(pairs.tolist(), pixels.tolist(), strict=True):
        label, cell = divmod(pair, many)
        shares.setdefault(label, {})[cell - 1] = n
    return shares


def _trimmed(x: int, y: int, mask: NDArray[np.bool_]) -> Piece | None:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if rows.size == 0:
        return None
    crop = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return Piece(x + int(columns[0]), y + int(rows[0]), np.where(crop, 255, 0).astype(np.uint8))


def _is_ruling(piece: Piece, cell: Cell, stroke: float) -> bool:
    """True for what keeps so close to one side of its cell, and is so thin, that it can only be left of a ruling."""
    # as thick as a stroke it may be a 1 beside the ruling, or a point that was set onto it
    return any(across + 1 < 0.75 * stroke for across, _ in _at_sides(piece, cell, stroke))


def _is_crumb(piece: Piece, cell: Cell, stroke: float) -> bool:
    """True for what is hardly a speck, or keeps close to one side of its cell and is no longer there than it may be thick."""
    small = cv2.countNonZero(piece.mask) < 0.5 * stroke**2
    return small or any(along + 1 < 3 * stroke for _, along in _at_sides(piece, cell, stroke))


def _at_sides(piece: Piece, cell: Cell, stroke: float) -> list[tuple[float, float]]:
    """How far a piece extends across and along those sides of its cell that it keeps close to."""
    ys, xs = np.nonzero(piece.mask)
    points = np.stack([xs + piece.x, ys + piece.y], axis=1).astype(np.float64)
    reach = max(3.0, 1.2 * stroke)
    extents = []
    for a, b in zip(cell.corners, np.roll(cell.corners, -1, axis=0), strict=True):
        along = (b - a) / max(float(np.hypot(*(b - a))), 1e-6)
        distance = (points - a) @ np.array([-along[1], along[0]])
        if float(np.abs(distance).max()) < reach:
            extents.append((float(np.ptp(distance)), float(np.ptp((points - a) @ along))))
    return extents


def _pen(inks: list[list[Piece]], height: float) -> float:
    """Median stroke width of what is tall enough to be a digit."""
    tall = [p for pieces in inks for p in pieces if p.mask.shape[0] > 0.6 * height]
    return float(np.median([stroke_width(np.pad(p.mask, 1)) for p in tall])) if tall else 2.0


def _without_strays(ink: list[Piece], height: float) -> list[Piece]:
    """Without the specks that lie apart from the writing: a point stands beside a digit, within its height."""
    written = [p for p in ink if p.mask.shape[0] > 0.4 * height]
    if not written:
        return ink
    left, right = min(p.x for p in written) - 0.7 * height, max(p.right for p in written) + 0.7 * height
    top, bottom = min(p.y for p in written) - 0.2 * height, max(p.bottom for p in written) + 0.3 * height
    return [p for p in ink if p.right > left and p.x < right and p.bottom > top and p.y < bottom]


def _lattice(page: TabledPage, table: int, cell: Cell, ink: list[Piece], height: float, alone: bool) -> Lattice:
    if not ink:
        return Lattice(cell, table, (), ())
    whole, at = _picture(page, ink, alone)
    if len(ink) > _MOST_PIECES:
        return Lattice(cell, table, (), (), "more ink than a number has", whole, at)
    tallest = float(max(p.mask.shape[0] for p in ink))
    # print is often smaller than the writing beside it
    own_height = min(tallest, 1.3 * height) if tallest > 0.35 * height else height
    pieces, cuts = _pieces(page.clean, ink, own_height)
    if len(pieces) > _MOST_PIECES:
        return Lattice(cell, table, (), (), "more ink than a number has", whole, at)
    segments = []
    for first in range(len(pieces)):
        for last in range(first + 1, min(first + _MOST_MERGED, len(pieces)) + 1):
            members = pieces[first:last]
            if last - first > 1 and not _may_be_one(members, max(own_height, height)):
                continue
            segments.append(_segment(page, members, first, _spread(members, cuts[first : last - 1])))
    return Lattice(cell, table, tuple(cuts), tuple(segments), ink=whole, ink_at=at)


def _picture(page: TabledPage, ink: list[Piece], alone: bool) -> tuple[Image | None, tuple[int, int]]:
    """See Lattice.ink and ink_at. Of a number by itself all ink is its own, specks too: so it was in training."""
    if len(ink) > _MOST_SPECKS:
        return None, (0, 0)
    box, _, picture = _soft_ink(page, [Piece(0, 0, page.ink)] if alone else ink)
    return picture, (box.x - 1, box.y - 1)


def _pieces(clean: CleanPage, ink: list[Piece], height: float) -> tuple[list[Piece], list[float]]:
    """Components from left to right, the wide ones cut; and the cost of each cut."""
    pieces: list[tuple[Piece, float]] = []
    for component in sorted(ink, key=lambda p: p.middle):
        cost = 0.0
        darkness = 255 - clean.grey[component.y : component.bottom, component.x : component.right]
        for mask, cut_cost in cut_apart(component.mask, darkness, height, clean.pen):
            part = _trimmed(component.x, component.y, mask > 0)
            if part is not None:
                pieces.append((part, cost))
            cost = cut_cost
    pieces.sort(key=lambda p: p[0].middle)
    return [p for p, _ in pieces], [cost for _, cost in pieces[1:]]


def _may_be_one(members: list[Piece], height: float) -> bool:
    """Whether neighbouring pieces are near enough together, and small enough, for one character."""
    width = max(p.right for p in members) - min(p.x for p in members)
    if width > 1.5 * height:
        return False
    gaps = [b.x - max(p.right for p in members[: i + 1]) for i, b in enumerate(members[1:])]
    return max(gaps) < 0.25 * height


def _spread(members: list[Piece], cuts: list[float]) -> float:
    """See Segment."""
    worst, left, right = 0.0, members[0].x, members[0].right
    for piece, cut in zip(members[1:], cuts, strict=True):
        if cut == 0:
            narrower = min(piece.right - piece.x, right - left)
            worst = max(worst, 1 - (min(right, piece.right) - max(left, piece.x)) / max(narrower, 1))
        left, right = min(left, piece.x), max(right, piece.right)
    return worst


def _segment(page: TabledPage, members: list[Piece], first: int, spread: float) -> Segment:
    box, area, ink = _soft_ink(page, members)
    return Segment(first, first + len(members), box, area, spread, normalise(ink))


def _soft_ink(page: TabledPage, members: list[Piece]) -> tuple[Box, int, Image]:
    """The box of some pieces, the pixels in them, and their ink, white on black and grey, one pixel more on all sides."""
    x, y = min(p.x for p in members), min(p.y for p in members)
    right, bottom = max(p.right for p in members), max(p.bottom for p in members)
    mask = np.zeros((bottom - y + 2, right - x + 2), np.uint8)
    for p in members:
        place = mask[p.y - y + 1 : p.bottom - y + 1, p.x - x + 1 : p.right - x + 1]
        np.maximum(place, p.mask, out=place)
    area = int(np.count_nonzero(mask))
    # one pixel more than the ink itself: the soft edge of a stroke is part of how it looks
    soft = cv2.dilate(mask, np.ones((3, 3), np.uint8))
    ys = np.clip(np.arange(y - 1, bottom + 1), 0, page.ink.shape[0] - 1)
    xs = np.clip(np.arange(x - 1, right + 1), 0, page.ink.shape[1] - 1)
    around = np.ix_(ys, xs)
    erased = (page.clean.ink[around] > 0) & (page.ink[around] == 0)  # a ruling beside the stroke
    dark = 255 - page.clean.grey[around]
    ink = np.where((soft > 0) & ~(erased & (mask == 0)), dark, 0).astype(np.uint8)
    return Box(x, y, right - x, bottom - y), area, ink
