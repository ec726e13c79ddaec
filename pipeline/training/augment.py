"""Augmentation that looks like pens and scanners: slant, size, elastic hands, thick and thin strokes, blur, pale ink.

OpenCV warps; everything else is NumPy. Elastic fields follow Simard et al. 2003 (Best practices for convolutional neural
networks applied to visual document analysis).
"""

from __future__ import annotations

import cv2
import numpy as np

from pipeline.records import Floats, Image
from pipeline.stages.glyph import BOX, SIZE, normalise

_FINE = 2 * SIZE  # strokes are thickened and thinned at twice the size
_SQUARE = np.ones((2, 2), np.uint8)
_DISK = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3))


class Augmenter:
    """Makes a new image of each example at every call; the same generator state gives the same images."""

    def __init__(self, rng: np.random.Generator, fields: int = 256) -> None:
        self._rng = rng
        grid = np.arange(_FINE, dtype=np.float32) / 2 - (SIZE - 1) / 2
        self._x, self._y = np.meshgrid(grid, grid)
        self._fields = self._elastic_fields(fields)

    def __call__(self, images: Image) -> Image:
        """(n, 28, 28) → (n, 28, 28)."""
        out = np.empty_like(images)
        for i, image in enumerate(images):
            out[i] = self._one(image)
        return out

    def _one(self, image: Image) -> Image:
        rng = self._rng
        angle, shear = rng.normal(0, 0.11), rng.normal(0, 0.18)
        wide, high = np.exp(rng.normal(0, 0.10, 2))
        cos, sin = np.cos(angle), np.sin(angle)
        field = self._fields[rng.integers(len(self._fields))] * np.float32(rng.uniform(0, 1.3))
        map_x = ((cos * self._x + (shear - sin) * self._y) / wide + field[0] + (SIZE - 1) / 2).astype(np.float32)
        map_y = ((sin * self._x + cos * self._y) / high + field[1] + (SIZE - 1) / 2).astype(np.float32)
        fine = cv2.remap(image, map_x, map_y, cv2.INTER_LINEAR)
        pen = rng.random()
        if pen < 0.2:
            fine = cv2.dilate(fine, _SQUARE if pen < 0.1 else _DISK)
        elif pen < 0.5:
            fine = cv2.erode(fine, _SQUARE if pen < 0.4 else _DISK)
        if rng.random() < 0.4:
            fine = cv2.GaussianBlur(fine, (0, 0), float(rng.uniform(0.5, 2.0)))
        if not np.any(fine > 64):  # a thin pen may have been worn away altogether
            return image
        box, shift = BOX + rng.normal(0, 0.7), rng.normal(0, 0.6, 2)
        out = normalise(fine.astype(np.uint8), float(np.clip(box, 17, 23)), (float(shift[0]), float(shift[1])))
        if rng.random() < 0.3:  # paper grain, and ink that is not quite black
            noisy = out * rng.uniform(0.6, 1.0) + rng.normal(0, rng.uniform(0, 18), out.shape)
            out = np.clip(noisy, 0, 255).astype(np.uint8)
        return out

    def _elastic_fields(self, n: int) -> Floats:
        """(n, 2, fine, fine): smooth random displacements, about one pixel of the 28×28 image."""
        fields = self._rng.uniform(-1, 1, (n, 2, _FINE, _FINE)).astype(np.float32)
        for field in fields.reshape(-1, _FINE, _FINE):
            cv2.GaussianBlur(field, (0, 0), 9.0, dst=field)
        strength: Floats = np.std(fields, axis=(1, 2, 3), keepdims=True)
        return fields / strength * np.float32(0.9)
