"""Whose ink is: the cell's that it lies in, and across a ruling that of the writing that it stands beside.

Where most of a stroke lies says whose it is, mostly. But a 1 that is written onto the ruling at a number's side, or a point on
the one at its foot, belongs to the number that it stands close to, though most of it may be in the next cell.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.records import Box, Cell
from pipeline.stages.heights import page_height

#: A component is parted by a ruling if this share of it lies beyond, and if it is as wide as most digits, that share.
_PARTED, _PARTED_WIDE = 0.1, 0.25
#: A component belongs to the cell that has this share of it, if nothing else tells.
_MOST = 0.7
#: What is higher than this, in digit heights, is no point or dash; what is narrower than that, for its height, may be a 1.
_DIGIT, _NARROW = 0.5, 0.4
#: It stands beside writing within this distance, in digit heights, if all other is farther away by so many times and so much.
_BESIDE, _TIMES, _MORE = 0.5, 2.0, 0.2


@dataclass(frozen=True, slots=True)
class Component:
    """Connected ink: its box, its pixels, and how many of them lie in each cell, by the cell's number."""

    box: Box
    area: int
    shares: Mapping[int, int]

    @property
    def home(self) -> int:
        """The cell that has most of it."""
        return max(self.shares, key=lambda cell: (self.shares[cell], cell))

    @property
    def share(self) -> float:
        """How much of it that is, of all."""
        return self.shares[self.home] / self.area

    @property
    def wide(self) -> bool:
        """Whether it is wider than a 1."""
        return self.box.width >= _NARROW * self.box.height

    @property
    def parted(self) -> bool:
        """Whether so much lies beyond a ruling that it can't be said to be in one cell."""
        return 1 - self.share > _PARTED

    @property
    def company(self) -> bool:
        """Whether it can tell where other ink belongs: it lies in one cell, or mostly so and is too wide for a 1."""
        return not self.parted or (self.wide and self.share >= _MOST)


def owners(components: Sequence[Component], cells: Sequence[Cell]) -> list[int | None]:
    """The cell that each component belongs to, by its number; None where each cell keeps what lies in it."""
    company: dict[int, list[Box]] = {}
    for component in components:
        if component.company:
            company.setdefault(component.home, []).append(component.box)
    height = page_height([max(box.height for box in boxes) for boxes in company.values()])
    return [_owner(component, company, cells, height) for component in components]


def _owner(component: Component, company: Mapping[int, Sequence[Box]], cells: Sequence[Cell], height: float) -> int | None:
    beside = _beside(component, company, cells, height) if component.parted else None
    if beside is not None:
        return beside
    return component.home if component.share >= _MOST else None


def _beside(component: Component, company: Mapping[int, Sequence[Box]], cells: Sequence[Cell], height: float) -> int | None:
    """The cell whose writing a parted component stands beside; None where that is not clear.

    A digit is only taken from its neighbour in the same row: from above and below, tails hang in.
    """
    sides = list(component.shares)
    if component.box.height > _DIGIT * height:
        inked = sum(component.shares.values())
        least = (_PARTED_WIDE if component.wide else _PARTED) * inked
        row = cells[component.home].row
        sides = [cell for cell, share in component.shares.items() if share > least and cells[cell].row == row]
    near = sorted((_distance(component.box, company.get(cell, ())) / height, cell) for cell in sides)
    if len(near) < 2:
        return None
    (first, owner), (second, _) = near[:2]
    return owner if first < _BESIDE and second > _TIMES * first + _MORE else None


def _distance(box: Box, others: Sequence[Box]) -> float:
    """Pixels to the nearest of other boxes; infinite without any."""
    return min((_gap(box, other) for other in others if other != box), default=float("inf"))


def _gap(one: Box, other: Box) -> float:
    across = max(one.x - other.right, other.x - one.right, 0)
    down = max(one.y - other.bottom, other.y - one.bottom, 0)
    return float(np.hypot(across, down))
