"""What lies around a number in its cell and is none of it: pieces of rulings, neighbours' strokes, specks, security print."""

from __future__ import annotations

import cv2
import numpy as np

from pipeline.records import Image


def in_a_cell(ink: Image, tall: int, stroke: float, neighbours: list[Image], rng: np.random.Generator) -> Image:
    """Ink (h, w) of a number, its digits in the middle, `tall` pixels high → a cell's ink, higher and wider at random.

    `stroke` is the width of the pen. `neighbours` are pictures of digits, of which pieces may hang in from above or below.
    """
    above = (ink.shape[0] - tall) // 2
    _, y, _, inked = cv2.boundingRect(ink)
    low, high = min(y, above) if inked else above, max(y + inked, above + tall)
    top, bottom = max(0, low - _room(tall, rng)), min(ink.shape[0], high + _room(tall, rng))
    cell = np.pad(ink[top:bottom], ((0, 0), (_room(tall, rng), _room(tall, rng))))
    line, chance = above - top, rng.random(6)  # the row of the digits' top
    if chance[0] < 0.09 and neighbours:
        _hang_in(cell, line, tall, neighbours[int(rng.integers(len(neighbours)))], 0.6, rng)
    if chance[1] < 0.2:
        _rule_along(cell, line, tall, stroke, rng)
    if chance[2] < 0.06:
        _rule_beside(cell, tall, stroke, rng)
    if chance[3] < 0.15:
        _specks(cell, line, tall, stroke, rng)
    if chance[4] < 0.06:
        _hatch(cell, tall, rng)
    if chance[5] < 0.01:
        cell = _scribbled(cell, line, tall, stroke, rng)
    return cell


def nothing(tall: int, stroke: float, neighbours: list[Image], rng: np.random.Generator) -> Image:
    """A blank cell, with what may be in one all the same: never a lone spot, which could be a point."""
    cell = np.zeros((int(rng.integers(5 * tall // 3, 3 * tall)), int(rng.integers(2 * tall, 7 * tall))), np.uint8)
    line = (cell.shape[0] - tall) // 2
    kind = float(rng.random())
    if kind < 0.3:
        for _ in range(2):
            _specks(cell, line, tall, stroke, rng, dashes=False)
    elif kind < 0.5:
        ends = (0, line), (cell.shape[1], line + int(rng.integers(-2, 3)))
        cv2.line(cell, *ends, 255, max(1, round(0.5 * stroke)), cv2.LINE_AA)
    elif kind < 0.7:
        _rule_beside(cell, tall, stroke, rng)
    elif kind < 0.85:
        wide = [digit for digit in neighbours if digit.shape[1] > 0.45 * tall]  # a piece of a 1 may look like a point
        if wide:
            _hang_in(cell, line, tall, wide[int(rng.integers(len(wide)))], 0.35, rng)
    return cell


def _room(tall: int, rng: np.random.Generator) -> int:
    return int(rng.uniform(0.05, 0.8) * tall)


def _hang_in(cell: Image, line: int, tall: int, digit: Image, share: float, rng: np.random.Generator) -> None:
    """The lower end of a digit from the row above, or the upper end of one below: at most this share of it."""
    height, width = cell.shape
    digit = digit[:, : width // 2]
    x = int(rng.integers(0, width - digit.shape[1] + 1))
    reach, most = int(rng.uniform(-0.1, 0.25) * tall), int(rng.uniform(0.15, share) * digit.shape[0])
    if rng.random() < 0.5:
        shown = min(max(line + reach, 2), most)
        place, piece = cell[:shown, x : x + digit.shape[1]], digit[digit.shape[0] - shown :]
    else:
        shown = min(max(height - line - tall + reach, 2), most)
        place, piece = cell[height - shown :, x : x + digit.shape[1]], digit[:shown]
    rows = min(len(place), len(piece))
    np.maximum(place[:rows], piece[:rows], out=place[:rows])


def _rule_along(cell: Image, line: int, tall: int, stroke: float, rng: np.random.Generator) -> None:
    """A ruling under, over or through the digits, whole or in pieces."""
    height, width = cell.shape
    where, layer = float(rng.random()), np.zeros_like(cell)
    low, high = (0.95, 1.2) if where < 0.6 else (-0.25, 0.05) if where < 0.8 else (0.0, 1.0)
    y = line + tall * float(rng.uniform(low, high))
    slope, thick = float(rng.normal(0, 0.012)), max(1, round(stroke * float(rng.uniform(0.3, 0.9))))
    dark = int(rng.integers(110, 256))
    ends = [0, width]
    if where < 0.8 and rng.random() < 0.6:  # pieces that were not erased; between digits they would be dashes
        ends = sorted(rng.integers(0, width + 1, 2 * int(rng.integers(1, 5))).tolist())
    for first, last in zip(ends[::2], ends[1::2], strict=True):
        left, right = (first, round(y + slope * first)), (last, round(y + slope * last))
        if max(left[1], right[1]) < height - 1:
            cv2.line(layer, left, right, dark, thick, cv2.LINE_AA)
    np.maximum(cell, layer, out=cell)


def _rule_beside(cell: Image, tall: int, stroke: float, rng: np.random.Generator) -> None:
    """A cell's border on the left or on the right, clear of the digits and from top to bottom, so that it is no 1."""
    height, width = cell.shape
    room = 3 + int(0.05 * tall)
    inked = np.flatnonzero(cell.any(axis=0))
    first, last = (int(inked[0]), int(inked[-1])) if inked.size else (width // 2, width // 2)
    on_left = bool(rng.random() < 0.5)
    if (first if on_left else width - last) < room + 3 or height < 1.5 * tall:
        return
    x = int(rng.integers(0, first - room + 1)) if on_left else int(rng.integers(last + room, width))
    thick, lean = max(1, round(stroke * float(rng.uniform(0.3, 0.9)))), round(float(rng.normal(0, 0.01)) * height)
    cv2.line(cell, (x, 0), (x + lean, height), int(rng.integers(110, 256)), thick, cv2.LINE_AA)


def _specks(cell: Image, line: int, tall: int, stroke: float, rng: np.random.Generator, dashes: bool = True) -> None:
    """Dust and crumbs, much too small for a point of this pen, or where no point is; there, short thin dashes, too.

    In a blank cell nothing says where the line of writing is, and a dash would be one.
    """
    (height, width), layer = cell.shape, np.zeros_like(cell)
    for _ in range(int(rng.integers(1, 5))):
        x, y = int(rng.integers(width)), int(rng.integers(height))
        off = not line + 0.2 * tall < y < line + 1.25 * tall
        size = stroke * float(rng.uniform(0.2, 0.8 if off else 0.35))
        if off and dashes and rng.random() < 0.4:
            end = x + int(rng.uniform(0.1, 0.4) * tall), y + int(rng.integers(-1, 2))
            cv2.line(layer, (x, y), end, int(rng.integers(90, 200)), max(1, int(0.4 * stroke)), cv2.LINE_AA)
        elif size < 0.045 * tall:
            layer[y, x] = int(rng.integers(110, 256))  # a circle would be larger
        else:
            centre = round(8 * (x + float(rng.random()))), round(8 * (y + float(rng.random())))
            cv2.circle(layer, centre, max(round(4 * size), 2), int(rng.integers(110, 256)), -1, cv2.LINE_AA, 3)
    np.maximum(cell, layer, out=cell)


def _hatch(cell: Image, tall: int, rng: np.random.Generator) -> None:
    """Security print: fine parallel lines, paler than the pen, in all of the cell."""
    height, width = cell.shape
    apart, slope = int(rng.uniform(0.15, 0.5) * tall), float(rng.uniform(-0.5, 0.5))
    layer = np.zeros_like(cell)
    for y in range(-int(abs(slope) * width), height + int(abs(slope) * width), apart):
        cv2.line(layer, (0, y), (width, round(y + slope * width)), int(rng.integers(40, 120)), 1, cv2.LINE_AA)
    np.maximum(cell, layer, out=cell)


def _scribbled(cell: Image, line: int, tall: int, stroke: float, rng: np.random.Generator) -> Image:
    """With something crossed out beyond recognition before the number."""
    width = int(rng.uniform(0.8, 2.0) * tall)
    blot = np.zeros((cell.shape[0], width + 8), np.uint8)
    points = rng.uniform((4, line), (width, line + tall), (int(rng.integers(14, 26)), 2))
    points[:, 0] = np.sort(points[:, 0]) if rng.random() < 0.5 else points[:, 0]
    cv2.polylines(blot, [points.astype(np.int32)], False, 255, max(1, round(stroke)), cv2.LINE_AA)
    return np.hstack([blot, cell])
