"""A page's readings, looked at together with what its tables' rules say of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction

from pipeline.arithmetic.discovery import discovered, headings_over_totals
from pipeline.arithmetic.options import Candidates, candidates_of
from pipeline.arithmetic.outcome import Outcome, holds
from pipeline.arithmetic.sums import Grid, Place, Sum, sums_of
from pipeline.arithmetic.verdict import SUREST, judged
from pipeline.forms.expressions import LastRowIsTotals, Rule, Units
from pipeline.forms.form import Column, Form
from pipeline.records import TEXT_REASON, CellReading, TableNote

#: A value that a sum would make of a cell gets this share of what no candidate has.
_IMPLIED = 0.01
#: A number that never falls and is none of its candidates is one of the range so often; wider ranges are not gone through.
_IN_RANGE, _MOST_IN_RANGE = 0.9, 100
#: How sure it is that a dash is one, where the form says what it means.
_DASH = 0.99
#: Marks for nothing.
_NIL_MARKS = ("-", ".")
#: A column without a form is one of numbers if so many of its filled cells are.
_MOSTLY = 0.6


def check_page(
    readings: Sequence[CellReading], forms: Mapping[int, Form], threshold: float, discover: bool = True
) -> tuple[tuple[CellReading, ...], tuple[TableNote, ...]]:
    """The readings of a page, decided on anew, and what was found of its tables.

    `readings` are as they were read from ink, or as a person entered them, which stands. `forms` has the form of each table
    that is known; rules of the other tables are looked for in their numbers, if `discover`.
    """
    decided: dict[tuple[int, int, int], CellReading] = {}
    notes = []
    for table in sorted({reading.table for reading in readings}):
        cells = {(r.row, r.column): r for r in readings if r.table == table}
        form = forms.get(table)
        checked, note = _checked(table, _typed(cells, form, threshold), form, threshold, discover)
        decided.update(((table, *place), cell) for place, cell in checked.items())
        notes.append(note)
    return tuple(decided[r.table, r.row, r.column] for r in readings), tuple(notes)


def _checked(
    table: int, cells: Mapping[Place, CellReading], form: Form | None, threshold: float, discover: bool
) -> tuple[dict[Place, CellReading], TableNote]:
    grid = _grid(cells, form)
    if discover and form is None:
        grid = replace(grid, header_rows=headings_over_totals(grid))
    rules = form.rules if form else discovered(grid) if discover else ()
    if rules and form is None and not grid.header_rows and not _adds_up(1, sums_of(rules, grid), cells):
        grid = replace(grid, header_rows=1)  # headings that look like numbers, as Q1 does
        rules = discovered(grid)
    if form is None and _has_headings(grid, rules):
        cells = {place: _heading(cell) if place[0] == 1 else cell for place, cell in cells.items()}
        grid = replace(grid, cells=cells)
    outcome = _solved(cells, grid, rules, form)
    if rules and form is None:
        # with rows put right by their sums, columns may add up that did not before
        more = [rule for rule in discovered(replace(grid, cells=outcome.believed())) if isinstance(rule, LastRowIsTotals)]
        if more and more[0] not in rules:
            rules = (*rules, *more)
            outcome = _solved(cells, grid, rules, form)
    checked = {place: outcome.decided(place, threshold) if place in outcome.known else cell for place, cell in cells.items()}
    texts = tuple(dict.fromkeys(rule.text for rule in rules))
    return checked, TableNote(table, form.name if form else "", texts, bool(rules) and form is None, outcome.checks())


def _solved(cells: Mapping[Place, CellReading], grid: Grid, rules: Sequence[Rule], form: Form | None) -> Outcome:
    """What the rules make of the cells; once more with the values that they ask for, where nothing that was read will do."""
    sums, totals = sums_of(rules, grid), _totals_row(form, cells)
    involved = {place for total in sums for place in total.cells}
    known = {place: candidates_of(cells[place], _column(form, *place), place[0] == totals) for place in involved}
    for place, numbers in _in_range(sums, known, form).items():
        known[place] = known[place].spread_over(numbers, _IN_RANGE)
    outcome = Outcome.of(cells, known, sums, form is not None)
    implied = outcome.implied(lambda place, value: _can_stand(value, grid, place, _column(form, *place), place[0] == totals))
    if not implied:
        return outcome
    for place, values in implied.items():
        for value in values:
            known[place] = known[place].joined_by(value, _IMPLIED)
    return Outcome.of(cells, known, sums, form is not None)


def _in_range(sums: Sequence[Sum], known: Mapping[Place, Candidates], form: Form | None) -> dict[Place, range]:
    """What else the numbers of columns that never fall may be: whole numbers, as far as the form allows, or as others go."""
    found: dict[Place, range] = {}
    for rule in {total.rule for total in sums if total.rises}:
        places = {place for total in sums if total.rule == rule for place in total.cells}
        numbers = [known[place].options.values[0] for place in places if known[place].values]
        column = _column(form, *next(iter(places))) if places else None
        if not numbers or any(number.denominator > 1 for number in numbers):
            continue
        least, most = (min(numbers), max(numbers))
        if column and column.least is not None and column.most is not None:
            least, most = column.least, column.most
        if most - least < _MOST_IN_RANGE:
            found.update(dict.fromkeys(places, range(math.ceil(least), math.floor(most) + 1)))
    return found


def _has_headings(grid: Grid, rules: Sequence[Rule]) -> bool:
    """Whether the first row holds headings, though some look like numbers, as Q1 does: there is writing above numbers, and
    no rule speaks for the row."""
    if not grid.header_rows:
        return False
    first = [cell for (row, column), cell in grid.cells.items() if row == 1 and column in grid.added and cell.kind != "blank"]
    texts = sum(cell.kind == "text" for cell in first)
    return texts > 0 if rules else texts >= len(first) / 2 > 0


def _adds_up(row: int, sums: Sequence[Sum], cells: Mapping[Place, CellReading]) -> bool:
    """Whether any sum of a row, or of it and the next, comes out as read."""
    known = {place: candidates_of(cell) for place, cell in cells.items()}
    numbers = {place: found.options.values[0] if found.values else None for place, found in known.items()}
    mine = (total for total in sums if total.target[0] in (row, row + 1) and any(at == row for at, _ in total.cells))
    return any(holds(total, numbers) for total in mine)


def _totals_row(form: Form | None, cells: Mapping[Place, CellReading]) -> int:
    """The row that adds up the others, if the form has one; else 0."""
    if form is None or not any(isinstance(rule, LastRowIsTotals) for rule in form.rules):
        return 0
    return _grid(cells, form).last_row


def _can_stand(value: Fraction, grid: Grid, place: Place, column: Column | None, is_total: bool) -> str:
    """A number written as its column has them; empty if it can't stand there."""
    others = [cell.value for (_, c), cell in grid.cells.items() if c == place[1] and cell.kind == "number" and cell.value]
    decimals = [len(text.partition(".")[2]) for text in others]
    shortest = next((d for d in range(max(decimals, default=0) + 1) if (value * 10**d).denominator == 1), None)
    if shortest is None or (value < 0 and not any(text.startswith("-") for text in others)):
        return ""
    usual = min(decimals, default=0)  # money has two, always
    text = f"{float(value):.{max(shortest, usual)}f}"
    if column and column.type == "roll" and column.digits:
        text = text.zfill(column.digits)
    return text if column is None or column.allows(text, is_total) else ""


def _column(form: Form | None, row: int, column: int) -> Column | None:
    return form.column(column) if form and row > form.header_rows else None


def _typed(cells: Mapping[Place, CellReading], form: Form | None, threshold: float) -> dict[Place, CellReading]:
    """The cells named and, each by itself, judged by what the form says of their columns."""
    if form is None:
        return dict(cells)
    totals = _totals_row(form, cells)
    filled = {row for (row, _), cell in cells.items() if cell.kind != "blank"}
    typed = {}
    for (row, number), cell in cells.items():
        column = form.column(number)
        named = replace(cell, name=column.name) if column else cell
        if row <= form.header_rows:
            typed[row, number] = _heading(named)
            continue
        is_body = column is not None and not cell.is_entered
        is_required = row in filled and row != totals
        typed[row, number] = _as_typed(named, column, is_required, row == totals, threshold) if column and is_body else named
    return typed


def _heading(cell: CellReading) -> CellReading:
    """A cell above the columns of a form: not read, whatever it looks like."""
    if cell.kind == "blank" or cell.is_entered:
        return cell
    return replace(cell, kind="text", value="", text="", confidence=0.0, status="review", reason=TEXT_REASON, candidates=())


def _as_typed(cell: CellReading, column: Column, is_required: bool, is_total: bool, threshold: float) -> CellReading:
    if cell.kind == "mark" and cell.text in _NIL_MARKS and column.dash != "review":
        if column.dash == "blank":
            return replace(cell, kind="blank", status="blank", reason="")
        return replace(cell, kind="number", value="0", status="ok", reason="", candidates=(("0", _DASH),))
    if cell.kind == "blank" and not column.may_be_blank and is_required:
        return replace(cell, status="review", reason="nothing is written here, but something should be")
    if not column.is_read or cell.kind not in ("number", "grade"):
        return cell
    if not column.allows(cell.value, is_total):
        return replace(cell, status="review", reason=f"{cell.value} can't stand in {column.name}")
    if cell.kind == "number" and column.is_number:
        known = candidates_of(cell, column, is_total)  # what the column allows is more probable than the ink alone has it
        chance = round(min(known.options.chances[0], SUREST), 4)
        pairs = ((cell.value, chance), *zip(known.values[1:], known.options.chances[1:], strict=True))
        status, reason = judged("number", pairs, threshold)
        return replace(cell, confidence=chance, status=status, reason=reason)
    return cell


def _grid(cells: Mapping[Place, CellReading], form: Form | None) -> Grid:
    """The table with its columns named and typed: by its form, else by what is in them."""
    if form:
        names = tuple(column.name for column in form.columns)
        added = frozenset(n for n, c in enumerate(form.columns, 1) if c.is_number)
        lesser = {name for rule in form.rules if isinstance(rule, Units) for name, _ in rule.parts[1:]}
        return Grid(cells, names, added, form.header_rows, frozenset(n for n, name in enumerate(names, 1) if name in lesser))
    kinds: dict[int, list[str]] = {}
    for (row, column), cell in cells.items():
        if row > 1 and cell.kind not in ("blank", "mark"):
            kinds.setdefault(column, []).append(cell.kind)
    numbers = frozenset(c for c, found in kinds.items() if found.count("number") >= _MOSTLY * len(found))
    first = [cell.kind for (row, column), cell in cells.items() if row == 1 and column in numbers and cell.kind != "blank"]
    has_header = bool(first) and first.count("number") <= len(first) / 2
    width = max((column for _, column in cells), default=0)
    return Grid(cells, tuple(f"C{n}" for n in range(1, width + 1)), numbers, int(has_header))
