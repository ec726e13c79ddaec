"""Turns a page that was scanned sideways or upside down, by what is written on it: digits are read best the right way up."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.ann import Model
from pipeline.records import CleanPage, Image, Matrix
from pipeline.stages.glyph import normalise
from pipeline.stages.kit import Kit

#: Characters are looked at by so many, until they agree or run out.
_SAMPLE, _SAMPLES = 96, 5
#: Log odds that it takes to be sure; a page is never turned on less, as most pages lie as they should.
_EVIDENCE = 12.0


def orient(page: CleanPage, kit: Kit) -> CleanPage:
    """The page turned by 0, 90, 180 or 270 degrees."""
    turn = _turn(page, kit.model)
    if turn == 0:
        return page
    height, width = page.grey.shape
    return replace(
        page,
        grey=np.ascontiguousarray(np.rot90(page.grey, turn)),
        ink=np.ascontiguousarray(np.rot90(page.ink, turn)),
        to_page=page.to_page @ _unturned(turn, width, height),
    )


def draw_oriented(page: CleanPage) -> Image:
    """For --trace: the page as it is read."""
    return page.grey


def _turn(page: CleanPage, model: Model) -> int:
    """How many quarter turns, counter-clockwise, put the page upright."""
    boxes = _characters(page)
    evidence = np.zeros(4)
    for part in range(_SAMPLES):
        # strided, so that each part is from all over the page
        glyphs = _glyphs(page, boxes[part :: max(_SAMPLES, len(boxes) // _SAMPLE)])
        if len(glyphs):
            evidence += _log_likelihood(glyphs, model)
        second, best = np.sort(evidence)[-2:]
        if best - second > _EVIDENCE:
            return int(evidence.argmax())
    return 0


def _log_likelihood(glyphs: Image, model: Model) -> NDArray[np.float64]:
    """For 0 to 3 quarter turns, the log probability that the characters are digits."""
    digits = [i for i, label in enumerate(model.labels) if label.isdigit()]
    temperature = model.calibration.get("temperature", 1.0)
    turned = np.concatenate([np.rot90(glyphs, turn, axes=(1, 2)) for turn in range(4)])
    likely = model.network.probabilities(turned, temperature)[:, digits].max(axis=1).reshape(4, -1)
    # what is no digit either way says nothing, and no single character decides
    return np.asarray(np.log(np.maximum(likely, 0.05)).sum(axis=1), np.float64)


def _characters(page: CleanPage) -> NDArray[np.int64]:
    """Boxes (n, 4) of components that could be digits: x, y, width, height."""
    stats = cv2.connectedComponentsWithStats(page.ink, connectivity=8)[2][1:]
    width, height = stats[:, cv2.CC_STAT_WIDTH], stats[:, cv2.CC_STAT_HEIGHT]
    long, short = np.maximum(width, height), np.minimum(width, height)
    likely = (long > max(10.0, 4 * page.stroke_width)) & (long < max(page.ink.shape) / 25) & (short > 0.3 * long)
    return np.asarray(stats[likely, :4], np.int64)


def _glyphs(page: CleanPage, boxes: NDArray[np.int64]) -> Image:
    glyphs = []
    for x, y, w, h in boxes.tolist():
        place = np.s_[y : y + h, x : x + w]
        glyphs.append(normalise(np.where(page.ink[place] > 0, 255 - page.grey[place], 0).astype(np.uint8)))
    return np.stack(glyphs) if glyphs else np.zeros((0, 28, 28), np.uint8)


def _unturned(turn: int, width: int, height: int) -> Matrix:
    """From pixels of the image turned by np.rot90 to those of the image (width × height) before."""
    match turn:
        case 1:
            return np.array([[0, -1, width - 1], [1, 0, 0], [0, 0, 1]], np.float64)
        case 2:
            return np.array([[-1, 0, width - 1], [0, -1, height - 1], [0, 0, 1]], np.float64)
        case _:
            return np.array([[0, 1, 0], [-1, 0, height - 1], [0, 0, 1]], np.float64)
