"""Marks that are drawn rather than collected: points, dashes, slashes, plus signs and ticks, by many pens."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.records import Image
from pipeline.stages.glyph import normalise

_SIDE = 64
_MIDDLE = _SIDE / 2


def make_marks(rng: np.random.Generator, n: int = 5000) -> tuple[Image, NDArray[np.str_]]:
    """(n, 28, 28), white on black, and their labels: as many of each mark."""
    makers = {".": _point, "-": _dash, "/": _slash, "+": _plus, "✓": _tick}
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


def _tick(canvas: Image, rng: np.random.Generator) -> None:
    """A short stroke down and a long one up, with a corner or a bow between them; the short one may be hardly there."""
    x, y = _MIDDLE + float(rng.normal(-6, 3)), _MIDDLE + float(rng.uniform(10, 20))
    short, long = float(rng.uniform(11, 23)), float(rng.uniform(36, 56))
    down, up = np.radians(float(rng.uniform(20, 75))), np.radians(float(rng.uniform(35, 72)))
    bend = float(rng.normal(0, 3))
    end = (x + long * np.cos(up), y - long * np.sin(up))
    middle = ((x + end[0]) / 2 + bend * np.sin(up), (y + end[1]) / 2 + bend * np.cos(up))
    points = np.array([(x - short * np.cos(down), y - short * np.sin(down)), (x, y), middle, end])
    cv2.polylines(canvas, [np.round(points * 8).astype(np.int32)], False, 255, int(rng.integers(3, 6)), cv2.LINE_AA, 3)
