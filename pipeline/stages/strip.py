"""A number's ink → the strip that the reader of whole numbers was trained on. Training and reading both come through here."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np

from pipeline.records import Image

#: Strips are so many pixels high, and the digits on them about so many.
HEIGHT = 32
DIGIT = 21.5
#: The network looks at every fourth column; it needs so many columns at least, and gets so many at most.
STEP = 4
NARROWEST, WIDEST = 24, 512

#: Paper left and right of the ink, so that the first and the last digit are seen whole.
_MARGIN = 4
#: What is darker than paper by less, of 255, is no ink.
_FAINT = 32
#: The digits' height is found on a sketch of at most so many rows.
_SKETCH = 64
#: Digits are made smaller, down to so much of their size, and moved, by so much of it, to keep what sticks out in sight.
_SMALLER, _ASIDE = 0.9, 0.14
#: Many begin with a large digit, so far off the line at most, and end in small zeros. Then all are made still smaller.
_SMALLER_IF_TALL, _TALLEST, _OFF_LINE = 0.6, 2.6, 0.5
#: Where only dots and dashes are written: how many strokes wide a digit of the same pen would be high.
_STROKES = 9


def strip(ink: Image, digit_height: float | None = None) -> Image:
    """Ink (any size, white on black, grey, rulings taken out) → (32, w) at full contrast, w from 24 to 512, a multiple of 4.

    `digit_height` is that of the digits in pixels of `ink`, where the caller knows it, from a column, say; else it is found
    from the ink. Digits come out about 22 pixels high, in the middle; what sticks out of the strip is cut off, and what is too
    long for it squeezed. No ink gives 24 black columns.
    """
    limit = max(_FAINT, 0.45 * _full(ink, 0.2))
    x, y, width, height = cv2.boundingRect(cv2.threshold(ink, limit, 255, cv2.THRESH_BINARY)[1])
    if width == 0:
        return np.zeros((HEIGHT, NARROWEST), np.uint8)
    ink = ink[y : y + height, x : x + width]
    shrink = -(-height // _SKETCH)
    rows = -(-height // shrink)
    sketch = cv2.resize(ink, (-(-width // shrink), rows), interpolation=cv2.INTER_AREA) if shrink > 1 else ink
    limit = min(limit, 0.6 * float(sketch.max()))  # fine lines pale when shrunk
    mask = cv2.threshold(sketch, limit, 1, cv2.THRESH_BINARY)[1].astype(np.uint8)
    step = height / rows
    band = _band(mask, digit_height and digit_height / step)
    return _contrast(_placed(ink, DIGIT / (band.digit * step), band.middle * step))


@dataclass(frozen=True, slots=True)
class _Band:
    """Where the digits are: their height and the row of their middle, in pixels of the sketch."""

    digit: float
    middle: float


@dataclass(slots=True)
class _Part:
    """The box of a piece of the writing."""

    x: float
    y: float
    width: float
    height: float

    @property
    def right(self) -> float:
        return self.x + self.width

    @property
    def bottom(self) -> float:
        return self.y + self.height


def _full(ink: Image, share: float) -> float:
    """How dark the pen is: this share of all that is not paper is as dark, or darker. 0 if all is paper."""
    counts = np.cumsum(cv2.calcHist([ink], [0], None, [256], [0, 256])[::-1])
    inked = counts[255 - _FAINT]
    return 255.0 - float(np.searchsorted(counts, share * inked)) if inked else 0.0


def _band(mask: Image, known: float | None) -> _Band:
    """From a mask of the ink, 1 where the pen was. `known` is the digits' height, if it is."""
    pen = _pen(mask)
    parts = _digits(mask, pen)
    if parts:
        typical = _median([(part.height, part.width) for part in parts])
        long = np.ones((1, round(1.5 * typical) + 1), np.uint8)
        line = cv2.morphologyEx(mask, cv2.MORPH_OPEN, long, borderType=cv2.BORDER_CONSTANT, borderValue=0)
        if line.any():  # longer than any stroke of a digit, and maybe grown together with some
            parts = _digits((mask - line).astype(np.uint8), pen) or parts
    if not parts:
        return _Band(known or _STROKES * pen, mask.shape[0] / 2)
    digit = known or _median([(part.height, part.width) for part in parts])
    alike = [part for part in parts if 0.5 * digit < part.height < 1.5 * digit] or parts
    middle = _median([(part.y + part.height / 2, part.width) for part in alike])
    foot = _median([(part.bottom, part.width) for part in alike])
    tall = [p for p in parts if 1.5 * digit <= p.height < _TALLEST * digit and abs(p.bottom - foot) < _OFF_LINE * digit]
    top, bottom = min(part.y for part in alike + tall), max(part.bottom for part in alike + tall)
    digit = max(digit, min((bottom - top) * DIGIT / (HEIGHT - 2), digit / (_SMALLER_IF_TALL if tall else _SMALLER)))
    aside = digit if tall else _ASIDE * digit
    return _Band(digit, min(max((top + bottom) / 2, middle - aside), middle + aside))


def _pen(mask: Image) -> float:
    """Width of the strokes in pixels: twice the area over the length of the outline."""
    outline = cv2.countNonZero(mask[1:] ^ mask[:-1]) + cv2.countNonZero(np.ascontiguousarray(mask[:, 1:] ^ mask[:, :-1]))
    outline += int(mask[0].sum()) + int(mask[-1].sum()) + int(mask[:, 0].sum()) + int(mask[:, -1].sum())
    return 2 * cv2.countNonZero(mask) / (0.785 * outline)  # a slanting edge has more steps than it is long


def _digits(mask: Image, pen: float) -> list[_Part]:
    """What is higher than the dots and dashes of this pen; of what is several digits wide, slices about as wide as one.

    The height of most of these, by width, is that of the digits: one tall stroke among them changes nothing.
    """
    stats = cv2.connectedComponentsWithStats(mask, connectivity=8, ltype=cv2.CV_32S)[2][1:]
    wide, high, area = stats[:, 2], stats[:, 3], stats[:, 4]
    is_flat = (wide > 2.5 * high) & (area < 1.7 * pen * wide)
    found = [_Part(x, y, w, h) for x, y, w, h, _ in stats[(area > 2 * pen * pen) & ~is_flat].tolist()]
    return [part for whole in _mended(found, pen) if whole.height > 3.5 * pen for part in _slices(mask, whole, pen)]


def _mended(parts: list[_Part], pen: float) -> list[_Part]:
    """Parts that are close above one another put together: worn strokes are broken."""
    whole: list[_Part] = []
    for part in sorted(parts, key=lambda p: p.y):
        for other in whole:
            narrower = min(part.width, other.width)
            above = min(other.right, part.right) - max(other.x, part.x) >= 0.5 * narrower
            slim = max(part.width, other.width) < 3 * max(part.height, other.height)
            if above and slim and part.y - other.bottom <= 2.5 * pen:
                other.height = max(other.bottom, part.bottom) - other.y
                other.x, other.width = min(other.x, part.x), max(other.right, part.right) - min(other.x, part.x)
                break
        else:
            whole.append(part)
    return whole


def _slices(mask: Image, part: _Part, pen: float) -> list[_Part]:
    count = round(part.width / (0.9 * part.height))
    if count < 2:
        return [_Part(part.x, part.y, max(part.width, 4 * pen), part.height)]
    edges = np.linspace(part.x, part.right, count + 1).astype(int).tolist()
    boxes = [cv2.boundingRect(mask[int(part.y) : int(part.bottom), a:b]) for a, b in pairwise(edges)]
    return [_Part(a, part.y + y, part.width / count, height) for a, (_, y, _, height) in zip(edges, boxes, strict=False)]


def _median(weighted: list[tuple[float, float]]) -> float:
    """Of (value, weight): half of the weight is above; between two values where the half lies between their middles."""
    half = sum(weight for _, weight in weighted) / 2
    past, below, value_below = 0.0, 0.0, None  # weight before this value, and the last one's middle and value
    for value, weight in sorted(weighted):
        middle = past + weight / 2
        if middle >= half:
            return value if value_below is None else value - (value - value_below) * (middle - half) / (middle - below)
        past, below, value_below = past + weight, middle, value
    raise ValueError("no values")


def _placed(ink: Image, scale: float, middle: float) -> Image:
    """Scaled, with row `middle` of the ink in the middle of the strip."""
    reach = HEIGHT / 2 / scale + 1
    first, last = max(0, int(middle - reach)), min(ink.shape[0], int(middle + reach) + 1)
    ink, middle = ink[first:last], middle - first  # no more than is in sight
    height, width = ink.shape
    wide = min(max(1, round(width * scale)), WIDEST - 2 * _MARGIN)
    high = max(1, round(height * scale))
    scaled = cv2.resize(ink, (wide, high), interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    columns = max(NARROWEST, -(-(wide + 2 * _MARGIN) // STEP) * STEP)
    out = np.zeros((HEIGHT, columns), np.uint8)
    top, left = round(HEIGHT / 2 - middle * high / height), (columns - wide) // 2
    first, last = max(0, -top), min(high, HEIGHT - top)
    out[top + first : top + last, left : left + wide] = scaled[first:last]
    return out


def _contrast(image: Image) -> Image:
    """Full ink becomes 255."""
    return cv2.convertScaleAbs(image, alpha=255 / max(_full(image, 0.15), _FAINT)).astype(np.uint8)
