"""Ruled pages with exact truth, drawn line by line, and what stages are given beside their input."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import cache
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.ann import Model, Network
from pipeline.records import Box, CleanPage, Image, Matrix, Page, TabledPage
from pipeline.settings import Settings
from pipeline.stages.clean import clean
from pipeline.stages.kit import Kit
from pipeline.stages.table import find_tables
from pipeline.training.pages import RenderedSheet

DIGITS = tuple("0123456789")
LABELS = (*DIGITS, *"ABCDEF", "+", "/", "½", "✓", "~")


@cache
def kit() -> Kit:
    """For stages that look at no network: one that knows nothing."""
    return Kit(Settings(), Model(Network((("dense", len(LABELS)),)), LABELS))


def grid_sheet(
    rows: int,
    columns: int,
    cell: tuple[int, int] = (110, 50),
    line: int = 2,
    margin: int = 80,
    paper: tuple[int, int] = (900, 1200),
    without: str = "",
    double: Collection[int] = (),
    write: Callable[[Image, tuple[Box, ...]], None] | None = None,
) -> RenderedSheet:
    """A page with a grid and nothing else, but for what `write` draws on the layer of ink, given the cells.

    The page is as large as `paper` (width, height), or larger if the grid is. `without` names the borders that are not drawn
    (l, r, t, b); `double` the horizontal lines, from 0, that are drawn twice.
    """
    width, height = cell
    xs = [margin + width * i for i in range(columns + 1)]
    ys = [margin + height * i for i in range(rows + 1)]
    shape = max(ys[-1] + margin, paper[1]), max(xs[-1] + margin, paper[0])
    ruling = np.zeros(shape, np.uint8)
    for i, y in enumerate(ys):
        if (i == 0 and "t" in without) or (i == rows and "b" in without):
            continue
        ruling[y : y + line, xs[0] : xs[-1] + line] = 255
        if i in double:
            ruling[y + line + 3 : y + 2 * line + 3, xs[0] : xs[-1] + line] = 255
    for i, x in enumerate(xs):
        if (i == 0 and "l" in without) or (i == columns and "r" in without):
            continue
        ruling[ys[0] : ys[-1] + line, x : x + line] = 255
    boxes = tuple(Box(x, y, width, height) for y in ys[:-1] for x in xs[:-1])
    ink = np.zeros(shape, np.uint8)
    if write:
        write(ink, boxes)
    places = [(row, column) for row in range(rows) for column in range(columns)]
    return RenderedSheet(
        printed=np.full((*shape, 3), 248, np.uint8),
        ruling=ruling,
        ink=ink,
        ruling_colour=(50, 50, 50),
        pen=(90, 40, 30),
        truth=tuple((row, column, "") for row, column in places),
        boxes=boxes,
    )


def cleaned(image: Image) -> CleanPage:
    return clean(Page(1, image), kit())


def tabled(image: Image) -> TabledPage:
    return find_tables(cleaned(image), kit())


def shapes(page: TabledPage) -> list[tuple[int, int]]:
    """(rows, columns) of each table."""
    return [(table.rows, table.columns) for table in page.tables]


def moved(points: NDArray[Any], matrix: NDArray[Any]) -> NDArray[np.float64]:
    """Points (n, 2) through a homography."""
    return np.asarray(cv2.perspectiveTransform(points.reshape(1, -1, 2).astype(np.float64), matrix)[0], np.float64)


def moved_box(box: Box, matrix: Matrix) -> tuple[float, float, float, float]:
    """Left, top, right, bottom of what a box becomes under a homography."""
    corners = np.array([[box.x, box.y], [box.right, box.y], [box.right, box.bottom], [box.x, box.bottom]], np.float64)
    places = moved(corners, matrix)
    (left, top), (right, bottom) = places.min(axis=0), places.max(axis=0)
    return float(left), float(top), float(right), float(bottom)


def digits_in(*places: int, every: bool = False, text: str = "47") -> Callable[[Image, tuple[Box, ...]], None]:
    """Writes `text` into the cells of these numbers, from 0, or into every one: for `write` of grid_sheet."""

    def write(ink: Image, boxes: tuple[Box, ...]) -> None:
        for i in range(len(boxes)) if every else places:
            box = boxes[i]
            (width, height), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 0.9, 2)
            place = box.x + (box.width - width) // 2, box.y + (box.height + height) // 2
            cv2.putText(ink, text, place, cv2.FONT_HERSHEY_SIMPLEX, 0.9, 255, 2, cv2.LINE_AA)

    return write
