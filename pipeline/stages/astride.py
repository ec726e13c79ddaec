"""Ink that lies across a ruling: told by the writing that it stands beside, where the ruling parts it about evenly.

Where most of a stroke lies says whose it is, mostly. But a 1 that is written onto the ruling at a number's side, or a point on
the one at its foot, belongs to the number that it stands close to, though most of it may be in the next cell.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from pipeline.records import Box, Cell

#: A component is parted by a ruling if this share of it lies beyond, and if it is as wide as most digits, that share.
_PARTED, _PARTED_WIDE = 0.1, 0.25
#: A component belongs to the cell that has this share of it, if nothing else tells.
MOST = 0.7
#: What is higher than this, in digit heights, is no point or dash; what is narrower than that, for its height, may be a 1.
_DIGIT, _NARROW = 0.5, 0.4
#: It stands beside writing within this distance, in digit heights, if all other is farther away by so many times and so much.
_BESIDE, _TIMES, _MORE = 0.5, 2.0, 0.2


def is_parted(shares: Sequence[int], area: int) -> bool:
    """Whether a component of this area, by how many pixels lie in each cell, can't be said to be in one."""
    return area - max(shares) > _PARTED * area


def is_company(box: Box, shares: Sequence[int], area: int) -> bool:
    """Whether ink can tell where other ink belongs: it lies in one cell, or mostly so and is too wide for a 1."""
    return not is_parted(shares, area) or (_is_wide(box) and max(shares) >= MOST * area)


def digit_height(certain: Mapping[int, Sequence[Box]]) -> float:
    """Median of the tallest component of each cell; infinite without any."""
    tallest = [max(box.height for box in boxes) for boxes in certain.values() if boxes]
    return float(np.median(tallest)) if tallest else float("inf")


def owner_by_company(
    box: Box, shares: Mapping[int, int], certain: Mapping[int, Sequence[Box]], cells: Sequence[Cell], height: float
) -> int | None:
    """The cell whose writing a parted component stands beside; None where that is not clear.

    `shares` has its pixels in each cell, by the cell's number, `certain` the boxes of what surely belongs to each; `height` is
    that of digits. A digit is only taken from its neighbour in the same row: from above and below, tails hang in.
    """
    area = sum(shares.values())
    if box.height > _DIGIT * height:
        home = max(shares, key=lambda number: shares[number])
        least = (_PARTED_WIDE if _is_wide(box) else _PARTED) * area
        shares = {n: share for n, share in shares.items() if share > least and cells[n].row == cells[home].row}
    near = sorted((_distance(box, certain.get(number, ())) / height, number) for number in shares)
    if len(near) < 2:
        return None
    (first, owner), (second, _) = near[:2]
    return owner if first < _BESIDE and second > _TIMES * first + _MORE else None


def _distance(box: Box, others: Sequence[Box]) -> float:
    """Pixels to the nearest of other boxes; infinite without any."""
    return min((_gap(box, other) for other in others if other != box), default=float("inf"))


def _is_wide(box: Box) -> bool:
    return box.width >= _NARROW * box.height


def _gap(one: Box, other: Box) -> float:
    across = max(one.x - other.right, other.x - one.right, 0)
    down = max(one.y - other.bottom, other.y - one.bottom, 0)
    return float(np.hypot(across, down))
