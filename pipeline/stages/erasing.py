"""Rulings taken out of the ink without cutting what crosses them, or what is written along them.

Written for horizontal rulings; the vertical ones are erased in the transposed image.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.records import Image
from pipeline.stages.rulings import Ruling, half_thickness, places, transposed

#: A pen can be told from a ruling that is paler by so much, of 255; what is this share of the way darker is the pen's.
_PALER, _PEN = 40.0, 0.6
#: How dark the pen is, every so manieth row of the page tells.
_SAMPLED = 4
#: A ruling is so dark itself, along this share of its way: a fine one that lies askew is darker here than there.
_OWN = 0.9
#: A stroke along a ruling is so many stroke widths long, or longer.
_ALONG = 1.5
#: What is so many rows tall, and as wide as this share of a row is high at most, is not written.
_TALL, _NARROW = 2.5, 0.35
#: It is straight along a piece of its length, one of so many at least.
_PIECES = 4


def without_rulings(ink: Image, level: list[Ruling], upright: list[Ruling], stroke: float, grey: Image | None = None) -> Image:
    """The ink with horizontal and vertical rulings erased, but for the strokes that cross them or run into them.

    With `grey`, the page's brightness, strokes that run along a paler ruling stay as well.
    """
    bands = [_bands(ink.shape, level), transposed(_bands(ink.shape[::-1], upright))]
    # where two rulings meet, the one would be taken for a stroke across the other
    wide = [cv2.dilate(band, np.ones((3, 3), np.uint8)) for band in bands]
    rest = [cv2.bitwise_and(ink, cv2.bitwise_not(band)).astype(np.uint8, copy=False) for band in wide]
    erased = cv2.bitwise_and(wide[0], wide[1])
    dark = None if grey is None else cv2.bitwise_not(grey).astype(np.uint8, copy=False)
    pen = 0.0 if dark is None else _median(dark, cv2.bitwise_and(rest[0], rest[1]).astype(np.uint8, copy=False))
    turned = None if dark is None else transposed(dark)
    for bare in (
        _bare(rest[1], level, stroke, dark, pen),
        transposed(_bare(transposed(rest[0]), upright, stroke, turned, pen)),
    ):
        erased = cv2.bitwise_or(erased, bare)
    return cv2.bitwise_and(ink, cv2.bitwise_not(erased)).astype(np.uint8, copy=False)


def _median(image: Image, mask: Image) -> float:
    """The median of an image where the mask is not 0; 0 if it is so nowhere."""
    counts = np.cumsum(cv2.calcHist([image[::_SAMPLED]], [0], mask[::_SAMPLED], [256], [0, 256]).ravel())
    return float(np.searchsorted(counts, counts[-1] / 2)) if counts[-1] else 0.0


def within_edges(ink: Image, edges: list[Ruling]) -> Image:
    """The ink between the left and right edges of the paper, as far as these are drawn; what lies beyond is not the page's."""
    out = ink.copy()
    for edge in edges:
        xs, ys = (index[0] for index in places(ink.shape[::-1], edge, 0))
        reach = half_thickness(edge) + 2
        is_left = float(np.median(xs)) < ink.shape[1] / 2
        for x, y in zip(xs.tolist(), ys.tolist(), strict=True):
            out[y, slice(0, x + reach + 1) if is_left else slice(max(0, x - reach), None)] = 0
    return out


def without_edges(ink: Image, row_height: float) -> Image:
    """The ink without what is taller than some rows and narrower than a digit: an edge of the paper, the rest of a ruling."""
    tall = max(1, round(_TALL * row_height / _PIECES))
    narrow = _NARROW * row_height
    straight = np.flatnonzero(cv2.erode(ink, np.ones((tall, 1), np.uint8)).any(axis=0))
    if not straight.size:
        return ink  # not even a piece of a straight line is so long
    out = ink.copy()
    # what is narrow lies within a strip about its straight piece, and what touches the strip's sides is not narrow
    for piece in np.split(straight, np.flatnonzero(np.diff(straight) > 2 * narrow) + 1):
        strip = out[:, max(0, int(piece[0] - narrow) - 1) : int(piece[-1] + narrow) + 2]
        _, labels, stats, _ = cv2.connectedComponentsWithStats(strip, connectivity=8, ltype=cv2.CV_32S)
        edges = (stats[:, cv2.CC_STAT_HEIGHT] > _TALL * row_height) & (stats[:, cv2.CC_STAT_WIDTH] < narrow)
        if edges[1:].any():
            strip[edges[labels]] = 0
    return out


def _bands(shape: tuple[int, ...], rulings: list[Ruling]) -> Image:
    """255 where the rulings' own ink can be."""
    out = np.zeros(shape, np.uint8)
    for ruling in rulings:
        out[places(shape, ruling, half_thickness(ruling) + 1)] = 255
    return out


def _bare(ink: Image, rulings: list[Ruling], stroke: float, dark: Image | None = None, pen: float = 0.0) -> Image:
    """255 on the ink of horizontal rulings where nothing is written on them: where it is no thicker than the ruling is.

    Across a stroke, or along one that was drawn onto the ruling, the run of ink from above to below is longer; or it is as
    `dark` as the `pen`.
    """
    out = np.zeros(ink.shape, np.uint8)
    for ruling in rulings:
        half = half_thickness(ruling)
        reach = half + max(3, round(stroke))
        rows, columns = places(ink.shape, ruling, reach)
        place = rows * ink.shape[1] + columns  # taking by one index is twice as fast as by two
        strip = (ink.take(place) > 0).view(np.uint8)
        own = slice(reach - half, reach + half + 1)
        above = np.minimum.accumulate(strip[: own.start][::-1], axis=0)
        below = np.minimum.accumulate(strip[own.stop :], axis=0)
        run = sum(np.add.reduce(part, axis=0, dtype=np.int32) for part in (strip[own], above, below))
        bare = run < ruling.thickness + max(1.5, 0.45 * stroke)
        if dark is not None:
            bare &= ~_under_pen(dark.take(place[own]), strip[own], pen, stroke)
        touching = np.concatenate([above[::-1], strip[own], below]) > 0
        erased = touching & bare[None, :]
        out.put(place[erased], 255)
    return out


def _under_pen(dark: Image, inked: NDArray[np.uint8], pen: float, stroke: float) -> NDArray[np.bool_]:
    """Where along a ruling, of which (across, along) is given, the ink is the pen's, if the ruling is paler."""
    darkest = (dark * inked).max(axis=0)
    some = np.sort(darkest[darkest > 0])
    own = float(some[int(_OWN * (some.size - 1))]) if some.size else pen
    if own > pen - _PALER:
        return np.zeros(darkest.shape, bool)
    over = np.where(darkest > own + _PEN * (pen - own), 255, 0).astype(np.uint8)
    length = max(3, round(_ALONG * stroke))
    return np.asarray(cv2.morphologyEx(over[None], cv2.MORPH_OPEN, np.ones((1, length), np.uint8))[0] > 0)
