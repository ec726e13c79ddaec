"""Page → straight, evenly lit, ink apart from paper.

Straight means that the long lines of the page, its rulings, run along the axes: their directions give a homography that takes
out rotation, shear and perspective together (Hartley & Zisserman 2004, ch. 2.7: images of the points at infinity). A form that
was printed by us has marks whose places are known, and lies as these say.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.fiducials import may_show_corners
from pipeline.records import CleanPage, Floats, Image, Page
from pipeline.stages.ink import binarise, is_blurred
from pipeline.stages.kit import Kit
from pipeline.stages.paper import Outline, sheet_outline
from pipeline.stages.printed import find_printed, flattening, without_marks
from pipeline.stages.rectification import rectification, sketch_of
from pipeline.stages.reversal import with_black_on_white

#: The longer side of the working image is brought between these: small photographs are enlarged so that a ruling has a width
#: and a digit a shape; large scans carry more pixels than reading needs.
_SHORTEST, _LONGEST = 1700, 2800
#: What is written is so many times wider and higher than its strokes; there is something written, if so many pixels are.
_SHORTEST_STROKE, _LONGEST_STROKE, _ENOUGH = 3.0, 60.0, 200
#: The brightness of the paper is measured in squares of so many pixels.
_COARSE = 8


def clean(page: Page, kit: Kit) -> CleanPage:
    """The page rectified, with white paper, and its ink. Blank pages and pages without lines come out unrotated."""
    grey = grey_of(page.image)
    height, width = grey.shape
    scale = float(np.clip(1.0, _SHORTEST / max(height, width), _LONGEST / max(height, width)))
    scale = min(scale, 3.0)
    sketch = sketch_of(grey)
    printed = find_printed(grey) if may_show_corners(sketch) else None
    sheet = None if printed else sheet_outline(page.image)
    outline = np.array([(1, 1), (width - 2, 1), (width - 2, height - 2), (1, height - 2)], float) if sheet is None else sheet
    if printed:
        to_page, size, scale = flattening(printed, _SHORTEST, _LONGEST)
    else:
        to_page, size = rectification(grey.shape, sketch, scale, sheet)
    if scale < 1:  # area-average first: warping alone would skip pixels
        target = (max(1, round(width * scale)), max(1, round(height * scale)))
        source = cv2.resize(grey, target, interpolation=cv2.INTER_AREA)
        shrink = np.diag([target[0] / width, target[1] / height, 1.0])
    else:
        source, shrink = grey, np.eye(3)
    warped = cv2.warpPerspective(
        source,
        shrink @ to_page,
        size,
        flags=(cv2.INTER_CUBIC if scale > 1 else cv2.INTER_LINEAR) | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=255,
    )
    shown = cv2.perspectiveTransform(outline[None], np.linalg.inv(to_page))[0]
    even = _cut_out(even_light(with_black_on_white(warped.astype(np.uint8, copy=False)), shown), shown)
    if printed:
        even = without_marks(even, printed)
    ink = binarise(even)
    depth, middles = _middles(ink)
    if is_blurred(even, _width(depth)):
        ink = binarise(even, _width(depth))
        depth, middles = _middles(ink)
    return CleanPage(page, even, ink, to_page, _width(depth), _pen_width(ink, depth, middles), printed)


def draw_clean(page: CleanPage) -> Image:
    """For --trace: what the stage made of the page, ink in black, paper tinted by its grey."""
    tinted = cv2.cvtColor(page.grey, cv2.COLOR_GRAY2BGR)
    tinted[page.ink > 0] = (160, 0, 0)
    return tinted.astype(np.uint8)


def grey_of(image: Image) -> Image:
    """Brightness of a grey or BGR image."""
    return image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_BGR2GRAY).astype(np.uint8)


def ink_of_one_number(even: Image, inside: Image | None = None) -> Image:
    """255 where there is ink on an evenly lit picture of one number on one ground.

    Otsu's threshold (1979) keeps security printing, which is paler than the pen, out of it. With `inside`, it is that of the
    part where this is not 0.
    """
    soft = cv2.GaussianBlur(even, (0, 0), 1.0)
    counted = soft if inside is None else soft[cv2.erode(inside, np.ones((9, 9), np.uint8)) > 0][None]
    limit = cv2.threshold(counted, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)[0] if counted.size else 255.0
    return np.where(even < limit, binarise(even), 0).astype(np.uint8)


def stroke_width(ink: Image) -> float:
    """Median width of the strokes and rulings in pixels, 1 without ink: twice the distance to paper, along the middles."""
    return _width(_middles(ink)[0])


def pen_width(ink: Image) -> float:
    """Median width of the strokes of what looks written, in pixels; of all ink where nothing does, and 1 without ink."""
    return _pen_width(ink, *_middles(ink))


def _pen_width(ink: Image, depth: Floats, middles: NDArray[np.int64]) -> float:
    """Of ink and the middles of its strokes.

    A connected part looks written if it is as wide and as high as a character of its own strokes. Rulings, which outweigh the
    writing on many pages, are too long for their width, and specks too short.
    """
    count, labels = cv2.connectedComponents(ink, connectivity=8)
    of = labels.ravel()[middles]
    length = np.bincount(of, minlength=count)
    width = 2 * np.bincount(of, depth, minlength=count) / np.maximum(length, 1)
    # the statistics that OpenCV could give take five times as long as its labels; the ends of a stroke are half its width away
    sides = np.array([_extents(of, place, count) for place in (middles // ink.shape[1], middles % ink.shape[1])]) + width
    is_written = (sides.min(axis=0) > _SHORTEST_STROKE * width) & (sides.max(axis=0) < _LONGEST_STROKE * width)
    is_written[0] = False
    return _width(depth[is_written[of]] if length[is_written].sum() > _ENOUGH else depth)


def _extents(of: NDArray[Any], place: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """For each of so many parts how far its places, `of` which they are, lie apart."""
    low, high = np.full(count, np.iinfo(np.int64).max), np.full(count, -1)
    np.minimum.at(low, of, place)
    np.maximum.at(high, of, place)
    return np.asarray(np.maximum(high - low, 0))


def _middles(ink: Image) -> tuple[Floats, NDArray[np.int64]]:
    """The distance to paper along the middles of strokes, and which pixels these are."""
    distance = cv2.distanceTransform(ink, cv2.DIST_L2, 3)
    ridge = cv2.compare(distance, cv2.dilate(distance, np.ones((3, 3), np.uint8)), cv2.CMP_GE)
    middles = np.flatnonzero(cv2.bitwise_and(ridge, ink).view(np.bool_))  # of truth values it is five times as fast
    return distance.ravel()[middles].astype(np.float32, copy=False), middles


def _width(depth: Floats) -> float:
    return max(1.0, 2 * float(np.median(depth)) - 0.5) if depth.size else 1.0


def even_light(grey: Image, shown: Outline | None = None) -> Image:
    """Divides by the paper's own brightness, so that shadows and yellowing go and paper is white.

    What lies beyond what is `shown`, a convex outline, has no part in the brightness of the paper beside it.
    """
    size = (max(1, grey.shape[1] // _COARSE), max(1, grey.shape[0] // _COARSE))
    small = cv2.resize(grey, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)
    reach = max(3, round(max(small.shape) / 40)) | 1
    ellipse = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
    part: Image = np.full(small.shape, 255, np.uint8)
    if shown is not None:
        whole = cv2.fillConvexPoly(np.zeros(small.shape, np.uint8), (shown / _COARSE - 0.5).round().astype(np.int32), 255)
        part = cv2.erode(whole, np.ones((3, 3), np.uint8)).astype(np.uint8, copy=False)
    paper = cv2.morphologyEx(cv2.bitwise_and(small, part), cv2.MORPH_CLOSE, ellipse)
    paper = cv2.GaussianBlur(cv2.bitwise_and(paper, part), (0, 0), reach / 2, borderType=cv2.BORDER_REFLECT)
    weight = cv2.GaussianBlur(part, (0, 0), reach / 2, borderType=cv2.BORDER_REFLECT)
    paper = np.maximum(cv2.divide(paper, np.maximum(weight, 1), scale=255), 1)
    paper = cv2.resize(paper, grey.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return cv2.divide(grey, paper, scale=250).astype(np.uint8, copy=False)


def _cut_out(even: Image, shown: Outline) -> Image:
    """The clean image with paper where the page shows nothing, or what is around the sheet."""
    nothing = cv2.fillConvexPoly(np.full(even.shape, 255, np.uint8), shown.round().astype(np.int32), 0)
    return cv2.max(even, nothing).astype(np.uint8, copy=False)
