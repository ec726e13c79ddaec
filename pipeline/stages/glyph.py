"""One character's ink → the 28×28 image that the network was trained on. Training and reading both come through here."""

from __future__ import annotations

import cv2
import numpy as np

from pipeline.records import Image

SIZE = 28
#: The longer side of the character, as in MNIST (LeCun et al. 1998): 20 pixels, its centre of mass in the middle.
BOX = 20.0


def normalise(ink: Image, box: float = BOX, shift: tuple[float, float] = (0.0, 0.0)) -> Image:
    """Ink (any size, white on black, grey) → (28, 28): cropped, scaled to `box`, centred by mass, at full contrast.

    `shift` moves the result, in pixels; training uses it and `box` for jitter. No ink gives a black image.
    """
    rows = np.flatnonzero(ink.max(axis=1, initial=0) > 32)
    columns = np.flatnonzero(ink.max(axis=0, initial=0) > 32)
    if rows.size == 0 or columns.size == 0:
        return np.zeros((SIZE, SIZE), np.uint8)
    crop = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    height, width = crop.shape
    scale = box / max(height, width)
    if scale < 1:  # area-average down to the exact size first: warping alone would skip pixels
        target = (max(1, round(width * scale)), max(1, round(height * scale)))
        crop = cv2.resize(crop, target, interpolation=cv2.INTER_AREA).astype(np.uint8)
        scale = 1.0
    moments = cv2.moments(crop)
    x, y = moments["m10"] / moments["m00"], moments["m01"] / moments["m00"]
    middle = (SIZE - 1) / 2
    # the extremes of a long tail may leave the image rather than shrink the character, as in MNIST
    matrix = np.array([[scale, 0, middle + shift[0] - scale * x], [0, scale, middle + shift[1] - scale * y]])
    out = cv2.warpAffine(crop, matrix, (SIZE, SIZE), flags=cv2.INTER_CUBIC if scale > 1 else cv2.INTER_LINEAR)
    peak = float(np.partition(out, -8, axis=None)[-8])  # the 8th largest, so that a hot pixel does not decide
    full: Image = np.clip(out * (255.0 / max(peak, 32.0)), 0, 255).astype(np.uint8)
    return full
