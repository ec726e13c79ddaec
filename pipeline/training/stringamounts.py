"""Whole amounts from real bank cheques as strips: of ORAND-CAR-A, see amounts. Only their digits are labelled.

Points, commas and dashes are written in them all the same; about 3% of the labels are wrong.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from pipeline.errors import DataError
from pipeline.records import Image, Page
from pipeline.stages.lone import single_cell
from pipeline.training.amounts import is_held_out


@dataclass(frozen=True)
class Amount:
    """A cheque's amount as the reader cleans it: ink (h, w), white on black, and its digits.

    `boxes` are x, y, width and height of each digit in pixels of `ink`; `height` is their median height.
    """

    name: str
    ink: Image
    digits: str
    boxes: tuple[tuple[float, float, float, float], ...]
    height: float


def load_amounts(folder: Path, held_out: bool, scale: float = 1.0) -> list[Amount]:
    """The fifth that only validates, or all others, at a share of the size at which they are read. Raises DataError."""
    try:
        with (folder / "labels.csv").open(newline="", encoding="utf-8") as stream:
            rows = [row for row in csv.DictReader(stream) if is_held_out(row["file"]) == held_out]
        return [_amount(folder, row["file"], row["digits"], row["boxes_xywh"], scale) for row in rows]
    except (OSError, KeyError, ValueError) as error:
        raise DataError(f"the amounts in {folder} can't be read: {error}") from error


def ink_of(grey: Image) -> tuple[Image, float, float]:
    """A picture of one number → its ink (h, w), white on black, as the reader finds it; its pixels are so wide, and its margin.

    Both are in pixels of the picture, the same in both directions.
    """
    tabled = single_cell(Page(1, grey))
    soft = cv2.dilate(tabled.ink, np.ones((3, 3), np.uint8))
    ink = np.where(soft > 0, 255 - tabled.clean.grey, 0).astype(np.uint8)
    return ink, float(tabled.clean.to_page[1, 1]), -float(tabled.clean.to_page[1, 2])


def part_of(amount: Amount, rng: np.random.Generator) -> Amount:
    """Some neighbouring digits of an amount, cut out where they do not touch; all of it, if they do."""
    boxes = amount.boxes
    free = [i for i in range(1, len(boxes)) if boxes[i][0] > boxes[i - 1][0] + boxes[i - 1][2]]
    ends = sorted(rng.choice([0, *free, len(boxes)], 2, replace=False).tolist()) if free else [0, len(boxes)]
    first, last = ends
    left = 0 if first == 0 else round((boxes[first - 1][0] + boxes[first - 1][2] + boxes[first][0]) / 2)
    right = amount.ink.shape[1] if last == len(boxes) else round((boxes[last - 1][0] + boxes[last - 1][2] + boxes[last][0]) / 2)
    moved = tuple((x - left, y, w, h) for x, y, w, h in boxes[first:last])
    return Amount(amount.name, amount.ink[:, max(left, 0) : right], amount.digits[first:last], moved, amount.height)


def _amount(folder: Path, name: str, digits: str, places: str, scale: float) -> Amount:
    grey = cv2.imdecode(np.frombuffer((folder / "images" / name).read_bytes(), np.uint8), cv2.IMREAD_GRAYSCALE)
    if grey is None:
        raise DataError(f"{folder / 'images' / name} is no image")
    ink, step, margin = ink_of(grey.astype(np.uint8))
    if scale != 1:
        ink = cv2.resize(ink, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA).astype(np.uint8)
    boxes = []
    for place in places.split():
        x, y, width, height = (float(v) for v in place.split(","))
        boxes.append(((x + margin) / step * scale, (y + margin) / step * scale, width / step * scale, height / step * scale))
    return Amount(name, ink, digits, tuple(sorted(boxes)), float(np.median([box[3] for box in boxes])))
