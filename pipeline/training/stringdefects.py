"""What happens to a number on its way from the pen to the reader: the cell around it, worn ink, the scanner, and the cleaning.

All pictures are ink: white on black. Smooth fields and grain are made once and drawn from, for speed.
"""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np

from pipeline.records import Floats, Image

_SQUARE = np.ones((3, 3), np.uint8)
_HAIR = np.ones((2, 2), np.uint8)
_FIELD = 256, 1536  # rows, columns of the fields


def bent(ink: Image, tall: float, slant: float, rng: np.random.Generator) -> Image:
    """Written by an unsteady hand, on a line that is not quite straight: the ink with some more paper on all sides.

    `tall` is the height of a digit, in pixels, here and below; `slant` the standard deviation of how much more it leans.
    """
    x, y = _grid()
    ink = np.pad(ink, round(0.3 * tall))
    height, width = ink.shape
    if height > _FIELD[0] or width > _FIELD[1]:
        return ink
    unsteady, wavy = float(rng.uniform(0, 0.035)) * tall, float(rng.uniform(0, 0.07)) * tall
    shear = float(rng.normal(0, slant))
    fast_x, fast_y, slow = (_window(field, ink.shape, rng) for field in (_field(9.0), _field(9.0), _field(48.0)))
    map_x = x[:height, :width] + unsteady * fast_x + shear * (y[:height, :width] - height / 2)
    map_y = y[:height, :width] + unsteady * fast_y + wavy * slow
    return cv2.remap(ink, map_x, map_y, cv2.INTER_LINEAR).astype(np.uint8)


def inked(ink: Image, rng: np.random.Generator) -> Image:
    """Thicker or thinner, with sharp edges or soft ones: another pen, ink that ran or did not take."""
    soft = cv2.GaussianBlur(ink, (0, 0), float(rng.uniform(0.6, 1.2))).astype(np.uint8)
    edge, steep = float(rng.uniform(0.35, 0.65)) * darkness(soft), float(rng.uniform(1.5, 4.0))
    table = np.clip(127 + steep * (np.arange(256) - edge), 0, 255).astype(np.uint8)
    return cv2.LUT(soft, table).astype(np.uint8)


def thinned(ink: Image, width: float) -> Image:
    """With strokes not wider than so many pixels, about: most digits that one can learn from were written with thick pens."""
    mask = cv2.threshold(ink, 110, 255, cv2.THRESH_BINARY)[1]
    inside = cv2.distanceTransform(mask, cv2.DIST_L2, 3)
    middle = cv2.compare(inside, np.maximum(cv2.dilate(inside, _SQUARE), 0.5), cv2.CMP_GE)
    # along the middle the distance to the edge is half the width; the transform measures to the next pixel's middle
    present = 2 * cv2.mean(inside, middle)[0] - 0.5
    if present <= width:
        return ink
    thin = np.clip(255 * (inside - (present - width) / 2), 0, 255).astype(np.uint8)
    hair = np.minimum(cv2.dilate(middle, _HAIR), ink).astype(np.uint8)  # fine lines stay, by their middle
    thinner: Image = np.maximum(thin, hair)
    return thinner


def worn(ink: Image, tall: float, rng: np.random.Generator) -> Image:
    """Paler in places, or with a second pen from some column on, or with a line missing where a ruling was erased."""
    chance = rng.random(3)
    if chance[0] < 0.15:
        field = _window(_field(9.0 if chance[1] < 0.4 else 48.0), ink.shape, rng)
        ink = (ink * np.clip(0.8 + float(rng.uniform(0.1, 0.3)) * field, 0.45, 1)).astype(np.uint8)
    if chance[1] < 0.03:
        share = np.ones(ink.shape[1], np.float32)
        share[int(rng.integers(ink.shape[1])) :] = rng.uniform(0.55, 0.9)
        ink = (ink * (share if rng.random() < 0.5 else share[::-1])).astype(np.uint8)
    if chance[2] < 0.06:
        ink = ink.copy()
        row, thick = int(rng.integers(ink.shape[0])), int(rng.integers(1, max(2, round(0.1 * tall))))
        if rng.random() < 0.75:
            ink[row : row + thick] = 0
        else:
            column = int(rng.integers(ink.shape[1]))
            ink[:, column : column + thick] = 0
    return ink


def scanned(ink: Image, tall: float, rng: np.random.Generator) -> tuple[Image, float]:
    """At an office's resolution, digits 12 pixels high or more, and as the reader cleans it; and the digits' height then."""
    chance = rng.random(8)
    real = min(tall, float(np.exp(rng.uniform(np.log(12), np.log(20))) if chance[0] < 0.3 else rng.uniform(18, tall + 8)))
    scale, wide = real / tall, float(np.exp(rng.normal(0, 0.08)))
    ink = cv2.resize(ink, None, fx=scale * wide, fy=scale, interpolation=cv2.INTER_AREA).astype(np.uint8)
    if chance[1] < 0.5:
        ink = cv2.GaussianBlur(ink, (0, 0), float(rng.uniform(0.3, 0.4 + 0.02 * real))).astype(np.uint8)
    strength = float(rng.uniform(0.3, 1.0)) if chance[2] < 0.5 else 1.0
    grain = float(rng.uniform(2, 9) if chance[3] < 0.85 else rng.uniform(9, 20))
    if strength < 1 or chance[3] < 0.6:
        noise = _window(_grain(), ink.shape, rng) * np.float32(grain)
        ink = np.clip(ink * np.float32(strength) + noise, 0, 255).astype(np.uint8)
    if chance[4] < 0.25:
        data = cv2.imencode(".jpg", 255 - ink, (cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(25, 90))))[1]
        ink = 255 - np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), np.uint8)
    if real < 20 and chance[5] < 0.5:  # small photographs are enlarged when the page is cleaned
        ink = cv2.resize(ink, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC).astype(np.uint8)
        real *= 2
    if chance[6] < 0.12:
        return cleaned(ink, float(rng.uniform(0.4, 0.6)), 2.2 * grain, bilevel=True), real
    return cleaned(ink, float(rng.uniform(0.25, 0.5)), 2.2 * grain), real


def cleaned(ink: Image, limit: float, grain: float, bilevel: bool = False) -> Image:
    """Paper is made black, as the reader does it; `limit` is how dark ink is at least, as a share of the pen's darkness.

    What is darker, and stands out from the grain, stays with its soft edge of one pixel; or all of it becomes white.
    """
    mask = cv2.threshold(ink, max(24.0, grain, limit * darkness(ink)), 255, cv2.THRESH_BINARY)[1]
    return (mask if bilevel else cv2.bitwise_and(ink, cv2.dilate(mask, _SQUARE))).astype(np.uint8)


def fully_inked(ink: Image) -> Image:
    """As if by the darkest pen."""
    return cv2.convertScaleAbs(ink, alpha=255 / max(darkness(ink), 40.0)).astype(np.uint8)


def darkness(ink: Image) -> float:
    """Of the pen: a fifth of what is darker than the faintest ink is darker. 0 where there is none."""
    counts = np.cumsum(cv2.calcHist([ink], [0], None, [256], [0, 256])[::-1])
    return 255.0 - float(np.searchsorted(counts, 0.2 * counts[255 - 40])) if counts[255 - 40] else 0.0


@cache
def _grid() -> tuple[Floats, Floats]:
    x, y = np.meshgrid(np.arange(_FIELD[1], dtype=np.float32), np.arange(_FIELD[0], dtype=np.float32))
    return x, y


@cache
def _field(smooth: float) -> Floats:
    """Smooth noise of standard deviation 1."""
    noise = np.random.default_rng(round(smooth)).standard_normal(_FIELD).astype(np.float32)
    field = cv2.GaussianBlur(noise, (0, 0), smooth)
    return np.asarray(field / field.std(), np.float32)


@cache
def _grain() -> Floats:
    """A scanner's noise: of single pixels, and of some."""
    single, some = np.random.default_rng(0).standard_normal((2, *_FIELD)).astype(np.float32)
    return np.asarray(0.8 * single + 2.0 * cv2.GaussianBlur(some, (0, 0), 1.0), np.float32)


def _window(field: Floats, shape: tuple[int, ...], rng: np.random.Generator) -> Floats:
    """A random piece of a field, repeated if that is too small."""
    height, width = shape
    if height > field.shape[0] or width > field.shape[1]:
        field = np.tile(field, (-(-height // field.shape[0]), -(-width // field.shape[1])))
    y, x = int(rng.integers(field.shape[0] - height + 1)), int(rng.integers(field.shape[1] - width + 1))
    return field[y : y + height, x : x + width]
