"""Printed digits, drawn with the fonts that OpenCV brings: roll numbers and years on a form are read like the rest."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.records import Image
from pipeline.stages.glyph import normalise

_FONTS = (
    cv2.FONT_HERSHEY_SIMPLEX,
    cv2.FONT_HERSHEY_DUPLEX,
    cv2.FONT_HERSHEY_COMPLEX,
    cv2.FONT_HERSHEY_TRIPLEX,
    cv2.FONT_HERSHEY_COMPLEX_SMALL,
)


def make_printed(rng: np.random.Generator, each: int = 350) -> tuple[Image, NDArray[np.str_]]:
    """`each` images (28, 28) of every digit, and their text."""
    images, labels = [], []
    for text in "0123456789":
        for _ in range(each):
            canvas = np.zeros((120, 120), np.uint8)
            font, thick = int(rng.choice(_FONTS)), int(rng.integers(2, 9))
            cv2.putText(canvas, text, (20, 100), font, 3.2, 255, thick, cv2.LINE_AA)
            wide = float(rng.uniform(0.75, 1.1))
            height = float(rng.uniform(12, 40))
            soft = cv2.GaussianBlur(canvas, (0, 0), float(rng.uniform(0.5, 1.0)) * 80 / height)
            scaled = cv2.resize(soft, None, fx=wide * height / 80, fy=height / 80, interpolation=cv2.INTER_AREA)
            images.append(normalise(scaled.astype(np.uint8)))
            labels.append(text)
    return np.stack(images), np.array(labels)
