"""Numbers without a table: a page with one line of writing, or a picture cut out around a number."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.records import (
    Box,
    Cell,
    CleanPage,
    Floats,
    Image,
    Lattice,
    Matrix,
    Page,
    Segment,
    SegmentedPage,
    Table,
    TabledPage,
)
from pipeline.stages.clean import even_light, grey_of, ink_of_one_number, stroke_width
from pipeline.stages.frame import find_frame, tilt_of
from pipeline.stages.glyph import SIZE
from pipeline.stages.ink import binarise

#: Pictures of numbers are brought to about this height, so that strokes are some pixels wide and cheap to handle.
_HEIGHT = 96
_MARGIN = 12
#: What is so many times longer than wide is drawn with a ruler.
_LINE = 15
#: A line of writing has at most this many parts.
_MOST_PARTS = 24


def lone_number(page: CleanPage) -> TabledPage:
    """A table of one cell around the writing, if it is one line; else a note that says why there is none."""
    ink = page.ink
    stats = cv2.connectedComponentsWithStats(ink, connectivity=8)[2][1:]
    large = stats[stats[:, cv2.CC_STAT_AREA] > (0.5 * page.stroke_width) ** 2 + 4]
    if len(large) == 0:
        return TabledPage(page, (), ink, "the page is blank")
    low = large[:, :2].min(axis=0)
    high = (large[:, :2] + large[:, 2:4]).max(axis=0)
    tallest = float(large[:, cv2.CC_STAT_HEIGHT].max())
    sides = large[:, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]]
    is_line = bool((sides.max(axis=1) > _LINE * sides.min(axis=1)).any())
    if is_line or len(large) > _MOST_PARTS or high[1] - low[1] > 2.2 * tallest:
        return TabledPage(page, (), ink, "no table was found on the page")
    margin = 0.2 * tallest
    return _one_cell(page, ink, _box_corners(low - margin, high + margin))


def single_cell(page: Page) -> TabledPage:
    """A picture that is all number, dark on light or light on dark, as a table of one cell.

    It may have been cut out of a table together with the rulings around it, a little tilted.
    """
    grey = grey_of(page.image)
    if _is_light_on_dark(grey):
        grey = 255 - grey
    height, width = grey.shape
    scale = float(np.clip(_HEIGHT / height, 0.05, 4.0))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    scaled = cv2.resize(grey, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    paper = float(np.percentile(scaled, 90))
    edge = cv2.copyMakeBorder(scaled, _MARGIN, _MARGIN, _MARGIN, _MARGIN, cv2.BORDER_CONSTANT, value=paper)
    even = even_light(edge.astype(np.uint8))
    valid = np.pad(np.full(size[::-1], 255, np.uint8), _MARGIN)
    step_x, step_y = width / size[0], height / size[1]
    to_page = np.array([[step_x, 0, -_MARGIN * step_x], [0, step_y, -_MARGIN * step_y], [0, 0, 1]])
    for degrees in dict.fromkeys((tilt_of(np.minimum(binarise(even), valid).astype(np.uint8)), 0.0)):
        straight, seen, back = _turned(even, valid, degrees)
        frame = find_frame(binarise(straight), seen)
        if frame is not None:
            ink = frame.own_ink(ink_of_one_number(straight, frame.inside(straight.shape)))
            return _one_cell(_clean(page, straight, ink, to_page @ back), ink, frame.corners)
    ink = ink_of_one_number(even)
    return _one_cell(_clean(page, even, ink, to_page), ink, _box_corners(np.zeros(2), np.array(ink.shape[::-1], np.float64)))


def _clean(page: Page, even: Image, ink: Image, to_page: Matrix) -> CleanPage:
    stroke = stroke_width(ink)
    return CleanPage(page, even, ink, to_page, stroke, stroke)


def _turned(even: Image, valid: Image, tilt: float) -> tuple[Image, Image, Matrix]:
    """A picture tilted by so many degrees set straight, what there is of it, and the homography back."""
    if not tilt:
        return even, valid, np.eye(3)
    height, width = even.shape
    turn = cv2.getRotationMatrix2D(((width - 1) / 2, (height - 1) / 2), -tilt, 1.0)
    turned = cv2.warpAffine(even, turn, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_CONSTANT, borderValue=250)
    seen = cv2.warpAffine(valid, turn, (width, height), flags=cv2.INTER_NEAREST)
    back: Matrix = np.linalg.inv(np.vstack([turn, [0, 0, 1]]))
    return turned.astype(np.uint8), seen.astype(np.uint8), back


def single_glyph(page: Page) -> SegmentedPage:
    """A 28×28 picture, as MNIST has them, as a lattice of one segment: the pixels go to the network as they are."""
    grey = grey_of(page.image)
    glyph = 255 - grey if grey.mean() > 127 else grey
    clean = CleanPage(page, 255 - glyph, glyph, np.eye(3), 2.0, 2.0)
    tabled = _one_cell(clean, glyph, _box_corners(np.zeros(2), np.full(2, SIZE, np.float64)))
    box, area = Box(4, 4, SIZE - 8, SIZE - 8), int(np.count_nonzero(glyph > 127))
    segments = (Segment(0, 1, box, area, 0.0, glyph),) if area else ()
    return SegmentedPage(tabled, (Lattice(tabled.tables[0].cells[0], 1, (), segments),), clean.stroke_width)


def page_boxes(corners: Floats, to_page: Matrix, shape: tuple[int, ...]) -> list[Box]:
    """Bounding boxes in page pixels, within the page, of quadrilaterals (n, 4, 2) in clean pixels."""
    placed = cv2.perspectiveTransform(corners.reshape(1, -1, 2).astype(np.float64), to_page).reshape(corners.shape)
    limit = np.array([shape[1], shape[0]])
    low = np.clip(np.floor(placed.min(axis=1)), 0, limit - 1).astype(int)
    high = np.clip(np.ceil(placed.max(axis=1)), low + 1, limit).astype(int)
    return [Box(*box) for box in np.hstack([low, high - low]).tolist()]


def _is_light_on_dark(grey: Image) -> bool:
    """Whether the writing is lighter than its surroundings, as wide and high as the picture is high, and not darker.

    Most of a picture is ground. Rulings along the edges say nothing, nor does a ground that changes from one side to the other.
    """
    size = grey.shape[0] | 1
    against = grey.astype(np.int16) - cv2.blur(grey, (size, size), borderType=cv2.BORDER_REFLECT)
    darkest, ground, lightest = np.percentile(against, (1, 50, 99))
    return bool(ground - darkest < lightest - ground)


def _box_corners(low: NDArray[np.float64], high: NDArray[np.float64]) -> Floats:
    (x0, y0), (x1, y1) = low, high
    return np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], np.float32)


def _one_cell(page: CleanPage, ink: Image, corners: Floats) -> TabledPage:
    [box] = page_boxes(corners[None], page.to_page, page.page.image.shape)
    cell = Cell(1, 1, corners, box)
    return TabledPage(page, (Table(1, 1, 1, (cell,)),), ink)
