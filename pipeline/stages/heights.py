"""How high digits are in a cell, by what stands in it, in its column and on its page. Heights are in clean pixels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipeline.records import Lattice, Place

#: A column of so many cells with writing says how high its digits are.
_ENOUGH = 3
#: What is lower than this share of the page's usual height is no digit.
_LOWEST = 0.5


def digit_heights(lattices: Sequence[Lattice]) -> list[float]:
    """For each lattice the height of digits around it: in its cell if it holds some, else in its column, else on the page."""
    tallest = [_tallest(lattice) for lattice in lattices]
    everywhere = page_height(tallest)
    typical = _by_column(lattices, tallest, 1)
    out = []
    for lattice, height in zip(lattices, tallest, strict=True):
        usual = typical.get(lattice.place, everywhere)
        out.append(float(height) if height > 0.6 * usual else usual)
    return out


def column_heights(lattices: Sequence[Lattice]) -> list[float | None]:
    """For each lattice the usual height of the digits of its column, if enough of its cells are written in."""
    typical = _by_column(lattices, [_tallest(lattice) for lattice in lattices], _ENOUGH)
    return [typical.get(lattice.place) for lattice in lattices]


def _tallest(lattice: Lattice) -> int:
    return max((s.box.height for s in lattice.segments if s.last - s.first == 1), default=0)


def page_height(tallest: Sequence[int]) -> float:
    """Of digits on a page, where most cells hold some: the usual height of the tallest ink of a cell; 1 without any."""
    inked = [height for height in tallest if height]
    return float(np.median(inked)) if inked else 1.0


def _by_column(lattices: Sequence[Lattice], tallest: Sequence[int], enough: int) -> dict[Place, float]:
    """The usual height in each column of so many cells with digits; the dots and dashes of empty places are none."""
    least = _LOWEST * page_height(tallest)
    columns: dict[Place, list[int]] = {}
    for lattice, height in zip(lattices, tallest, strict=True):
        if height > least:
            columns.setdefault(lattice.place, []).append(height)
    return {key: float(np.median(heights)) for key, heights in columns.items() if len(heights) >= enough}
