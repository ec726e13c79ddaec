"""Which drawn non-characters nobody could tell from a digit: half an 8 may be as good a 3 as any.

Taught as non-characters they would teach that a 3 is none. They are found without a network, by their nearest neighbours among
real digits, so that no network is measured on its own opinion.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.records import Floats, Image

_SIDE = 14
_NEIGHBOURS = 5
#: Real digits that are compared with, and others by which it is measured how near a digit is to its own kind.
_KNOWN, _ASKED = 20_000, 1_000
#: What is as near to real digits as this share of real digits are to others is taken for one.
_SHARE = 0.97
_CHUNK = 500


class Lookalikes:
    """Knows digits by heart: `images` (n, 28, 28), the first as neighbours, some of the last to measure.

    Which digit it looks like does not matter: some halves stand between a 7 and a 9, as some real digits do.
    """

    def __init__(self, images: Image) -> None:
        asked = min(_ASKED, len(images) // 4)
        known = min(_KNOWN, len(images) - asked)
        self._known = _features(images[:known])
        self._squares = (self._known**2).sum(axis=1)
        self._near = float(np.quantile(self._distances(images[-asked:]), _SHARE)) if asked else 0.0

    def __call__(self, images: Image) -> NDArray[np.bool_]:
        """(n, 28, 28) → (n,): whether an image looks like a digit."""
        near: NDArray[np.bool_] = self._distances(images) <= self._near
        return near

    def _distances(self, images: Image) -> Floats:
        """The mean squared distance of each to the nearest digits."""
        distance = np.zeros(len(images), np.float32)
        for start in range(0, len(images), _CHUNK):
            here = slice(start, start + _CHUNK)
            asked = _features(images[here])
            squares = self._squares + (asked**2).sum(axis=1)[:, None] - 2 * asked @ self._known.T
            distance[here] = np.partition(squares, _NEIGHBOURS, axis=1)[:, :_NEIGHBOURS].mean(axis=1)
        return distance


def _features(images: Image) -> Floats:
    """(n, 196): softened, so that a stroke a pixel further on is still near, and all as bright as one another."""
    out = np.empty((len(images), _SIDE * _SIDE), np.float32)
    for row, image in zip(out, images, strict=True):
        row[:] = cv2.resize(cv2.GaussianBlur(image, (0, 0), 1.2), (_SIDE, _SIDE), interpolation=cv2.INTER_AREA).ravel()
    out /= np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-6)
    return out
