"""Writes a text in one hand, with digits TALL pixels high in the middle of a canvas three times as high."""

from __future__ import annotations

import cv2
import numpy as np

from pipeline.records import Image
from pipeline.training.hands import TALL, Hand
from pipeline.training.stringglyphs import Glyph, Glyphs
from pipeline.training.stringmarks import drawn_mark
from pipeline.training.stringtexts import LEADER

_FAR = 10_000


class Line:
    """Pictures side by side on a canvas: each as far from the ink before it, row by row, as its gap says."""

    def __init__(self, rows: int) -> None:
        self._rows = rows
        self._placed: list[tuple[int, int, Image]] = []
        self._edge = np.full(rows, -_FAR, np.int16)  # where the ink of each row ends

    def add(self, image: Image, top: int, gap: int, reach: int, slip: float) -> int:
        """Adds a picture (white on black, cut to its ink) `gap` pixels from the ink within `reach` rows; returns its column.

        `slip` is the most of the picture before it, as a share of its width, that it may stand under or over.
        """
        top = min(max(top, 0), self._rows - image.shape[0])
        inked = image > 80
        empty = ~inked.any(axis=1)
        left = inked.argmax(axis=1)
        right = image.shape[1] - inked[:, ::-1].argmax(axis=1)
        x = 0
        if self._placed:
            last_x, _, last = self._placed[-1]
            edge = self._edge
            if reach:
                edge = cv2.dilate(edge[:, None], np.ones((2 * reach + 1, 1), np.uint8))[:, 0].astype(np.int16)
            near = edge[top : top + image.shape[0]] - left
            near[empty] = -_FAR
            x = max(int(near.max()) + gap, last_x + round((1 - slip) * last.shape[1]) + min(gap, 0))
        ends = self._edge[top : top + image.shape[0]]
        ends[~empty] = np.maximum(ends, x + right)[~empty]
        self._placed.append((x, top, image))
        return x

    def joined(self) -> Image:
        """(rows, w), cut to the ink on the left and on the right."""
        first = min((x for x, _, _ in self._placed), default=0)
        right = max((x + image.shape[1] for x, _, image in self._placed), default=1)
        canvas = np.zeros((self._rows, right - first), np.uint8)
        for x, top, image in self._placed:
            place = canvas[top : top + image.shape[0], x - first : x - first + image.shape[1]]
            np.maximum(place, image, out=place)
        return canvas


class Writer:
    """One person with one pen. After writing, `stroke` is the width of the pen in pixels."""

    def __init__(self, glyphs: Glyphs, spare: Glyphs, hand: Hand, rng: np.random.Generator) -> None:
        """Characters that `glyphs` has no examples of are taken from `spare`."""
        self._glyphs, self._spare, self.hand, self._rng = glyphs, spare, hand, rng
        self._known: dict[str, Glyph] = {}
        self._last: list[Image] = []
        self.stroke = TALL * float(rng.uniform(0.07, 0.14))

    def write(self, text: str) -> Image:
        """The text, as drawn (see stringtexts): (3 · TALL, w), 255 where the pen was."""
        line, hand, rng = Line(3 * TALL), self.hand, self._rng
        before, wide, x = "", 0.0, 0
        for character in text:
            if character == " ":
                wide += float(rng.uniform(0.25, 0.6))
                continue
            digit = character.isalnum()
            image, top = self._character(character) if digit else self._mark(character)
            if digit:
                self._last.append(image)
            gap = max(hand.gap + wide + 0.05 * hand.wobble * float(rng.standard_normal()), 0.05) * TALL
            reach, slip = 2, 0.35 if digit and before.isalnum() else 0.15
            if digit and before and wide == 0:
                if before.isalnum() and rng.random() < hand.touching:
                    gap, reach = -self.stroke * float(rng.uniform(0.1, 1.2)), 0
                elif before in ".,":
                    gap = gap if rng.random() < 0.8 else -self.stroke * float(rng.uniform(0, 0.5))
                elif before == LEADER and rng.random() < 0.5:  # which may run into the number
                    gap, reach = -self.stroke * float(rng.uniform(0.0, 2.0)), 0
            elif before and not digit:
                gap = max(0.7 * gap, 2)
            x = line.add(image, round(TALL + top - hand.drift * x), round(gap), reach, slip)
            before, wide = character, 0.0
        return line.joined()

    def scraps(self) -> list[Image]:
        """Pictures of the last digits written, which the next row may have as well."""
        return self._last

    def _character(self, character: str) -> tuple[Image, int]:
        """A picture of it, and the row for its top relative to that of a usual digit."""
        hand, rng = self.hand, self._rng
        size, turn, wide, high = (rng.standard_normal(4) * hand.wobble).tolist()
        glyph = self._chosen(character)
        tall, low = hand.stature(character, not self._last, size, high, rng)
        scale = min(tall, 1.9) * TALL / max(glyph.height, 0.75 * glyph.width)
        image = _drawn(glyph, scale * hand.width * (1 + 0.06 * wide), scale, hand.slant - 0.7 * glyph.lean + 0.05 * turn)
        if hand.old_style and character == "5" and rng.random() < 0.6:
            image = _flagged(image, self.stroke, rng)
        self.stroke += 0.4 * (min(glyph.stroke * scale, 0.2 * TALL) - self.stroke)
        return image, round((1 + low) * TALL) - image.shape[0]

    def _mark(self, mark: str) -> tuple[Image, int]:
        stroke = self.stroke * float(self._rng.uniform(0.9, 1.1) if mark == "." else self._rng.uniform(0.65, 1.1))
        return drawn_mark(mark, TALL, stroke, self.hand.dot, self.hand.raised, self._rng)

    def _chosen(self, character: str) -> Glyph:
        if character not in self._known or self._rng.random() > self.hand.alike:
            source = self._glyphs if self._glyphs.has(character) else self._spare
            self._known[character] = source.pick(character, self.hand.pen, self._rng)
        return self._known[character]


def _drawn(glyph: Glyph, across: float, down: float, slant: float) -> Image:
    """The glyph scaled and slanted, cut to its ink."""
    width = int(glyph.width * across + abs(slant) * glyph.height * down) + 4
    height = int(glyph.height * down) + 4
    # output = shear · scale · (input − centre of the box) + middle of the picture; up is right for a positive slant
    shear = -slant * down
    x, y = glyph.x + (glyph.width - 1) / 2, glyph.y + (glyph.height - 1) / 2
    matrix = np.array(
        [[across, shear, (width - 1) / 2 - across * x - shear * y], [0.0, down, (height - 1) / 2 - down * y]], np.float32
    )
    image = cv2.warpAffine(glyph.image, matrix, (width, height), flags=cv2.INTER_LINEAR)
    x, y, width, height = cv2.boundingRect(cv2.threshold(image, 64, 255, cv2.THRESH_BINARY)[1])
    return image[y : y + height, x : x + width].astype(np.uint8)


def _flagged(five: Image, stroke: float, rng: np.random.Generator) -> Image:
    """With the flag that clerks drew last: far to the right, and now and then off the rest."""
    length, rise = round(float(rng.uniform(0.3, 0.8)) * TALL), round(float(rng.uniform(0, 0.15)) * TALL)
    start = round(float(rng.uniform(0.6, 1.1)) * five.shape[1]), rise + 2
    wide = np.pad(five, ((rise + 2, 0), (0, max(0, start[0] + length + 3 - five.shape[1]))))
    cv2.line(wide, start, (start[0] + length, 2), 255, max(1, round(stroke)), cv2.LINE_AA)
    return wide
