"""Marks that are drawn rather than collected: points, dashes, slashes and plus signs, by many pens."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.records import Image
from pipeline.stages.glyph import normalise

_SIDE = 64
_MIDDLE = _SIDE / 2


def make_marks(rng: np.random.Generator, n: int = 4000) -> tuple[Image, NDArray[np.str_]]:
    """(n, 28, 28), white on black, and their labels: as many of each mark."""
    makers = {".": _point, "-": _dash, "/": _slash, "+": _plus}
    labels = np.array([list(makers)[i % len(makers)] for i in range(n)])
    images = []
    for label in labels:
        canvas = np.zeros((_SIDE, _SIDE), np.uint8)
        makers[str(label)](canvas, rng)
        soft = cv2.GaussianBlur(canvas, (0, 0), float(rng.uniform(0.6, 1.4)))
        images.append(normalise(soft.astype(np.uint8)))
    return np.stack(images), labels


def _stroke(canvas: Image, rng: np.random.Generator, angle: float, length: float, thick: int) -> None:
    """A slightly bent stroke through the middle, at `angle` degrees from the horizontal."""
    x, y = np.cos(np.radians(angle)) * length / 2, -np.sin(np.radians(angle)) * length / 2
    bend = rng.normal(0, 0.05 * length)
    middle = (_MIDDLE + bend * -y / length * 2, _MIDDLE + bend * x / length * 2)
    points = np.array([(_MIDDLE - x, _MIDDLE - y), middle, (_MIDDLE + x, _MIDDLE + y)])
    cv2.polylines(canvas, [np.round(points).astype(np.int32)], False, 255, thick, cv2.LINE_AA)


def _point(canvas: Image, rng: np.random.Generator) -> None:
    axes = (int(rng.integers(3, 8)), int(rng.integers(3, 6)))
    cv2.ellipse(canvas, (_SIDE // 2, _SIDE // 2), axes, float(rng.uniform(0, 180)), 0, 360, 255, -1)


def _dash(canvas: Image, rng: np.random.Generator) -> None:
    _stroke(canvas, rng, float(rng.normal(0, 7)), float(rng.uniform(20, 52)), int(rng.integers(3, 7)))


def _slash(canvas: Image, rng: np.random.Generator) -> None:
    """Leans further than ones do, as far as anyone can tell them apart by themselves."""
    _stroke(canvas, rng, float(rng.uniform(38, 62)), float(rng.uniform(40, 56)), int(rng.integers(3, 6)))


def _plus(canvas: Image, rng: np.random.Generator) -> None:
    thick, tilt = int(rng.integers(3, 7)), float(rng.normal(0, 6))
    _stroke(canvas, rng, tilt, float(rng.uniform(26, 44)), thick)
    _stroke(canvas, rng, 90 + tilt + float(rng.normal(0, 6)), float(rng.uniform(26, 44)), thick)
