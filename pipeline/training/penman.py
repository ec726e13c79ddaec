"""Writes a text stroke by stroke, as a pen does: one person's shapes, and strokes that run on into the next character.

Collected digits are single ones, by people of two or three countries: nobody there writes a 5 like a J, or zeros in one go.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.records import Image
from pipeline.stages.glyph import normalise
from pipeline.training import digitways, letterways
from pipeline.training.hands import TALL, Hand, random_hand
from pipeline.training.stringmarks import drawn_mark
from pipeline.training.stringtexts import LEADER
from pipeline.training.strokes import Way, curve

#: Of the coordinates that OpenCV draws at: eighths of a pixel.
_SHIFT = 3
#: A stroke runs on into the next digit if that begins no further up or down than this, in digit heights.
_RUNS_ON = 0.4

#: A 1 by itself that leans further can't be told from a slash.
_STEEPEST = 0.45

Points = NDArray[np.float64]

_WAYS = {**digitways.WAYS, **letterways.WAYS}
_WIDTHS = {**digitways.WIDTHS, **dict.fromkeys(letterways.WAYS, letterways.WIDTH)}


def make_digits(rng: np.random.Generator, n: int = 8000) -> tuple[Image, NDArray[np.str_]]:
    """(n, 28, 28), white on black, and their labels: as many of each digit, each by another hand."""
    labels = np.array([str(i % 10) for i in range(n)])
    images = []
    for label in labels:
        hand = random_hand(rng)
        ink = Penman(replace(hand, slant=min(hand.slant, _STEEPEST)), rng).write(str(label))
        soft = cv2.GaussianBlur(np.pad(ink, 8), (0, 0), float(rng.uniform(0.4, 0.9)))
        images.append(normalise(soft.astype(np.uint8)))
    return np.stack(images), labels


class Penman:
    """One person with one pen. Does what `stringlines.Writer` does; `stroke` is the width of the pen in pixels."""

    def __init__(self, hand: Hand, rng: np.random.Generator) -> None:
        self.hand, self._rng = hand, rng
        self.stroke = TALL * float(np.exp(rng.normal(np.log(0.09), 0.3)))
        self._style = float(rng.uniform(0.02, 0.07))  # how far this person's shapes are from those of the schools
        self._unsteady = float(rng.uniform(0.005, 0.03))
        self._hasty = int(rng.integers(0, 6))  # corners are cut by so many points of the curve
        self._runs_on = float(rng.uniform(0.3, 1.0)) if rng.random() < 0.3 else 0.0
        self._close = -float(rng.uniform(0.1, 0.4)) if rng.random() < 0.3 else 0.0
        self._ways: dict[str, list[Points]] = {}
        self._last: list[Image] = []

    def write(self, text: str) -> Image:
        """The text, as drawn (see stringtexts): (3 · TALL, w), 255 where the pen was."""
        strokes: list[Points] = []
        marks: list[tuple[Image, int, float]] = []
        at = 0.0  # where the ink before ends, in digit heights
        extents: list[tuple[float, float]] = []
        may_run_on = False
        for character in text:
            gap = self._gap()
            if character == " ":
                at, may_run_on = at + float(self._rng.uniform(0.25, 0.6)), False
            elif character in _WAYS:
                digit = self._character(character, not extents)
                across = np.concatenate(digit)[:, 0]
                wide = float(np.ptp(across))
                place = np.array([at + gap - float(across.min()), -self.hand.drift * at])
                digit = [points + place for points in digit]
                run_on = may_run_on and self._rng.random() < self._runs_on
                if run_on and abs(strokes[-1][-1, 1] - digit[0][0, 1]) < _RUNS_ON:
                    strokes[-1] = np.concatenate([strokes[-1], digit[0]])
                    digit = digit[1:]
                strokes += digit
                extents.append((at + gap, at + gap + wide))
                at, may_run_on = at + gap + wide, True
            else:
                image, top = drawn_mark(character, TALL, self.stroke, self.hand.dot, self.hand.raised, self._rng)
                marks.append((image, top, at + max(gap, 0.05)))
                at, may_run_on = at + max(gap, 0.05) + image.shape[1] / TALL, False
                if character == LEADER and self._rng.random() < 0.5:  # it runs into the number
                    at -= gap + float(self._rng.uniform(0, 0.15))
        return self._drawn(strokes, marks, extents)

    def scraps(self) -> list[Image]:
        """Pictures of the last digits written, which the next row may have as well."""
        return self._last

    def _gap(self) -> float:
        """From the middle of a stroke to that of the next, in digit heights."""
        free = self.hand.gap + self._close + 0.05 * self.hand.wobble * float(self._rng.standard_normal())
        return max(free, -0.06 if self._close else 0.02) + self.stroke / TALL

    def _character(self, character: str, first: bool) -> list[Points]:
        """Its strokes, from y 0 at the top of usual digits to 1 on the line."""
        hand, rng = self.hand, self._rng
        if character not in self._ways or rng.random() > 0.5 + 0.5 * hand.alike:
            ways = _WAYS[character]
            self._ways[character] = self._own(ways[int(rng.integers(len(ways)))])
        size, wide, high, lean = (rng.standard_normal(4) * hand.wobble).tolist()
        tall, low = hand.stature(character, first, size, high, rng)
        width = _WIDTHS[character] * hand.width * (1 + 0.08 * wide) * tall
        placed = []
        for shape in self._ways[character]:
            points = shape + rng.normal(0, self._unsteady, shape.shape)
            x, y = points[:, 0] * width, (points[:, 1] - 1) * tall
            placed.append(np.stack([x - 0.04 * lean * y, y + 1 + low], axis=1))
        return placed

    def _own(self, way: Way) -> list[Points]:
        """A way to write as this person does it. The same point stays the same, so that corners do."""
        own = []
        for stroke in way:
            points = np.array(stroke)
            moved = self._rng.normal(0, self._style, points.shape)
            same = np.flatnonzero((points[1:] == points[:-1]).all(axis=1))
            moved[same + 1] = moved[same]
            own.append(points + moved)
        return own

    def _drawn(self, strokes: list[Points], marks: list[tuple[Image, int, float]], extents: list[tuple[float, float]]) -> Image:
        lines = [self._line(points) for points in strokes]
        shift = TALL
        if lines:
            shift = round(2 * TALL - float(min(line[:, 0].min() for line in lines)))
        right = max([line[:, 0].max() for line in lines] + [(x + 1) * TALL + image.shape[1] for image, _, x in marks] + [TALL])
        canvas = np.zeros((3 * TALL, int(right) + shift + 2 * TALL), np.uint8)
        thick = max(1, round(self.stroke))
        for line in lines:
            points = np.round((line + np.array([shift, TALL])) * (1 << _SHIFT)).astype(np.int32)
            cv2.polylines(canvas, [points], False, 255, thick, cv2.LINE_AA, _SHIFT)
        lean = self.hand.slant
        for image, top, x in marks:
            left = round(x * TALL - lean * (top + image.shape[0] / 2 - TALL / 2)) + shift
            row = min(max(TALL + top, 0), canvas.shape[0] - image.shape[0])
            place = canvas[row : row + image.shape[0], left : left + image.shape[1]]
            np.maximum(place, image[:, : place.shape[1]], out=place)
        for first, last in extents:
            piece = canvas[:, max(round(first * TALL) + shift, 0) : round(last * TALL) + shift + thick]
            box = cv2.boundingRect(piece)
            if box[2] and box[3]:
                self._last.append(piece[box[1] : box[1] + box[3], box[0] : box[0] + box[2]])
        x, _, width, _ = cv2.boundingRect(canvas)
        return np.ascontiguousarray(canvas[:, x : x + max(width, 1)])

    def _line(self, points: Points) -> Points:
        """The pen's way in pixels, from the top of usual digits, slanted, with corners cut by haste."""
        line = curve(points)
        if self._hasty and len(line) > 2 * self._hasty:
            kernel = np.ones(self._hasty) / self._hasty
            padded = np.pad(line, ((self._hasty, self._hasty), (0, 0)), "edge")
            smooth = np.stack([np.convolve(padded[:, i], kernel, "same") for i in (0, 1)], axis=1)
            line = smooth[self._hasty : -self._hasty]
        return np.stack([line[:, 0] - self.hand.slant * (line[:, 1] - 0.5), line[:, 1]], axis=1) * TALL
