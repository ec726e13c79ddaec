"""What is no single character, so that the network learns to say so: pairs, parts, struck-out digits, specks, rulings."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.records import Image
from pipeline.stages.glyph import SIZE, normalise

#: The kind that has a label of its own: what was struck out was once meant, and something else is meant now.
STRUCK_OUT = "struck out"

#: Whether images (n, 28, 28) look like digits.
Test = Callable[[Image], NDArray[np.bool_]]


def make_negatives(
    digits: Image,
    rng: np.random.Generator,
    n: int = 40_000,
    is_digit: Test | None = None,
    kinds: Sequence[Kind] | None = None,
) -> tuple[Image, NDArray[np.str_]]:
    """At most n images (28, 28), white on black, from digits (m, 28, 28) other than 1; and of each, the name of its kind.

    What `is_digit` takes for a digit is made anew; the few that are taken for one again and again are left out.
    """
    turns = [(name, make) for name, make, times in kinds or KINDS for _ in range(times)]
    chosen = [turns[i % len(turns)] for i in range(n)]
    images = np.stack([normalise(make(digits, rng)) for _, make in chosen])
    bad = is_digit(images) if is_digit else np.zeros(n, bool)
    for _ in range(_TRIES):
        again = np.flatnonzero(bad)
        if is_digit is None or not again.size:
            break
        images[again] = np.stack([normalise(chosen[i][1](digits, rng)) for i in again])
        bad[again] = is_digit(images[again])
    return images[~bad], np.array([name for name, _ in chosen])[~bad]


#: A 1 is drawn so many times larger, so that its pen may be of any width.
_FINE = 4
#: Times that a non-character which looks like a digit is made anew.
_TRIES = 6


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


def _digit_and_one(digits: Image, rng: np.random.Generator) -> Image:
    """A digit with a 1 close to it or run into it, or two of these: nothing makes readers lose a digit as easily."""
    one, other = _one(rng), _one(rng) if rng.random() < 0.15 else _any(digits, rng)
    left, right = (one, other) if rng.random() < 0.5 else (other, one)
    return _beside(left, right, int(rng.integers(-4, 3)), int(rng.integers(-3, 4)))


def _one(rng: np.random.Generator) -> Image:
    """A stroke about as high as a digit, now and then with a flag."""
    high, slant, pen = float(rng.uniform(15, 22)), float(rng.normal(0.12, 0.18)), float(rng.uniform(1.5, 4.0))
    canvas = np.zeros((32 * _FINE, 48 * _FINE), np.uint8)
    top = np.array([24 + slant * high / 2, 16 - high / 2])
    bottom = np.array([24 - slant * high / 2, 16 + high / 2])
    middle = (top + bottom) / 2 + (float(rng.normal(0, 0.03)) * high, 0)
    points = [top, middle, bottom]
    if rng.random() < 0.25:
        points.insert(0, top + high * np.array([-rng.uniform(0.1, 0.3), rng.uniform(0.1, 0.3)]))
    cv2.polylines(
        canvas, [np.round(np.array(points) * _FINE).astype(np.int32)], False, 255, max(1, round(pen * _FINE)), cv2.LINE_AA
    )
    small = cv2.resize(canvas, (48, 32), interpolation=cv2.INTER_AREA)
    x, y, width, height = cv2.boundingRect(cv2.threshold(small, 32, 255, cv2.THRESH_BINARY)[1])
    return small[y : y + height, x : x + width].astype(np.uint8)


def _digit_and_part(digits: Image, rng: np.random.Generator) -> Image:
    """A cut that took a third to two thirds of the neighbour along."""
    part = _part(digits, rng)
    whole, gap = _any(digits, rng), int(rng.integers(-1, 3))
    return _beside(whole, part, gap, 0) if rng.random() < 0.5 else _beside(part, whole, gap, 0)


def _part(digits: Image, rng: np.random.Generator) -> Image:
    """Some of a digit; never so slim that it could be a 1, nor so low that it could be a dash or a speck."""
    while True:
        digit = _any(digits, rng)
        kept = round(digit.shape[1] * rng.uniform(0.35, 0.55))
        part: Image = digit[:, :kept] if rng.random() < 0.5 else digit[:, -kept:]
        rows = np.flatnonzero(part.max(axis=1, initial=0) > 32)
        if kept and rows.size > 0.55 * len(digit) and part.shape[1] > 0.4 * part.shape[0]:
            return part


def _struck_out(digits: Image, rng: np.random.Generator) -> Image:
    """One to three lines through a digit, two that cross, or a scribble over it."""
    canvas = np.pad(_any(digits, rng), 6)
    height, width = canvas.shape
    way = rng.random()
    if way < 0.2:
        (left, top), (right, bottom) = rng.integers(0, 7, 2).tolist(), rng.integers(1, 8, 2).tolist()
        cv2.line(canvas, (left, top), (width - right, height - bottom), 255, 2, cv2.LINE_AA)
        cv2.line(canvas, (left, height - bottom), (width - right, top), 255, 2, cv2.LINE_AA)
    elif way < 0.6:
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


def _blank(digits: Image, rng: np.random.Generator) -> Image:
    """Paper: nothing at all, or grain too faint to be ink, that the contrast has raised."""
    canvas = np.zeros((SIZE, SIZE), np.uint8)
    if rng.random() < 0.8:
        grain = cv2.GaussianBlur(rng.normal(0, 1, canvas.shape), (0, 0), float(rng.uniform(0.5, 2.5)))
        canvas = np.clip(grain / grain.std() * rng.uniform(15, 45), 0, 255).astype(np.uint8)
    return canvas


#: A kind's name, how it is made, and how often.
Kind = tuple[str, Callable[[Image, np.random.Generator], Image], int]

#: Wrong cuts of touching digits are what readers meet most.
KINDS: tuple[Kind, ...] = (
    ("two digits", _pair, 3),
    ("a digit and a part", _digit_and_part, 2),
    ("half a digit", _part, 2),
    (STRUCK_OUT, _struck_out, 1),
    ("piece of ruling", _ruling_corner, 1),
    ("specks", _specks, 1),
    ("blank", _blank, 1),
)

#: With 1s, of which the kinds above have none: many of their parts would be 1s.
KINDS_WITH_ONES: tuple[Kind, ...] = (("a digit and a 1", _digit_and_one, 1),)
