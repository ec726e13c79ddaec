"""Printed lines: found as fragments of long runs of ink, linked into curves.

Everything is written for horizontal rulings; the vertical ones are found in the transposed image. `along` is the coordinate in
a ruling's direction, `across` the other one. Lengths are in units of the page's character height and stroke width.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.records import Image

Curve = NDArray[np.float64]


#: Thick lines are thinner than so many characters are high, and so many times as long as thick.
_BAR, _SLENDER = 0.9, 40.0


@dataclass(frozen=True, slots=True, eq=False)
class Ruling:
    """A line as (along, across) knots, `along` increasing; as a whole it runs by across = level + slope · along.

    `inked` is how much of its length has ink.
    """

    along: Curve
    across: Curve
    thickness: float
    level: float
    slope: float
    inked: float

    @staticmethod
    def through(along: Curve, across: Curve, thickness: float, inked: float | None = None) -> Ruling:
        """The ruling with these knots, drawn without gaps unless `inked` is given."""
        mean_x, mean_y = float(along.sum()) / along.size, float(across.sum()) / across.size
        away = along - mean_x
        spread = float(away @ away)
        slope = float(away @ (across - mean_y)) / spread if spread > 0 else 0.0
        inked = float(along[-1] - along[0]) if inked is None else inked
        return Ruling(along, across, thickness, mean_y - slope * mean_x, slope, inked)

    @property
    def start(self) -> float:
        return float(self.along[0])

    @property
    def stop(self) -> float:
        return float(self.along[-1])

    @property
    def length(self) -> float:
        return self.stop - self.start

    def moved(self, along: float, across: float) -> Ruling:
        """The same ruling, found in a part of the page that begins at (along, across)."""
        return Ruling.through(self.along + along, self.across + across, self.thickness, self.inked)

    def at(self, along: Curve | float) -> Curve:
        """Position across; beyond the ends the line goes on in the direction that it has as a whole."""
        place = np.asarray(along, np.float64)
        within = np.minimum(np.maximum(place, self.along[0]), self.along[-1])
        return np.asarray(np.interp(within, self.along, self.across) + self.slope * (place - within))


def median_along(values: NDArray[Any]) -> NDArray[np.float64]:
    """The median along the last axis; for the few values along a ruling many times as fast as numpy's."""
    ordered = np.sort(values, axis=-1)
    count = ordered.shape[-1]
    return np.asarray(0.5 * (ordered[..., (count - 1) // 2] + ordered[..., count // 2].astype(np.float64)))


def transposed(image: Image) -> Image:
    """The image with rows and columns exchanged, in memory of its own: ten times as fast as a contiguous copy of `image.T`."""
    return cv2.transpose(image).astype(np.uint8, copy=False)


#: Characters are lower than this share of a page; if there are none, than that.
_TALLEST = (1 / 15, 1 / 6)


def character_height(ink: Image, stroke: float) -> float:
    """Median height of what could be characters, in pixels; of larger ones where a page shows only a few numbers."""
    # of two levels: outlines around connected ink, whatever else is around it, and around the holes in it
    outlines, levels = cv2.findContours(ink, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    sizes = (
        [cv2.boundingRect(outline)[2:] for outline, level in zip(outlines, levels[0], strict=True) if level[3] < 0]
        if outlines
        else []
    )
    width, height = np.array(sizes, np.int64).reshape(-1, 2).T
    for share in _TALLEST:
        likely = (height > max(6, 3 * stroke)) & (height < max(ink.shape) * share) & (width < 4 * height)
        if likely.sum() >= 5:
            return float(np.median(height[likely]))
    return float(max(max(ink.shape) / 100, 5 * stroke))


#: Pale rulings are found along this share of their way, and darker than what is beside them along this one: digits that stand
#: exactly below one another are white between.
_FOUND, _DRAWN = 0.7, 0.92
#: Every so manieth pixel along tells a long line from what is none.
_STEP = 4


def find_pale_rulings(ink: Image, grey: Image, character: float, stroke: float) -> tuple[list[Ruling], Image, Image]:
    """The horizontal rulings, those too pale to be ink among them.

    And the image that they were found in, and what is `darker`.
    """
    dark = darker(grey, stroke)
    lines = with_faint_lines(ink, dark, character)
    return _drawn_all_along(find_rulings(lines, character, stroke), dark), lines, dark


def find_long_pale_rulings(ink: Image, grey: Image, character: float, stroke: float) -> list[Ruling]:
    """The horizontal rulings, those too pale to be ink among them, that are long enough to be told by every fourth pixel."""
    dark = darker(grey, stroke, _STEP)
    lines = with_faint_lines(np.ascontiguousarray(ink[:, ::_STEP]), dark, character, _STEP)
    return _drawn_all_along(find_rulings(lines, character, stroke, _STEP), dark, _STEP)


def _drawn_all_along(rulings: list[Ruling], dark: Image, step: int = 1) -> list[Ruling]:
    """Those of the rulings that are no row of digits, by what is `darker` in every `step`-th column."""
    return [r for r in rulings if r.inked > _FOUND * r.length and drawn_share(dark, r, step) > _DRAWN]


def with_faint_lines(ink: Image, dark: Image, character: float, step: int = 1) -> Image:
    """The ink, and what is a little darker than the paper above and below it most of the way along a character's width.

    So a line too pale or too fine to be ink all along is found whole. Writing does not pass: its strokes stand apart. Of both
    every `step`-th column may be given.
    """
    length = max(9, round(0.7 * character)) // step | 1
    drawn = cv2.threshold(cv2.blur(dark, (length, 1)), int(0.7 * 255), 255, cv2.THRESH_BINARY)[1]
    return cv2.max(drawn, ink).astype(np.uint8, copy=False)


def darker(grey: Image, stroke: float, step: int = 1) -> Image:
    """255 on what is a little darker than the paper above and below it, and no higher than a line is thick.

    Of every `step`-th column.
    """
    thickest = max(5, round(3 * stroke)) | 1
    soft = np.ascontiguousarray(cv2.blur(grey, (5, 1))[:, ::step])
    valley = cv2.morphologyEx(soft, cv2.MORPH_BLACKHAT, np.ones((thickest, 1), np.uint8))
    sample = valley[::3, :: max(1, 3 // step)]
    middle = float(np.median(sample))
    grain = 1.4826 * float(np.median(np.abs(sample - middle)))
    return cv2.threshold(valley, middle + max(5.0, 3 * grain), 255, cv2.THRESH_BINARY)[1].astype(np.uint8, copy=False)


def drawn_share(image: Image, ruling: Ruling, step: int = 1) -> float:
    """The share of a ruling's way along which the image, of which every `step`-th column is given, has something."""
    place = places(image.shape, ruling, 1, step)
    return float((image[place] > 0).any(axis=0).mean()) if place[0].size else 0.0


def as_inked(ruling: Ruling, image: Image) -> Ruling:
    """The ruling as thick as the ink along most of its way, if that is less: a blurred one looks thicker than it is."""
    place = places(image.shape, ruling, half_thickness(ruling) + 1)
    inked = np.count_nonzero(image[place], axis=0)
    if not inked.any():
        return ruling
    return replace(ruling, thickness=min(ruling.thickness, float(np.median(inked[inked > 0]))))


#: A page is curled if so many ends of long lines, and this share of them, climb or fall so steeply over so many knots, and this
#: share of those on one side the same way; they may climb by as much as these.
_LEAST_ENDS, _CURLED, _CLIMBING, _END, _TOGETHER = 4, 0.15, 0.06, 6, 0.8
_CLIMBS = (-0.14, 0.14)


def find_rulings(ink: Image, character: float, stroke: float, step: int = 1) -> list[Ruling]:
    """The horizontal lines of about two character heights and more, broken ones joined.

    Of the ink every `step`-th column may be given; the rulings are those of all of it.
    """
    reach = max(24, round(1.8 * character)) // step
    # a line may climb by a pixel or two within `reach`: thickened, it still holds a straight run of that length
    thick = cv2.dilate(ink, np.ones((3, 1), np.uint8)).astype(np.uint8, copy=False)
    runs = cv2.morphologyEx(thick, cv2.MORPH_OPEN, np.ones((1, reach), np.uint8)).astype(np.uint8, copy=False)
    thickest = max(3 * stroke, 0.4 * character)
    fragments = _fragments(runs, ink, character, thickest, step)
    if _climb(fragments):
        runs = cv2.max(runs, _climbing_runs(thick, reach, step)).astype(np.uint8, copy=False)
        fragments = _fragments(runs, ink, character, thickest, step)
    return [_joined(chain) for chain in _chains(fragments, character)]


def _climb(fragments: list[Ruling]) -> bool:
    """Whether lines climb or fall together, as on a curled page: where they do so more, no run of ink is straight."""
    long = [f for f in fragments if f.along.size >= 2 * _END]
    slopes = np.array(
        [
            [(f.across[last] - f.across[first]) / (f.along[last] - f.along[first]) for f in long]
            for first, last in ((0, _END), (-1 - _END, -1))
        ]
    )
    up, down = (slopes > _CLIMBING).sum(axis=1), (slopes < -_CLIMBING).sum(axis=1)
    together = np.abs(up - down).sum()
    return bool(together >= max(_LEAST_ENDS, _CURLED * slopes.size, _TOGETHER * (up + down).sum()))


def _climbing_runs(thick: Image, reach: int, step: int) -> Image:
    """255 on what is straight for so long where lines climb or fall, of a picture of every `step`-th column."""
    runs = np.zeros_like(thick)
    for climb in _CLIMBS:
        shear = np.array([[1.0, 0.0, 0.0], [-climb * step, 1.0, max(0.0, climb * step * thick.shape[1])]])
        size = thick.shape[1], thick.shape[0] + int(np.ceil(abs(climb) * step * thick.shape[1])) + 1
        level = cv2.warpAffine(thick, shear, size, flags=cv2.INTER_NEAREST)
        found = cv2.morphologyEx(level, cv2.MORPH_OPEN, np.ones((1, reach), np.uint8))
        back = cv2.warpAffine(found, shear, thick.shape[1::-1], flags=cv2.INTER_NEAREST | cv2.WARP_INVERSE_MAP)
        runs = cv2.max(runs, back).astype(np.uint8, copy=False)
    return runs


def is_bar(thickness: float, length: float, character: float) -> bool:
    """Whether what is so thick and long is a line as they are printed around tables, and no blot."""
    return thickness < _BAR * character and length > _SLENDER * thickness


def half_thickness(ruling: Ruling) -> int:
    """How far from its middle a ruling's own ink goes, in whole pixels."""
    return int(np.ceil(ruling.thickness / 2))


def places(shape: tuple[int, ...], ruling: Ruling, reach: int, step: int = 1) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Row and column indices of the pixels within `reach` of the ruling, both (2 · reach + 1, length).

    In an image of every `step`-th column.
    """
    columns = np.arange(max(0, int(ruling.start) // step), min(shape[1], int(ruling.stop) // step + 1))
    middle = np.rint(ruling.at(step * columns.astype(np.float64))).astype(np.int64)
    rows = np.add.outer(np.arange(-reach, reach + 1), middle)
    if columns.size and (rows[0].min() < 0 or rows[-1].max() >= shape[0]):
        rows = np.clip(rows, 0, shape[0] - 1)
    return rows, np.broadcast_to(columns, rows.shape)


def _fragments(runs: Image, ink: Image, character: float, thickest: float, step: int) -> list[Ruling]:
    """The connected parts of the runs, as curves through their middles; blots thicker than a line can be are left out.

    `runs` and `ink` hold every `step`-th column.
    """
    apart = max(4, round(character / 4))  # of the knots
    found = []
    for outline in cv2.findContours(runs, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)[0][::-1]:
        x, y, w, h = cv2.boundingRect(outline)
        whole = cv2.drawContours(np.zeros((h, w), np.uint8), [outline], 0, 1, cv2.FILLED, offset=(-x, -y)) > 0
        part = whole & (runs[y : y + h, x : x + w] > 0)
        thick = np.count_nonzero(part) / w - 3
        if thick > thickest and not is_bar(thick, w * step, character):
            continue
        inside = part & (ink[y : y + h, x : x + w] > 0)
        weight = np.count_nonzero(inside, axis=0)
        filled = np.flatnonzero(weight)
        if filled.size < 2:
            continue
        thickness = float(median_along(weight[filled]))
        if thickness > thickest and not is_bar(thickness, w * step, character):
            continue
        middle = (np.arange(h) @ inside)[filled] / weight[filled] + y
        count_of_knots = min(filled.size, max(2, round(filled.size * step / apart)))
        first = np.arange(count_of_knots) * filled.size // count_of_knots
        parts = first[:, None] + np.arange(filled.size // count_of_knots)
        along = filled[parts].mean(axis=1) + x
        across = median_along(middle[parts])
        along[0], along[-1] = x + filled[0], x + filled[-1]
        found.append(Ruling.through(along * step, across, thickness, float(filled.size * step)))
    return found


def _chains(fragments: list[Ruling], character: float) -> list[list[Ruling]]:
    """Fragments that continue one another, from left to right."""
    chains: list[list[Ruling]] = []
    widest = 4 * character  # two tables side by side lie further apart
    stop, end, slope, length = np.zeros((4, len(fragments)))  # of the last fragment of each chain
    near = np.zeros(0, np.intp)  # the chains that end so near to the next fragment
    for fragment in sorted(fragments, key=lambda f: f.start):
        near = near[fragment.start - stop[near] < widest]
        could = near[(fragment.start - stop[near] >= -0.5 * character) & (stop[near] < fragment.stop)]
        gap = fragment.start - stop[could]
        # the longer piece of the two knows the direction better
        onward = np.where(length[could] < fragment.length, fragment.slope, slope[could]) * gap
        off = np.abs(end[could] + onward - float(fragment.across[0]))
        for i in np.flatnonzero(gap < 0).tolist():
            off[i] = _aside(fragment, chains[could[i]][-1])
        away = np.maximum(gap, 0)
        cost = np.where(off < 0.15 * character + 0.02 * away, off + 0.05 * away, np.inf)
        best = int(cost.argmin()) if could.size else -1
        if best >= 0 and cost[best] < np.inf:
            number = int(could[best])
            chains[number].append(fragment)
        else:
            number = len(chains)
            chains.append([fragment])
            near = np.append(near, number)
        stop[number], end[number] = fragment.stop, fragment.across[-1]
        slope[number], length[number] = fragment.slope, fragment.length
    return chains


def _aside(fragment: Ruling, last: Ruling) -> float:
    """How far beside one another two rulings are that overlap, where the shorter one begins or ends."""
    if fragment.length > last.length:
        return abs(float(fragment.at(last.stop)) - float(last.across[-1]))
    return abs(float(last.at(fragment.start)) - float(fragment.across[0]))


def _joined(chain: list[Ruling]) -> Ruling:
    along = np.concatenate([f.along for f in chain])
    across = np.concatenate([f.across for f in chain])
    order = np.argsort(along, kind="stable")
    lengths = np.array([f.length for f in chain])
    thickness = float(np.average([f.thickness for f in chain], weights=np.maximum(lengths, 1)))
    return Ruling.through(along[order], across[order], thickness, float(sum(f.inked for f in chain)))
