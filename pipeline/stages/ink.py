"""Ink apart from paper: what is darker than its surroundings, by the rule of Sauvola & Pietikäinen (2000)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.records import CleanPage, Image

#: A pixel is compared with its surroundings, so many strokes wide at least.
_SURROUNDINGS = 8.0
#: So many of the surrounding pixels, or more, are looked at each way.
_SAMPLES = 14
#: How much darker ink is, in Sauvola's terms; what goes on from it is half as dark, and out of focus, where strokes pale, less.
_INK, _PALE, _WEAK = 0.2, 0.1, 0.05
#: Pale ink must be ink for sure in this share.
_SURE = 0.15


@dataclass(frozen=True, slots=True, eq=False)
class _Surroundings:
    """Of each pixel, on a coarser grid: their brightness, and by how much a pixel may be darker there, by Sauvola's rule.

    `limit` is the brightness of what is clearly darker than paper, anywhere.
    """

    mean: NDArray[np.float32]
    less: NDArray[np.float32]
    limit: float

    @staticmethod
    def of(grey: Image, window: int) -> _Surroundings:
        grain = 1.4826 * float(np.median(255 - grey[::4, ::4]))  # of the paper: half of the page and more is paper
        # some hundred of the surrounding pixels tell their brightness and its spread as well as all of them
        step = max(1, window // _SAMPLES)
        sample = np.ascontiguousarray(grey[::step, ::step])
        size = (round(window / step) | 1,) * 2
        mean = cv2.boxFilter(sample, cv2.CV_32F, size, borderType=cv2.BORDER_REFLECT)
        square = cv2.sqrBoxFilter(sample, cv2.CV_32F, size, borderType=cv2.BORDER_REFLECT)
        spread = cv2.sqrt(np.maximum(cv2.subtract(square, cv2.multiply(mean, mean)), 0))
        less = cv2.subtract(mean, cv2.multiply(mean, spread, scale=1 / 128))
        return _Surroundings(np.asarray(mean, np.float32), np.asarray(less, np.float32), 255 - max(24.0, 4 * grain))

    def ink(self, grey: Image) -> Image:
        """255 where a pixel is so much darker than its surroundings, and than paper."""
        return self._darker(grey, _INK, self.limit)

    def pale(self, grey: Image, share: float) -> Image:
        """255 where it is darker by `share` of what may be, and than most of the paper."""
        return self._darker(grey, share, (255 + self.limit) / 2)

    def _darker(self, grey: Image, share: float, limit: float) -> Image:
        around = cv2.addWeighted(self.mean, 1, self.less, -share, 0)
        least = np.ceil(np.clip(around, 0, max(limit, 0))).astype(np.uint8)
        everywhere = cv2.resize(least, grey.shape[::-1], interpolation=cv2.INTER_LINEAR)
        return cv2.compare(grey, everywhere, cv2.CMP_LT).astype(np.uint8, copy=False)


def binarise(grey: Image, stroke: float = 0.0) -> Image:
    """255 where there is ink: darker than its surroundings, and clearly darker than paper.

    Where the `stroke` is known to be wide for the picture, that is out of focus or enlarged: then the surroundings are wider,
    and what is only half as dark is ink too, if it goes on from ink.
    """
    around = _Surroundings.of(grey, window_of(grey, stroke))
    ink = around.ink(grey)
    return _going_on(around.pale(grey, _PALE), ink) if is_blurred(grey, stroke) else ink


def with_weak_parts(written: Image, page: CleanPage, other: Image) -> Image:
    """What is written on a page, together with the parts of strokes that are too weak to be ink by themselves.

    Strokes pale where the pen is fast, and break there. What goes on from ink is part of it (Canny 1986: hysteresis), but not
    where `other` is not 0: rulings are paler at their edges, too.
    """
    around = _Surroundings.of(page.grey, window_of(page.grey, page.stroke_width))
    share = _WEAK if is_blurred(page.grey, page.stroke_width) else _PALE
    weak = np.where(other > 0, 0, around.pale(page.grey, share)).astype(np.uint8, copy=False)
    return cv2.max(_going_on(weak, written), written).astype(np.uint8, copy=False)


def is_blurred(grey: Image, stroke: float) -> bool:
    """Whether strokes are so wide that the usual surroundings hold too little paper."""
    return bool(_SURROUNDINGS * stroke > window_of(grey))


def window_of(grey: Image, stroke: float = 0.0) -> int:
    """How wide the surroundings of a pixel are, with which it is compared; odd."""
    return int(max(15, round(max(grey.shape) / 60), round(_SURROUNDINGS * stroke)) | 1)


def _going_on(pale: Image, ink: Image) -> Image:
    """The connected parts of ink and what is pale that are ink in part."""
    count, labels = cv2.connectedComponents(cv2.max(pale, ink).astype(np.uint8, copy=False), connectivity=8)
    area: NDArray[Any] = np.bincount(labels.ravel(), minlength=count)
    sure = np.bincount(labels[ink > 0], minlength=count)
    keep = sure > _SURE * area
    keep[0] = False
    return np.asarray(np.multiply(keep, 255, dtype=np.uint8)[labels], np.uint8)
