"""Scored pages made by hand: where each piece of ink is, and what the network would say of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from pipeline.records import Box, Cell, CleanPage, Image, Lattice, Page, ScoredPage, Segment, SegmentedPage, Table, TabledPage
from tests.stages.grids import LABELS

#: What a reader of strips can say, without letters and with them.
READER = (*"0123456789.-/", "")
LETTERED = (*"0123456789.-/+ABCDEF", "")
Guesses = NDArray[np.float32]

#: Clean pixels: what a digit of these lattices is high and wide, and the pen that wrote it.
HEIGHT, WIDTH, PEN = 30, 18, 4.0
_ROW, _COLUMN, _TOP = 60, 200, 15


@dataclass(frozen=True)
class Ink:
    """A piece of ink: its size, how far its top is below that of a digit, and the network's probabilities of it."""

    likely: Mapping[str, float]
    width: int = WIDTH
    height: int = HEIGHT
    down: int = 0
    area: int = 0  # 0 is that of the whole box
    cut: float = 0.0  # ink cut through on its left
    joined: Mapping[str, float] = field(default_factory=dict)  # what it would be, as one with the piece before it
    spread: float = 0.0  # how far apart the two stand
    over: bool = False  # it stands above the piece before it, not beside it


def digit(label: str, p: float = 0.98) -> Ink:
    """A character that the network knows."""
    return Ink({label: p})


def dot(size: float, down: int = 0) -> Ink:
    """A round spot of so many pixels, on the base line unless lifted by a `down` from the top."""
    side = max(1, round(size))
    return Ink({"1": 0.5}, side, side, down or HEIGHT - side, max(1, round(np.pi / 4 * size * size)))


def dash(length: int = 14, thick: int = 4) -> Ink:
    return Ink({"1": 0.3, "7": 0.3}, length, thick, HEIGHT // 2)


def scrawl() -> Ink:
    """A letter or so, of which the network thinks little."""
    return Ink(dict.fromkeys(LABELS, 0.02))


def scored(rows: Sequence[Sequence[Sequence[Ink]]]) -> ScoredPage:
    """A page with one table whose cells hold these pieces. A heading is a row like the others."""
    columns = len(rows[0]) if rows else 0
    cells, lattices, probabilities = [], [], []
    for r, row in enumerate(rows):
        for c, inks in enumerate(row):
            cell = _cell(r, c)
            cells.append(cell)
            lattice, scores = _lattice(cell, inks)
            lattices.append(lattice)
            probabilities.append(scores)
    shape = max(1, _ROW * len(rows)), max(1, _COLUMN * columns)
    paper, ink = np.full(shape, 255, np.uint8), np.zeros(shape, np.uint8)
    clean = CleanPage(Page(3, paper), paper, ink, np.eye(3), PEN, PEN)
    tabled = TabledPage(clean, (Table(1, len(rows), columns, tuple(cells)),), ink)
    return ScoredPage(SegmentedPage(tabled, tuple(lattices), PEN), LABELS, tuple(probabilities))


def showing(lattices: Sequence[Lattice], cells: Sequence[Sequence[Image]]) -> tuple[Lattice, ...]:
    """The same lattices, whose segments show these glyphs."""
    return tuple(
        replace(lattice, segments=tuple(replace(s, glyph=g) for s, g in zip(lattice.segments, glyphs, strict=True)))
        for lattice, glyphs in zip(lattices, cells, strict=True)
    )


def column(*cells: Sequence[Ink], heading: Sequence[Ink] = ()) -> ScoredPage:
    """A table of one column under a heading."""
    return scored([[heading], *([cell] for cell in cells)])


def row_of(likely: Mapping[str, float]) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    """The network's probabilities: these, and what is left for all other labels alike."""
    rest = max(1.0 - sum(likely.values()), 0.0) / max(len(LABELS) - len(likely), 1)
    return np.array([likely.get(label, rest) for label in LABELS], np.float32)


def _cell(row: int, column: int) -> Cell:
    x, y = column * _COLUMN, row * _ROW
    corners = np.array([[x, y], [x + _COLUMN, y], [x + _COLUMN, y + _ROW], [x, y + _ROW]], np.float32)
    return Cell(row + 1, column + 1, corners, Box(x, y, _COLUMN, _ROW))


def _lattice(cell: Cell, inks: Sequence[Ink]) -> tuple[Lattice, np.ndarray[tuple[int, ...], np.dtype[np.float32]]]:
    x = cell.box.x + 10
    boxes: list[Box] = []
    for ink in inks:
        left = boxes[-1].x if ink.over else x
        boxes.append(Box(left, cell.box.y + _TOP + ink.down, ink.width, ink.height))
        x = max(x, left + ink.width + 6)
    glyph = np.zeros((28, 28), np.uint8)
    segments, rows = [], []
    for i, ink in enumerate(inks):
        area = ink.area or ink.width * ink.height
        segments.append(Segment(i, i + 1, boxes[i], area, 0.0, glyph))
        rows.append(row_of(ink.likely))
        if ink.joined:
            left, top = min(boxes[i - 1].x, boxes[i].x), min(boxes[i - 1].y, boxes[i].y)
            right, bottom = max(boxes[i - 1].right, boxes[i].right), max(boxes[i - 1].bottom, boxes[i].bottom)
            box = Box(left, top, right - left, bottom - top)
            segments.append(Segment(i - 1, i + 1, box, area + segments[-1].area, ink.spread, glyph))
            rows.append(row_of(ink.joined))
    scores = np.stack(rows) if rows else np.zeros((0, len(LABELS)), np.float32)
    return Lattice(cell, 1, tuple(ink.cut for ink in inks[1:]), tuple(segments)), scores


def guesses(*steps: dict[str, float], labels: Sequence[str] = READER) -> Guesses:
    """Log probabilities of these labels at each step, a pause after each; the rest alike for all others."""
    columns = []
    for step in steps:
        for likely in (step, {"": 0.99}):
            rest = max(1 - sum(likely.values()), 1e-9) / (len(labels) - len(likely))
            columns.append([np.log(likely.get(label, rest)) for label in labels])
    return np.array(columns, np.float32).T


def said(text: str, p: float = 0.98, labels: Sequence[str] = READER) -> Guesses:
    """The same of one who says this text, each character with this probability."""
    return guesses(*({character: p} for character in text), labels=labels)
