"""What a cell may hold, as the ink and its column's type have it, before anything is added up."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from pipeline.arithmetic.sums import Options
from pipeline.forms.form import Column
from pipeline.records import CellReading

#: Nothing is changed that is less sure than this, whatever the threshold for reading; to what nobody has read, than this.
TO_CORRECT, _TO_MAKE_UP = 0.98, 0.998
#: How much less probable a value is that its column does not allow: people who fill in forms keep to them, mostly.
_OUT_OF_PLACE = 0.02
#: How probable it is that a blank is one, and that a dash means nothing; ink may be too faint, or no dash.
_BLANK, _NIL = 0.998, 0.95
#: And that a person typed what is on the paper.
_ENTERED = 0.999
_NEGLIGIBLE = 1e-5
_NUMBER = re.compile(r"-?\d{1,18}(?:\.\d{1,18})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Candidates:
    """The values that a cell may hold, as text, and the same as numbers with their probabilities."""

    values: tuple[str, ...]
    options: Options
    implied: int = 0  # how many of the values, the last, were not read from the ink but are what some sum asks for

    @property
    def is_read(self) -> bool:
        """Whether the ink says anything of it."""
        return len(self.values) > self.implied

    def must_be(self, place: int) -> float:
        """How sure a value must be to be put in the place of the one that was read.

        Where several cells are wrong, more than one set of values that nobody has read may make rows and columns agree.
        """
        return TO_CORRECT if place < len(self.values) - self.implied else _TO_MAKE_UP

    def best(self, chances: tuple[float, ...]) -> int | None:
        """The place of the most probable value; None if it is something else."""
        best = max(range(len(chances)), key=lambda k: (chances[k], -k))
        return best if best < len(self.values) else None

    def joined_by(self, value: str, share: float) -> Candidates:
        """With one more value, which gets that share of the probability of something else."""
        number, old = Fraction(value), self.options
        chance = share * old.other
        options = Options((*old.values, number), (*old.chances, chance), old.other - chance)
        return Candidates((*self.values, value), options, self.implied + 1)

    def spread_over(self, numbers: range, share: float) -> Candidates:
        """With every whole number of a range; those that were not read part that share of the probability of something else."""
        if not self.values:
            return self
        new = [number for number in numbers if number not in self.options.values]
        chance = share * self.options.other / max(len(new), 1)
        values = (*self.options.values, *map(Fraction, new))
        options = Options(values, (*self.options.chances, *(chance for _ in new)), self.options.other - chance * len(new))
        return Candidates((*self.values, *map(str, new)), options, self.implied + len(new))


def candidates_of(cell: CellReading, column: Column | None = None, is_total: bool = False) -> Candidates:
    """The candidates of a cell, given its column's type where there is a form; `is_total` in a row that adds up the others."""
    if cell.is_entered:
        value = Fraction(cell.value) if _NUMBER.fullmatch(cell.value) else Fraction(0)
        return Candidates((cell.value,), Options((value,), (_ENTERED,), 1 - _ENTERED))
    match cell.kind:
        case "blank":
            return Candidates(("",), Options((Fraction(0),), (_BLANK,), 1 - _BLANK))
        case "mark":
            return Candidates(("",), Options((Fraction(0),), (_NIL,), 1 - _NIL))
        case "number":
            pairs = [(value, p) for value, p in cell.candidates if _NUMBER.fullmatch(value) and p > _NEGLIGIBLE]
            return _weighed(pairs, column, is_total)
        case _:
            return Candidates((), Options((), (), 1.0))


def _weighed(pairs: list[tuple[str, float]], column: Column | None, is_total: bool) -> Candidates:
    merged: dict[Fraction, tuple[str, float]] = {}
    for value, p in pairs:
        text, chance = merged.get(Fraction(value), (value, 0.0))
        merged[Fraction(value)] = (text, chance + p)
    other = max(1.0 - sum(p for _, p in merged.values()), 1e-6)
    weighed = [p if column is None or column.allows(text, is_total) else _OUT_OF_PLACE * p for text, p in merged.values()]
    total = sum(weighed) + other
    options = Options(tuple(merged), tuple(p / total for p in weighed), other / total)
    return Candidates(tuple(text for text, _ in merged.values()), options)
