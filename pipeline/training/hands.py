"""Hands that numbers are written in: what stays the same while one person writes with one pen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

#: Height of a usual digit in pixels; the canvas that it is written on has as much above it and below it.
TALL = 32


@dataclass(frozen=True, slots=True)
class Hand:
    """One person with one pen. Lengths are in digit heights."""

    slant: float  # shift to the right over one height
    pen: float  # 0: the thinnest of its source, 1: the thickest
    width: float  # of digits, relative to what they were
    gap: float  # between two digits, ink to ink
    wobble: float  # how much all this varies from digit to digit
    touching: float  # share of neighbours that run into each other
    drift: float  # how far the line rises over one height
    zeros: float  # size of a 0 relative to other digits
    ones: float  # size of a 1
    old_style: bool  # 3, 4, 5, 7 and 9 go below the line, 0, 1 and 2 are small
    alike: float  # how often a digit looks the same as the last time
    raised: bool  # the decimal point stands at half height
    dot: float  # size of a point in stroke widths
    first: float  # size of the first digit relative to the others

    def stature(self, digit: str, is_first: bool, size: float, high: float, rng: np.random.Generator) -> tuple[float, float]:
        """How tall a digit is, and how far below the line it ends; `size` and `high` are this one's share of the wobble."""
        tall = (1 + 0.06 * size) * (self.zeros if digit == "0" else self.ones if digit == "1" else 1.0)
        low = 0.035 * high
        if is_first:
            tall *= self.first
            low += (self.first - 1) * float(rng.uniform(0, 0.5))
        if self.old_style:
            tall *= 0.75 if digit in "012" else 1.0
            low += 0.3 if digit in "34579" else 0.0
        return tall, low


def random_hand(rng: np.random.Generator) -> Hand:
    """Pupils and office workers, clerks of old, and some hasty ones."""
    chance = rng.random(10)
    return Hand(
        slant=float(rng.normal(0.1, 0.18) if chance[9] < 0.93 else rng.uniform(0.4, 0.9)),
        pen=float(rng.random() ** 1.7),
        width=float(np.exp(rng.normal(0, 0.13))),
        gap=float(rng.uniform(0.02, 0.3) if chance[0] < 0.85 else rng.uniform(0.3, 0.8)),
        wobble=float(rng.uniform(0.5, 1.8)),
        touching=float(rng.uniform(0.2, 1.0) if chance[1] < 0.35 else 0.0),
        drift=float(rng.normal(0, 0.04)),
        zeros=float(rng.uniform(0.55, 0.9) if chance[2] < 0.2 and chance[4] >= 0.1 else 1.0),
        ones=float(rng.uniform(1.1, 1.6) if chance[3] < 0.15 else 1.0),
        old_style=bool(chance[4] < 0.1),
        alike=float(chance[5] * 0.9),
        raised=bool(chance[6] < 0.2),
        dot=float(rng.uniform(1.05, 1.9)),
        first=float(rng.uniform(1.2, 2.2) if chance[8] < 0.1 else 1.0),
    )
