"""Lines of writing: where one row of numbers ends and the next begins, told by the ink and its pitch where no ruling does.

The way is that of a typesetter: the profile of the ink across the page repeats with a pitch, that is measured; boundaries are
then laid by dynamic programming, through as little ink as can be and as evenly as can be. A gap of two pitches so becomes a
blank row, one of one and a half only a higher one.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.records import Image
from pipeline.stages.rulings import Curve

#: Rows climb or fall by this much at most, where the columns' rulings are upright.
_STEEPEST = 0.06
#: What it costs to lay a boundary through a full line of writing, and to make a row e times as high as the pitch.
_THROUGH_INK, _UNEVEN = 2.0, 4.0
#: Rows are this many pitches high at least and at most.
_LOWEST, _HIGHEST = 0.5, 1.9
#: Ink repeats if it is this much like itself, one pitch further on (1 is the same).
_REPEATS = 0.15
#: And of the distances at which it does, the least is taken that is this much as good as the best.
_SAME = 0.33


@dataclass(frozen=True, slots=True, eq=False)
class Lines:
    """`edges` (n + 1,) are the boundaries of n rows at the middle of the strip, in its pixels; they climb by `slope`.

    `inked[j, i]` says whether column j has ink in row i.
    """

    edges: Curve
    slope: float
    inked: NDArray[np.bool_]
    pitch: float


def lines_of_writing(ink: Image, columns: Curve, character: float, pitch: float | None = None) -> Lines | None:
    """The rows in a strip of ink without rulings, whose columns lie between the x in `columns`; None if nothing repeats.

    `character` is the height of characters in the strip's pixels, `pitch` that of the rows, where it is known.
    """
    parts, middles, profiles = _profiles(ink, columns, character)
    if len(middles) == 0:
        return None
    offsets = middles - ink.shape[1] / 2
    slope = _sharpest(profiles, offsets)
    level = _level(profiles, offsets, slope)
    profile = np.mean([level[parts == column].mean(axis=0) for column in np.unique(parts)], axis=0)
    pitch = pitch or _pitch(profile, character)
    if pitch is None:
        return None
    edges = _boundaries(profile, pitch)
    if edges.size < 3:
        return None
    inked = np.zeros((columns.size - 1, edges.size - 1), bool)
    for i, (top, bottom) in enumerate(pairwise(edges)):
        inked[parts[level[:, top:bottom].max(axis=1) > 0.5], i] = True
    return Lines(edges.astype(np.float64), slope, inked, pitch)


def _profiles(ink: Image, columns: Curve, character: float) -> tuple[NDArray[np.int64], Curve, NDArray[np.float64]]:
    """For the parts of columns that hold writing, none wider than some characters: their columns and middles, and how much
    of it each has at each height, 0 to 1."""
    owners, middles, profiles = [], [], []
    for column, (left, right) in enumerate(pairwise(columns)):
        parts = max(1, round((right - left) / (8 * character)))
        edges = np.linspace(left, right, parts + 1)
        for a, b in pairwise(edges):
            inset = min(0.3 * character, 0.15 * (b - a)) if parts == 1 else 0.0
            x0, x1 = round(a + inset), round(b - inset)
            count = np.count_nonzero(ink[:, x0:x1], axis=1).astype(np.float64)
            count = np.convolve(count, np.ones(3) / 3, mode="same")
            if np.count_nonzero(count) < character / 2:
                continue
            full = float(np.quantile(count[count > 0.5], 0.7)) if (count > 0.5).any() else 0.0
            if full > 0:
                owners.append(column)
                middles.append((x0 + x1) / 2)
                profiles.append(np.clip(count / full, 0, 1))
    return np.array(owners, np.int64), np.array(middles), np.array(profiles)


def _level(profiles: NDArray[np.float64], offsets: Curve, slope: float) -> NDArray[np.float64]:
    """The profiles as they were if rows did not climb."""
    height = np.arange(profiles.shape[1])
    return np.array([np.interp(height + slope * x, height, p) for x, p in zip(offsets, profiles, strict=True)])


def _sharpest(profiles: NDArray[np.float64], offsets: Curve) -> float:
    """The slope at which lines of writing and the white between them differ most."""
    if len(offsets) < 3:
        return 0.0
    slopes = np.linspace(-_STEEPEST, _STEEPEST, 41)
    contrast = [_level(profiles, offsets, float(s)).mean(axis=0).var() for s in slopes]
    level = len(slopes) // 2
    best = int(np.argmax(contrast))
    return float(slopes[best]) if contrast[best] > 1.1 * contrast[level] else 0.0


def _pitch(profile: Curve, character: float) -> float | None:
    """The distance at which the profile is most like itself."""
    least, most = round(1.1 * character), min(round(8 * character), profile.size // 2)
    if most <= least + 2:
        return None
    around = np.asarray(cv2.blur(profile.reshape(-1, 1), (1, 2 * most + 1), borderType=cv2.BORDER_REFLECT)).ravel()
    wave = profile - around
    power = float(wave @ wave)
    if power == 0:
        return None
    alike = np.array([wave[:-k] @ wave[k:] / power * wave.size / (wave.size - k) for k in range(1, most + 1)])
    peaks = [k for k in range(max(least, 2), most) if alike[k - 1] >= max(alike[k - 2], alike[k])]
    strong = max((alike[k - 1] for k in peaks), default=0.0)
    if strong < _REPEATS:
        return None
    return float(next(k for k in peaks if alike[k - 1] > _SAME * strong))  # not one of its multiples


def _boundaries(profile: Curve, pitch: float) -> NDArray[np.int64]:
    """Boundaries from above the first writing to below the last, at least total cost."""
    written = np.flatnonzero(profile > 0.15)
    if written.size == 0:
        return np.zeros(0, np.int64)
    slack = round(0.5 * pitch)
    first, last = max(0, int(written[0]) - slack), min(profile.size, int(written[-1]) + slack + 1)
    heights = np.arange(max(2, round(_LOWEST * pitch)), max(3, round(_HIGHEST * pitch)) + 1)
    uneven = _UNEVEN * np.log(heights / pitch) ** 2
    # best in the middle of the white
    near = cv2.GaussianBlur(profile.reshape(-1, 1), (0, 0), max(0.5, 0.12 * pitch), borderType=cv2.BORDER_CONSTANT)
    through = _THROUGH_INK * np.append(profile + np.asarray(near).ravel(), 0.0) / 2
    cost = np.full(last + 1, np.inf)
    before = np.full(last + 1, -1)
    starts = slice(first, min(int(written[0]) + 1, last))
    cost[starts] = through[starts]
    for y in range(first + int(heights[0]), last + 1):
        back = y - heights
        ways = np.where(back >= first, cost[np.maximum(back, 0)] + uneven, np.inf)
        best = int(np.argmin(ways))
        if ways[best] + through[y] < cost[y]:
            cost[y], before[y] = ways[best] + through[y], back[best]
    ends = np.arange(int(written[-1]) + 1, last + 1)
    if ends.size == 0 or not np.isfinite(cost[ends]).any():
        return np.zeros(0, np.int64)
    y = int(ends[np.argmin(cost[ends])])
    edges = [y]
    while before[y] >= 0:
        y = int(before[y])
        edges.append(y)
    return np.array(edges[::-1], np.int64)
