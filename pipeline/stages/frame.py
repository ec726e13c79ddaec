"""The rulings around a number that was cut out of a table together with them: found, and its own ink told from theirs.

The picture is small and its rulings run on to its edges, so that they are found by where they can be, as a picture of a page's
are not: along each side, nearly all the way from edge to edge. A number that was cut out tightly has strokes along its sides as
well, a 7 on top and a 2 below: one such line alone is a ruling only if it goes on beyond the writing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.records import Box, Floats, Image
from pipeline.stages.clean import pen_width
from pipeline.stages.erasing import without_rulings
from pipeline.stages.rulings import Ruling, places

#: Pictures are set straight up to so many degrees, in steps of these.
_STEEPEST, _STEP = 16.0, 0.5
#: Slopes of a ruling that is left in a picture set straight: perspective.
_SLOPES = np.linspace(-0.03, 0.03, 13)
#: A ruling has ink along this share of its way; where it stands upright, more, since a 1 is short of it.
_LEVEL, _UPRIGHT = 0.75, 0.85
#: It lies in this outer part of the picture's height, or of its width.
_OUTER_LEVEL, _OUTER_UPRIGHT = 0.45, 0.22
#: Writing leaves more of the height free than this, unless it was cut out tightly.
_TIGHT = 0.85
#: A single ruling goes on beyond the writing by this share of the width.
_BEYOND = 0.05
#: Or else it has ink along this share of its way through a picture that is so many times as wide as high.
_THROUGH, _WIDE = 0.93, 1.8
#: At most so much of the ink is on its other side.
_BEYOND_IT = 0.15
#: Upright rulings are hardly thicker than the level ones, at most by so much; strokes of a pen mostly are.
_THICKER = 1.7
#: No pen is as thin as so many pixels.
_HAIRLINE = 2.0
#: What is left of a ruling lies so many pixels beside it at most.
_REMAINS = 3
#: Pictures that are narrower, for their height, show one character; only all four sides together are no part of it.
_NARROW = 1.3
#: Their rulings are thinner than this share of the height.
_THICKEST = 0.1


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """Rulings around a number, at least one, and the `corners` (4, 2) within, clockwise from the upper left."""

    level: tuple[Ruling, ...]
    upright: tuple[Ruling, ...]  # in the transposed picture
    corners: Floats

    def inside(self, shape: tuple[int, ...]) -> Image:
        """255 within the rulings' middles."""
        mask = np.zeros(shape[:2], np.uint8)
        cv2.fillConvexPoly(mask, self.corners.round().astype(np.int32), 255)
        return mask

    def own_ink(self, ink: Image) -> Image:
        """The ink without the rulings and without what lies beyond them; a stroke that crosses one stays whole."""
        inside = self.inside(ink.shape)
        rest = without_rulings(ink, list(self.level), list(self.upright), pen_width(ink))
        count, labels = cv2.connectedComponents(rest, connectivity=8)
        total = np.bincount(labels.ravel(), minlength=count)
        within = np.bincount(labels[inside > 0], minlength=count)
        thickest = max(ruling.thickness for ruling in (*self.level, *self.upright))
        reach = round(thickest + _REMAINS) | 1
        clear = np.bincount(labels[cv2.erode(inside, np.ones((2 * reach + 1, 2 * reach + 1), np.uint8)) > 0], minlength=count)
        own = (2 * within > total) & (clear > 0)  # what keeps close to a ruling all along is left of it
        own[0] = False
        return np.where(own[labels], 255, 0).astype(np.uint8)


def tilt_of(ink: Image) -> float:
    """By how many degrees the lines of a picture climb to the right; 0 without a line that goes through most of it."""
    height, width = ink.shape
    y, x = (index.astype(np.float64) for index in np.nonzero(ink))
    if not y.size:
        return 0.0
    best, found = 0.0, 0.0
    angles = np.arange(-_STEEPEST, _STEEPEST + _STEP / 2, _STEP)
    for degrees in angles[np.argsort(np.abs(angles), kind="stable")].tolist():
        sin, cos = np.sin(np.radians(degrees)), np.cos(np.radians(degrees))
        level = _densest(y * cos + x * sin) / width
        upright = _densest(x * cos - y * sin) / height
        score = level + 0.5 * upright if level > 0.6 * cos else 0.0
        if score > 1.05 * found:  # of two that are about as good, the one that turns less
            best, found = degrees, score
    return best


def find_frame(ink: Image, valid: Image) -> Frame | None:
    """The rulings along the sides of a picture that was set straight, if any; `valid` is 255 where there is a picture."""
    height, width = ink.shape
    picture = Box(*cv2.boundingRect(valid))
    lines = _lines(_widened(ink), valid, _LEVEL)
    low = [line for line in lines if line[1] < _OUTER_LEVEL * height]
    high = [line for line in lines if line[1] > (1 - _OUTER_LEVEL) * height]
    top = max(low, key=lambda line: line[1], default=None)
    bottom = min(high, key=lambda line: line[1], default=None)
    level = [_ruling(line, ink, width) for line in (top, bottom) if line is not None]
    first = round(top[1]) if top else picture.y
    end = round(bottom[1]) + 1 if bottom else picture.bottom
    band, seen = (np.ascontiguousarray(image[first:end].T, np.uint8) for image in (ink, valid))
    sides = _lines(_widened(band), seen, _UPRIGHT)
    reach = _OUTER_UPRIGHT * picture.width
    left = max((line for line in sides if line[1] < picture.x + reach), key=lambda line: line[1], default=None)
    right = min((line for line in sides if line[1] >= picture.right - reach), key=lambda line: line[1], default=None)
    found = [None if line is None else _ruling(line, band, end - first).moved(first, 0) for line in (left, right)]
    thickest = max((ruling.thickness for ruling in level), default=np.inf)
    beside = [ruling if ruling is not None and _is_as_thin(ruling, found, thickest) else None for ruling in found]
    upright = [ruling for ruling in beside if ruling is not None]
    if not level and not upright:
        return None
    frame = _within(level, upright, top is not None, beside[0] is not None, picture)
    return frame if _is_frame(frame, ink, valid, picture) else None


#: The share of its way that has ink, where it is in the middle of the picture, and its slope.
_Line = tuple[float, float, float]


def _lines(ink: Image, valid: Image, least: float) -> list[_Line]:
    """The lines from side to side with this share of ink at least, from the top down."""
    height, width = ink.shape
    columns = np.arange(width)
    best = np.zeros((height, 2))
    for slope in _SLOPES.tolist():
        rows = np.arange(height)[:, None] + np.round(slope * (columns - width / 2)).astype(int)
        outside = (rows < 0) | (rows >= height)
        rows = rows.clip(0, height - 1)
        seen = (valid[rows, columns] > 0) & ~outside
        inked = (ink[rows, columns] > 0) & seen
        share = inked.sum(axis=1) / np.maximum(seen.sum(axis=1), 0.5 * width)
        better = share > best[:, 0]
        best[better] = np.stack([share, np.full(height, slope)], axis=1)[better]
    # of the rows that a ruling is thick, the one in its middle
    share = np.where(best[:, 0] >= least, best[:, 0], 0)
    found = []
    for run in np.split(np.arange(height), np.flatnonzero(np.diff(share > 0)) + 1):
        if not share[run[0]]:
            continue
        peak = run[share[run] >= share[run].max() - 0.02]
        found.append((float(share[run].max()), float(peak.mean()), float(best[round(float(peak.mean())), 1])))
    return found


def _ruling(line: _Line, ink: Image, width: int) -> Ruling:
    """The line from edge to edge, as thick as its ink mostly is."""
    _, level, slope = line
    along = np.linspace(0, width - 1, 9)
    across = level + slope * (along - width / 2)
    reach = np.arange(-6, 7)
    rows = np.round(across).astype(int)[:, None] + reach
    inside = (rows >= 0) & (rows < ink.shape[0])
    columns = along.astype(int)[:, None]
    inked = (ink[rows.clip(0, ink.shape[0] - 1), columns] > 0) & inside
    return Ruling.through(along, across, float(np.clip(np.median(inked.sum(axis=1)), 1, len(reach))))


def _is_as_thin(upright: Ruling, found: Sequence[Ruling | None], thickest: float) -> bool:
    """Whether an upright line is no stroke of a 1 or 4 between the level rulings, the thickest of which is so thick.

    Two that are about as thin vouch for each other.
    """
    limit = max(_THICKER * thickest, thickest + 1)  # pixels are coarse
    are_two = all(ruling is not None and ruling.thickness <= limit for ruling in found)
    return are_two or upright.thickness <= max(thickest, _HAIRLINE)


def _within(level: list[Ruling], upright: list[Ruling], has_top: bool, has_left: bool, picture: Box) -> Frame:
    """The frame of these rulings; a side that has none is the picture's edge."""
    sides = picture.y, picture.bottom - 1, picture.x, picture.right - 1
    edges = [(0.0, float(side)) for side in sides]  # slope, and place at 0
    found = iter(level), iter(upright)
    has = (has_top, len(level) > has_top, has_left, len(upright) > has_left)
    for i, is_there in enumerate(has):
        if is_there:
            ruling = next(found[i // 2])
            edges[i] = ruling.slope, ruling.level
    top, bottom, left, right = edges
    corners = [_meeting(top, left), _meeting(top, right), _meeting(bottom, right), _meeting(bottom, left)]
    return Frame(tuple(level), tuple(upright), np.array(corners, np.float32))


def _meeting(level: tuple[float, float], upright: tuple[float, float]) -> tuple[float, float]:
    """Where y = a x + b and x = c y + d meet."""
    (a, b), (c, d) = level, upright
    x = (c * b + d) / (1 - c * a)
    return x, a * x + b


def _is_frame(frame: Frame, ink: Image, valid: Image, picture: Box) -> bool:
    """Whether the lines can't be strokes of a number that was cut out tightly."""
    sides = len(frame.level) + len(frame.upright)
    if picture.width < _NARROW * picture.height:
        is_thin = max(ruling.thickness for ruling in (*frame.level, *frame.upright)) < _THICKEST * picture.height
        return sides == 4 and is_thin and _has_corners(frame, ink)
    if sides == 4:
        return True
    written = Box(*cv2.boundingRect(frame.own_ink(ink)))
    if not frame.level:
        return sides == 2 and written.height < _TIGHT * picture.height
    if len(frame.level) == 2:
        return True
    beyond = _BEYOND * picture.width
    is_longer = min(written.x - picture.x, picture.right - written.right) > beyond or not written.width
    if is_longer and _reaches_the_edges(frame.level[0], ink, valid):
        return True
    return picture.width > _WIDE * picture.height and _runs_through(frame.level[0], ink, valid)


def _has_corners(frame: Frame, ink: Image) -> bool:
    """Whether there is ink where the rulings meet: in a 0 there is none."""
    near = cv2.dilate(ink, np.ones((5, 5), np.uint8))
    rows, columns = (frame.corners[:, i].round().astype(int).clip(0, ink.shape[1 - i] - 1) for i in (1, 0))
    return bool((near[rows, columns] > 0).all())


def _reaches_the_edges(ruling: Ruling, ink: Image, valid: Image) -> bool:
    """Whether a horizontal ruling has ink where it meets the left and the right edge of the picture."""
    inked = _inked_along(ruling, ink, valid)
    end = max(2, round(_BEYOND / 2 * len(inked)))
    return bool(inked[:end].mean() > 0.5 and inked[-end:].mean() > 0.5)


def _runs_through(ruling: Ruling, ink: Image, valid: Image) -> bool:
    """Whether a horizontal ruling is thinner than the pen, and has ink all the way: strokes of several digits leave gaps.

    Nearly all other ink is on one side of it: a line through the middle of a number strikes it out.
    """
    pen = pen_width(ink)
    if ruling.thickness >= pen or _inked_along(ruling, ink, valid).mean() <= _THROUGH:
        return False
    y, x = np.nonzero(without_rulings(ink, [ruling], [], pen))
    beyond = float((y > ruling.at(x.astype(np.float64))).mean()) if y.size else 0.0
    return min(beyond, 1 - beyond) < _BEYOND_IT


def _inked_along(ruling: Ruling, ink: Image, valid: Image) -> NDArray[np.bool_]:
    """Whether there is ink at each step along a horizontal ruling, from left to right, where there is a picture."""
    place = places(ink.shape, ruling, 1)
    seen = valid[place].max(axis=0) > 0
    along: NDArray[np.bool_] = (ink[place].max(axis=0) > 0)[seen]
    return along


def _widened(ink: Image) -> Image:
    """With a pixel more above and below, so that a line that bends a little is met all along."""
    return cv2.dilate(ink, np.ones((3, 1), np.uint8)).astype(np.uint8)


def _densest(places: NDArray[np.float64]) -> int:
    """The most points within two pixels."""
    counts = np.bincount(np.floor(places - places.min()).astype(int))
    return int((counts[:-1] + counts[1:]).max()) if counts.size > 1 else int(counts.max())
