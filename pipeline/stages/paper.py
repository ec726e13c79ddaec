"""Where on a picture the sheet lies, if there is a desk around it, or a scanner's lid.

The grain of wood and a weave look like ruled lines. The sheet is what is flooded from the middle of the picture before what is
flooded from its borders gets there (watershed, Meyer 1992), once the writing is taken out: light may be uneven, the edge of the
sheet is steeper. It counts only if there is such an edge all around.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.records import Image

#: The sheet is looked for in a picture of this size, on which what is written is narrower than this.
_SKETCH, _WRITING = 320, 9
#: It covers the middle of the picture; this share of the picture at least and at most; so much of its own convex hull.
_MIDDLE, _AREA, _SOLID = (0.38, 0.62), (0.15, 0.97), 0.95
#: So many pixels outside of its edge a colour is darker than as many inside, by this share of the paper's brightness; along
#: this share of the edge that the picture shows, which is this share of it all.
_BESIDE, _STEP, _ALONG, _SHOWN = 4.0, 0.06, 0.95, 0.6
#: What is around it has so much more texture than paper, or is so much darker.
_ROUGHER, _DARK = 2.0, 0.6
#: So much is cut away with the edge, in pixels of the sketch.
_TRIMMED = 1.0

Outline = NDArray[np.float64]


def sheet_outline(image: Image) -> Outline | None:
    """The convex outline (n, 2) of the sheet in pixels of a grey or BGR picture; None if it fills that or is not sure."""
    small, scale = _sketch(image)
    closed = cv2.morphologyEx(small, cv2.MORPH_CLOSE, np.ones((_WRITING, _WRITING), np.uint8))
    paper: Image = cv2.medianBlur(closed, 5).astype(np.uint8, copy=False)
    hull = _flooded(paper)
    if hull is None or not _has_edge(paper, hull) or not _is_desk_around(small, hull):
        return None
    middle = hull.mean(axis=0)
    away = hull - middle
    away *= 1 - _TRIMMED / np.maximum(np.hypot(*away.T), 2 * _TRIMMED)[:, None]
    outline: Outline = (middle + away + 0.5) * scale - 0.5
    return outline


def _sketch(image: Image) -> tuple[Image, float]:
    """The picture, small and in colours, and how many of its pixels are one of the small one."""
    step = max(1, max(image.shape[:2]) // (2 * _SKETCH))
    few = np.ascontiguousarray(image[::step, ::step])
    shrink = min(1.0, _SKETCH / max(few.shape[:2]))
    size = max(1, round(few.shape[1] * shrink)), max(1, round(few.shape[0] * shrink))
    small = cv2.resize(few, size, interpolation=cv2.INTER_AREA)
    return (small if small.ndim == 3 else cv2.cvtColor(small, cv2.COLOR_GRAY2BGR)).astype(np.uint8, copy=False), step / shrink


def _flooded(paper: Image) -> Outline | None:
    """The convex hull of what is flooded from the middle, if it has a sheet's size and fills that."""
    height, width = paper.shape[:2]
    if min(height, width) < _WRITING:
        return None
    basins = np.zeros((height, width), np.int32)
    basins[:2] = basins[-2:] = basins[:, :2] = basins[:, -2:] = 1
    (top, bottom), (left, right) = (tuple(round(m * side) for m in _MIDDLE) for side in (height, width))
    basins[top:bottom, left:right] = 2
    flooded = np.where(cv2.watershed(paper, basins) == 2, 255, 0).astype(np.uint8)
    flooded = cv2.morphologyEx(flooded, cv2.MORPH_OPEN, np.ones((7, 7), np.uint8)).astype(np.uint8, copy=False)
    outlines = cv2.findContours(flooded, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)[0]
    if not outlines:
        return None
    largest = max(outlines, key=cv2.contourArea)
    hull = cv2.convexHull(largest)
    area = cv2.contourArea(hull)
    if not _AREA[0] < area / (height * width) < _AREA[1] or cv2.contourArea(largest) < _SOLID * area:
        return None
    return np.asarray(hull.reshape(-1, 2), np.float64)


def _has_edge(paper: Image, hull: Outline) -> bool:
    """Whether it is darker, in one colour at least, outside of the outline than inside, nearly all along it."""
    after = np.roll(hull, -1, axis=0)
    count = np.maximum(np.ceil(np.hypot(*(after - hull).T)).astype(int), 1)
    start, along = (np.repeat(points, count, axis=0) for points in (hull, after - hull))
    share = np.concatenate([(np.arange(n) + 0.5) / n for n in count.tolist()])
    places = start + share[:, None] * along
    normal = np.stack([along[:, 1], -along[:, 0]], axis=1) / np.maximum(np.hypot(*along.T), 1e-9)[:, None]
    normal *= np.sign(((places - hull.mean(axis=0)) * normal).sum(axis=1))[:, None]
    last = np.array(paper.shape[1::-1]) - 1
    beyond = places + (_BESIDE + 1) * normal
    shown = ((beyond >= 1) & (beyond <= last - 1)).all(axis=1)
    if shown.mean() < _SHOWN:
        return False
    on, off = (
        paper[at[:, 1], at[:, 0]].astype(float)
        for at in (np.clip(p[shown].round().astype(int), 0, last) for p in (places - _BESIDE * normal, beyond))
    )
    darker = (on - off).max(axis=1) > _STEP * np.maximum(on.mean(axis=1), 1)
    return bool(darker.mean() > _ALONG)


def _is_desk_around(small: Image, hull: Outline) -> bool:
    """Whether what is around the outline is rougher than paper, or dark: no paper of another colour."""
    grey = cv2.cvtColor(small, cv2.COLOR_BGR2GRAY)
    texture = cv2.absdiff(grey, cv2.medianBlur(grey, 5))
    sheet = cv2.fillConvexPoly(np.zeros(grey.shape, np.uint8), hull.round().astype(np.int32), 255)
    near = np.ones((_WRITING, _WRITING), np.uint8)
    inside, outside = cv2.erode(sheet, near) > 0, cv2.dilate(sheet, near) == 0
    if not inside.any() or not outside.any():
        return False
    is_rough = np.median(texture[outside]) >= _ROUGHER * max(1.0, float(np.median(texture[inside])))
    return bool(is_rough or np.median(grey[outside]) < _DARK * np.median(grey[inside]))
