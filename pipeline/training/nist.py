"""NIST digits as a scanner sees them: 1 bit, tight crops at 300 dpi. They only measure; nothing is trained on them.

About 2% of the set are originals that MNIST's training images were made from too; none is in its test images.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.errors import DataError
from pipeline.records import Image
from pipeline.stages.glyph import SIZE, normalise

SCANNED_AT = 300
#: Resolutions at which offices scan as well.
COARSER = (200, 150)

_MARGIN = 4


def load_nist(file: Path, dpi: int = SCANNED_AT) -> tuple[Image, NDArray[np.int64]]:
    """Digits (n, 28, 28) as the reader makes them of a scan at `dpi`, at most 300, and what they are, 0 to 9.

    `file` has `pixels` (all images, flat), `shapes` (n, 2) and `y` (n,). Raises DataError.
    """
    try:
        with np.load(file, allow_pickle=False) as arrays:
            pixels, shapes, digits = arrays["pixels"].astype(np.uint8), arrays["shapes"].astype(int), arrays["y"]
        labels = digits.astype(np.int64)
        if len(shapes) != len(labels) or shapes.prod(axis=1).sum() != len(pixels) or not np.isin(labels, range(10)).all():
            raise ValueError("its parts do not belong together")
        glyphs, start = np.zeros((len(labels), SIZE, SIZE), np.uint8), 0
        for glyph, (height, width) in zip(glyphs, shapes, strict=True):
            crop = pixels[start : start + height * width].reshape(height, width)
            start += height * width
            glyph[...] = normalise(_scanned(crop, dpi / SCANNED_AT))
    except Exception as error:  # a damaged archive, or other arrays than these, can raise anything
        raise DataError(f"{file} can't be used: {error}", "Get it again, or take it away: it is optional.") from error
    return glyphs, labels


def _scanned(crop: Image, scale: float) -> Image:
    """Ink at full contrast, with some paper around it, at another resolution."""
    ink = np.pad(np.where(crop > 0, 255, 0).astype(np.uint8), _MARGIN)
    return ink if scale == 1 else cv2.resize(ink, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA).astype(np.uint8)
