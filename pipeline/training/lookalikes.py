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
#: What is nearer to a kind of digit than this share of real digits are to theirs is taken for one.
_SHARE = 0.92
_CHUNK = 500


class Lookalikes:
    """Knows digits by heart: `images` (n, 28, 28) and their `labels`, the first as neighbours, some of the last to measure."""

    def __init__(self, images: Image, labels: NDArray[np.int64]) -> None:
        asked = min(_ASKED, len(images) // 4)
        known = min(_KNOWN, len(images) - asked)
        self._known, self._labels = _features(images[:known]), labels[:known]
        self._squares = (self._known**2).sum(axis=1)
        alike, distance = self._nearest(images[-asked:])
        self._near = float(np.quantile(distance[alike], _SHARE)) if alike.any() else 0.0

    def __call__(self, images: Image) -> NDArray[np.bool_]:
        """(n, 28, 28) → (n,): whether an image looks like a digit."""
        alike, distance = self._nearest(images)
        return alike & (distance <= self._near)

    def _nearest(self, images: Image) -> tuple[NDArray[np.bool_], Floats]:
        """Whether the nearest digits are all of a kind, and their mean squared distance."""
        alike, distance = np.zeros(len(images), bool), np.zeros(len(images), np.float32)
        for start in range(0, len(images), _CHUNK):
            here = slice(start, start + _CHUNK)
            asked = _features(images[here])
            squares = self._squares + (asked**2).sum(axis=1)[:, None] - 2 * asked @ self._known.T
            nearest = np.argpartition(squares, _NEIGHBOURS, axis=1)[:, :_NEIGHBOURS]
            labels = self._labels[nearest]
            alike[here] = (labels == labels[:, :1]).all(axis=1)
            distance[here] = np.take_along_axis(squares, nearest, axis=1).mean(axis=1)
        return alike, distance


def _features(images: Image) -> Floats:
    """(n, 196): softened, so that a stroke a pixel further on is still near, and all as bright as one another."""
    out = np.empty((len(images), _SIDE * _SIDE), np.float32)
    for row, image in zip(out, images, strict=True):
        row[:] = cv2.resize(cv2.GaussianBlur(image, (0, 0), 1.2), (_SIDE, _SIDE), interpolation=cv2.INTER_AREA).ravel()
    out /= np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-6)
    return out
