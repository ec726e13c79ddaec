"""Pages of numbers that are ruled in part or not at all, drawn with exact truth."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

import cv2
import numpy as np

from pipeline.records import Image

_FONT, _SIZE = cv2.FONT_HERSHEY_SIMPLEX, 0.8
#: Height of a digit so written, in pixels.
DIGIT = 17


@dataclass(frozen=True)
class Sheet:
    """Where the rows and columns of numbers are on a page of `paper` (width, height) pixels; `pitch` from row to row."""

    rows: int = 14
    columns: int = 5
    pitch: int = 40
    width: int = 120
    left: int = 150
    top: int = 200
    paper: tuple[int, int] = (1000, 1300)

    @property
    def xs(self) -> list[int]:
        return [self.left + self.width * j for j in range(self.columns + 1)]

    @property
    def bottom(self) -> int:
        return self.top + self.pitch * self.rows

    def baseline(self, row: int) -> int:
        return self.top + self.pitch * row + (self.pitch + DIGIT) // 2


def paper(sheet: Sheet) -> Image:
    return np.full(sheet.paper[::-1], 248, np.uint8)


def number(row: int, column: int) -> str:
    """Two to four digits, no two neighbours alike."""
    return str(13 + (row * 7919 + column * 104729) % 9900)


def write(
    image: Image, sheet: Sheet, blank: Collection[int] = (), text: Callable[[int, int], str] = number, rise: float = 0.0
) -> Image:
    """Right-aligned numbers in every cell but those of the rows `blank`; lines fall by `rise` to the right."""
    for row in range(sheet.rows):
        for column in range(sheet.columns):
            if row in blank:
                continue
            content = text(row, column)
            (width, _), _ = cv2.getTextSize(content, _FONT, _SIZE, 2)
            x = sheet.xs[column + 1] - 12 - width
            y = sheet.baseline(row) + round(rise * (x - sheet.paper[0] / 2))
            cv2.putText(image, content, (x, y), _FONT, _SIZE, 40, 2, cv2.LINE_AA)
    return image


def rule_columns(image: Image, sheet: Sheet, shade: int = 70, line: int = 2, columns: Collection[int] | None = None) -> Image:
    """Vertical rulings, from a row above the numbers to a row below them."""
    for j, x in enumerate(sheet.xs):
        if columns is None or j in columns:
            image[sheet.top - sheet.pitch : sheet.bottom + sheet.pitch, x : x + line] = shade
    return image


def rule_frame(image: Image, sheet: Sheet, line: int = 2) -> Image:
    """A horizontal ruling above and one below."""
    for y in (sheet.top - sheet.pitch, sheet.bottom + sheet.pitch):
        image[y : y + line, sheet.xs[0] : sheet.xs[-1] + line] = 70
    return image
