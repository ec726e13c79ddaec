"""Numbers that no ruling parts: columns and rows are told by the white between them, or there are only a few numbers.

Pieces of ink of one height are joined into words, words into lines. It is a table if the words are as short as numbers are and
stand below one another; running text is not.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.records import Image
from pipeline.stages.grid import Grid
from pipeline.stages.rulings import Curve

#: All lengths are in heights of the writing. Ink of less than this height is a point or dirt, of more no digit.
_LOWEST, _HIGHEST = 0.4, 2.2
#: What is so much wider than the writing is high, in one piece, is a line or a scrawl.
_LONGEST = 3.5
#: Ink this near to each other is one number; columns and lines of writing stand further apart.
_NEAR, _APART = 1.0, 0.15
#: A number is as wide as this at most; such are this share of the words.
_WIDEST, _SHORT = 7.0, 0.8
#: This share of the places in a table is filled.
_FILLED = 0.5
#: A page of more pieces of ink than this is no sheet of numbers.
_MOST = 4000


@dataclass(frozen=True, slots=True)
class _Word:
    left: float
    top: float
    right: float
    bottom: float

    @property
    def middle(self) -> float:
        return (self.top + self.bottom) / 2


def unruled_grid(ink: Image, stroke: float) -> Grid | None:
    """The rows and columns of two and more numbers on a page, from its ink without rulings; None if it holds anything else."""
    size = 2 * round(stroke / 2) + 1  # pale strokes are broken, and those that crossed a ruling too
    ink = cv2.morphologyEx(ink, cv2.MORPH_CLOSE, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size))).astype(np.uint8)
    stats = cv2.connectedComponentsWithStats(ink, connectivity=8)[2][1:].astype(np.float64)
    x, y, w, h = stats[:, :4].T
    if not 2 <= len(stats) <= _MOST:
        return None
    height = _writing_height(h, stats[:, cv2.CC_STAT_AREA] * (w < 15 * h) * (h < 15 * w))
    digits = (h > _LOWEST * height) & (h < _HIGHEST * height) & (w < _LONGEST * height)
    lost = float(stats[(h > _HIGHEST * height) & (w > height), cv2.CC_STAT_AREA].sum())
    if not digits.any() or lost > stats[digits, cv2.CC_STAT_AREA].sum():
        return None  # a drawing, a photograph
    boxes = np.stack([x, y, x + w, y + h], axis=1)[digits]
    words = _words(boxes, height)
    if len(words) < 2 or np.mean([w.right - w.left < _WIDEST * height for w in words]) < _SHORT:
        return None
    rows = _bands([(w.top, w.bottom, w.middle) for w in words], 0.5 * height)
    columns = _intervals([(w.left, w.right) for w in words], _APART * height)
    places = {(_index(rows, w.middle), _index(columns, (w.left + w.right) / 2)) for w in words}
    if len(places) < _SHORT * len(words) or len(places) < _FILLED * len(rows) * len(columns):
        return None  # more than one word to a place is text; few, far apart, are no table
    if len(rows) < 2:
        return None
    return _grid(rows, columns, height)


def grid_around(places: NDArray[np.float64]) -> Grid:
    """The rows and columns of places, (n, 4) left, top, right, bottom, boundaries in the middle between them."""
    height = float(np.median(places[:, 3] - places[:, 1]))
    rows = _bands([(top, bottom, (top + bottom) / 2) for _, top, _, bottom in places.tolist()], 0.5 * height)
    columns = _intervals([(left, right) for left, _, right, _ in places.tolist()], _APART * height)
    return _grid(rows, columns, height)


def _writing_height(heights: Curve, weights: Curve) -> float:
    """Median height by ink, so that dots do not count."""
    order = np.argsort(heights)
    total = np.cumsum(weights[order])
    return float(heights[order][np.searchsorted(total, total[-1] / 2)]) if total[-1] > 0 else 1.0


def _words(boxes: NDArray[np.float64], height: float) -> list[_Word]:
    """Boxes joined with others beside them on the same line, where they are near."""
    words = [_Word(*box) for box in boxes[np.argsort(boxes[:, 0])]]
    joined = True
    while joined:
        joined = False
        rest: list[_Word] = []
        for word in words:
            i = next((i for i, other in enumerate(rest) if _is_one(other, word, height)), None)
            if i is None:
                rest.append(word)
            else:
                rest[i], joined = _together(rest[i], word), True
        words = rest
    return words


def _is_one(a: _Word, b: _Word, height: float) -> bool:
    shared = min(a.bottom, b.bottom) - max(a.top, b.top)
    gap = max(a.left, b.left) - min(a.right, b.right)
    return gap < _NEAR * height and shared > 0.4 * min(a.bottom - a.top, b.bottom - b.top)


def _together(a: _Word, b: _Word) -> _Word:
    return _Word(min(a.left, b.left), min(a.top, b.top), max(a.right, b.right), max(a.bottom, b.bottom))


def _bands(spans: list[tuple[float, float, float]], apart: float) -> list[tuple[float, float]]:
    """Spans whose middles follow closely upon one another, joined."""
    bands: list[list[tuple[float, float, float]]] = []
    for span in sorted(spans, key=lambda s: s[2]):
        if bands and span[2] - bands[-1][-1][2] < apart:
            bands[-1].append(span)
        else:
            bands.append([span])
    return [(float(np.median([s[0] for s in band])), float(np.median([s[1] for s in band]))) for band in bands]


def _intervals(spans: list[tuple[float, float]], apart: float) -> list[tuple[float, float]]:
    """Spans that overlap, or nearly, joined."""
    out: list[tuple[float, float]] = []
    for low, high in sorted(spans):
        if out and low < out[-1][1] + apart:
            out[-1] = out[-1][0], max(out[-1][1], high)
        else:
            out.append((low, high))
    return out


def _index(spans: list[tuple[float, float]], place: float) -> int:
    return int(np.argmin([max(low - place, place - high, 0.0) for low, high in spans]))


def _grid(rows: list[tuple[float, float]], columns: list[tuple[float, float]], height: float) -> Grid:
    """Boundaries in the middle of the white; the outermost a little beyond the writing."""
    y, x = (_edges(spans, 0.3 * height) for spans in (rows, columns))
    vertices = np.stack(np.meshgrid(x, y), axis=2)
    return Grid(vertices, frozenset(range(y.size)), frozenset(range(x.size)), [], [], (1.0, 1.0))


def _edges(spans: list[tuple[float, float]], margin: float) -> Curve:
    inner = [(a[1] + b[0]) / 2 for a, b in pairwise(spans)]
    return np.array([spans[0][0] - margin, *inner, spans[-1][1] + margin])
