"""How a page lies: the homography that makes its rulings run along the axes, told by the long straight lines on it."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.records import Image, Matrix
from pipeline.stages.paper import Outline

#: Lines are looked for in an image of this size.
_SKETCH = 1200
#: Lines so far beyond the sheet, in its own sizes, may be its edges.
_BEYOND = 0.01
#: Directions further than this from the nearest axis are no rulings of an upright page.
_STEEPEST = np.tan(np.radians(20))
#: So many of the longest segments are tried for how the slope changes, two at a time that are so far apart, in halves of the
#: page; it changes by no more than this. So alike are slopes that are the same; so much more of the length has the change.
_TRIED, _APART, _STEEPEST_CHANGE, _ALIKE, _CLEARER = 30, 0.3, 0.35, 0.015, 1.5


def sketch_of(grey: Image) -> Image:
    """The page, small: for what is looked for all over it."""
    shrink = min(1.0, _SKETCH / max(grey.shape))
    return cv2.resize(grey, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)


def rectification(
    shape: tuple[int, ...], sketch: Image, scale: float, outline: Outline | None
) -> tuple[Matrix, tuple[int, int]]:
    """Homography from clean to page pixels, and the (width, height) of the clean image.

    That holds all that the `outline` does, or the whole page.
    """
    height, width = shape
    middle = np.array([[1, 0, (width - 1) / 2], [0, 1, (height - 1) / 2], [0, 0, 1]])
    straighten = _straightening(shape, sketch, outline)
    corners = np.array([(0, 0), (width, 0), (width, height), (0, height)]) - 0.5 if outline is None else outline
    around = np.vstack([corners.T, np.ones(len(corners))]) - middle[:, 2:] * [[1], [1], [0]]
    placed = np.linalg.inv(straighten) @ around
    placed = placed[:2] / placed[2]
    low, high = placed.min(axis=1), placed.max(axis=1)
    size = np.maximum(np.ceil((high - low) * scale), 1).astype(int)
    shift = np.array([[1 / scale, 0, low[0] + 0.5 / scale], [0, 1 / scale, low[1] + 0.5 / scale], [0, 0, 1]])
    return middle @ straighten @ shift, (int(size[0]), int(size[1]))


def _straightening(shape: tuple[int, ...], sketch: Image, outline: Outline | None) -> Matrix:
    """Homography about the page's middle that takes axis-parallel lines to the directions of the page's lines."""
    segments = _segments(shape, sketch)
    if outline is not None:
        segments = _on_sheet(segments, outline - (np.array(shape[1::-1]) - 1) / 2)
    angle, support = _main_angle(segments)
    if support < 2 * max(shape):  # a few strokes of writing say nothing about how the page lies
        return np.eye(3)
    cos, sin = np.cos(angle), np.sin(angle)
    turn = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
    turned = segments.reshape(-1, 2, 2) @ turn[:2, :2]  # rows times matrix: turns back by the angle
    delta, centre = turned[:, 1] - turned[:, 0], turned.mean(axis=1)
    length = np.hypot(delta[:, 0], delta[:, 1])
    flat = np.abs(delta[:, 1]) < _STEEPEST * np.abs(delta[:, 0])
    upright = np.abs(delta[:, 0]) < _STEEPEST * np.abs(delta[:, 1])
    reach = max(shape) / 2
    rise, fan = _slope_field(delta[flat, 1] / delta[flat, 0], centre[flat, 1] / reach, length[flat])
    lean, spread = _slope_field(delta[upright, 0] / delta[upright, 1], centre[upright, 0] / reach, length[upright])
    # The columns are where the horizontal and the vertical lines of the page meet, and its middle.
    view = np.array([[1.0, lean, 0.0], [rise, 1.0, 0.0], [-fan / reach, -spread / reach, 1.0]])
    straightening: Matrix = turn @ view
    return straightening


def _segments(shape: tuple[int, ...], small: Image) -> NDArray[np.float64]:
    """Long straight segments (n, 4) x1 y1 x2 y2 on a sketch, relative to the middle of the page, in its pixels."""
    shrink = min(1.0, _SKETCH / max(shape))
    found = cv2.createLineSegmentDetector(cv2.LSD_REFINE_STD).detect(small)[0]
    if found is None:
        return np.zeros((0, 4))
    lines = found.reshape(-1, 4).astype(np.float64)
    lines = lines[np.hypot(lines[:, 2] - lines[:, 0], lines[:, 3] - lines[:, 1]) > max(small.shape) / 40]
    inside = np.all((lines > 2) & (lines < np.tile([small.shape[1] - 3, small.shape[0] - 3], 2)), axis=1)
    middle = np.tile([(small.shape[1] - 1) / 2, (small.shape[0] - 1) / 2], 2)
    segments: NDArray[np.float64] = (lines[inside] - middle) / shrink
    return segments


def _on_sheet(segments: NDArray[np.float64], outline: Outline) -> NDArray[np.float64]:
    """The segments whose middle is within a convex outline, or little beyond its edge."""
    after = np.roll(outline, -1, axis=0)
    middle = segments.reshape(-1, 2, 2).mean(axis=1)
    normal = np.stack([outline[:, 1] - after[:, 1], after[:, 0] - outline[:, 0]], axis=1)
    inwards = np.sign(((outline.mean(axis=0) - outline) * normal).sum(axis=1))
    normal *= (inwards / np.maximum(np.hypot(*normal.T), 1e-9))[:, None]
    depth = ((middle[:, None] - outline[None]) * normal[None]).sum(axis=2).min(axis=1)
    near: NDArray[np.float64] = segments[depth > -_BEYOND * float(np.ptp(outline))]
    return near


def _main_angle(segments: NDArray[np.float64]) -> tuple[float, float]:
    """The direction (radians, within 45° of the x axis) that most of the segments' length has, or is at right angles to.

    And the length, in pixels, that has it.
    """
    if len(segments) == 0:
        return 0.0, 0.0
    dx, dy = segments[:, 2] - segments[:, 0], segments[:, 3] - segments[:, 1]
    length = np.hypot(dx, dy)
    angle = (np.degrees(np.arctan2(dy, dx)) + 45) % 90 - 45
    step = 0.25
    histogram = np.bincount(np.round((angle + 45) / step).astype(int) % 360, weights=length, minlength=360)
    near = np.arange(-8, 9)
    smooth = sum(np.roll(histogram, int(k)) * (9 - abs(int(k))) for k in near)
    peak = int(np.argmax(smooth)) * step - 45
    off = (angle - peak + 45) % 90 - 45
    close = np.abs(off) < 3
    return float(np.radians(peak + np.average(off[close], weights=length[close]))), float(length[close].sum())


def _slope_field(slope: NDArray[np.float64], position: NDArray[np.float64], length: NDArray[np.float64]) -> tuple[float, float]:
    """Slope at the middle, and its change from there to the page's edge: weighted least squares, outliers left out in turn.

    It begins with the median slope and no change; or with those that two long segments have, if most have these.
    """
    if len(slope) == 0:
        return 0.0, 0.0
    intercept, gradient = _steady_change(slope, position, length) or (_weighted_median(slope, length), 0.0)
    keep = np.abs(slope - intercept - gradient * position) < 0.1
    for limit in (0.05, 0.025, 0.015):
        spread = float(np.ptp(position[keep])) if keep.any() else 0.0
        if keep.sum() < 6 or spread < _APART:  # too few, or too close together, to tell a change
            return (_weighted_median(slope[keep], length[keep]) if keep.any() else intercept), 0.0
        weight = length[keep]
        design = np.stack([np.ones(int(keep.sum())), position[keep]], axis=1)
        normal = design.T @ (design * weight[:, None])
        intercept, gradient = np.linalg.solve(normal, design.T @ (weight * slope[keep]))
        keep = np.abs(slope - intercept - gradient * position) < limit
    return float(intercept), float(gradient)


def _steady_change(
    slope: NDArray[np.float64], position: NDArray[np.float64], length: NDArray[np.float64]
) -> tuple[float, float] | None:
    """Of the slopes at the middle and changes that two of the longest segments have, those that most of the length has.

    None if about as much of it has one slope: only in a steep view no slope is the usual one, so differently do columns lean.
    """
    longest = np.argsort(-length)[:_TRIED]
    one, other = (longest[index] for index in np.triu_indices(len(longest), 1))
    apart = position[other] - position[one]
    far = np.abs(apart) > _APART
    change = (slope[other] - slope[one])[far] / apart[far]
    middle = slope[one[far]] - change * position[one[far]]
    is_possible = np.abs(change) < _STEEPEST_CHANGE
    if not is_possible.any():
        return None
    middle, change = middle[is_possible], change[is_possible]
    support = (np.abs(slope - middle[:, None] - change[:, None] * position) < _ALIKE) @ length
    even = (np.abs(slope - slope[longest][:, None]) < _ALIKE) @ length
    best = int(np.argmax(support))
    return (float(middle[best]), float(change[best])) if support[best] > _CLEARER * even.max() else None


def _weighted_median(values: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    order = np.argsort(values)
    total = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(total, total[-1] / 2)])
