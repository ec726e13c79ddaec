"""Printed characters: roll numbers and years on a form are read like the rest, and its words are known for no numbers."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.records import Image
from pipeline.stages.glyph import normalise
from pipeline.training.typeset import FONTS, Line, typeset

#: Letters that print like no digit and no grade, in some font or other; they stand for all that is not read.
_OTHER = "GHJKLMNPQRTUVWXYabdefghkmnprtuvwxy&#%"
_TALL = 60
_PITCH = 90


def make_printed(rng: np.random.Generator, each: int = 60) -> tuple[Image, NDArray[np.str_]]:
    """`each` images (28, 28) of every digit in each font, some of every letter; and labels, "?" for letters not read."""
    images: list[Image] = []
    labels: list[str] = []
    for font in FONTS:
        for text in "0123456789ABCDEF" + _OTHER:
            master = typeset([Line(text, 15, 75, _TALL)], _PITCH, _PITCH, font)
            for _ in range(each if text.isdigit() else each // 6):
                images.append(normalise(_scanned(master, rng)))
                labels.append("?" if text in _OTHER else text)
    return np.stack(images), np.array(labels)


def _scanned(master: Image, rng: np.random.Generator) -> Image:
    """A character as scanned: small or large, wide or narrow, soft, with ink that spread or did not take."""
    kernel = np.ones((int(rng.integers(1, 6)),) * 2, np.uint8)
    inked = cv2.dilate(master, kernel) if rng.random() < 0.5 else cv2.erode(master, np.ones((2, 2), np.uint8))
    height, wide = float(rng.uniform(11, 40)), float(rng.uniform(0.85, 1.15))
    soft = cv2.GaussianBlur(inked, (0, 0), float(rng.uniform(0.4, 1.0)) * _TALL / height)
    scale = height / _TALL
    return cv2.resize(soft, None, fx=wide * scale, fy=scale, interpolation=cv2.INTER_AREA).astype(np.uint8)
