"""Ink that is no number though it stands where one would: a dash for nil, AB for absent, a tick, and what was struck out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.records import Floats, Lattice, Segment
from pipeline.stages.grammar import best_ways
from pipeline.stages.labels import ABSENT, Labelled

TICK, STRUCK = "✓", "~"
#: A label of the network of which it is surer than this; than that, of several pieces together, which might be two digits.
_SURE, _VERY_SURE = 0.5, 0.95
#: A number that is likelier than this, in log probability, is one.
_UNLIKELY = float(np.log(0.5))
#: Letters that are less likely than this are not taken for AB.
_ABSENT = float(np.log(0.3))
#: A line through several digits: its steepest slope, the share of its columns that have ink, how much wider than high what it
#: joins is at least, the share of the ink that is beside it, and of that the share above it, and below it, at least.
_SLOPE, _UNBROKEN, _WIDE, _WRITING, _BESIDE = 0.5, 0.97, 1.4, 0.45, 0.25
_SLOPES = 41
#: Digits that have no bar from side to side, and what may have been struck out: a line through one strikes it out, if it sticks
#: out by so many digit heights, and is there no thicker than so many strokes.
_BARLESS, _STICKS_OUT, _THIN = frozenset("01235689" + STRUCK), 0.12, 2.0


def mark_of(
    lattice: Lattice,
    probabilities: Floats,
    labels: Sequence[str],
    letters: Labelled,
    number: float,
    height: float,
    pen: float,
) -> str:
    """What the ink is, if it is more likely no number: -, ., ✓ or AB; or ~ if something was struck out. Else nothing.

    `letters` is what its segments can be in a word, `number` the log score of the best number; `height` of a digit and `pen`,
    the stroke width, are in clean pixels.
    """
    if is_struck_out(lattice, probabilities, labels, height, pen):
        return STRUCK
    if number < _UNLIKELY:
        if is_tick(lattice, probabilities, labels):
            return TICK
        if mark := dash_or_dot(lattice, height):
            return mark
    ways = best_ways(lattice, letters, ABSENT, 1) if lattice.segments else []
    return "AB" if ways and ways[0].score > max(_ABSENT, number + 1) else ""


def dash_or_dot(lattice: Lattice, height: float) -> str:
    """A dash or dot by itself: nil, which is neither blank nor zero. Else nothing."""
    whole = [s for s in lattice.segments if s.last - s.first == len(lattice.cuts) + 1]
    if not whole:
        return ""
    box = whole[0].box
    if box.height < 0.45 * height and box.width > 1.5 * box.height:
        return "-"
    return "." if max(box.height, box.width) < 0.4 * height else ""


def is_tick(lattice: Lattice, probabilities: Floats, labels: Sequence[str]) -> bool:
    """Whether all of the ink is one tick, for all that the network knows."""
    return any(
        _chance(row, labels, TICK) > _SURE
        for s, row in zip(lattice.segments, probabilities, strict=True)
        if s.last - s.first == len(lattice.cuts) + 1
    )


def is_struck_out(lattice: Lattice, probabilities: Floats, labels: Sequence[str], height: float, pen: float) -> bool:
    """Whether a digit of it was struck out, for all that the network knows, or a line goes through several digits.

    `height` of a digit and `pen`, the stroke width, in clean pixels.
    """
    apart = list(_apart(lattice, probabilities, height))
    if any(_chance(row, labels, STRUCK) > (_SURE if s.last - s.first == 1 else _VERY_SURE) for s, row in apart):
        return True
    if lattice.ink is None:
        return False
    ink = np.where(lattice.ink > 127, 255, 0).astype(np.uint8)
    left, top = lattice.ink_at
    for box in (s.box for s, row in apart if labels[int(row.argmax())] in _BARLESS):
        if _is_barred(ink[box.y - top : box.bottom - top, box.x - left : box.right - left] > 0, pen, height):
            return True
    _, parts, stats, _ = cv2.connectedComponentsWithStats(ink, connectivity=8)
    for number, (x, y, width, tall, _) in enumerate(stats.tolist()):
        is_wide = number > 0 and width > _WIDE * height and tall > 0.5 * height
        if is_wide and _has_line_through(parts[y : y + tall, x : x + width] == number, pen):
            return True
    return False


def _chance(row: Floats, labels: Sequence[str], label: str) -> float:
    return float(row[labels.index(label)]) if label in labels else 0.0


def _apart(lattice: Lattice, probabilities: Floats, height: float) -> Iterator[tuple[Segment, Floats]]:
    """The segments as high as a digit, and no wider than one that was struck out, that are not cut off their neighbours."""
    ends = (0.0, *lattice.cuts, 0.0)
    for s, row in zip(lattice.segments, probabilities, strict=True):
        if ends[s.first] == ends[s.last] == 0 and s.box.height > 0.6 * height and s.box.width < _WIDE * height:
            yield s, row


def _is_barred(ink: NDArray[np.bool_], pen: float, height: float) -> bool:
    """Whether a line goes through a digit and sticks out of it on both sides."""
    beyond = max(pen, _STICKS_OUT * height)
    ends = ink[:, : round(beyond)], ink[:, -round(beyond) :]
    rows = [np.flatnonzero(end.any(axis=1)) for end in ends]
    is_thin = all(found.size > 0 and np.ptp(found) < _THIN * pen for found in rows)
    return is_thin and _has_line_through(ink, pen, beyond)


def _has_line_through(ink: NDArray[np.bool_], pen: float, beyond: float = 0.0) -> bool:
    """Whether a straight line goes from one end of the ink to the other, and there is writing on both its sides.

    At both ends the line goes on for `beyond` pixels without any writing beside it.
    """
    high, wide = ink.shape
    where = np.arange(high)[:, None]
    for line in _lines_through(ink, pen):
        above, below = ink & (where < line - pen), ink & (where > line + pen)
        parts = int(above.sum()), int(below.sum())
        if sum(parts) > _WRITING * ink.sum() and min(parts) > _BESIDE * sum(parts):
            written = np.flatnonzero((above | below).any(axis=0))
            if min(written[0], wide - 1 - written[-1]) >= beyond:
                return True
    return False


def _lines_through(ink: NDArray[np.bool_], pen: float) -> Iterator[NDArray[np.int_]]:
    """The rows, at each column, of straight lines that have ink nearly all the way."""
    high, wide = ink.shape
    columns, tops = np.arange(wide), np.arange(high)
    reach = max(1, round(pen / 4))
    thick = cv2.dilate(ink.astype(np.uint8), np.ones((2 * reach + 1, 1), np.uint8))
    for slope in np.linspace(-_SLOPE, _SLOPE, _SLOPES):
        rows = np.round(tops[:, None] + slope * (columns - wide / 2)[None, :]).astype(int)
        is_on = (rows >= 0) & (rows < high)
        hit = np.where(is_on, thick[np.clip(rows, 0, high - 1), columns[None, :]], 0)
        yield from rows[hit.mean(axis=1) >= _UNBROKEN]
