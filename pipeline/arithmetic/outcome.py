"""What is believed of a table whose numbers must add up, and what follows for its cells."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from pipeline.arithmetic.belief import Belief, believe
from pipeline.arithmetic.options import Candidates
from pipeline.arithmetic.sums import Place, Sum
from pipeline.arithmetic.verdict import rejudged
from pipeline.records import CellReading, SumCheck, SumState

#: A sum holds, or was written wrong, if that is so probable; in between, it is open.
_SURE = 0.9
#: No cell gets more than so many values that sums would make of it.
_MOST_IMPLIED = 4


@dataclass(frozen=True)
class Outcome:
    """What is believed of a table, and what follows for its cells."""

    cells: Mapping[Place, CellReading]
    known: Mapping[Place, Candidates]
    sums: Sequence[Sum]
    belief: Belief
    is_given: bool  # by a form, not found in the numbers

    @staticmethod
    def of(
        cells: Mapping[Place, CellReading], known: Mapping[Place, Candidates], sums: Sequence[Sum], is_given: bool
    ) -> Outcome:
        """What is to be believed of cells of which these are known, and these sums must come out."""
        belief = believe({place: found.options for place, found in known.items()}, sums)
        return Outcome(cells, known, sums, belief, is_given)

    def decided(self, place: Place, threshold: float) -> CellReading:
        """A cell of some sum."""
        cell = self.cells[place]
        mine = [number for number, total in enumerate(self.sums) if place in total.cells]
        agreeing = next((self.sums[n].rule for n in mine if self._vouches(n)), "")
        disagreeing = next((self.sums[n].rule for n in mine if self._accuses(n, place)), "")
        mistaken = next((n for n in mine if self.sums[n].target == place and self._state(n) == "mistake"), None)
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
                if holds(total, numbers):
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
        if self._vouches(number) or self.belief.mistakes[number] >= _SURE:
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
        return "mistake" if self.belief.mistakes[number] >= _SURE and self._is_law(number) else "open"

    def _is_law(self, number: int) -> bool:
        """Whether it is a mistake to break it: a sum is, but an order that only the numbers themselves speak for is a habit."""
        total = self.sums[number]
        return self.is_given or not (total.counts or total.rises)

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


def holds(total: Sum, numbers: Mapping[Place, Fraction | None]) -> bool:
    """Whether a sum comes out with these numbers; not if one is unknown."""
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
