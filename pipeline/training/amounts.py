"""Digits from the amounts on real bank cheques: many hands, real pens, security printing, neighbours that run in.

ORAND-CAR-A (Diem et al. 2014, ICFHR competition on handwritten digit string recognition), with a box for each digit. A fixed
fifth of the images, chosen by the hash of the file's name, is never trained on.
"""

from __future__ import annotations

import csv
import hashlib
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.errors import DataError
from pipeline.records import Image
from pipeline.stages.clean import even_light, ink_of_one_number
from pipeline.stages.glyph import normalise


def is_held_out(name: str) -> bool:
    """Whether an image belongs to the fifth that only validates."""
    return int(hashlib.sha256(name.encode()).hexdigest(), 16) % 5 == 0


def load_amount_digits(folder: Path) -> tuple[Image, NDArray[np.str_]]:
    """Digits (n, 28, 28) and their labels, of all images but the held-out fifth. Raises DataError."""
    images: list[Image] = []
    labels: list[str] = []
    try:
        with (folder / "labels.csv").open(newline="", encoding="utf-8") as stream:
            rows = list(csv.DictReader(stream))
        for row in rows:
            boxes = [tuple(int(v) for v in box.split(",")) for box in row["boxes_xywh"].split()]
            if is_held_out(row["file"]) or len(boxes) != len(row["digits"]):
                continue
            data = np.frombuffer((folder / "images" / row["file"]).read_bytes(), np.uint8)
            grey = cv2.imdecode(data, cv2.IMREAD_GRAYSCALE)
            if grey is None:
                raise DataError(f"{folder / 'images' / row['file']} is no image")
            found = _digits(grey.astype(np.uint8), boxes)
            images += [glyph for glyph in found if glyph.any()]
            labels += [label for glyph, label in zip(found, row["digits"], strict=True) if glyph.any()]
    except (OSError, KeyError, ValueError) as error:
        raise DataError(f"the amounts in {folder} can't be read: {error}") from error
    return np.stack(images), np.array(labels)


def _digits(grey: Image, boxes: list[tuple[int, ...]]) -> list[Image]:
    even = even_light(grey)
    soft = cv2.dilate(ink_of_one_number(even), np.ones((3, 3), np.uint8))
    dark = np.where(soft > 0, 255 - even, 0).astype(np.uint8)
    return [normalise(dark[max(0, y) : y + h, max(0, x) : x + w]) for x, y, w, h in boxes]
