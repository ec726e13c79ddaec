"""Strings that no reader is trained on: of NIST's digits as a scanner sees them, of others held out, and real amounts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from pipeline.errors import DataError
from pipeline.records import Image
from pipeline.stages.strip import strip
from pipeline.training.handwriting import Handwriting, random_hand
from pipeline.training.stringamounts import ink_of, load_amounts
from pipeline.training.stringlines import Line
from pipeline.training.strings import StringExample

#: Heights of the digits in turn, pixels: at 300, 200 and 130 dpi.
HEIGHTS = (45, 30, 20)
LONGEST = 6

_TALL = HEIGHTS[0]
#: So many examples of each digit held out are written with, at most.
_EACH = 500


@dataclass(frozen=True)
class MeasuredString:
    """A number on paper, `page` (h, w) grey, and the strip that the reader makes of it; its digits are `height` pixels high."""

    page: Image
    strip: Image
    text: str
    height: int
    touching: bool  # at least two neighbours do


def validation_strings(data: Path, n: int, seed: int) -> list[MeasuredString]:
    """n numbers of 1 to 6 digits, a third of them with touching pairs. The same seed gives the same. Raises DataError.

    Nobody's hand is imitated: the digits are NIST's as scanned, black on white, of the same height but for a few percent.
    """
    return numbers_written(_nist(data / "digits" / "nist_300dpi.npz"), n, seed)


def held_out_strings(handwriting: Handwriting, n: int, seed: int) -> list[MeasuredString]:
    """The same of these digits, each by a hand of its own."""
    rng = np.random.default_rng(seed)
    digits = [
        [handwriting.number(str(digit), _TALL, random_hand(rng), rng) for _ in range(min(len(examples), _EACH))]
        for digit, examples in enumerate(handwriting.digits)
    ]
    return numbers_written(digits, n, seed)


def numbers_written(digits: Sequence[Sequence[Image]], n: int, seed: int) -> list[MeasuredString]:
    """n numbers of 1 to 6 digits, a third of them with touching pairs, of these examples for each of the ten digits.

    Examples are white on black, cut to their ink.
    """
    rng = np.random.default_rng(seed)
    found = []
    for i in range(n):
        touching = i % 3 == 0
        count = int(rng.integers(2 if touching else 1, LONGEST + 1))
        text = "".join(str(digit) for digit in rng.integers(0, 10, count))
        page = _on_paper(_written(text, touching, digits, rng), HEIGHTS[i // 3 % len(HEIGHTS)], rng)
        found.append(MeasuredString(page, strip(ink_of(page)[0]), text, HEIGHTS[i // 3 % len(HEIGHTS)], touching))
    return found


def amount_strings(folder: Path, held_out: bool) -> list[StringExample]:
    """Real amounts as the reader sees them, of the fifth that only validates or of all others. Raises DataError."""
    return [StringExample(strip(a.ink), a.digits, True) for a in load_amounts(folder, held_out)]


def _nist(file: Path) -> list[list[Image]]:
    """For each digit its examples, white on black, cut to their ink, at 300 dpi."""
    try:
        with np.load(file, allow_pickle=False) as arrays:
            pixels, shapes, labels = arrays["pixels"].astype(np.uint8), arrays["shapes"].astype(int), arrays["y"]
        found: list[list[Image]] = [[] for _ in range(10)]
        for crop, shape, label in zip(np.split(pixels, np.cumsum(shapes.prod(axis=1))[:-1]), shapes, labels, strict=True):
            found[int(label)].append(_alone(np.where(crop.reshape(shape) > 0, 255, 0).astype(np.uint8)))
    except Exception as error:  # a damaged archive, or other arrays than these, can raise anything
        raise DataError(f"{file} can't be used: {error}", "Get it again: strings can't be measured without it.") from error
    return found


def _alone(digit: Image) -> Image:
    """Without the crumbs of neighbours that some crops have: beside another digit they would look like points."""
    _, parts, stats, _ = cv2.connectedComponentsWithStats(digit)
    areas = stats[1:, cv2.CC_STAT_AREA]
    kept = np.isin(parts, 1 + np.flatnonzero(areas >= 0.06 * areas.sum()))
    x, y, width, height = cv2.boundingRect(kept.astype(np.uint8))
    return np.where(kept, 255, 0).astype(np.uint8)[y : y + height, x : x + width]


def _written(text: str, touching: bool, digits: Sequence[Sequence[Image]], rng: np.random.Generator) -> Image:
    """The digits beside each other; if they are to touch, one pair does for sure, and others do often."""
    line, gap = Line(2 * _TALL), float(rng.uniform(0.1, 0.3))
    sure = int(rng.integers(1, len(text))) if touching else 0
    for position, digit in enumerate(text):
        examples = digits[int(digit)]
        crop = examples[int(rng.integers(len(examples)))]
        scale = _TALL * float(rng.normal(1, 0.05)) / crop.shape[0]
        size = max(1, round(crop.shape[1] * scale)), max(1, round(crop.shape[0] * scale))
        image = cv2.resize(crop, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR).astype(np.uint8)
        top = round(1.5 * _TALL + float(rng.normal(0, 0.03)) * _TALL) - image.shape[0]
        if touching and position and (position == sure or rng.random() < 0.3):
            line.add(image, top, -1, 0, 0.5)
        else:
            line.add(image, top, round(max(gap + float(rng.normal(0, 0.05)), 0.08) * _TALL), 3, 0.3)
    return line.joined()


def _on_paper(ink: Image, height: int, rng: np.random.Generator) -> Image:
    """As scanned in grey: soft, with a little grain."""
    scale = height / _TALL
    ink = cv2.resize(np.pad(ink, _TALL // 3), None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA).astype(np.uint8)
    soft = cv2.GaussianBlur(ink, (0, 0), 0.5).astype(np.float32)
    paper, pen = float(rng.uniform(225, 250)), float(rng.uniform(20, 90))
    page = paper - (paper - pen) / 255 * soft + rng.normal(0, 3, ink.shape)
    return np.clip(page, 0, 255).astype(np.uint8)
