"""Characters to write strings with: by where they come from, and by the pen, so that one string looks like one writer's."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.grades import LETTERS
from pipeline.records import Floats, Image
from pipeline.stages.texts import DIGITS
from pipeline.training.amounts import load_amount_digits
from pipeline.training.datasets import _EXTRAS, HELD_OUT, LABELS, _extra, load_mnist
from pipeline.training.typeset import FONTS, Line, typeset

#: How many digits of the same pen, about, one writer chooses among, as a share of all.
_CHOICE = 0.3
#: Parts of a digit that are smaller than this share of it are none.
_CRUMB = 0.12
_SQUARE = np.ones((3, 3), np.uint8)
_PRINTED = 24  # height of printed characters in their images of 28×28
#: Characters that are written with pictures of them.
_WRITTEN = DIGITS + LETTERS


@dataclass(frozen=True, slots=True)
class Glyph:
    """A picture (28, 28), white on black; the box of its ink; how far it leans to the right over its height."""

    image: Image
    x: int
    y: int
    width: int
    height: int
    lean: float
    stroke: float  # width of the strokes, pixels


class Glyphs:
    """Characters of one source: `images` (n, 28, 28) uint8 and `labels` (n,), indices into LABELS; some may be missing."""

    def __init__(self, name: str, images: Image, labels: NDArray[np.integer]) -> None:
        self.name = name
        images = _full_contrast(_alone(images))
        boxes, lean, stroke = _measured(images)
        self._images, self._boxes, self._lean, self._stroke = images, boxes, lean, stroke
        pen = stroke / np.maximum(boxes[:, 3], 0.75 * boxes[:, 2]).clip(1)
        order = np.argsort(pen)
        order = order[boxes[order, 3] > 4]  # some images are all but empty
        # the examples of each character, from the thinnest pen to the thickest
        self._of = {character: order[labels[order] == LABELS.index(character)] for character in _WRITTEN}

    @property
    def digest(self) -> str:
        """SHA-256 of all examples."""
        hasher = hashlib.sha256(self._images.tobytes())
        for examples in self._of.values():
            hasher.update(examples.tobytes() + b"/")
        return hasher.hexdigest()

    def has(self, character: str) -> bool:
        """Whether there is an example of it."""
        return len(self._of[character]) > 0

    def pick(self, character: str, pen: float, rng: np.random.Generator) -> Glyph:
        """One that a pen would draw that is as thick as this: 0 is the thinnest of this source, 1 the thickest."""
        examples = self._of[character]
        rank = pen * (1 - _CHOICE) + _CHOICE * float(rng.random())
        i = int(examples[min(int(rank * len(examples)), len(examples) - 1)])
        x, y, width, height = self._boxes[i].tolist()
        return Glyph(self._images[i], x, y, width, height, float(self._lean[i]), float(self._stroke[i]))


def load_glyphs(data: Path) -> list[tuple[float, Glyphs]]:
    """Sources and how often each should be used. MNIST's held-out images and all test sets are left out. Raises DataError.

    Only MNIST must be there.
    """
    mnist = load_mnist(data, "train")
    found = [(0.45, Glyphs("mnist", mnist.images[:-HELD_OUT], mnist.labels[:-HELD_OUT]))]
    found += _extras(data, _SHARES, DIGITS)
    amounts = data / "strings" / "orand_car_a"
    if (amounts / "labels.csv").is_file():
        images, labels = load_amount_digits(amounts)
        found.append((0.09, Glyphs("orand_car_a", images, labels.astype(np.int64))))
    found += [(0.1 / len(FONTS), _printed(DIGITS, font)) for font in FONTS]
    return found


def load_letters(data: Path) -> list[tuple[float, Glyphs]]:
    """The same for the letters of grades: print, and whatever collections there are."""
    found = _extras(data, _LETTER_SHARES, LETTERS)
    return found + [(0.2 / len(FONTS), _printed(LETTERS, font)) for font in FONTS]


_SHARES = {
    "ardis_train.npz": 0.12,
    "usps_train.npz": 0.05,
    "semeion.npz": 0.03,
    "optdigits_orig32.npz": 0.03,
    "bhmsds.npz": 0.08,
}


_LETTER_SHARES = {"chars74k_28.npz": 0.5, "choice62.npz": 0.15}


def _extras(data: Path, shares: Mapping[str, float], characters: str) -> list[tuple[float, Glyphs]]:
    """These characters of the optional sets that are there and have a share; all others are left out."""
    known, found = [LABELS.index(character) for character in characters], []
    for file, loader, _ in _EXTRAS:
        if (data / "digits" / file).is_file() and file in shares:
            examples = _extra(data / "digits" / file, loader, np.random.default_rng(0))
            kept = np.isin(examples.labels, known)
            found.append((shares[file], Glyphs(file.partition(".")[0], examples.images[kept], examples.labels[kept])))
    return found


def _printed(characters: str, font: str) -> Glyphs:
    """These characters of a font."""
    images = np.zeros((len(characters), 28, 28), np.uint8)
    for character, image in zip(characters, images, strict=True):
        image[...] = typeset([Line(character, 4, 26, _PRINTED)], 28, 28, font)
    return Glyphs(font, images, np.array([LABELS.index(character) for character in characters]))


def _alone(images: Image) -> Image:
    """Without the crumbs of neighbours that some crops have: between digits they would look like points."""
    alone = images.copy()
    for image in alone:
        mask = cv2.threshold(image, 60, 255, cv2.THRESH_BINARY)[1].astype(np.uint8)
        count, parts, stats, _ = cv2.connectedComponentsWithStats(mask)
        if count > 2:
            areas = stats[:, cv2.CC_STAT_AREA]
            small = areas < _CRUMB * areas[1:].sum()
            small[0] = False
            image[cv2.dilate(small[parts].astype(np.uint8), _SQUARE) > 0] = 0
    return alone


def _full_contrast(images: Image) -> Image:
    """Pale ones made as dark as the others, or parts of them would be lost beside a dark neighbour."""
    darkest = np.partition(images.reshape(len(images), -1), -20, axis=1)[:, -20]
    pale = np.flatnonzero((darkest < 230) & (darkest > 0))
    full = images.copy()
    for i in pale.tolist():
        full[i] = np.minimum(images[i] * (255.0 / max(int(darkest[i]), 64)), 255)
    return full


def _measured(images: Image) -> tuple[NDArray[np.int16], NDArray[np.float32], NDArray[np.float32]]:
    """Boxes (n, 4), leans (n,) and stroke widths (n,) in pixels."""
    parts = [_measure(images[start : start + 2048]) for start in range(0, len(images), 2048)]
    boxes, lean, stroke = (np.concatenate(part) for part in zip(*parts, strict=True))
    return boxes.astype(np.int16), lean.astype(np.float32), stroke.astype(np.float32)


def _measure(images: Image) -> tuple[NDArray[np.integer], Floats, Floats]:
    tall, wide = images.shape[1:]
    mask = images > 60
    columns, rows = np.any(mask, axis=1).reshape(-1, wide), np.any(mask, axis=2).reshape(-1, tall)
    left, top = columns.argmax(axis=1), rows.argmax(axis=1)
    right, bottom = wide - columns[:, ::-1].argmax(axis=1), tall - rows[:, ::-1].argmax(axis=1)
    inked = columns.any(axis=1)
    boxes = np.stack([left, top, (right - left) * inked, (bottom - top) * inked], axis=1)

    light = images.astype(np.float32)
    total = np.maximum(light.sum(axis=(1, 2)), 1)
    x, y = np.arange(wide, dtype=np.float32), np.arange(tall, dtype=np.float32)[:, None]
    x = x - (light.sum(axis=1) @ x / total)[:, None, None]
    y = y - (light.sum(axis=2) @ y[:, 0] / total)[:, None, None]
    lean = -(light * x * y).sum(axis=(1, 2)) / np.maximum((light * y * y).sum(axis=(1, 2)), 1)
    outline = np.abs(np.diff(light, axis=1)).sum(axis=(1, 2)) + np.abs(np.diff(light, axis=2)).sum(axis=(1, 2))
    # a slanting edge has more steps than it is long
    return boxes, np.clip(lean, -0.6, 0.6).astype(np.float32), (2 * total / np.maximum(0.785 * outline, 1)).astype(np.float32)
