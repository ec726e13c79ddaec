"""Strokes of a pen: points that it goes through, and the smooth line between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

#: Points that the pen goes through, x to the right and y down. A point given twice is a corner.
Stroke = tuple[tuple[float, float], ...]
#: A way to write a character: its strokes in the order in which they are drawn.
Way = tuple[Stroke, ...]

#: Points on the curve between two that it goes through.
_STEPS = 8


def ways(written: Mapping[str, Sequence[str]]) -> dict[str, tuple[Way, ...]]:
    """Ways to write characters, from "x,y x,y …; x,y …": hundredths of a box of 1 by 1, strokes parted by semicolons."""
    return {character: tuple(_way(text) for text in texts) for character, texts in written.items()}


def curve(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """A smooth line through all points (n, 2): (8 (n - 1) + 1, 2) of it (Catmull & Rom 1974)."""
    before, after = 2 * points[:1] - points[1:2], 2 * points[-1:] - points[-2:-1]
    p = np.concatenate([before, points, after])[:, None]
    t = np.linspace(0, 1, _STEPS, endpoint=False)[None, :, None]
    a, b, c, d = p[:-3], p[1:-2], p[2:-1], p[3:]
    pieces = 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
    return np.concatenate([pieces.reshape(-1, 2), points[-1:]])


def _way(text: str) -> Way:
    return tuple(tuple(_point(point) for point in stroke.split()) for stroke in text.split(";"))


def _point(text: str) -> tuple[float, float]:
    x, y = text.split(",")
    return int(x) / 100, int(y) / 100
