"""Handwriting for tests, from the contact sheet in tests/data."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.records import Image
from pipeline.training.handwriting import Handwriting


def sheet_digits() -> tuple[Image, NDArray[np.int64]]:
    """100 pictures of each digit (1000, 28, 28), white on black, and their labels. The project trains on none of them."""
    sheet = cv2.imread(str(Path(__file__).parent / "data" / "mnist_sheet.png"), cv2.IMREAD_GRAYSCALE)
    assert sheet is not None
    images = sheet.reshape(10, 28, 100, 28).swapaxes(1, 2).reshape(1000, 28, 28)
    return images.astype(np.uint8), np.repeat(np.arange(10), 100)


@cache
def handwriting() -> Handwriting:
    """The contact sheet to write with."""
    return Handwriting(*sheet_digits())
