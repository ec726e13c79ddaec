"""Numbers as a person would write them with a pen, put together from pictures of single digits."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.records import Image

#: Glyphs are drawn this many times larger, black and white, and scaled down at the end: smooth edges, as from a pen.
_FINE = 3


@dataclass(frozen=True, slots=True)
class Hand:
    """What stays the same while one person writes with one pen. Lengths are in digit heights."""

    slant: float  # shift to the right over one height
    stroke: float  # width of the pen's line
    gap: float  # between two digits, ink to ink
    wobble: float  # how much all this varies from digit to digit
    touching: float = 0.0  # share of neighbours that run into each other


def random_hand(rng: np.random.Generator, touching: float = 0.0) -> Hand:
    """An adult's ordinary hand and pen."""
    return Hand(
        slant=float(rng.normal(0.08, 0.12)),
        stroke=float(rng.uniform(0.08, 0.13)),
        gap=float(rng.uniform(0.14, 0.26)),
        wobble=float(rng.uniform(0.6, 1.2)),
        touching=touching,
    )


class Handwriting:
    """Pictures of digits to write with: `images` (n, 28, 28) uint8, white on black, and their `labels` (n,), 0 to 9."""

    def __init__(self, images: Image, labels: NDArray[np.integer]) -> None:
        self.digits: tuple[Image, ...] = tuple(images[labels == digit] for digit in range(10))
        if not all(len(examples) for examples in self.digits):
            raise ValueError("a digit has no examples")

    def number(self, text: str, height: float, hand: Hand, rng: np.random.Generator) -> Image:
        """Write `text` (digits, ".", "-") with digits about `height` pixels high: ink (h, w), 255 where the pen was.

        The image is cut to the ink.
        """
        tall = height * _FINE
        placed: list[tuple[int, int, Image]] = []
        x = 0
        for position, character in enumerate(text):
            glyph = self._glyph(character, tall, hand, rng)
            top = _above_baseline(character, glyph, tall, rng) + round(float(rng.normal(0, 0.025 * hand.wobble) * tall))
            if position:
                gap = max(hand.gap + 0.05 * hand.wobble * float(rng.normal()), 0.08)
                if rng.random() < hand.touching and character.isdigit() and text[position - 1].isdigit():
                    gap = -0.02
                x = _place(placed, glyph, top, round(gap * tall))
            placed.append((x, top, glyph))
        return _scaled_down(_joined(placed))

    def _glyph(self, character: str, tall: float, hand: Hand, rng: np.random.Generator) -> Image:
        """One character, black and white, cut to its ink, `tall` pixels high if it is a digit."""
        stroke = hand.stroke * tall
        if character == ".":
            return _dot(stroke * float(rng.uniform(1.3, 1.8)), rng)
        if character == "-":
            return _dash(tall * float(rng.uniform(0.4, 0.6)), stroke, rng)
        examples = self.digits[int(character)]
        return _drawn(examples[rng.integers(len(examples))], tall, hand, rng)


def _drawn(digit: Image, tall: float, hand: Hand, rng: np.random.Generator) -> Image:
    """A 28×28 digit in this hand: its own slant and stroke width taken out, the hand's put in."""
    x, y, width, height = cv2.boundingRect((digit > 60).astype(np.uint8))
    scale = tall * float(rng.normal(1, 0.05 * hand.wobble)) / max(height, 0.7 * width)
    slant = hand.slant + 0.04 * hand.wobble * float(rng.normal()) - _slant(digit)
    size = round(40 * scale), round(32 * scale)
    centre = x + width / 2, y + height / 2
    # output = scale · (shear · (input − centre)) + middle of the canvas; up is right for a positive slant
    matrix = np.array([[scale, -slant * scale, 0.0], [0.0, scale, 0.0]])
    matrix[:, 2] = np.array(size) / 2 - matrix[:, :2] @ centre
    large = cv2.warpAffine(digit, matrix, size, flags=cv2.INTER_CUBIC)
    # cubic steps of the 28×28 pixels are smoothed away before the edge is taken
    soft = cv2.GaussianBlur(large, (0, 0), 0.45 * scale)
    return _cut(_stroked(_without_specks(np.asarray(soft > 95, np.uint8)), hand.stroke * tall))


def _without_specks(mask: Image) -> Image:
    """Drop the crumbs that some pictures have beside the digit: larger, they would look like dots."""
    count, parts, stats, _ = cv2.connectedComponentsWithStats(mask)
    areas = stats[:, cv2.CC_STAT_AREA]
    kept = np.flatnonzero(areas >= 0.06 * areas[1:].sum()) if count > 2 else np.arange(count)
    return (np.isin(parts, kept[kept > 0])).astype(np.uint8)


def _slant(digit: Image) -> float:
    """How far the digit leans to the right over its height, by its moments; half of it, since some leaning is shape."""
    moments = cv2.moments(digit)
    return float(np.clip(-0.7 * moments["mu11"] / max(moments["mu02"], 1e-6), -0.5, 0.5))


def _stroked(mask: Image, width: float) -> Image:
    """Make the strokes of a black and white drawing `width` pixels wide, whatever they were."""
    inside = cv2.distanceTransform(mask, cv2.DIST_L2, 5)
    outside = cv2.distanceTransform(1 - mask, cv2.DIST_L2, 5)
    # within a stroke of width w the mean distance to its edge is w/4; the transform measures to the next pixel's middle
    present = 4 * (float(inside[mask > 0].mean()) - 0.5) if mask.any() else width
    grow = np.clip((width - present) / 2, -0.3 * present, 0.5 * present)
    # where thinning would break a hair-line, its middle stays
    middle = (inside >= cv2.dilate(inside, np.ones((3, 3), np.uint8))) & (inside > 0)
    core = cv2.dilate(middle.astype(np.uint8) * mask, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (_FINE + 2, _FINE + 2)))
    return np.where((inside - outside + grow > 0) | (core > 0), 255, 0).astype(np.uint8)


def _dot(size: float, rng: np.random.Generator) -> Image:
    side = round(2 * size) + 4
    canvas = np.zeros((side, side), np.uint8)
    axes = round(size / 2), max(round(size / 2 * float(rng.uniform(0.75, 1.1))), 1)
    cv2.ellipse(canvas, (side // 2, side // 2), axes, float(rng.uniform(0, 180)), 0, 360, 255, -1)
    return _cut(canvas)


def _dash(length: float, stroke: float, rng: np.random.Generator) -> Image:
    margin, rise = round(stroke) + 2, round(float(rng.normal(0, 0.06)) * length)
    canvas = np.zeros((2 * margin + abs(rise), 2 * margin + round(length)), np.uint8)
    left, right = (margin, margin + max(rise, 0)), (margin + round(length), margin + max(-rise, 0))
    cv2.line(canvas, left, right, 255, max(round(stroke), 1))
    return _cut(canvas)


def _cut(canvas: Image) -> Image:
    x, y, width, height = cv2.boundingRect(canvas)
    return canvas[y : y + height, x : x + width]


def _above_baseline(character: str, glyph: Image, tall: float, rng: np.random.Generator) -> int:
    """Where the top of the glyph is, in fine pixels below the top of a digit."""
    if character == "-":
        return int(tall * float(rng.uniform(0.42, 0.58)) - glyph.shape[0] / 2)
    lift = tall * float(rng.uniform(-0.02, 0.08)) if character == "." else 0.0
    return int(tall - glyph.shape[0] - lift)


def _place(placed: list[tuple[int, int, Image]], glyph: Image, top: int, gap: int) -> int:
    """Left edge for the glyph so that its ink is `gap` away from the ink before it, row by row, but does not slip under it.

    A dot or a dash stays clear of its neighbours altogether.
    """
    x, y, last = placed[-1]
    both_digits = min(last.shape[0], glyph.shape[0]) > 0.5 * max(last.shape[0], glyph.shape[0])
    nearest: int = x + (round(0.8 * last.shape[1]) if both_digits else last.shape[1] + gap // 2)
    # a little taller than it is, so that ink one row further up or down keeps its distance, too
    before = cv2.dilate(last, np.ones((2 * abs(gap) + 1, 1), np.uint8)) if gap > 0 else last
    rows = np.arange(max(y, top), min(y + last.shape[0], top + glyph.shape[0]))
    rows = rows[before[rows - y].any(axis=1) & glyph[rows - top].any(axis=1)]
    if len(rows):
        right = last.shape[1] - np.argmax(before[rows - y, ::-1] > 0, axis=1)
        left = np.argmax(glyph[rows - top] > 0, axis=1)
        nearest = max(nearest, x + int((right - left).max()) + gap)
    return nearest


def _joined(placed: list[tuple[int, int, Image]]) -> Image:
    right = max(x + glyph.shape[1] for x, _, glyph in placed)
    highest = min(top for _, top, _ in placed)
    lowest = max(top + glyph.shape[0] for _, top, glyph in placed)
    canvas = np.zeros((lowest - highest, right), np.uint8)
    for x, top, glyph in placed:
        part = canvas[top - highest : top - highest + glyph.shape[0], x : x + glyph.shape[1]]
        np.maximum(part, glyph, out=part)
    return canvas


def _scaled_down(canvas: Image) -> Image:
    size = max(-(-canvas.shape[1] // _FINE), 1), max(-(-canvas.shape[0] // _FINE), 1)
    return np.asarray(cv2.resize(canvas, size, interpolation=cv2.INTER_AREA), np.uint8)
