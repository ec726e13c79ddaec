"""Boxes for one digit each, printed side by side: a number is what stands in a group of them.

A box is found as the paper that its outline encloses. Tinted boxes have no outline that is ink, and need no help. What tells
boxes from the cells of a table is the white between one line of them and the next.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.records import Box, Image
from pipeline.stages.erasing import without_rulings
from pipeline.stages.grid import Grid
from pipeline.stages.rulings import Ruling
from pipeline.stages.shrinking import shrunk
from pipeline.stages.unruled import grid_around

#: A box is so many character heights high at least, and this share of the page at most; so many times as wide as high; and so
#: much of it is paper.
_LOWEST, _HIGHEST, _ASPECT, _PAPER = 0.9, 0.1, (0.45, 1.6), 0.5
#: Boxes of a group are of one size, within so much of it, and no further apart than so much of it.
_ALIKE, _GAP = 0.25, 0.6
#: There is white for so many of their heights above and below boxes, but for writing at this share of them.
_BETWEEN, _FEW = 0.1, 0.2
#: The fewest boxes that are a group.
_FEWEST = 2


@dataclass(frozen=True, slots=True, eq=False)
class BoxGroups:
    """Where the groups are, (n, 4) left, top, right, bottom in clean pixels, and the page's ink without the outlines."""

    places: NDArray[np.float64]
    ink: Image

    def grid(self) -> Grid:
        """The rows and columns that the groups stand in, one number each."""
        return grid_around(self.places)


def box_groups(ink: Image, character: float, stroke: float) -> BoxGroups | None:
    """The groups of outlined boxes on a page; None if it has none."""
    sketch = cv2.threshold(shrunk(ink, 2), 0, 255, cv2.THRESH_BINARY)[1].astype(np.uint8, copy=False)
    if not _grouped(sketch, character / 2, slack=0.8):
        return None  # as with most pages
    groups = _grouped(ink, character)
    if not groups:
        return None
    level, upright = [], []
    for box in (box for group in groups for box in group):
        thick = _thickness(ink, box)
        reach = (thick - 1) / 2
        for y in (box.y - 1 - reach, box.bottom + reach):
            level.append(_side(box.x - thick, box.right + thick - 1, y, thick))
        for x in (box.x - 1 - reach, box.right + reach):
            upright.append(_side(box.y - thick, box.bottom + thick - 1, x, thick))
    places = [(g[0].x, min(b.y for b in g), g[-1].right, max(b.bottom for b in g)) for g in groups]
    return BoxGroups(np.array(places, np.float64), without_rulings(ink, level, upright, stroke))


def _grouped(ink: Image, character: float, slack: float = 1.0) -> list[list[Box]]:
    """The groups of boxes, if they are no cells of a table; `slack` says how much smaller they may be."""
    groups = [group for group in _groups(_outlined(ink, character, slack)) if len(group) >= _FEWEST]
    return groups if groups and not _are_cells(ink, [box for group in groups for box in group]) else []


def _outlined(ink: Image, character: float, slack: float) -> list[Box]:
    """The pieces of paper that straight lines enclose as a box would."""
    stats = cv2.connectedComponentsWithStats(255 - ink, connectivity=4, ltype=cv2.CV_32S)[2][1:]
    x, y, w, h, area = stats.T
    fits = (h > slack * _LOWEST * character) & (h < _HIGHEST * max(ink.shape))
    fits &= (w > slack * _ASPECT[0] * h) & (slack * w < _ASPECT[1] * h) & (area > slack * _PAPER * w * h)
    fits &= (x > 1) & (y > 1) & (x + w < ink.shape[1] - 1) & (y + h < ink.shape[0] - 1)
    return [box for box in (Box(*row[:4]) for row in stats[fits].tolist()) if _is_outlined(ink, box)]


def _is_outlined(ink: Image, box: Box) -> bool:
    """Whether straight lines go round it: the inside of a 0 has none."""
    sides = (
        ink[box.y - 1, box.x : box.right],
        ink[box.bottom, box.x : box.right],
        ink[box.y : box.bottom, box.x - 1],
        ink[box.y : box.bottom, box.right],
    )
    return all(cv2.countNonZero(np.ascontiguousarray(side)) > 0.75 * side.size for side in sides)


def _groups(boxes: list[Box]) -> list[list[Box]]:
    """Boxes side by side, alike, from left to right."""
    groups: list[list[Box]] = []
    for box in sorted(boxes, key=lambda b: (b.x, b.y)):
        for group in groups:
            last = group[-1]
            alike = abs(box.height - last.height) < _ALIKE * last.height and abs(box.width - last.width) < _ALIKE * last.width
            level = abs(box.y - last.y) < _ALIKE * last.height
            if alike and level and 0 < box.x - last.right < _GAP * last.width:
                group.append(box)
                break
        else:
            groups.append([box])
    return groups


def _are_cells(ink: Image, boxes: list[Box]) -> bool:
    """Whether the sides of more than a few go on above or below, as rulings do."""
    going_on = 0
    for box in boxes:
        thick = _thickness(ink, box)
        beyond = thick + max(2, round(_BETWEEN * box.height))
        left, right = max(0, box.x - thick), min(ink.shape[1], box.right + thick)
        sides = []
        for rows in (slice(max(0, box.y - beyond), box.y - thick), slice(box.bottom + thick, box.bottom + beyond)):
            sides += [ink[rows, left : box.x], ink[rows, box.right : right]]
        going_on += any(side.size and float((side > 0).any(axis=1).mean()) > 0.9 for side in sides)
        if going_on > _FEW * len(boxes):
            return True
    return False


def _thickness(ink: Image, box: Box) -> int:
    """How thick a box's outline is, in pixels: above it, where that is usual."""
    above = ink[max(0, box.y - box.height // 4) : box.y, box.x : box.right][::-1] > 0
    return max(1, int(np.median(np.cumprod(above, axis=0).sum(axis=0))))


def _side(start: float, stop: float, across: float, thick: float) -> Ruling:
    return Ruling.through(np.array([start, stop]), np.array([across, across]), thick)
