"""The marks between and around digits, drawn with the pen that writes the digits."""

from __future__ import annotations

import cv2
import numpy as np

from pipeline.records import Image
from pipeline.training.stringtexts import LEADER

#: Of the coordinates that OpenCV draws at: eighths of a pixel.
_SHIFT = 3


def drawn_mark(mark: str, tall: int, stroke: float, dot: float, raised: bool, rng: np.random.Generator) -> tuple[Image, int]:
    """A picture of . , - / + = # * or a leader, white on black, cut to its ink; and its top, in pixels below that of a digit.

    `tall` is the height of a digit, `stroke` the width of the pen, both in pixels; `dot` is the size of a point in strokes, and
    `raised` says that it stands at half height.
    """
    if mark == ".":
        return _dot(tall, stroke * dot, raised, rng)
    if mark == ",":
        return _comma(tall, stroke, raised, rng)
    if mark == "-":
        length, middle = float(rng.uniform(0.35, 1.1)) * tall, float(rng.uniform(0.4, 0.65)) * tall
        rise, bend = float(rng.normal(0, 0.08)) * length, float(rng.normal(0, 0.02)) * tall
        return _stroked([[(0, middle + rise), (length / 2, middle + bend), (length, middle - rise)]], stroke)
    if mark == LEADER:
        length, middle = float(rng.uniform(1.3, 3.5)) * tall, float(rng.uniform(0.3, 0.8)) * tall  # longer than a minus
        rise = float(rng.normal(0, 0.05)) * length
        return _stroked([[(0, middle + rise), (length, middle - rise)]], 0.8 * stroke)
    if mark == "/":
        length, lean = float(rng.uniform(1.0, 1.4)) * tall, float(rng.uniform(0.4, 0.8))
        return _stroked([[(0, tall), (lean * length, tall - length)]], stroke)
    if mark == "=":
        length, apart = float(rng.uniform(0.4, 0.7)) * tall, float(rng.uniform(0.26, 0.42)) * tall
        above, rise = float(rng.uniform(0.3, 0.5)) * tall, float(rng.normal(0, 0.05)) * length
        return _stroked([[(0, y + rise), (length, y - rise)] for y in (above, above + apart)], stroke)
    if mark == "+":
        length, middle = float(rng.uniform(0.3, 0.6)) * tall, float(rng.uniform(0.3, 0.65)) * tall
        half, lean = length / 2, float(rng.normal(0, 0.08)) * length
        high = half * float(rng.uniform(0.8, 1.3))
        return _stroked(
            [[(0, middle + lean), (length, middle - lean)], [(half + lean, middle - high), (half, middle + high)]], stroke
        )
    side = float(rng.uniform(0.5, 0.8)) * tall
    if mark == "#":
        lean = 0.2 * side
        rails = [[(lean + x * side, 0.0), (x * side, side)] for x in (0.3, 0.65)]
        return _stroked(rails + [[(0.0, y * side), (1.1 * side, y * side)] for y in (0.35, 0.65)], stroke, 0.2 * tall)
    if mark == "*":
        turns = np.radians(np.array((0, 60, 120)) + float(rng.uniform(0, 60)))
        ends = 0.35 * side * np.stack([np.cos(turns), np.sin(turns)], axis=1)
        return _stroked([[(-x, -y), (x, y)] for x, y in ends.tolist()], stroke, 0.5 * tall)
    raise ValueError(f"no such mark: {mark}")


def _dot(tall: int, size: float, raised: bool, rng: np.random.Generator) -> tuple[Image, int]:
    """Round or longish; on the line or a little off it, or at half height."""
    wide, high = size * float(rng.uniform(0.85, 1.35)), size * float(rng.uniform(0.8, 1.1))
    side = int(max(wide, high)) + 4
    image = np.zeros((side, side), np.uint8)
    unit = 1 << _SHIFT
    centre = side * unit // 2 + int(rng.integers(unit))
    axes = max(round(wide * unit / 2), 4), max(round(high * unit / 2), 4)
    cv2.ellipse(image, (centre, centre), axes, float(rng.uniform(-40, 40)), 0, 360, 255, -1, cv2.LINE_AA, _SHIFT)
    image = _cut(image)
    bottom = tall * (float(rng.uniform(0.5, 0.7)) if raised else 1 - float(rng.normal(0, 0.06)))
    return image, round(bottom) - image.shape[0]


def _comma(tall: int, stroke: float, raised: bool, rng: np.random.Generator) -> tuple[Image, int]:
    """A short stroke down to the left, from the line on or from a little above it."""
    length, top = float(rng.uniform(0.12, 0.3)) * tall, tall * (0.5 if raised else float(rng.uniform(0.82, 1.0)))
    lean = float(rng.uniform(0.1, 0.6)) * length
    return _stroked([[(lean, top), (lean * float(rng.uniform(0.5, 1)), top + length / 2), (0, top + length)]], stroke)


def _stroked(lines: list[list[tuple[float, float]]], stroke: float, lower: float = 0.0) -> tuple[Image, int]:
    """Lines through points (x, y), y from the top of a digit on, plus `lower`."""
    points = [np.array(line) for line in lines]
    low = np.min([p.min(axis=0) for p in points], axis=0)
    high = np.max([p.max(axis=0) for p in points], axis=0)
    thick = max(1, round(stroke))
    margin = thick + 2
    origin = np.floor(low) - margin
    width, height = (np.ceil(high) - origin + margin + 1).astype(int).tolist()
    image = np.zeros((height, width), np.uint8)
    for p in points:
        cv2.polylines(image, [np.round((p - origin) * (1 << _SHIFT)).astype(np.int32)], False, 255, thick, cv2.LINE_AA, _SHIFT)
    rows = cv2.boundingRect(image)
    return _cut(image), round(float(origin[1]) + rows[1] + lower)


def _cut(image: Image) -> Image:
    x, y, width, height = cv2.boundingRect(image)
    return image[y : y + height, x : x + width]
