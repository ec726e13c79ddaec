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
from pipeline.training.letterways import WAYS
from pipeline.training.strokes import Way, curve

_SIDE = 96
_HEIGHT = 52.0


def make_letters(rng: np.random.Generator, n: int = 7200) -> tuple[Image, NDArray[np.str_]]:
    """(n, 28, 28), white on black, and their labels: as many of each letter."""
    labels = np.array([list(WAYS)[i % len(WAYS)] for i in range(n)])
    return np.stack([_written(WAYS[str(label)], rng) for label in labels]), labels


def _written(known: Sequence[Way], rng: np.random.Generator) -> Image:
    """One of the ways to write it, by a hand and a pen of its own."""
    strokes = known[int(rng.integers(len(known)))]
    wide, slant, unsteady = float(rng.uniform(0.4, 0.95)), float(rng.normal(0.08, 0.14)), float(rng.uniform(0.015, 0.07))
    canvas, thick = np.zeros((_SIDE, _SIDE), np.uint8), int(rng.integers(4, 11))
    for stroke in strokes:
        points = np.array(stroke) + rng.normal(0, unsteady, (len(stroke), 2))
        points[[0, -1]] += min(float(rng.exponential(0.07)), 0.3) * np.array([points[0] - points[1], points[-1] - points[-2]])
        x, y = points[:, 0] - 0.5, points[:, 1] - 0.5
        placed = np.stack([wide * x - slant * y, y], axis=1) * _HEIGHT + _SIDE / 2
        cv2.polylines(canvas, [np.round(curve(placed) * 8).astype(np.int32)], False, 255, thick, cv2.LINE_AA, 3)
    soft = cv2.GaussianBlur(canvas, (0, 0), float(rng.uniform(0.6, 1.4)))
    return normalise(soft.astype(np.uint8))
