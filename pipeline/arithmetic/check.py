"""A page's readings, looked at together with what its tables' rules say of them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from pipeline.arithmetic.belief import Belief, believe
from pipeline.arithmetic.discovery import discovered, headings_over_totals
from pipeline.arithmetic.options import Candidates, candidates_of
from pipeline.arithmetic.sums import Grid, Place, Sum, sums_of
from pipeline.arithmetic.verdict import SUREST, judged, rejudged
from pipeline.forms.expressions import LastRowIsTotals, Rule, Units
from pipeline.forms.form import Column, Form
from pipeline.records import TEXT_REASON, CellReading, SumCheck, SumState, TableNote

#: A sum holds, or was written wrong, if that is so probable; in between, it is open.
_SURE = 0.9
#: A value that a sum would make of a cell gets this share of what no candidate has; and no cell gets more than so many.
_IMPLIED, _MOST_IMPLIED = 0.01, 4
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


def _solved(cells: Mapping[Place, CellReading], grid: Grid, rules: Sequence[Rule], form: Form | None) -> _Outcome:
    """What the rules make of the cells; once more with the values that they ask for, where nothing that was read will do."""
    sums, totals = sums_of(rules, grid), _totals_row(form, cells)
    involved = {place for total in sums for place in total.cells}
    known = {place: candidates_of(cells[place], _column(form, *place), place[0] == totals) for place in involved}
    for place, numbers in _in_range(sums, known, form).items():
        known[place] = known[place].spread_over(numbers, _IN_RANGE)
    outcome = _Outcome(cells, known, sums, believe({place: found.options for place, found in known.items()}, sums))
    implied = outcome.implied(lambda place, value: _can_stand(value, grid, place, _column(form, *place), place[0] == totals))
    if not implied:
        return outcome
    for place, values in implied.items():
        for value in values:
            known[place] = known[place].joined_by(value, _IMPLIED)
    return _Outcome(cells, known, sums, believe({place: found.options for place, found in known.items()}, sums))


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
    return any(_holds(total, numbers) for total in mine)


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


@dataclass(frozen=True)
class _Outcome:
    """What is believed of a table, and what follows for its cells."""

    cells: Mapping[Place, CellReading]
    known: Mapping[Place, Candidates]
    sums: Sequence[Sum]
    belief: Belief

    def decided(self, place: Place, threshold: float) -> CellReading:
        """A cell of some sum."""
        cell = self.cells[place]
        mine = [number for number, total in enumerate(self.sums) if place in total.cells]
        agreeing = next((self.sums[n].rule for n in mine if self._vouches(n)), "")
        disagreeing = next((self.sums[n].rule for n in mine if self._accuses(n, place)), "")
        mistaken = next((n for n in mine if self.sums[n].target == place and self.belief.mistakes[n] >= _SURE), None)
        if cell.is_entered or cell.kind not in ("number", "blank"):
            return self._with_hint(place, mine)
        if cell.status == "review" and cell.kind == "blank":
            return cell
        value, confidence, status, reason = rejudged(
            cell, self.known[place], self.belief.cells[place], agreeing, disagreeing, threshold
        )
        if mistaken is not None and status != "blank":
            status, reason = "review", f"the writer's mistake? {self._mistake(self.sums[mistaken])}"
        return replace(cell, value=value, confidence=confidence, status=status, reason=reason)

    def implied(self, shown: Callable[[Place, Fraction], str]) -> dict[Place, list[str]]:
        """What cells would have to be for sums to hold that do not, as read or as believed; those that most sums want first.

        Only what `shown` can write, and what is not among the cell's candidates.
        """
        wanted: dict[Place, Counter[str]] = {}
        as_read = {place: found.options.values[0] if found.values else None for place, found in self.known.items()}
        believed = {place: self._number(place) for place in self.known}
        for numbers in (as_read, believed):
            for total in self.sums:
                if _holds(total, numbers):
                    continue
                for place in total.cells:
                    value = _implied(total, place, numbers)
                    if value is None or self.cells[place].is_entered or value in self.known[place].options.values:
                        continue
                    if text := shown(place, value):
                        wanted.setdefault(place, Counter())[text] += 1
        return {place: [text for text, _ in texts.most_common(_MOST_IMPLIED)] for place, texts in wanted.items()}

    def believed(self) -> dict[Place, CellReading]:
        """The cells with the most probable values that were read in the place of what they said."""
        changed = dict(self.cells)
        for place, known in self.known.items():
            best = known.best(self.belief.cells[place])
            if best and self.cells[place].kind == "number":
                changed[place] = replace(self.cells[place], value=known.values[best])
        return changed

    def checks(self) -> tuple[SumCheck, ...]:
        """What came of each sum."""
        return tuple(
            SumCheck(
                total.rule,
                *total.target,
                tuple((*place, float(weight / total.worth)) for place, weight in total.terms),
                float(total.constant / total.worth),
                total.digits,
                self._state(number),
                _shown(self._expected(total)),
            )
            for number, total in enumerate(self.sums)
        )

    def _vouches(self, number: int) -> bool:
        """Whether a sum speaks for its cells: it holds, and not by way of a change that is itself in doubt.

        Where several cells are wrong, more than one change may make the rows and the columns come out right.
        """
        total = self.sums[number]
        if self.belief.holds[number] < _SURE or any(self._is_doubtful(place) for place in total.cells):
            return False
        return not total.counts or self._counts_evenly(total.rule)

    def _counts_evenly(self, rule: str) -> bool:
        """Whether a column that counts does so from its first row to its last.

        A first digit that is misread the same way in row after row still counts up: only where it goes over to the right ones
        does it show.
        """
        places = {place for total in self.sums if total.rule == rule for place in total.cells}
        numbers = {place: self._number(place) for place in places}
        return len({number - row for (row, _), number in numbers.items() if number is not None}) == 1

    def _accuses(self, number: int, place: Place) -> bool:
        """Whether a sum that does not come out may be this cell's fault.

        Then it is not accepted however sure it was, even if another cell of the sum is the likelier culprit: what spoils one
        cell, a ruling that is taken for a 1 say, is seldom alone. A sum with a cell that says nothing proves nothing.
        """
        if self._vouches(number) or self._state(number) == "mistake":
            return False
        if self.sums[number].counts and self._state(number) == "holds":
            return False
        return all(self.known[other].is_read for other in self.sums[number].cells if other != place)

    def _is_doubtful(self, place: Place) -> bool:
        known, chances = self.known[place], self.belief.cells[place]
        best = known.best(chances)
        return best is None or (best > 0 and chances[best] < known.must_be(best))

    def _state(self, number: int) -> SumState:
        if self.belief.holds[number] >= _SURE:
            return "holds"
        return "mistake" if self.belief.mistakes[number] >= _SURE else "open"

    def _with_hint(self, place: Place, mine: Sequence[int]) -> CellReading:
        """A cell that has no number of its own, with what the sums would make of it."""
        cell = self.cells[place]
        if cell.status != "unreadable":
            return cell
        numbers = {other: self._number(other) for other in self.known}
        implied = {value for n in mine if (value := _implied(self.sums[n], place, numbers)) is not None}
        if len(implied) != 1:
            return cell
        return replace(cell, reason=f"{cell.reason}; {self.sums[mine[0]].rule} would make it {_shown(implied.pop())}")

    def _mistake(self, total: Sum) -> str:
        """What is wrong with a sum."""
        if total.rises:
            return f"{total.rule}, and above is {_shown(self._number(total.terms[0][0]))}"
        return f"{total.rule} makes it {_shown(self._expected(total))}"

    def _expected(self, total: Sum) -> Fraction | None:
        """What the terms come to."""
        if total.rises:
            return None
        numbers = [self._number(place) for place, _ in total.terms]
        if any(number is None for number in numbers):
            return None
        value = sum((weight * (number or 0) for (_, weight), number in zip(total.terms, numbers, strict=True)), total.constant)
        value /= total.worth
        return value if total.digits is None else Fraction(round(value * 10**total.digits), 10**total.digits)

    def _number(self, place: Place) -> Fraction | None:
        best = self.known[place].best(self.belief.cells[place])
        return None if best is None else self.known[place].options.values[best]


def _implied(total: Sum, place: Place, numbers: Mapping[Place, Fraction | None]) -> Fraction | None:
    """What one cell must be for a sum to hold; None if another is unknown, or the sum is rounded."""
    rest, own = total.constant, Fraction(0)
    for other, weight in ((total.target, -total.worth), *total.terms):
        number = numbers[other]
        if other == place:
            own += weight
        elif number is None:
            return None
        else:
            rest += weight * number
    return None if total.rises or total.digits is not None or own == 0 else -rest / own


def _holds(total: Sum, numbers: Mapping[Place, Fraction | None]) -> bool:
    rest = total.constant
    for place, weight in ((total.target, -total.worth), *total.terms):
        number = numbers[place]
        if number is None:
            return False
        rest += weight * number
    return rest <= 0 if total.rises else abs(rest) <= total.slack * total.worth


def _shown(number: Fraction | None) -> str:
    """A number as a person would write it; empty if there is none."""
    if number is None:
        return ""
    if number.denominator == 1:
        return str(number.numerator)
    return f"{float(number):.6f}".rstrip("0")
