"""The letters of grades, A to F, drawn stroke by stroke in the ways that they are written by hand.

Collected letters are few, and of some shapes there are none among them, as of a C that begins with a hook.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.records import Image
from pipeline.stages.glyph import normalise

_SIDE = 96
_HEIGHT = 52.0
#: Points on the curve between two that it goes through.
_STEPS = 8

Stroke = tuple[tuple[float, float], ...]

#: The strokes of each way to write a letter: points that the pen goes through, x to the right and y down, in a box of 1 by 1.
_LEGS: tuple[Stroke, ...] = ((0.04, 1.0), (0.27, 0.5), (0.5, 0.0)), ((0.5, 0.0), (0.72, 0.5), (0.95, 1.0))
_STEM: Stroke = ((0.1, 0.0), (0.1, 0.5), (0.1, 1.0))
_WAYS: dict[str, tuple[tuple[Stroke, ...], ...]] = {
    "A": (
        (*_LEGS, ((0.18, 0.64), (0.82, 0.62))),
        (*_LEGS, ((0.02, 0.6), (0.98, 0.55))),
        (*_LEGS, ((0.2, 0.6), (1.15, 0.56))),
        (
            ((0.0, 1.05), (0.3, 0.55), (0.42, 0.0)),
            ((0.42, 0.0), (0.75, 0.08), (0.8, 0.55), (0.78, 1.0)),
            ((0.15, 0.58), (1.1, 0.52)),
        ),
        (((0.05, 1.0), (0.3, 0.5), (0.5, 0.0), (0.68, 0.5), (0.8, 1.0)), ((0.1, 0.58), (0.6, 0.56), (1.1, 0.5))),
        (((0.05, 1.0), (0.16, 0.4), (0.45, 0.0), (0.76, 0.35), (0.88, 1.0)), ((0.14, 0.62), (0.84, 0.6))),
        (
            ((0.3, 0.08), (0.2, 0.5), (0.03, 1.0)),
            ((0.25, 0.06), (0.5, 0.0), (0.72, 0.5), (0.95, 1.0)),
            ((0.1, 0.62), (0.8, 0.6)),
        ),
    ),
    "B": (
        (
            _STEM,
            ((0.1, 0.02), (0.6, 0.02), (0.78, 0.23), (0.55, 0.45), (0.14, 0.5)),
            ((0.14, 0.5), (0.7, 0.53), (0.95, 0.76), (0.62, 0.99), (0.08, 1.0)),
        ),
        (
            _STEM,
            ((-0.08, 0.12), (0.35, -0.02), (0.8, 0.15), (0.66, 0.42), (0.3, 0.49)),
            ((0.3, 0.49), (0.8, 0.58), (0.9, 0.85), (0.5, 1.0), (-0.05, 0.95)),
        ),
    ),
    "C": (
        (((0.9, 0.18), (0.6, 0.0), (0.25, 0.1), (0.04, 0.5), (0.22, 0.9), (0.6, 1.0), (0.92, 0.82)),),
        (((0.82, 0.3), (0.9, 0.1), (0.62, 0.0), (0.22, 0.15), (0.04, 0.55), (0.2, 0.92), (0.58, 1.0), (0.95, 0.84)),),
        (
            (
                (0.56, 0.3),
                (0.76, 0.26),
                (0.82, 0.08),
                (0.52, 0.0),
                (0.18, 0.18),
                (0.04, 0.58),
                (0.22, 0.94),
                (0.58, 1.0),
                (0.95, 0.86),
            ),
        ),
        (((0.5, 0.26), (0.64, 0.14), (0.52, 0.0), (0.3, 0.1), (0.1, 0.4), (0.06, 0.7), (0.22, 0.96), (0.6, 1.0), (1.1, 0.92)),),
        (
            (
                (0.3, 0.14),
                (0.5, 0.22),
                (0.66, 0.06),
                (0.44, 0.02),
                (0.16, 0.3),
                (0.06, 0.66),
                (0.24, 0.96),
                (0.6, 1.0),
                (1.05, 0.9),
            ),
        ),
        (((0.7, 0.0), (0.3, 0.22), (0.08, 0.6), (0.24, 0.94), (0.6, 1.0), (1.1, 0.94)),),
        (((0.85, 0.05), (0.4, 0.1), (0.08, 0.5), (0.3, 0.92), (0.9, 0.95)),),
    ),
    "D": (
        (_STEM, ((0.1, 0.02), (0.5, 0.02), (0.9, 0.28), (0.92, 0.68), (0.5, 0.97), (0.08, 1.0))),
        (_STEM, ((-0.1, 0.1), (0.4, -0.02), (0.9, 0.25), (0.94, 0.65), (0.55, 0.95), (-0.08, 0.97))),
    ),
    "E": (
        (((0.88, 0.03), (0.1, 0.04)), _STEM, ((0.1, 0.97), (0.9, 0.97)), ((0.1, 0.5), (0.7, 0.48))),
        (
            ((0.85, 0.12), (0.5, 0.0), (0.2, 0.16), (0.3, 0.42), (0.62, 0.48)),
            ((0.62, 0.48), (0.2, 0.56), (0.05, 0.8), (0.35, 1.0), (0.9, 0.88)),
        ),
        (((0.9, 0.0), (0.35, 0.05), (0.12, 0.35), (0.1, 0.7), (0.3, 0.97), (0.9, 0.95)), ((0.1, 0.5), (0.72, 0.47))),
    ),
    "F": (
        (_STEM, ((0.08, 0.03), (0.95, 0.0)), ((0.1, 0.48), (0.72, 0.46))),
        (((0.2, 0.1), (0.16, 0.5), (0.1, 1.0)), ((0.0, 0.08), (0.4, 0.04), (0.98, -0.04)), ((0.0, 0.52), (0.75, 0.46))),
        (
            ((0.35, 0.05), (0.4, 0.5), (0.3, 0.95), (0.05, 0.95)),
            ((0.02, 0.1), (0.5, 0.02), (0.98, 0.04)),
            ((0.15, 0.5), (0.8, 0.48)),
        ),
    ),
}


def make_letters(rng: np.random.Generator, n: int = 2400) -> tuple[Image, NDArray[np.str_]]:
    """(n, 28, 28), white on black, and their labels: as many of each letter."""
    labels = np.array([list(_WAYS)[i % len(_WAYS)] for i in range(n)])
    return np.stack([_written(_WAYS[str(label)], rng) for label in labels]), labels


def _written(ways: Sequence[Sequence[Stroke]], rng: np.random.Generator) -> Image:
    """One of the ways to write it, by a hand and a pen of its own."""
    strokes = ways[int(rng.integers(len(ways)))]
    wide, slant, unsteady = float(rng.uniform(0.4, 0.95)), float(rng.normal(0.08, 0.14)), float(rng.uniform(0.015, 0.07))
    canvas, thick = np.zeros((_SIDE, _SIDE), np.uint8), int(rng.integers(4, 11))
    for stroke in strokes:
        points = np.array(stroke) + rng.normal(0, unsteady, (len(stroke), 2))
        points[[0, -1]] += min(float(rng.exponential(0.07)), 0.3) * np.array([points[0] - points[1], points[-1] - points[-2]])
        x, y = points[:, 0] - 0.5, points[:, 1] - 0.5
        placed = np.stack([wide * x - slant * y, y], axis=1) * _HEIGHT + _SIDE / 2
        cv2.polylines(canvas, [np.round(_curve(placed) * 8).astype(np.int32)], False, 255, thick, cv2.LINE_AA, 3)
    soft = cv2.GaussianBlur(canvas, (0, 0), float(rng.uniform(0.6, 1.4)))
    return normalise(soft.astype(np.uint8))


def _curve(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """A smooth line through all points (Catmull & Rom 1974)."""
    before, after = 2 * points[:1] - points[1:2], 2 * points[-1:] - points[-2:-1]
    p = np.concatenate([before, points, after])[:, None]
    t = np.linspace(0, 1, _STEPS, endpoint=False)[None, :, None]
    a, b, c, d = p[:-3], p[1:-2], p[2:-1], p[3:]
    pieces = 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
    return np.concatenate([pieces.reshape(-1, 2), points[-1:]])
