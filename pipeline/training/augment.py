"""Augmentation that looks like pens and scanners: slant, size, elastic hands, thick and thin strokes, blur, pale ink, rulings.

OpenCV warps; everything else is NumPy. Elastic fields follow Simard et al. 2003 (Best practices for convolutional neural
networks applied to visual document analysis).

Some images are only warped, as another hand would have written them. The rest, the share `scanned`, go through the whole of an
office's scanner and are cropped and centred anew, as the reader would: the network must know both.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.records import Floats, Image
from pipeline.stages.glyph import BOX, SIZE, normalise

_FINE = 2 * SIZE  # strokes are thickened and thinned at twice the size
_SQUARE = np.ones((2, 2), np.uint8)
#: Share of the images that are left as they are: all others are softer, and the network must know both.
_PLAIN = 0.2
_DISK = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3))


#: Images, the share that is scanned, and a seed.
Work = tuple[Image, float, tuple[int, ...]]


def augmented(work: Work) -> Image:
    """New images (n, 28, 28) of the examples; the same for the same seed."""
    images, scanned, seed = work
    return Augmenter(np.random.default_rng(seed), scanned)(images)


class Augmenter:
    """Makes a new image of each example at every call; the same generator state gives the same images."""

    def __init__(self, rng: np.random.Generator, scanned: float = 0.4, fields: int = 256) -> None:
        self._rng = rng
        self._share = scanned
        grid = np.arange(_FINE, dtype=np.float32) / 2 - (SIZE - 1) / 2
        self._x, self._y = np.meshgrid(grid, grid)
        self._fields = self._elastic_fields(fields)

    def __call__(self, images: Image) -> Image:
        """(n, 28, 28) → (n, 28, 28)."""
        out = np.empty_like(images)
        for i, image in enumerate(images):
            if self._rng.random() < _PLAIN:
                out[i] = image
                continue
            made = self._scanned(image) if self._rng.random() < self._share else self._written(image)
            out[i] = made if np.any(made > 64) else image  # a thin pen may have been worn away altogether
        return out

    def _written(self, image: Image) -> Image:
        fine = self._pen(self._warped(image, 0.15, 0.09, self._rng.normal(0, 0.8, 2)), 0.3)
        return cv2.resize(fine, (SIZE, SIZE), interpolation=cv2.INTER_AREA).astype(np.uint8)

    def _scanned(self, image: Image) -> Image:
        rng = self._rng
        fine = self._pen(self._warped(image, 0.18, 0.10, np.zeros(2)), 0.5)
        if rng.random() < 0.12:
            self._rule(fine)
        if rng.random() < 0.2:  # as few pixels as a small hand has at 100 dpi
            side = int(rng.integers(14, 28))
            small = cv2.resize(fine, (side, side), interpolation=cv2.INTER_AREA)
            fine = cv2.resize(small, (_FINE, _FINE), interpolation=cv2.INTER_CUBIC).astype(np.uint8)
        box, shift = BOX + rng.normal(0, 0.7), rng.normal(0, 0.6, 2)
        out = normalise(fine, float(np.clip(box, 17, 23)), (float(shift[0]), float(shift[1])))
        if rng.random() < 0.3:  # paper grain, and ink that is not quite black
            noisy = out * rng.uniform(0.6, 1.0) + rng.normal(0, rng.uniform(0, 18), out.shape)
            out = np.clip(noisy, 0, 255).astype(np.uint8)
        return out

    def _warped(self, image: Image, slant: float, size: float, shift: NDArray[np.float64]) -> Image:
        """Turned, slanted, stretched and bent, at twice the size. `slant` and `size` are standard deviations."""
        rng = self._rng
        angle, shear = rng.normal(0, 0.11), rng.normal(0, slant)
        wide, high = np.exp(rng.normal(0, size, 2))
        cos, sin = np.cos(angle), np.sin(angle)
        field = self._fields[rng.integers(len(self._fields))] * np.float32(rng.uniform(0, 1.3))
        middle = (SIZE - 1) / 2
        map_x = (cos * self._x + (shear - sin) * self._y) / wide + field[0] + (middle + shift[0])
        map_y = (sin * self._x + cos * self._y) / high + field[1] + (middle + shift[1])
        return cv2.remap(image, map_x.astype(np.float32), map_y.astype(np.float32), cv2.INTER_LINEAR).astype(np.uint8)

    def _pen(self, fine: Image, often: float) -> Image:
        """Now and then a thicker or a thinner pen, and ink that ran."""
        rng = self._rng
        pen = rng.random() / often
        if pen < 1.0:
            tip = _SQUARE if pen < 0.2 or 0.4 <= pen < 0.8 else _DISK
            other = cv2.dilate(fine, tip) if pen < 0.4 else cv2.erode(fine, tip)
            # strokes that break and bows that fill up would make another character of it
            if 0.6 < other.mean() / max(fine.mean(), 1e-6) < 1.7:
                fine = other.astype(np.uint8)
        if rng.random() < often:
            fine = cv2.GaussianBlur(fine, (0, 0), float(rng.uniform(0.5, 1.0 + 2 * often))).astype(np.uint8)
        return fine

    def _rule(self, fine: Image) -> None:
        """Leaves a piece of a ruling beside, under or over the character, where a cell's border would be.

        Not with slim ones: a stroke and a ruling together look like another character.
        """
        rng = self._rng
        rows, columns = np.flatnonzero(fine.max(axis=1) > 64), np.flatnonzero(fine.max(axis=0) > 64)
        if not rows.size or not 0.5 < columns.size / rows.size < 2:
            return
        along, across = (columns, rows) if rng.random() < 0.5 else (rows, columns)
        length = int(len(along) * rng.uniform(0.3, 1.2))
        start = int(rng.integers(along[0] - 4, max(along[0] - 3, along[-1] + 4 - length)))
        at = int(across[-1] + rng.integers(-2, 5)) if rng.random() < 0.5 else int(across[0] - rng.integers(-2, 5))
        ends = np.array([(start, at), (start + length, at + int(rng.integers(-1, 2)))])
        if along is rows:
            ends = ends[:, ::-1]
        cv2.line(fine, ends[0].tolist(), ends[1].tolist(), int(rng.integers(120, 256)), int(rng.integers(1, 3)), cv2.LINE_AA)

    def _elastic_fields(self, n: int) -> Floats:
        """(n, 2, fine, fine): smooth random displacements, about one pixel of the 28×28 image."""
        fields = self._rng.uniform(-1, 1, (n, 2, _FINE, _FINE)).astype(np.float32)
        for field in fields.reshape(-1, _FINE, _FINE):
            cv2.GaussianBlur(field, (0, 0), 9.0, dst=field)
        strength: Floats = np.std(fields, axis=(1, 2, 3), keepdims=True)
        return fields / strength * np.float32(0.9)
