"""Sheets of paper as an office fills them in, drawn with exact truth: for samples, tests, benchmarks and training."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import cv2
import numpy as np

from pipeline.records import Box, Image
from pipeline.training.handwriting import Hand, Handwriting, random_hand
from pipeline.training.typeset import REGULAR, Line, typeset

#: BGR, 0 to 255.
Colour = tuple[int, int, int]

PENS: tuple[Colour, ...] = ((120, 50, 25), (140, 60, 40), (35, 30, 30), (60, 50, 45))  # blues, black, dark grey
RULINGS: tuple[Colour, ...] = ((70, 70, 70), (40, 40, 40), (150, 110, 60), (110, 110, 110))

_MARGIN = 15.0  # mm of empty paper left of the table and below the title
_PRINT = (45, 45, 45)


@dataclass(frozen=True, slots=True)
class Column:
    """`written` cells are numbers in handwriting; `printed` ones numbers in print; `text` is print that is no number."""

    heading: str
    width: float  # mm
    kind: Literal["written", "printed", "text"] = "written"


@dataclass(frozen=True, slots=True)
class SheetSpec:
    """One page with one ruled table: a header row of the columns' headings, then `rows`. An empty string is a blank cell."""

    title: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    row_height: float = 9.0  # mm
    digit_height: float = 4.2  # mm
    paper: tuple[float, float] = (210.0, 297.0)  # mm
    dpi: int = 200
    ruling_width: int = 0  # pixels; 0 draws one from 1 to 3
    ruling_colour: Colour | None = None  # None draws one, as for the pen
    pen: Colour | None = None
    font: str = ""  # of typeset.FONTS; none draws a regular one
    touching: float = 0.0  # share of neighbouring digits that touch
    straying: float = 0.03  # share of numbers that touch or cross a ruling
    double: bool = False  # the frame and the line below the headings are drawn twice
    merged: int = 0  # so many columns, after the first, have a heading in common above their own: two rows of headings
    boxes: int = 0  # so many boxes, one digit to each, are drawn in every cell for handwriting, and no other rulings


@dataclass(frozen=True)
class RenderedSheet:
    """A drawn sheet in layers: what is printed on it, the rulings and the ink (255 where there is some).

    `truth` has (row, column, value) of every cell from 0, the header row included: "?" for print that is no number, "" for
    blank. `boxes` are the cells, from ruling to ruling, in the same order.
    """

    printed: Image  # BGR, with the colour of the paper
    ruling: Image
    ink: Image
    ruling_colour: Colour
    pen: Colour
    truth: tuple[tuple[int, int, str], ...]
    boxes: tuple[Box, ...]

    @cached_property
    def image(self) -> Image:
        """The sheet as it lies on the desk, BGR."""
        return painted(painted(self.printed, self.ruling, self.ruling_colour), self.ink, self.pen)


def painted(image: Image, layer: Image, colour: Colour) -> Image:
    """Lay colour on a BGR image as `layer` (0 to 255) says."""
    share = layer[..., None].astype(np.float32) / 255
    return np.asarray(np.rint(image * (1 - share) + np.array(colour, np.float32) * share), np.uint8)


def render_sheet(spec: SheetSpec, handwriting: Handwriting, rng: np.random.Generator) -> RenderedSheet:
    """Draw the sheet in one hand. The same generator state gives the same sheet."""
    height, width = _pixels(spec.paper[1], spec), _pixels(spec.paper[0], spec)
    ink = np.zeros((height, width), np.uint8)
    hand, table = random_hand(rng, spec.touching), _Grid(spec)
    thick, font = spec.ruling_width or int(rng.integers(1, 4)), spec.font or REGULAR[rng.integers(len(REGULAR))]
    title = Box(table.xs[0], _pixels(10, spec), table.xs[-1] - table.xs[0], _pixels(10, spec))
    printed, truth = [_line(spec.title, title, 4.0, spec)], []
    for row, column, box, content in table.cells():
        kind = spec.columns[column].kind
        if content and (row < table.headings or kind != "written"):
            printed.append(_line(content, box, 2.4, spec))
        elif content and spec.boxes:
            for place, digit in zip(table.boxes(box), content, strict=False):
                write_number(ink, digit, place, hand, handwriting, replace(spec, straying=0.0), rng)
        elif content:
            write_number(ink, content, box, hand, handwriting, spec, rng)
        truth.append((row, column, "?" if content and (row < table.headings or kind == "text") else content))
    return RenderedSheet(
        printed=painted(np.full((height, width, 3), _paper(rng), np.uint8), typeset(printed, width, height, font), _PRINT),
        ruling=table.ruling((height, width), thick),
        ink=uneven(ink, rng),
        ruling_colour=spec.ruling_colour or RULINGS[rng.integers(len(RULINGS))],
        pen=spec.pen or PENS[rng.integers(len(PENS))],
        truth=tuple(truth),
        boxes=tuple(box for _, _, box, _ in table.cells()),
    )


def _paper(rng: np.random.Generator) -> Colour:
    """White, or nearly so."""
    blue, green, red = (int(v) for v in rng.integers(242, 253) + rng.integers(0, 4, 3))
    return blue, green, red


class _Grid:
    """Where the rulings are, in pixels."""

    def __init__(self, spec: SheetSpec) -> None:
        self.spec = spec
        total = sum(column.width for column in spec.columns)
        edges = np.cumsum([(spec.paper[0] - total) / 2, *(column.width for column in spec.columns)])
        self.xs = [_pixels(float(edge), spec) for edge in edges]
        self.headings = 2 if spec.merged else 1
        count = len(spec.rows) + self.headings
        self.ys = [_pixels(_MARGIN + 10 + spec.row_height * i, spec) for i in range(count + 1)]
        if min(self.xs) < 0 or self.ys[-1] > _pixels(spec.paper[1], spec):
            raise ValueError("the table is larger than the paper")

    def cells(self) -> Iterator[tuple[int, int, Box, str]]:
        headings = [tuple(column.heading for column in self.spec.columns)]
        if self.spec.merged:
            headings.insert(0, tuple("Together" if i == 1 else "" for i in range(len(self.xs) - 1)))
        for row, contents in enumerate((*headings, *self.spec.rows)):
            for column, content in enumerate(contents):
                x, y = self.xs[column], self.ys[row]
                yield row, column, Box(x, y, self.xs[column + 1] - x, self.ys[row + 1] - y), content

    def boxes(self, cell: Box) -> list[Box]:
        """The boxes in a cell, square and side by side, in its middle."""
        side = min(round(0.8 * cell.height), cell.width // (self.spec.boxes + 1))
        x = cell.x + (cell.width - side * self.spec.boxes) // 2
        y = cell.y + (cell.height - side) // 2
        return [Box(x + side * i, y, side, side) for i in range(self.spec.boxes)]

    def ruling(self, shape: tuple[int, int], thick: int) -> Image:
        layer = np.zeros(shape, np.uint8)
        if self.spec.boxes:
            for row, column, cell, _ in self.cells():
                if row and self.spec.columns[column].kind == "written":
                    for box in self.boxes(cell):
                        cv2.rectangle(layer, (box.x, box.y), (box.right, box.bottom), 255, thick)
            return layer
        top, bottom, left, right = self.ys[0], self.ys[-1], self.xs[0], self.xs[-1]
        for y in self.ys:
            layer[y : y + thick, left : right + thick] = 255
        for x in self.xs:
            layer[top : bottom + thick, x : x + thick] = 255
        if self.spec.merged:
            first, last = self.xs[1], self.xs[1 + self.spec.merged]
            for start, stop in ((left, first), (last, right)):
                layer[self.ys[1] : self.ys[1] + thick, start + thick : stop] = 0
            layer[top + thick : self.ys[1], first + thick : last] = 0
        if self.spec.double:
            away = thick + max(3, _pixels(0.6, self.spec))
            for y in (top - away, self.ys[self.headings] - away, bottom + away):
                layer[y : y + thick, left - away : right + away + thick] = 255
            for x in (left - away, right + away):
                layer[top - away : bottom + away + thick, x : x + thick] = 255
        return layer


def _pixels(millimetres: float, spec: SheetSpec) -> int:
    return round(millimetres * spec.dpi / 25.4)


def _line(text: str, box: Box, size: float, spec: SheetSpec) -> Line:
    """Print `size` mm high, left in the box with a little room, on its middle line; smaller if it would not fit."""
    pad, height = _pixels(1.2, spec), size * spec.dpi / 25.4
    height = min(height, (box.width - 2 * pad) / (0.9 * len(text)))  # no letter is much wider than 0.9 of a capital's height
    return Line(text, box.x + pad, box.y + (box.height + height) / 2, height)


def write_number(
    ink: Image, text: str, box: Box, hand: Hand, handwriting: Handwriting, spec: SheetSpec, rng: np.random.Generator
) -> None:
    """Write a number into a cell: clear of the rulings, or now and then onto the one below or at the left.

    Of the spec counts how high digits are, at which resolution, and how many stray.
    """
    height = _pixels(spec.digit_height, spec) * float(rng.normal(1, 0.04))
    number = handwriting.number(text, height, hand, rng)
    clear = _pixels(0.7, spec)
    shrink = min(1.0, (box.width - 2 * clear) / number.shape[1], (box.height - clear) / number.shape[0])
    if shrink < 1.0:
        number = np.asarray(cv2.resize(number, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA), np.uint8)
    room_x, room_y = box.width - number.shape[1], box.height - number.shape[0]
    x = box.x + round(np.clip(room_x * float(rng.normal(0.5, 0.15)), clear, max(room_x - clear, clear)))
    y = box.y + round(np.clip(room_y * float(rng.normal(0.55, 0.12)), clear, max(room_y - clear, clear)))
    if rng.random() < spec.straying:
        over = round(float(rng.uniform(-0.05, 0.15)) * height)
        if rng.random() < 0.7:
            y = box.bottom - number.shape[0] + over
        else:
            x = box.x - over
    part = ink[y : y + number.shape[0], x : x + number.shape[1]]
    np.maximum(part, number[: part.shape[0], : part.shape[1]], out=part)


def uneven(ink: Image, rng: np.random.Generator) -> Image:
    """A pen presses and flows unevenly: the ink varies slowly along and finely across."""
    height, width = ink.shape
    cover = np.full((height, width), 0.9, np.float32)
    for size in (40, 3):
        grain = rng.standard_normal((height // size + 2, width // size + 2), np.float32)
        cover += 0.05 * cv2.resize(grain, (width, height), interpolation=cv2.INTER_LINEAR)
    return np.asarray(np.rint(ink * np.clip(cover, 0.6, 1.0)), np.uint8)
