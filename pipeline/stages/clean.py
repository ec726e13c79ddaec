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
from pipeline.records import CleanPage, Floats, Image, Matrix, Page
from pipeline.stages.kit import Kit
from pipeline.stages.printed import find_printed, flattening, without_marks

#: The longer side of the working image is brought between these: small photographs are enlarged so that a ruling has a width
#: and a digit a shape; large scans carry more pixels than reading needs.
_SHORTEST, _LONGEST = 1700, 2800
#: What is written is so many times wider and higher than its strokes; there is something written, if so many pixels are.
_SHORTEST_STROKE, _LONGEST_STROKE, _ENOUGH = 3.0, 60.0, 200
#: Lines are looked for in an image of this size.
_SKETCH = 1200
#: A pixel is compared with its surroundings, so many strokes wide at least; pale ink must be ink for sure in this share.
_SURROUNDINGS, _SURE = 8.0, 0.15
#: Rows of pixels that are made ink of at once.
_BAND = 128
#: Directions further than this from the nearest axis are no rulings of an upright page.
_STEEPEST = np.tan(np.radians(20))


def clean(page: Page, kit: Kit) -> CleanPage:
    """The page rectified, with white paper, and its ink. Blank pages and pages without lines come out unrotated."""
    grey = grey_of(page.image)
    height, width = grey.shape
    scale = float(np.clip(1.0, _SHORTEST / max(height, width), _LONGEST / max(height, width)))
    scale = min(scale, 3.0)
    sketch = _sketch(grey)
    printed = find_printed(grey) if may_show_corners(sketch) else None
    if printed:
        to_page, size, scale = flattening(printed, _SHORTEST, _LONGEST)
    else:
        to_page, size = _rectification(grey.shape, sketch, scale)
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
    even = even_light(warped.astype(np.uint8))
    if printed:
        even = without_marks(even, printed)
    ink = binarise(even)
    stroke = stroke_width(ink)
    if is_blurred(even, stroke):
        ink = binarise(even, stroke)
        stroke = stroke_width(ink)
    return CleanPage(page, even, ink, to_page, stroke, pen_width(ink), printed)


def draw_clean(page: CleanPage) -> Image:
    """For --trace: what the stage made of the page, ink in black, paper tinted by its grey."""
    tinted = cv2.cvtColor(page.grey, cv2.COLOR_GRAY2BGR)
    tinted[page.ink > 0] = (160, 0, 0)
    return tinted.astype(np.uint8)


def grey_of(image: Image) -> Image:
    """Brightness of a grey or BGR image."""
    return image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_BGR2GRAY).astype(np.uint8)


def binarise(grey: Image, stroke: float = 0.0) -> Image:
    """255 where there is ink: darker than its surroundings by Sauvola's rule (2000), and clearly darker than paper.

    Where the `stroke` is known to be wide for the picture, that is out of focus or enlarged: then the surroundings are wider,
    and what is only half as dark is ink too, if it goes on from ink.
    """
    window = window_of(grey, stroke)
    grain = 1.4826 * float(np.median(255 - grey[::4, ::4]))  # of the paper: half of the page and more is paper
    limit = 255 - max(24.0, 4 * grain)
    is_wide = is_blurred(grey, stroke)
    ink, pale = np.empty_like(grey), np.empty_like(grey if is_wide else grey[:0])
    # band by band, so that what is between stays in the processor's own memory
    half, height = window // 2, _BAND
    framed = cv2.copyMakeBorder(grey, half, half, half, half, cv2.BORDER_REFLECT)
    for top in range(0, grey.shape[0], height):
        band = grey[top : top + height]
        around = framed[top : top + band.shape[0] + 2 * half]
        inner = np.s_[half : half + band.shape[0], half : half + band.shape[1]]
        mean = cv2.boxFilter(around, cv2.CV_32F, (window, window))[inner]
        square = cv2.sqrBoxFilter(around, cv2.CV_32F, (window, window))[inner]
        spread = cv2.sqrt(np.maximum(cv2.subtract(square, cv2.multiply(mean, mean)), 0))
        less = cv2.subtract(mean, cv2.multiply(mean, spread, scale=1 / 128))
        ink[top : top + height] = _darker_than(band, cv2.addWeighted(mean, 1, less, -0.2, 0), limit)
        if is_wide:
            darker = _darker_than(band, cv2.addWeighted(mean, 1, less, -0.1, 0), (255 + limit) / 2)
            pale[top : top + height] = cv2.max(darker, ink[top : top + height])
    return _that_go_on_from(pale, ink) if is_wide else ink


def _darker_than(grey: Image, around: NDArray[Any], limit: float) -> Image:
    """255 where a pixel is darker than the brightness for its place, and than the limit for all."""
    near = cv2.compare(grey.astype(np.float32), around, cv2.CMP_LT)
    dark = cv2.threshold(grey, np.ceil(limit) - 1, 255, cv2.THRESH_BINARY_INV)[1]
    return cv2.bitwise_and(near, dark).astype(np.uint8, copy=False)


def is_blurred(grey: Image, stroke: float) -> bool:
    """Whether strokes are so wide that the usual surroundings hold too little paper."""
    return bool(_SURROUNDINGS * stroke > window_of(grey))


def window_of(grey: Image, stroke: float = 0.0) -> int:
    """How wide the surroundings of a pixel are, with which it is compared; odd."""
    return int(max(15, round(max(grey.shape) / 60), round(_SURROUNDINGS * stroke)) | 1)


def _that_go_on_from(pale: Image, ink: Image) -> Image:
    """The connected parts of what is pale that are ink in part."""
    count, labels = cv2.connectedComponents(pale, connectivity=8)
    area = np.bincount(labels.ravel(), minlength=count)
    sure = np.bincount(labels[ink > 0], minlength=count)
    keep = sure > _SURE * area
    keep[0] = False
    return np.asarray(np.multiply(keep, 255, dtype=np.uint8)[labels], np.uint8)


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
    distance, ridge = _middles(ink)
    return _width(distance[ridge])


def pen_width(ink: Image) -> float:
    """Median width of the strokes of what looks written, in pixels; of all ink where nothing does, and 1 without ink.

    A connected part looks written if it is as wide and as high as a character of its own strokes. Rulings, which outweigh the
    writing on many pages, are too long for their width, and specks too short.
    """
    distance, ridge = _middles(ink)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(ink, connectivity=8, ltype=cv2.CV_32S)
    of, depth = labels[ridge], distance[ridge]
    length = np.bincount(of, minlength=count)
    width = 2 * np.bincount(of, depth, minlength=count) / np.maximum(length, 1)
    sides = stats[:, [cv2.CC_STAT_WIDTH, cv2.CC_STAT_HEIGHT]]
    is_written = (sides.min(axis=1) > _SHORTEST_STROKE * width) & (sides.max(axis=1) < _LONGEST_STROKE * width)
    is_written[0] = False
    return _width(depth[is_written[of]] if length[is_written].sum() > _ENOUGH else depth)


def _middles(ink: Image) -> tuple[Floats, NDArray[np.bool_]]:
    """The distance to paper, and where it is that of the middle of a stroke."""
    distance = cv2.distanceTransform(ink, cv2.DIST_L2, 3)
    ridge = (distance >= cv2.dilate(distance, np.ones((3, 3), np.uint8))) & (distance > 0)
    return distance.astype(np.float32, copy=False), ridge


def _width(depth: Floats) -> float:
    return max(1.0, 2 * float(np.median(depth)) - 0.5) if depth.size else 1.0


def even_light(grey: Image) -> Image:
    """Divides by the paper's own brightness, so that shadows and yellowing go and paper is white."""
    size = (max(1, grey.shape[1] // 8), max(1, grey.shape[0] // 8))
    small = cv2.resize(grey, size, interpolation=cv2.INTER_AREA)
    reach = max(3, round(max(small.shape) / 40)) | 1
    paper = cv2.morphologyEx(small, cv2.MORPH_CLOSE, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach)))
    paper = cv2.GaussianBlur(paper, (0, 0), reach / 2)
    paper = cv2.resize(paper, grey.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return cv2.divide(grey, np.maximum(paper, 1), scale=250).astype(np.uint8)


def _sketch(grey: Image) -> Image:
    """The page, small: for what is looked for all over it."""
    shrink = min(1.0, _SKETCH / max(grey.shape))
    return cv2.resize(grey, None, fx=shrink, fy=shrink, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False)


def _rectification(shape: tuple[int, ...], sketch: Image, scale: float) -> tuple[Matrix, tuple[int, int]]:
    """Homography from clean to page pixels, and the (width, height) of the clean image, which holds the whole page."""
    height, width = shape
    middle = np.array([[1, 0, (width - 1) / 2], [0, 1, (height - 1) / 2], [0, 0, 1]])
    straighten = _straightening(shape, sketch)
    corners = np.array([[-width, width, width, -width], [-height, -height, height, height], [2, 2, 2, 2]]) / 2
    placed = np.linalg.inv(straighten) @ corners
    placed = placed[:2] / placed[2]
    low, high = placed.min(axis=1), placed.max(axis=1)
    size = np.maximum(np.ceil((high - low) * scale), 1).astype(int)
    shift = np.array([[1 / scale, 0, low[0] + 0.5 / scale], [0, 1 / scale, low[1] + 0.5 / scale], [0, 0, 1]])
    return middle @ straighten @ shift, (int(size[0]), int(size[1]))


def _straightening(shape: tuple[int, ...], sketch: Image) -> Matrix:
    """Homography about the page's middle that takes axis-parallel lines to the directions of the page's lines."""
    segments = _segments(shape, sketch)
    angle, support = _main_angle(segments)
    if support < 2 * max(shape):  # a few strokes of writing say nothing about how the page lies
        return np.eye(3)
    cos, sin = np.cos(angle), np.sin(angle)
    turn = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
    turned = segments.reshape(-1, 2, 2) @ turn[:2, :2]  # rows times matrix: turns back by the angle
    delta, centre = turned[:, 1] - turned[:, 0], turned.mean(axis=1)
    length = np.hypot(delta[:, 0], delta[:, 1])
    flat = np.abs(delta[:, 1]) < _STEEPEST * np.abs(delta[:, 0])
    upright = np.abs(delta[:, 0]) < _STEEPEST * np.abs(delta[:, 1])
    reach = max(shape) / 2
    rise, fan = _slope_field(delta[flat, 1] / delta[flat, 0], centre[flat, 1] / reach, length[flat])
    lean, spread = _slope_field(delta[upright, 0] / delta[upright, 1], centre[upright, 0] / reach, length[upright])
    # The columns are where the horizontal and the vertical lines of the page meet, and its middle.
    view = np.array([[1.0, lean, 0.0], [rise, 1.0, 0.0], [-fan / reach, -spread / reach, 1.0]])
    straightening: Matrix = turn @ view
    return straightening


def _segments(shape: tuple[int, ...], small: Image) -> NDArray[np.float64]:
    """Long straight segments (n, 4) x1 y1 x2 y2 on a sketch, relative to the middle of the page, in its pixels."""
    shrink = min(1.0, _SKETCH / max(shape))
    found = cv2.createLineSegmentDetector(cv2.LSD_REFINE_STD).detect(small)[0]
    if found is None:
        return np.zeros((0, 4))
    lines = found.reshape(-1, 4).astype(np.float64)
    lines = lines[np.hypot(lines[:, 2] - lines[:, 0], lines[:, 3] - lines[:, 1]) > max(small.shape) / 40]
    inside = np.all((lines > 2) & (lines < np.tile([small.shape[1] - 3, small.shape[0] - 3], 2)), axis=1)
    middle = np.tile([(small.shape[1] - 1) / 2, (small.shape[0] - 1) / 2], 2)
    segments: NDArray[np.float64] = (lines[inside] - middle) / shrink
    return segments


def _main_angle(segments: NDArray[np.float64]) -> tuple[float, float]:
    """The direction (radians, within 45° of the x axis) that most of the segments' length has, or is at right angles to.

    And the length, in pixels, that has it.
    """
    if len(segments) == 0:
        return 0.0, 0.0
    dx, dy = segments[:, 2] - segments[:, 0], segments[:, 3] - segments[:, 1]
    length = np.hypot(dx, dy)
    angle = (np.degrees(np.arctan2(dy, dx)) + 45) % 90 - 45
    step = 0.25
    histogram = np.bincount(np.round((angle + 45) / step).astype(int) % 360, weights=length, minlength=360)
    near = np.arange(-8, 9)
    smooth = sum(np.roll(histogram, int(k)) * (9 - abs(int(k))) for k in near)
    peak = int(np.argmax(smooth)) * step - 45
    off = (angle - peak + 45) % 90 - 45
    close = np.abs(off) < 3
    return float(np.radians(peak + np.average(off[close], weights=length[close]))), float(length[close].sum())


def _slope_field(slope: NDArray[np.float64], position: NDArray[np.float64], length: NDArray[np.float64]) -> tuple[float, float]:
    """Slope at the middle, and its change from there to the page's edge: weighted least squares, outliers left out in turn."""
    if len(slope) == 0:
        return 0.0, 0.0
    centre = _weighted_median(slope, length)
    keep = np.abs(slope - centre) < 0.1
    intercept, gradient = centre, 0.0
    for limit in (0.05, 0.025, 0.015):
        spread = float(np.ptp(position[keep])) if keep.any() else 0.0
        if keep.sum() < 6 or spread < 0.3:  # too few, or too close together, to tell a change
            return (_weighted_median(slope[keep], length[keep]) if keep.any() else centre), 0.0
        weight = length[keep]
        design = np.stack([np.ones(int(keep.sum())), position[keep]], axis=1)
        normal = design.T @ (design * weight[:, None])
        intercept, gradient = np.linalg.solve(normal, design.T @ (weight * slope[keep]))
        keep = np.abs(slope - intercept - gradient * position) < limit
    return float(intercept), float(gradient)


def _weighted_median(values: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    order = np.argsort(values)
    total = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(total, total[-1] / 2)])
