"""What is no single character, so that the network learns to say so: pairs, parts, struck-out digits, specks, rulings."""

from __future__ import annotations

import cv2
import numpy as np

from pipeline.records import Image
from pipeline.stages.glyph import normalise


def make_negatives(digits: Image, rng: np.random.Generator, n: int = 14_000) -> Image:
    """(n, 28, 28), white on black, from digits (m, 28, 28) other than 1."""
    makers = (_pair, _pair, _pair, _digit_and_part, _digit_and_part, _part, _struck_out, _ruling_corner, _specks)
    images: list[Image] = []
    while len(images) < n:
        image = makers[len(images) % len(makers)](digits, rng)
        images.append(normalise(image))
    return np.stack(images)


def _any(digits: Image, rng: np.random.Generator) -> Image:
    """A digit without its margin."""
    digit = digits[rng.integers(len(digits))]
    rows, columns = np.flatnonzero(digit.max(axis=1)), np.flatnonzero(digit.max(axis=0))
    trimmed: Image = digit[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return trimmed


def _beside(left: Image, right: Image, gap: int, drop: int) -> Image:
    canvas = np.zeros((40, left.shape[1] + right.shape[1] + max(gap, 0) + 2), np.uint8)
    canvas[4 : 4 + left.shape[0], : left.shape[1]] = left
    x, y = max(0, left.shape[1] + gap), 4 + drop
    place = canvas[y : y + right.shape[0], x : x + right.shape[1]]
    np.maximum(place, right[: place.shape[0], : place.shape[1]], out=place)
    return canvas


def _pair(digits: Image, rng: np.random.Generator) -> Image:
    return _beside(_any(digits, rng), _any(digits, rng), int(rng.integers(-3, 4)), int(rng.integers(-3, 4)))


def _digit_and_part(digits: Image, rng: np.random.Generator) -> Image:
    """A cut that took a third to two thirds of the neighbour along."""
    part = _part(digits, rng)
    whole, gap = _any(digits, rng), int(rng.integers(-1, 3))
    return _beside(whole, part, gap, 0) if rng.random() < 0.5 else _beside(part, whole, gap, 0)


def _part(digits: Image, rng: np.random.Generator) -> Image:
    """Some of a digit; never so little that it could be a 1."""
    while True:
        digit = _any(digits, rng)
        cut = round(digit.shape[1] * rng.uniform(0.35, 0.65))
        part: Image = digit[:, :cut] if rng.random() < 0.5 else digit[:, cut:]
        if part.any() and part.shape[1] > 0.4 * part.shape[0]:
            return part


def _struck_out(digits: Image, rng: np.random.Generator) -> Image:
    """One to three lines through a digit, or a scribble over it."""
    canvas = np.pad(_any(digits, rng), 6)
    height, width = canvas.shape
    if rng.random() < 0.5:
        tilt = rng.uniform(-8, 8)
        for _ in range(int(rng.integers(1, 4))):
            y = height / 2 + rng.uniform(-6, 6)
            cv2.line(canvas, (0, int(y + tilt)), (width - 1, int(y - tilt)), 255, 2, cv2.LINE_AA)
    else:
        points = rng.uniform((2, 2), (width - 3, height - 3), (int(rng.integers(5, 10)), 2)).astype(np.int32)
        cv2.polylines(canvas, [points], False, 255, 2, cv2.LINE_AA)
    return canvas


def _ruling_corner(digits: Image, rng: np.random.Generator) -> Image:
    """What is left of a ruling where two meet: an L or a T, now and then with a digit on it."""
    canvas = np.zeros((40, 40), np.uint8)
    thick, x, y = int(rng.integers(1, 4)), int(rng.integers(2, 37)), int(rng.choice((3, 36)))
    cv2.line(canvas, (x, 0), (x, 39), 255, thick)
    cv2.line(canvas, (0, y), (39, y), 255, thick)
    if rng.random() < 0.3:
        digit = _any(digits, rng)
        place = canvas[8 : 8 + digit.shape[0], 8 : 8 + digit.shape[1]]
        np.maximum(place, digit, out=place)
    return canvas


def _specks(digits: Image, rng: np.random.Generator) -> Image:
    """Dust: a few separate spots, which no character is."""
    canvas = np.zeros((40, 40), np.uint8)
    for _ in range(int(rng.integers(2, 8))):
        x, y = rng.integers(2, 38, 2)
        cv2.circle(canvas, (int(x), int(y)), int(rng.integers(1, 4)), 255, -1)
    return canvas
