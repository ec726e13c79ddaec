"""Smaller pictures, made fast: OpenCV averages over whole numbers of pixels many times as fast as over any others."""

from __future__ import annotations

import cv2
import numpy as np

from pipeline.records import Image


def shrunk(image: Image, step: int) -> Image:
    """The means of step × step pixels; where the picture's sides are no multiple of the step, its last pixels are repeated.

    The pixel (x, y) of the outcome lies at (x + 0.5) · step - 0.5 of the picture, and so on.
    """
    height, width = (-(-side // step) for side in image.shape[:2])
    below, beside = height * step - image.shape[0], width * step - image.shape[1]
    if below or beside:
        image = cv2.copyMakeBorder(image, 0, below, 0, beside, cv2.BORDER_REPLICATE).astype(np.uint8, copy=False)
    return cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
