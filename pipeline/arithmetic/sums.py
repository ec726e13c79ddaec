"""Rules laid over a table: every place where its numbers should add up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice, pairwise

from pipeline.forms.expressions import Consecutive, Equation, LastRowIsTotals, NeverFalls, Ref, Rule, Units
from pipeline.records import CellReading

#: (row, column) of a cell in its table, from 1.
Place = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Options:
    """What a cell may hold: values, their probabilities, and that of something else; all add up to one."""

    values: tuple[Fraction, ...]
    chances: tuple[float, ...]
    other: float


@dataclass(frozen=True, slots=True)
class Sum:
    """The target is constant + Σ weight · cell, give or take `slack`; rounded to `digits` decimals, None if exact.

    `worth` is the target's own weight where several columns make one amount; its other parts are among the terms. With `rises`,
    it is no sum: the target is only no less than its one term, the number above.
    """

    rule: str
    target: Place
    terms: tuple[tuple[Place, Fraction], ...]
    constant: Fraction = Fraction(0)
    digits: int | None = None
    worth: Fraction = Fraction(1)
    counts: bool = False  # whether it says that a column counts up, which leading digits have little part in
    rises: bool = False

    @property
    def slack(self) -> Fraction:
        """How far the target may be off: half of its last digit where it is rounded."""
        return Fraction(0) if self.digits is None else Fraction(1, 2 * 10**self.digits)

    @property
    def cells(self) -> tuple[Place, ...]:
        """The target and all that it is made of."""
        return (self.target, *(place for place, _ in self.terms))


@dataclass(frozen=True, slots=True)
class Grid:
    """A table's cells by place, its columns' names from left to right, and how many rows of headings it has.

    `added` are the columns, from 1, that hold numbers which can be added up; `lesser` those of them with lesser units of an
    amount, as shillings and pence are.
    """

    cells: Mapping[Place, CellReading]
    names: tuple[str, ...]
    added: frozenset[int]
    header_rows: int
    lesser: frozenset[int] = frozenset()

    @property
    def rows(self) -> range:
        """The rows below the headings."""
        return range(self.header_rows + 1, max((row for row, _ in self.cells), default=0) + 1)

    def is_filled(self, place: Place) -> bool:
        """Whether there is something in a cell."""
        cell = self.cells.get(place)
        return cell is not None and cell.kind != "blank"

    def is_number(self, place: Place) -> bool:
        """Whether what is in a cell is a number, as far as one can tell, and no mark for nil or for the same."""
        return self.is_filled(place) and self.cells[place].kind == "number"

    @property
    def last_row(self) -> int:
        """The last row with a number in a column of numbers; 0 if there is none.

        Lines drawn below a total are no numbers, and neither are specks where pence would be.
        """
        columns = self.added - self.lesser
        return max((row for row in self.rows if any(self.is_number((row, column)) for column in columns)), default=0)


def sums_of(rules: Sequence[Rule], grid: Grid) -> list[Sum]:
    """Every place of the table where one of the rules says what a cell should be."""
    units = [dict(rule.parts) for rule in rules if isinstance(rule, Units)]
    amounts = _Amounts(grid.names, units)
    totals_row = grid.last_row if any(isinstance(rule, LastRowIsTotals) for rule in rules) else 0
    found: list[Sum] = []
    for rule in rules:
        match rule:
            case Equation():
                found += _row_sums(rule, grid, amounts, totals_row)
            case LastRowIsTotals():
                found += _totals(rule, grid, amounts, totals_row)
            case Consecutive():
                found += _counted(rule, grid, totals_row)
            case NeverFalls():
                found += _rising(rule, grid, totals_row)
            case Units():
                pass
    return found


@dataclass(frozen=True, slots=True)
class _Amounts:
    """Which columns belong together as one amount, and what each is worth."""

    names: tuple[str, ...]
    units: list[dict[str, int]]

    def parts(self, name: str) -> list[tuple[int, int]]:
        """(column, worth) of the amount that a column is the largest unit of; of the column itself if it is of none."""
        for unit in self.units:
            if next(iter(unit)) == name:
                return [(self.number(part), worth) for part, worth in unit.items()]
        return [(self.number(name), 1)]

    def number(self, name: str) -> int:
        return self.names.index(name) + 1


def _sum(
    rule: str,
    target: list[tuple[Place, int]],
    terms: list[tuple[Place, Fraction]],
    constant: Fraction = Fraction(0),
    digits: int | None = None,
) -> Sum:
    """A sum whose target may have lesser units: they go to the other side."""
    (place, worth), *lesser = target
    others = [*terms, *((part, Fraction(-weight)) for part, weight in lesser)]
    return Sum(rule, place, tuple(others), constant, digits, Fraction(worth))


def _row_sums(rule: Equation, grid: Grid, amounts: _Amounts, totals_row: int) -> list[Sum]:
    refs = [ref for ref, _ in rule.value.weights]
    looks_back, is_subtotal = any(ref.back or ref.since for ref in refs), any(ref.since for ref in refs)
    target_parts = amounts.parts(rule.target)
    found = []
    start = grid.rows.start  # of what the next subtotal is of
    for row in grid.rows:
        if (looks_back and row == totals_row) or not any(grid.is_filled((row, column)) for column, _ in target_parts):
            continue
        if is_subtotal and not _is_amount(row, target_parts, grid):
            continue
        filled = [name for number, name in enumerate(grid.names, 1) if grid.is_filled((row, number))]
        constant, weights = rule.value.resolved(filled)
        terms = _terms(weights, range(start, row + 1), grid, amounts)
        start = row + 1
        if terms is not None and any(grid.is_filled(place) for place, _ in terms):
            target = [((row, column), worth) for column, worth in target_parts]
            found.append(_sum(rule.text, target, terms, constant * target_parts[0][1], rule.digits))
    return found


def _is_amount(row: int, parts: Sequence[tuple[int, int]], grid: Grid) -> bool:
    """Whether a row has an amount: a speck where pence would be is none."""
    numbers = [grid.is_number((row, column)) for column, _ in parts]
    return numbers[0] or sum(numbers) > 1


def _terms(weights: Mapping[Ref, Fraction], rows: range, grid: Grid, amounts: _Amounts) -> list[tuple[Place, Fraction]] | None:
    """The cells behind a row's references; None if one looks back to where there is nothing.

    `rows` are those that a subtotal is of; the last is the row itself.
    """
    terms: dict[Place, Fraction] = {}
    for ref, weight in weights.items():
        parts = amounts.parts(ref.column)
        places: Sequence[int] = rows if ref.since else rows[-1:]
        if ref.back:
            above = (r for r in range(rows[-1] - 1, grid.header_rows, -1) if any(grid.is_filled((r, c)) for c, _ in parts))
            places = tuple(islice(above, 1))
            if not places:
                return None
        if ref.since and not any(_is_amount(at, parts, grid) for at in places):
            return None
        for at in places:
            for column, worth in parts:
                if (at, column) in grid.cells:
                    terms[at, column] = terms.get((at, column), Fraction(0)) + weight * worth
    return list(terms.items())


def _totals(rule: LastRowIsTotals, grid: Grid, amounts: _Amounts, last: int) -> list[Sum]:
    found = []
    for number, name in enumerate(grid.names, 1):
        if number not in grid.added - grid.lesser:
            continue
        parts = amounts.parts(name)
        target = [((last, column), worth) for column, worth in parts]
        terms = [
            ((row, column), Fraction(worth))
            for column, worth in parts
            for row in grid.rows
            if row < last and (row, column) in grid.cells
        ]
        if any(grid.is_filled(place) for place, _ in target) and any(grid.is_filled(place) for place, _ in terms):
            found.append(_sum(rule.text, target, terms))
    return found


def _counted(rule: Consecutive, grid: Grid, totals_row: int) -> list[Sum]:
    column = grid.names.index(rule.column) + 1
    rows = [row for row in grid.rows if row != totals_row and grid.is_filled((row, column))]
    return [
        Sum(rule.text, (row, column), (((above, column), Fraction(1)),), Fraction(1), counts=True)
        for above, row in pairwise(rows)
        if row == above + 1  # over a gap, some go on counting and some do not
    ]


def _rising(rule: NeverFalls, grid: Grid, totals_row: int) -> list[Sum]:
    """Each number and the one above it; over gaps too, where "the same" is left out."""
    column = grid.names.index(rule.column) + 1
    rows = [row for row in grid.rows if row != totals_row and grid.is_number((row, column))]
    return [Sum(rule.text, (row, column), (((above, column), Fraction(1)),), rises=True) for above, row in pairwise(rows)]
