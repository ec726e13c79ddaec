"""Rules that nobody has given, found in the numbers themselves: taken only where the sheet bears them out beyond chance.

How often a rule would come out right by chance is measured on the sheet: the result of each row is held against those of all
the others. Columns that are always 0, or all alike, so can't prove anything.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from pipeline.arithmetic.sums import Grid
from pipeline.forms.expressions import Consecutive, Equation, LastRowIsTotals, Linear, Mean, NeverFalls, Ref, Rule
from pipeline.records import CellReading

#: By chance, such a rule is found on one sheet in this many.
_SHEETS = 100_000
#: Of the places where a rule can be checked, so many, and so large a share, must come out right.
_LEAST, _SHARE = 3, 0.5
#: Numbers that people count up themselves go on by one mostly; only those of a column that does so nearly always are numbers of
#: the rows.
_SHARE_COUNTED = 0.75
#: Of the steps of a column that never falls, so large a share goes up: the others are misread, or a new month.
_SHARE_RISING = 0.75
#: What is thought of chance before the sheet is seen: one hit in a hundred, as if from so many tries.
_USUAL_CHANCE, _TRIES = 0.01, 5.0
#: Numbers that count up may now and then seem to stand still, or leap by so many: when they are misread.
_EVEN, _STEPS = 0.1, 4
#: How far from a balance its amounts are looked for, in columns.
_NEAR = 5
_MOST_HEADINGS = 6
_WIDEST = 60  # columns; wider tables are looked at up to there

Exact = NDArray[np.object_]


@dataclass(frozen=True, slots=True)
class _Numbers:
    """A table's values as whole numbers of `1 / scale`, rows × columns, 0 where there is none."""

    values: NDArray[np.int64]
    is_known: NDArray[np.bool_]  # a number, or blank
    is_filled: NDArray[np.bool_]
    scale: int


@dataclass(frozen=True, slots=True)
class _Evidence:
    """Where a rule can be checked: what it expects, what there is, how far that may be off, and how often it must be right.

    What is expected and found of a number that goes on from row to row is how far it goes on: numbers that rise slowly are
    near one another whatever is added to them.
    """

    rule: Rule
    expected: NDArray[np.int64]
    found: NDArray[np.int64]
    slack: int = 0
    share: float = _SHARE

    @property
    def hits(self) -> int:
        """How often it comes out right."""
        return int((abs(self.expected - self.found) <= self.slack).sum())

    def log_chance(self) -> float:
        """The log probability of so many hits if there were no rule (a binomial tail, Chernoff's bound)."""
        n, hits = len(self.found), self.hits
        if n < _LEAST or hits < max(_LEAST, self.share * n):
            return 0.0
        crossed = abs(self.expected[:, None] - self.found[None, :]) <= self.slack
        by_chance = crossed.sum() - np.trace(crossed)
        p = (float(by_chance) + _USUAL_CHANCE * _TRIES) / (n * (n - 1) + _TRIES)
        share = hits / n
        if share <= p:
            return 0.0
        rest = (1 - share) * math.log((1 - share) / (1 - p)) if share < 1 else 0.0
        return -n * (share * math.log(share / p) + rest)


@dataclass(frozen=True, slots=True)
class _Climbing:
    """A column that may never fall: how often it rises and falls, where it does not stand still."""

    rule: Rule
    rises: int
    falls: int

    #: Any other rule says more of a column.
    hits = -1

    def log_chance(self) -> float:
        """The log probability of so few falls in numbers that come in any order, each of which is another."""
        if self.falls > (1 - _SHARE_RISING) * (self.rises + self.falls):
            return 0.0
        number = self.rises + self.falls + 1
        ways = [1]  # Eulerian numbers: orders of 1, 2 … numbers by how often they fall
        for count in range(2, number + 1):
            padded = [0, *ways, 0]
            ways = [(fall + 1) * padded[fall + 1] + (count - fall) * padded[fall] for fall in range(count)]
        return math.log(sum(ways[: self.falls + 1])) - math.lgamma(number + 1)


def discovered(grid: Grid) -> tuple[Rule, ...]:
    """The rules that a table bears out, at most one for each column and one for the last row."""
    numbers = _numbers(grid)
    if numbers is None:
        return ()
    candidates = list(_candidates(grid, numbers))
    bound = -math.log(_SHEETS) - math.log(max(len(candidates), 1))
    proven = [(evidence.log_chance(), evidence) for evidence in candidates]
    proven = [(chance, evidence) for chance, evidence in proven if chance < bound]
    best: dict[str, tuple[tuple[int, int], Rule]] = {}
    for _, evidence in proven:
        target = _target(evidence.rule)
        rank = (evidence.hits, _size(evidence.rule))
        if target not in best or rank > best[target][0]:
            best[target] = (rank, evidence.rule)
    return tuple(rule for _, rule in best.values())


def headings_over_totals(grid: Grid) -> int:
    """How many rows of headings a table has, judged by its last row: years in print above a column are in none of its sums.

    As many as the grid has, unless the last row adds up the others only with more of them left out.
    """
    bound = -math.log(_SHEETS) - math.log(_MOST_HEADINGS + 1)
    for more in range(_MOST_HEADINGS + 1):
        below = replace(grid, header_rows=grid.header_rows + more)
        numbers = _numbers(below)
        if numbers is None:
            break
        columns = [c for c in sorted(grid.added) if c <= _WIDEST]
        if any(found.log_chance() < bound for found in _down(below, numbers, columns, below.last_row - below.rows.start)):
            return below.header_rows
    return grid.header_rows


def _target(rule: Rule) -> str:
    match rule:
        case Equation(target=name) | Consecutive(column=name) | NeverFalls(column=name):
            return name
        case _:
            return ""


def _size(rule: Rule) -> int:
    return len(rule.value.weights) if isinstance(rule, Equation) else 0


def _candidates(grid: Grid, numbers: _Numbers) -> Iterator[_Evidence | _Climbing]:
    columns = [c for c in sorted(grid.added) if c <= _WIDEST]
    last = grid.last_row - grid.rows.start  # of the arrays; it may hold totals
    for target in columns:
        for start in columns:
            if start < target - 1:
                between = [c for c in columns if start <= c < target]
                if len(between) >= 2:
                    yield from _across(grid, numbers, target, between)
        yield from _running(grid, numbers, target, [c for c in columns if c != target and abs(c - target) <= _NEAR], last)
        yield from _counting(grid, numbers, target, last)
        yield _climbing(grid, numbers, target, last)
    yield from _down(grid, numbers, columns, last)


def _across(grid: Grid, numbers: _Numbers, target: int, added: list[int]) -> Iterator[_Evidence]:
    """The target is the sum, or the mean, of the columns before it."""
    places = [c - 1 for c in added]
    count = numbers.is_filled[:, places].sum(axis=1)
    usable = numbers.is_known[:, places].all(axis=1) & (count >= 2) & numbers.is_filled[:, target - 1]
    usable &= numbers.is_known[:, target - 1]
    totals, found = numbers.values[:, places].sum(axis=1)[usable], numbers.values[usable, target - 1]
    names = [grid.names[c - 1] for c in added]
    name, listed = grid.names[target - 1], f"{names[0]}..{names[-1]}"
    weights = tuple((Ref(n), Fraction(1)) for n in names)
    yield _Evidence(Equation(f"{name} = sum({listed})", name, Linear(weights=weights)), totals, found)
    digits = _decimals(grid, target)
    slack = Fraction(numbers.scale, 2 * 10**digits)
    mean = Linear(means=(Mean(tuple(names), Fraction(1)),))
    rule = Equation(f"{name} = round(avg({listed}), {digits})", name, mean, digits)
    # times the count, so that all stays whole
    lots = count[usable]
    if len(lots) and (lots == lots[0]).all():
        yield _Evidence(rule, totals, found * lots[0], int(slack * int(lots[0])))


def _running(grid: Grid, numbers: _Numbers, target: int, near: list[int], last: int) -> Iterator[_Evidence]:
    """The target is its own previous value, plus one column, less another."""
    rows = np.flatnonzero(numbers.is_filled[:, target - 1] & numbers.is_known[:, target - 1])
    rows = rows[rows <= last]
    if len(rows) <= _LEAST:
        return
    before, after = rows[:-1], rows[1:]
    found, name = numbers.values[after, target - 1], grid.names[target - 1]
    start = numbers.values[before, target - 1]
    for plus in (None, *near):
        for less in (None, *near):
            used = [c for c in (plus, less) if c is not None]
            if plus == less or not used:
                continue
            places = np.array(used) - 1
            usable = numbers.is_known[np.ix_(after, places)].all(axis=1) & numbers.is_filled[np.ix_(after, places)].any(axis=1)
            step = np.zeros_like(start)
            weights = [(Ref(name, back=True), Fraction(1))]
            text = f"{name} = previous({name})"
            for column, sign in ((plus, 1), (less, -1)):
                if column is not None:
                    step = step + sign * numbers.values[after, column - 1]
                    weights.append((Ref(grid.names[column - 1]), Fraction(sign)))
                    text += f" {'+' if sign > 0 else '-'} {grid.names[column - 1]}"
            yield _Evidence(Equation(text, name, Linear(weights=tuple(weights))), step[usable], (found - start)[usable])


def _counting(grid: Grid, numbers: _Numbers, target: int, last: int) -> Iterator[_Evidence]:
    """The target counts up by one from row to row."""
    there = numbers.is_filled[:, target - 1] & numbers.is_known[:, target - 1]
    there[last:] = False
    rows = np.flatnonzero(there[:-1] & there[1:])
    values = numbers.values[:, target - 1]
    name = grid.names[target - 1]
    steps = values[rows + 1] - values[rows]
    others = (steps >= 0) & (steps <= _STEPS * numbers.scale) & (steps != numbers.scale)
    if others.sum() <= _EVEN * len(rows):  # days go up as well, but stand still and leap
        rule = Consecutive(f"{name} is consecutive", name)
        yield _Evidence(rule, values[rows] + numbers.scale, values[rows + 1], share=_SHARE_COUNTED)


def _climbing(grid: Grid, numbers: _Numbers, target: int, last: int) -> _Climbing:
    """The target never falls."""
    there = numbers.is_filled[:, target - 1] & numbers.is_known[:, target - 1]
    there[last:] = False
    steps = np.diff(numbers.values[there, target - 1])
    name = grid.names[target - 1]
    return _Climbing(NeverFalls(f"{name} never falls", name), int((steps > 0).sum()), int((steps < 0).sum()))


def _down(grid: Grid, numbers: _Numbers, columns: list[int], last: int) -> Iterator[_Evidence]:
    """The last row adds up the others."""
    if last < 2 or not columns:
        return
    places = [c - 1 for c in columns]
    body = slice(0, last)
    usable = numbers.is_known[body, places].all(axis=0) & (numbers.is_filled[body, places].sum(axis=0) >= 2)
    usable &= numbers.is_known[last, places] & numbers.is_filled[last, places]
    expected, found = numbers.values[body, places].sum(axis=0)[usable], numbers.values[last, places][usable]
    yield _Evidence(LastRowIsTotals("last row is totals"), expected, found)


def _numbers(grid: Grid) -> _Numbers | None:
    """None if there are none, or they are too large to add up in 64 bits."""
    shape = len(grid.rows), len(grid.names)
    places = [(row, column) for row in grid.rows for column in grid.added]
    known = {place: value for place in places if (cell := grid.cells.get(place)) and (value := _value(cell)) is not None}
    scale = math.lcm(*(value.denominator for value in known.values())) if known else 1
    if not known or max(abs(value) for value in known.values()) * scale * (shape[0] + shape[1]) > 2**60:
        return None
    values, is_known, is_filled = np.zeros(shape, np.int64), np.zeros(shape, np.bool_), np.zeros(shape, np.bool_)
    for (row, column), value in known.items():
        index = row - grid.rows.start, column - 1
        values[index], is_known[index] = int(value * scale), True
        is_filled[index] = grid.is_filled((row, column))
    return _Numbers(values, is_known, is_filled, scale)


def _value(cell: CellReading) -> Fraction | None:
    """The number that was read; 0 for a blank and for a dash; None for what is no number."""
    if cell.kind in ("blank", "mark"):
        return Fraction(0)
    if cell.kind != "number" or not cell.value:
        return None
    return Fraction(cell.value)


def _decimals(grid: Grid, column: int) -> int:
    """How many decimals most numbers of a column have."""
    texts = [cell.value for (_, c), cell in grid.cells.items() if c == column and cell.kind == "number"]
    counts = sorted(len(text.partition(".")[2]) for text in texts)
    return counts[len(counts) // 2] if counts else 0
