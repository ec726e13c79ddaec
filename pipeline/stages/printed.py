"""The marks on a form printed by us: where its paper lies, and which form it is."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.fiducials import find_corners, read_tag
from pipeline.forms.layout import CORNER, QUIET, TAG, corners_of, paper_of, tag_of
from pipeline.records import Image, Matrix, PrintedPage

#: The marks must fit the paper this well, in millimetres: curled paper does, marks of something else do not.
_OFF = 2.0
#: Pixels a millimetre at which the tag is read.
_FINE = 12
#: Paper around a mark that is wiped with it, in millimetres.
_AROUND = 1.0


def find_printed(grey: Image) -> PrintedPage | None:
    """What the marks on a page say, whichever way up it lies; None if there are none."""
    corners, is_landscape = find_corners(grey)
    if not corners:
        return None
    places = corners_of(is_landscape)
    square = np.array([(0, 0), (CORNER, 0), (CORNER, CORNER), (0, CORNER)], np.float64)
    on_paper: NDArray[np.float64] = np.concatenate([np.array(places[place]) + square for place in corners])
    on_page = np.concatenate([corners[place] for place in corners]).astype(np.float64)
    matrix = cv2.findHomography(on_paper, on_page)[0]
    if matrix is None:
        return None
    to_page: Matrix = np.asarray(matrix, np.float64)
    if _worst(on_page, on_paper, to_page) > _OFF:
        return None
    return PrintedPage(read_tag(_tag_picture(grey, to_page, is_landscape)), is_landscape, to_page)


def flattening(printed: PrintedPage, shortest: int, longest: int) -> tuple[Matrix, tuple[int, int], float]:
    """Homography from clean to page pixels, the (width, height) of the clean image, which is the paper, its longer side between
    two lengths, and how much larger than on the page it is."""
    paper = np.array(paper_of(printed.is_landscape))
    edges = np.array([(0, 0), (paper[0], 0), paper, (0, paper[1])])
    on_page = _moved(edges, printed.to_page)
    lengths = np.hypot(*(np.roll(on_page, -1, axis=0) - on_page).T)
    resolution = float(lengths.sum()) / (2 * float(paper.sum()))  # page pixels a millimetre
    fine = min(max(resolution, shortest / float(paper.max())), longest / float(paper.max()), 3 * resolution)
    width, height = (max(1, round(side * fine)) for side in paper.tolist())
    to_paper = np.array([[1 / fine, 0, 0.5 / fine], [0, 1 / fine, 0.5 / fine], [0, 0, 1]])  # from the middles of pixels
    return printed.to_page @ to_paper, (width, height), fine / resolution


def without_marks(grey: Image, printed: PrintedPage) -> Image:
    """The clean image with paper where the marks are: nothing may be read there."""
    out = grey.copy()
    fine = grey.shape[1] / paper_of(printed.is_landscape)[0]
    marks = [(place, CORNER) for place in corners_of(printed.is_landscape)] + [(tag_of(printed.is_landscape), TAG)]
    for (x, y), side in marks:
        first_row, last_row, first, last = (
            round(edge * fine) for edge in (y - _AROUND, y + side + _AROUND, x - _AROUND, x + side + _AROUND)
        )
        out[first_row:last_row, first:last] = 255
    return out


def _tag_picture(grey: Image, to_page: Matrix, is_landscape: bool) -> Image:
    """The mark that names the form, seen from straight above, with the paper around it."""
    x, y = tag_of(is_landscape)
    side = round((TAG + 2 * QUIET) * _FINE)
    place = np.array([[1 / _FINE, 0, x - QUIET], [0, 1 / _FINE, y - QUIET], [0, 0, 1]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    picture = cv2.warpPerspective(grey, to_page @ place, (side, side), flags=flags, borderValue=255)
    return picture.astype(np.uint8)


def _worst(on_page: NDArray[np.float64], on_paper: NDArray[np.float64], to_page: NDArray[np.float64]) -> float:
    """How far, in millimetres, the mark that fits worst is from its place."""
    if abs(float(np.linalg.det(to_page))) < 1e-12:
        return float("inf")
    back = _moved(on_page, np.asarray(np.linalg.inv(to_page), np.float64))
    return float(np.hypot(*(back - on_paper).T).max())


def _moved(points: NDArray[np.float64], matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    moved: NDArray[np.float64] = cv2.perspectiveTransform(points.reshape(1, -1, 2), matrix)[0]
    return moved
