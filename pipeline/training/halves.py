"""The fraction ½ as people write it: a small 1 and a small 2 with a bar between them, one above the other or aslant."""

from __future__ import annotations

import cv2
import numpy as np

from pipeline.records import Image
from pipeline.stages.glyph import normalise

_SIDE = 96
#: Height of the small digits, of which each is somewhat higher or lower.
_TALL = 26
_PLUS = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))


def make_halves(ones: Image, twos: Image, rng: np.random.Generator, n: int = 1000) -> Image:
    """(n, 28, 28), white on black, written with these digits, each (m, 28, 28)."""
    return np.stack([normalise(_half(_one_of(ones, rng), _one_of(twos, rng), rng)) for _ in range(n)])


def _one_of(digits: Image, rng: np.random.Generator) -> Image:
    """A digit without its margin, as small as half a line; the pen is as thick as that of larger digits, mostly."""
    chosen = digits[rng.integers(len(digits))]
    x, y, width, height = cv2.boundingRect(chosen)
    scale = _TALL * float(np.exp(rng.normal(0, 0.12))) / max(height, 1)
    size = (max(2, round(width * scale)), max(2, round(height * scale)))
    digit = cv2.resize(chosen[y : y + height, x : x + width], size, interpolation=cv2.INTER_LINEAR)
    if rng.random() < 0.6:
        digit = cv2.dilate(digit, _PLUS)
    return np.asarray(digit, np.uint8)


def _half(one: Image, two: Image, rng: np.random.Generator) -> Image:
    canvas = np.zeros((_SIDE, _SIDE), np.uint8)
    middle = _SIDE / 2
    thick = int(rng.integers(2, 6))
    if rng.random() < 0.45:  # one above the other
        length, rise = float(rng.uniform(20, 34)), float(rng.normal(0, 4))
        ends = (middle - length / 2, middle + rise / 2), (middle + length / 2, middle - rise / 2)
        gap = float(rng.uniform(2, 7))
        lean = float(rng.uniform(-2, 6))
        _paste(canvas, one, middle + lean, middle - gap - one.shape[0] / 2)
        _paste(canvas, two, middle - lean, middle + gap + two.shape[0] / 2)
    else:  # aslant
        angle, length = np.radians(float(rng.uniform(38, 72))), float(rng.uniform(34, 58))
        along = np.array([np.cos(angle), -np.sin(angle)]) * length / 2
        ends = (middle - along[0], middle - along[1]), (middle + along[0], middle + along[1])
        away, drop = float(rng.uniform(8, 14)), float(rng.uniform(6, 13))
        _paste(canvas, one, middle - away, middle - drop)
        _paste(canvas, two, middle + away, middle + drop)
    points = np.round(np.array(ends) * 8).astype(np.int32)
    cv2.polylines(canvas, [points], False, 255, thick, cv2.LINE_AA, 3)
    return np.asarray(cv2.GaussianBlur(canvas, (0, 0), float(rng.uniform(0.6, 1.4))), np.uint8)


def _paste(canvas: Image, digit: Image, x: float, y: float) -> None:
    """Writes a digit around a point."""
    height, width = digit.shape
    left, top = max(0, round(x - width / 2)), max(0, round(y - height / 2))
    place = canvas[top : top + height, left : left + width]
    np.maximum(place, digit[: place.shape[0], : place.shape[1]], out=place)
