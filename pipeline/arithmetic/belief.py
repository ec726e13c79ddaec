"""The most probable sheet: what each cell's candidates and the sums that it is in say together.

Belief propagation on the factor graph of cells and sums (Kschischang, Frey, Loeliger 2001): exact where no two sums share more
than one cell in a ring, as in rows with totals or a running balance; a good approximation where rows and columns are both
added up. A sum may be broken, because the writer got it wrong, with a small probability that is estimated from the sheet
(empirical Bayes); and a cell may hold something that is not among its candidates, which no sum then speaks for or against.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.arithmetic.climb import Climb
from pipeline.arithmetic.sums import Options, Place, Sum

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

#: A sum that comes out right by chance does so once in this many times.
_CHANCE = 100.0
#: A writer's mistake makes about this many different wrong sums: a digit off, a carry forgotten.
_MISTAKES = 30.0
#: What is thought of writers before the sheet is seen: mistakes, and sums.
_PRIOR_MISTAKES, _PRIOR_SUMS = 1.0, 200.0
#: The same of numbers that never fall: months end in the middle of a page, and things are entered late.
_PRIOR_FALLS, _PRIOR_STEPS = 1.0, 50.0
_STEPS = 12
#: The share of mistakes is estimated again if it changes by more than this, as a logarithm.
_ALIKE = 0.4
#: Changes of a probability that are not worth another round.
_SETTLED, _SAME = 1e-4, 1e-6
#: Partial sums less probable than this, beside the best, are left out; and no more than so many are kept.
_NEGLIGIBLE, _MOST_PARTIAL = 1e-7, 250
#: Beyond this, sums in 64 bits are not exact.
_LARGEST = 2**61


@dataclass(frozen=True, slots=True)
class Belief:
    """After the sums have spoken: for each cell the probability of each value and, last, of something else; for each sum, that
    it holds and that the writer got it wrong."""

    cells: Mapping[Place, tuple[float, ...]]
    holds: tuple[float, ...]
    mistakes: tuple[float, ...]


def believe(options: Mapping[Place, Options], sums: Sequence[Sum]) -> Belief:
    """Puts together what ink and arithmetic say. Every cell of a sum must have its options."""
    network = _Network(options, sums)
    rules = {total.rule for total in sums}
    broken = {total.rule: operator.truediv(*_prior(total)) for total in sums}
    network.settle(broken)
    outcomes = network.outcomes(broken)
    seen = {rule: _mistakes(rule, sums, outcomes) for rule in rules}
    if any(abs(math.log(share / broken[rule])) > _ALIKE for rule, share in seen.items()):
        network.settle(seen)
        outcomes = network.outcomes(seen)
    cells = {place: tuple(float(p) for p in product) for place, product in network.products.items()}
    return Belief(cells, tuple(holds for holds, _ in outcomes), tuple(mistake for _, mistake in outcomes))


def _mistakes(rule: str, sums: Sequence[Sum], outcomes: Sequence[tuple[float, float]]) -> float:
    """How often the writer got this rule wrong, on this sheet and before."""
    before, seen = next(_prior(total) for total in sums if total.rule == rule)
    mistakes = [mistake for total, (_, mistake) in zip(sums, outcomes, strict=True) if total.rule == rule]
    return (before + sum(mistakes)) / (seen + len(mistakes))


def _prior(total: Sum) -> tuple[float, float]:
    """Mistakes, and the places where one could have been made, as if seen before."""
    return (_PRIOR_FALLS, _PRIOR_STEPS) if total.rises else (_PRIOR_MISTAKES, _PRIOR_SUMS)


class _Network:
    """Cells, sums, and what the sums have told the cells so far. `products` is what is believed of each cell."""

    def __init__(self, options: Mapping[Place, Options], sums: Sequence[Sum]) -> None:
        self._sums = sums
        climbs = {rule: Climb.of([t for t in sums if t.rule == rule], options) for rule in {t.rule for t in sums if t.rises}}
        self._factors: list[Factor] = [
            climbs[total.rule].step(total, options) if total.rises else _SumFactor.of(total, options) for total in sums
        ]
        self.products = {place: _normal(np.array([*o.chances, o.other])) for place, o in options.items()}
        self._messages = [[np.ones(len(self.products[place])) for place in total.cells] for total in sums]
        self._answered: list[tuple[float, list[Floats]] | None] = [None] * len(sums)

    def settle(self, broken: Mapping[str, float]) -> None:
        """Pass messages, from the first sum to the last and back, until nothing changes."""
        order = range(len(self._sums))
        for step in range(_STEPS):
            change = max((self._tell(number, broken) for number in (reversed(order) if step % 2 else order)), default=0.0)
            if change < _SETTLED:
                break

    def outcomes(self, broken: Mapping[str, float]) -> list[tuple[float, float]]:
        """The probability of each sum that it holds, and that it was written wrong."""
        return [
            factor.outcome(self._heard(number), broken[total.rule])
            for number, (total, factor) in enumerate(zip(self._sums, self._factors, strict=True))
        ]

    def _heard(self, number: int) -> list[Floats]:
        """What a sum hears of its cells: all that is known of them but what it has said itself."""
        cells, said = self._sums[number].cells, self._messages[number]
        return [_normal(self.products[place] / message) for place, message in zip(cells, said, strict=True)]

    def _tell(self, number: int, broken: Mapping[str, float]) -> float:
        """One sum tells its cells; returns how much that changed what is believed."""
        total, heard = self._sums[number], self._heard(number)
        answered = self._answered[number]
        if answered and answered[0] == broken[total.rule] and _are_alike(heard, answered[1]):
            return 0.0  # it has heard nothing new
        self._answered[number] = broken[total.rule], heard
        self._messages[number] = self._factors[number].messages(heard, broken[total.rule])
        change = 0.0
        for place, known, message in zip(total.cells, heard, self._messages[number], strict=True):
            product = _normal(known * message)
            change = max(change, float(np.abs(product - self.products[place]).max()))
            self.products[place] = product
        return change


def _are_alike(some: Sequence[Floats], others: Sequence[Floats]) -> bool:
    return all(float(np.abs(one - other).max()) < _SAME for one, other in zip(some, others, strict=True))


def _normal(chances: Floats) -> Floats:
    return np.asarray(chances / chances.sum(), np.float64)


class Factor(Protocol):
    """What a rule says to the cells of one place where it speaks, given what it hears of them; `broken` is how often it is.

    Messages have an entry for each value of the cell's options and, last, one for something else.
    """

    def messages(self, received: Sequence[Floats], broken: float) -> list[Floats]:
        """To each of the cells."""

    def outcome(self, received: Sequence[Floats], broken: float) -> tuple[float, float]:
        """The probability that the rule holds here, and that it was broken; what is left is that a cell is something else."""


@dataclass(frozen=True, slots=True)
class _SumFactor:
    """A sum in whole numbers: what each cell's values add to it; it holds where all add up to between low and high."""

    parts: tuple[Integers, ...]
    low: int
    high: int

    @staticmethod
    def of(total: Sum, options: Mapping[Place, Options]) -> _SumFactor:
        weights = (-total.worth, *(weight for _, weight in total.terms))
        shares = [
            [weight * value for value in options[place].values] for place, weight in zip(total.cells, weights, strict=True)
        ]
        bounds = (-total.constant - total.slack * total.worth, -total.constant + total.slack * total.worth)
        denominators = [share.denominator for part in shares for share in part] + [bound.denominator for bound in bounds]
        scale = math.lcm(*denominators)
        largest = (
            sum(max((abs(share) for share in part), default=Fraction(0)) for part in shares) + abs(bounds[0]) + abs(bounds[1])
        )
        if largest * scale > _LARGEST:  # no such sum is on paper: something was read as a huge number
            return _SumFactor(tuple(np.zeros(len(part), np.int64) for part in shares), 1, 0)
        parts = tuple(np.array([int(share * scale) for share in part], np.int64) for part in shares)
        return _SumFactor(parts, int(bounds[0] * scale), int(bounds[1] * scale))

    def messages(self, received: Sequence[Floats], broken: float) -> list[Floats]:
        before, after = self._partial(received)
        known = [float(message[:-1].sum()) for message in received]
        sent = []
        for number, part in enumerate(self.parts):
            others_known = math.prod(known[:number]) * math.prod(known[number + 1 :])
            fitting = _within(before[number], after[number], self.low - part, self.high - part)
            message = np.ones(len(part) + 1)
            message[:-1] = (1 - broken) * _CHANCE * fitting + broken * _CHANCE / _MISTAKES * (others_known - fitting)
            message[:-1] += 1 - others_known
            sent.append(np.maximum(message, 1e-12) / message.max())
        return sent

    def outcome(self, received: Sequence[Floats], broken: float) -> tuple[float, float]:
        before = _NOTHING
        for part, message in zip(self.parts[:-1], received[:-1], strict=True):
            before = before.plus(part, message[:-1])
        known = math.prod(float(message[:-1].sum()) for message in received)
        last = self.parts[-1]
        fitting = float(_within(before, _NOTHING, self.low - last, self.high - last) @ received[-1][:-1]) if len(last) else 0.0
        holds, mistake = (1 - broken) * _CHANCE * fitting, broken * _CHANCE / _MISTAKES * max(known - fitting, 0.0)
        total = holds + mistake + (1 - known)
        return (holds / total, mistake / total) if total > 0 else (0.0, 0.0)

    def _partial(self, received: Sequence[Floats]) -> tuple[list[_Partial], list[_Partial]]:
        """For each cell, what those before it and those behind it add up to."""
        before, after = [_NOTHING], [_NOTHING]
        for part, message in zip(self.parts[:-1], received[:-1], strict=True):
            before.append(before[-1].plus(part, message[:-1]))
        for part, message in zip(self.parts[:0:-1], received[:0:-1], strict=True):
            after.append(after[-1].plus(part, message[:-1]))
        return before, after[::-1]


@dataclass(frozen=True, slots=True)
class _Partial:
    """What some cells may add up to, in rising order, and how probable that is."""

    sums: Integers
    chances: Floats

    def plus(self, part: Integers, chances: Floats) -> _Partial:
        """With one more cell."""
        likely = chances > _NEGLIGIBLE
        part, chances = part[likely], chances[likely]
        sums, place = np.unique(np.add.outer(self.sums, part).ravel(), return_inverse=True)
        if len(sums) == 0:
            return _IMPOSSIBLE
        joint = np.multiply.outer(self.chances, chances).ravel()
        weights = np.asarray(np.bincount(place, joint, len(sums)), np.float64)
        kept = weights > _NEGLIGIBLE * weights.max()
        if kept.sum() > _MOST_PARTIAL:
            kept = weights >= np.partition(weights, -_MOST_PARTIAL)[-_MOST_PARTIAL]
        return _Partial(np.asarray(sums[kept], np.int64), np.asarray(weights[kept], np.float64))


_NOTHING = _Partial(np.zeros(1, np.int64), np.ones(1))
_IMPOSSIBLE = _Partial(np.zeros(0, np.int64), np.zeros(0))


def _within(one: _Partial, other: _Partial, low: Integers, high: Integers) -> Floats:
    """For each pair of bounds, the probability that two partial sums together lie between them, bounds included."""
    if len(one.sums) == 0 or len(other.sums) == 0:
        return np.zeros(len(low))
    small, large = (one, other) if len(one.sums) < len(other.sums) else (other, one)
    running = np.concatenate([[0.0], np.cumsum(large.chances)])
    first = np.searchsorted(large.sums, np.subtract.outer(low, small.sums), "left")
    last = np.searchsorted(large.sums, np.subtract.outer(high, small.sums), "right")
    return np.asarray(np.maximum(running[last] - running[first], 0.0) @ small.chances, np.float64)
