"""The marks on printed forms that machines find: squares in the corners (ArUco, Garrido-Jurado et al. 2014) and a QR code.

The only place that knows how they are drawn and found; printing and reading both come here.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.records import Floats, Image

#: Marks of upright paper have the first four numbers, of paper on its side the next four; each from the top left, clockwise.
_DICTIONARY = cv2.aruco.getPredefinedDictionary(cv2.aruco.DICT_4X4_50)
_CORNERS = 4
#: Marks are looked for in a picture whose longer side has at most so many pixels.
_SKETCH = 1600
#: A quick look compares pixels with their surroundings of this width only.
_QUICK_WINDOW = 15
#: A QR code is read from a picture about this large.
_READABLE = 480


def corner_pattern(place: int, landscape: bool) -> Image:
    """The corner mark of a place (0 is top left, then clockwise) as 6 × 6 squares, 0 where it is black."""
    pattern: Image = cv2.aruco.generateImageMarker(_DICTIONARY, place + _CORNERS * landscape, 6).astype(np.uint8)
    return pattern


def tag_pattern(text: str) -> Image:
    """The QR code of an ASCII text as squares, 0 where it is black, without paper around it."""
    settings = cv2.QRCodeEncoder.Params()
    settings.correction_level = cv2.QRCodeEncoder_CORRECT_LEVEL_M
    pattern = cv2.QRCodeEncoder.create(settings).encode(text)
    dark = np.argwhere(pattern == 0)
    (top, left), (bottom, right) = dark.min(axis=0), dark.max(axis=0) + 1
    return np.asarray(pattern[top:bottom, left:right], np.uint8)


def may_show_corners(sketch: Image) -> bool:
    """Whether a small picture of a page seems to show a corner mark: most pages have none, and need no closer look."""
    quick = cv2.aruco.DetectorParameters()
    quick.adaptiveThreshWinSizeMin = quick.adaptiveThreshWinSizeMax = _QUICK_WINDOW
    numbers = cv2.aruco.ArucoDetector(_DICTIONARY, quick).detectMarkers(sketch)[1]
    return numbers is not None and bool((np.asarray(numbers) < 2 * _CORNERS).any())


def find_corners(grey: Image) -> tuple[dict[int, Floats], bool]:
    """The corner marks on a picture, whichever way up: place → its four corners (4, 2), clockwise from its own top left, in
    pixels; and whether the paper is on its side. None unless at least three of one kind of paper are there."""
    shrink = min(1.0, _SKETCH / max(grey.shape))
    sketch = cv2.resize(grey, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA) if shrink < 1 else grey
    corners, numbers, _ = cv2.aruco.ArucoDetector(_DICTIONARY, cv2.aruco.DetectorParameters()).detectMarkers(sketch)
    if numbers is None:
        return {}, False
    found: dict[int, list[Floats]] = {}
    for number, points in zip(np.asarray(numbers).ravel(), corners, strict=True):
        found.setdefault(int(number), []).append((np.asarray(points, np.float32).reshape(4, 2) + 0.5) / shrink - 0.5)
    for landscape in (False, True):
        first = _CORNERS * landscape
        once = {place: found[first + place][0] for place in range(_CORNERS) if len(found.get(first + place, ())) == 1}
        if len(once) >= _CORNERS - 1:
            return {place: _refined(grey, points, shrink) for place, points in once.items()}, landscape
    return {}, False


def read_tag(picture: Image) -> str:
    """The text of the QR code on a picture of nothing else, seen from straight above; empty if it can't be read."""
    scale = max(1, round(_READABLE / max(picture.shape)))
    large = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    detector = cv2.QRCodeDetector()
    for view in (large, _two_tone(large), _two_tone(cv2.GaussianBlur(large, (0, 0), 2.0))):
        try:
            text, *_ = detector.detectAndDecode(view)
        except (cv2.error, UnicodeDecodeError):  # what only looks like a code
            continue
        if text:
            return str(text)
    return ""


def _refined(grey: Image, points: Floats, shrink: float) -> Floats:
    """Corners found on a sketch, to a fraction of a pixel of the picture itself."""
    reach = max(2, round(2 / shrink))
    stop = (cv2.TERM_CRITERIA_EPS + cv2.TERM_CRITERIA_MAX_ITER, 30, 0.01)
    exact = cv2.cornerSubPix(grey, points.reshape(-1, 1, 2).copy(), (reach, reach), (-1, -1), stop).reshape(4, 2)
    near: NDArray[np.bool_] = np.abs(exact - points).max(axis=1) <= reach
    return np.where(near[:, None], exact, points).astype(np.float32)


def _two_tone(picture: NDArray[np.generic]) -> Image:
    return cv2.threshold(np.asarray(picture, np.uint8), 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)[1].astype(np.uint8)
