"""Columns that never fall: what each number says of the next.

From row to row a number goes on by a step that is geometrically distributed, as if entries came at random; how long it is on
average is taken from the sheet. Where the rule is broken, a month ends or somebody is late, any number follows any other.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.arithmetic.sums import Options, Place, Sum

Floats = NDArray[np.float64]

#: Of the numbers of a column so large a share at either end may be misread, and says nothing of how fast it climbs.
_TRIMMED = 0.1
#: No column is taken to climb slower than this, in units of its last digit.
_SLOWEST = 0.1
#: No step up is less probable than this.
_LEAST = 1e-30


@dataclass(frozen=True, slots=True)
class Climb:
    """A column that never falls, in whole numbers of 1 / scale: its mean step, and how many numbers there are from its least to
    its most."""

    scale: int
    step_mean: float
    room: int

    @staticmethod
    def of(sums: Sequence[Sum], options: Mapping[Place, Options]) -> Climb:
        """All steps of one column, of which there must be one."""
        places = {place for total in sums for place in total.cells}
        scale = math.lcm(*(value.denominator for place in places for value in options[place].values))
        best = sorted(int(options[place].values[0] * scale) for place in places if options[place].values)
        if not best:
            return Climb(scale, 1.0, 1)
        trimmed = int(_TRIMMED * len(best))
        climbed = best[len(best) - 1 - trimmed] - best[trimmed]
        mean = climbed / max(len(best) - 1 - 2 * trimmed, 1)
        return Climb(scale, max(mean, _SLOWEST), best[-1] - best[0] + 1)

    def step(self, total: Sum, options: Mapping[Place, Options]) -> Step:
        """What the column says of one number and the one above it."""
        now, above = ([float(value * self.scale) for value in options[place].values] for place in total.cells)
        difference = np.subtract.outer(np.array(now), np.array(above))
        share = self.step_mean / (1 + self.step_mean)
        chances = np.maximum((1 - share) * share ** np.maximum(difference, 0.0), _LEAST)
        return Step(np.where(difference >= 0, chances, 0.0), 1.0 / self.room)


@dataclass(frozen=True, slots=True)
class Step:
    """From one number to the next: `chances` of the next, down, given the one above, across, where the rule holds; `anything`
    is the chance of any number where it does not."""

    chances: Floats
    anything: float

    def messages(self, received: Sequence[Floats], broken: float) -> list[Floats]:
        """See Factor."""
        now, above = received
        joint = (1 - broken) * self.chances + broken * self.anything
        sent = []
        for message, heard in ((joint @ above[:-1], above), (joint.T @ now[:-1], now)):
            told = np.append(message + heard[-1] * self.anything, self.anything)
            sent.append(np.maximum(told / told.max(), 1e-12))
        return sent

    def outcome(self, received: Sequence[Floats], broken: float) -> tuple[float, float]:
        """See Factor."""
        now, above = received
        steps = float(now[:-1] @ self.chances @ above[:-1])
        falls = float(now[:-1] @ (self.chances == 0.0) @ above[:-1])
        known = float(now[:-1].sum() * above[:-1].sum())
        holds, mistake = (1 - broken) * steps + broken * self.anything * (known - falls), broken * self.anything * falls
        total = holds + mistake + (1 - known) * self.anything
        return (holds / total, mistake / total) if total > 0 else (0.0, 0.0)
