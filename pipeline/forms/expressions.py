"""Rules as a person writes them ("total = sum(q1..q10)"), parsed by hand: nothing that a form says is ever run as code.

    rule   := "last row is totals" | NAME "is consecutive" | NAME "never falls" | units | NAME "=" value
    units  := NUMBER NAME "=" "1" NAME ("," NUMBER NAME "=" "1" NAME)*          12d = 1s, 20s = 1L
    value  := "round(" sum "," digits ")" | sum
    sum    := product (("+" | "-") product)*
    product:= factor (("*" | "/") factor)*
    factor := NUMBER | NAME | "-" factor | "(" sum ")" | ("sum" | "avg") "(" NAMES ")" | ("previous" | "subtotal") "(" NAME ")"
    NAMES  := NAME | NAME ".." NAME, separated by commas

A NAME with spaces or signs in it stands in quotes. What comes out is linear in the columns; anything else is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

_TOKEN = re.compile(
    r"""\s*(?:(?P<number>\d+(?:\.\d+)?(?!\.\d))|(?P<name>[^\W\d]\w*)|'(?P<quoted>[^']+)'|"(?P<double>[^"]+)"|(?P<sign>\.\.|[-+*/(),=]))"""
)
_MOST_DEPTH = 50


class ExpressionError(ValueError):
    """A rule that can't be understood; the message says what and where."""


@dataclass(frozen=True, slots=True)
class Ref:
    """A column's cell in the same row; with `back`, in the last row above that has one; with `since`, in this row and in all
    above it, up to the last one where the rule's target has something."""

    column: str
    back: bool = False
    since: bool = False


@dataclass(frozen=True, slots=True)
class Mean:
    """The mean of those of the columns that are filled in, times a weight."""

    columns: tuple[str, ...]
    weight: Fraction


@dataclass(frozen=True, slots=True)
class Linear:
    """constant + Σ weight · cell + Σ means."""

    constant: Fraction = Fraction(0)
    weights: tuple[tuple[Ref, Fraction], ...] = ()
    means: tuple[Mean, ...] = ()

    def resolved(self, filled: Collection[str]) -> tuple[Fraction, dict[Ref, Fraction]]:
        """The constant, and each cell's weight in a row where these columns are filled in."""
        weights = dict(self.weights)
        for mean in self.means:
            present = [name for name in mean.columns if name in filled]
            for name in present:
                weights[Ref(name)] = weights.get(Ref(name), Fraction(0)) + mean.weight / len(present)
        return self.constant, weights


@dataclass(frozen=True, slots=True)
class Equation:
    """In every row the target is the value, rounded to `digits` decimals if there are any."""

    text: str
    target: str
    value: Linear
    digits: int | None = None


@dataclass(frozen=True, slots=True)
class LastRowIsTotals:
    """The last row with numbers adds up each column of numbers."""

    text: str


@dataclass(frozen=True, slots=True)
class Consecutive:
    """A column counts up by one from row to row."""

    text: str
    column: str


@dataclass(frozen=True, slots=True)
class NeverFalls:
    """What a column says is never less than in the row above, as the days of a month."""

    text: str
    column: str


@dataclass(frozen=True, slots=True)
class Units:
    """Columns that are one amount: `parts` has each and what it is worth in the smallest, which is last."""

    text: str
    parts: tuple[tuple[str, int], ...]


Rule = Equation | LastRowIsTotals | Consecutive | NeverFalls | Units


def parse_rule(text: str, columns: Sequence[str]) -> Rule:
    """A rule over columns of these names, in their order on paper. Raises ExpressionError."""
    return _Parser(text, columns).rule()


class _Parser:
    """Recursive descent over the tokens of one rule."""

    def __init__(self, text: str, columns: Sequence[str]) -> None:
        self._text, self._columns = text, columns
        self._tokens = _tokens(text)
        self._at = 0
        self._depth = 0

    def rule(self) -> Rule:
        if [value for _, value in self._tokens] == ["last", "row", "is", "totals"]:
            return LastRowIsTotals(self._text)
        if [value for _, value in self._tokens[1:]] == ["is", "consecutive"]:
            return Consecutive(self._text, self._column())
        if [value for _, value in self._tokens[1:]] == ["never", "falls"]:
            return NeverFalls(self._text, self._column())
        if self._tokens and self._tokens[0][0] == "number":
            return self._units()
        target = self._column()
        self._expect("=")
        value, digits = self._value()
        if self._at < len(self._tokens):
            raise ExpressionError(f"{self._tokens[self._at][1]!r} was not expected in {self._text!r}")
        summed = [ref.column for ref, _ in value.weights if not ref.back] + [
            name for mean in value.means for name in mean.columns
        ]
        if target in summed:
            raise ExpressionError(f"{target} is on both sides of {self._text!r}")
        if not value.weights and not value.means:
            raise ExpressionError(f"{self._text!r} names no column on its right")
        return Equation(self._text, target, value, digits)

    def _units(self) -> Units:
        """12d = 1s, 20s = 1L: from the smallest to the largest."""
        worth: list[tuple[str, int]] = []
        while True:
            count, small = self._number(), self._column()
            self._expect("=")
            if self._number() != 1 or count.denominator != 1 or count < 2:
                raise ExpressionError(f"{self._text!r} must say how many of one unit make 1 of the next, as in 12d = 1s")
            large = self._column()
            if not worth:
                worth.append((small, 1))
            if worth[-1][0] != small or large in dict(worth):
                raise ExpressionError(f"{self._text!r} must go from the smallest unit to the largest, as in 12d = 1s, 20s = 1L")
            worth.append((large, worth[-1][1] * int(count)))
            if self._at == len(self._tokens):
                return Units(self._text, tuple(reversed(worth)))
            self._expect(",")

    def _value(self) -> tuple[Linear, int | None]:
        if self._peek() != ("name", "round"):
            return self._sum(), None
        self._at += 1
        self._expect("(")
        value = self._sum()
        self._expect(",")
        digits = self._number()
        self._expect(")")
        if digits.denominator != 1 or digits > 6:
            raise ExpressionError(f"round() takes 0 to 6 decimals in {self._text!r}")
        return value, int(digits)

    def _sum(self) -> Linear:
        self._depth += 1
        if self._depth > _MOST_DEPTH:
            raise ExpressionError(f"too many brackets in {self._text!r}")
        total = self._product()
        while self._peek() in (("sign", "+"), ("sign", "-")):
            sign = self._next()[1]
            total = _added(total, _times(self._product(), Fraction(1 if sign == "+" else -1)))
        self._depth -= 1
        return total

    def _product(self) -> Linear:
        product = self._factor()
        while self._peek() in (("sign", "*"), ("sign", "/")):
            sign, factor = self._next()[1], self._factor()
            if sign == "*" and _is_number(product):
                product, factor = factor, product
            if not _is_number(factor):
                raise ExpressionError(f"columns can't be multiplied or divided by one another in {self._text!r}")
            if sign == "/" and factor.constant == 0:
                raise ExpressionError(f"division by zero in {self._text!r}")
            product = _times(product, factor.constant if sign == "*" else 1 / factor.constant)
        return product

    def _factor(self) -> Linear:
        kind, value = self._peek()
        if kind == "number":
            return Linear(self._number())
        if (kind, value) == ("sign", "-"):
            self._at += 1
            self._depth += 1
            if self._depth > _MOST_DEPTH:
                raise ExpressionError(f"too many signs in {self._text!r}")
            negative = _times(self._factor(), Fraction(-1))
            self._depth -= 1
            return negative
        if (kind, value) == ("sign", "("):
            self._at += 1
            inner = self._sum()
            self._expect(")")
            return inner
        following = self._tokens[self._at + 1] if self._at + 1 < len(self._tokens) else ("", "")
        if kind == "name" and following == ("sign", "("):
            return self._call()
        return Linear(weights=((Ref(self._column()), Fraction(1)),))

    def _call(self) -> Linear:
        name = self._next()[1]
        self._expect("(")
        if name in ("previous", "subtotal"):
            ref = Ref(self._column(), back=name == "previous", since=name == "subtotal")
            result = Linear(weights=((ref, Fraction(1)),))
        elif name == "sum":
            result = Linear(weights=tuple((Ref(column), Fraction(1)) for column in self._names()))
        elif name == "avg":
            result = Linear(means=(Mean(self._names(), Fraction(1)),))
        else:
            known = "sum, avg, previous, subtotal and, around it all, round"
            raise ExpressionError(f"there is no function {name!r}; there are {known}")
        self._expect(")")
        return result

    def _names(self) -> tuple[str, ...]:
        names: list[str] = []
        while True:
            first = self._column()
            if self._peek() == ("sign", ".."):
                self._at += 1
                last = self._column()
                start, end = self._columns.index(first), self._columns.index(last)
                if end < start:
                    raise ExpressionError(f"{last} stands before {first} in {self._text!r}")
                names += self._columns[start : end + 1]
            else:
                names.append(first)
            if self._peek() != ("sign", ","):
                break
            self._at += 1
        if len(set(names)) < len(names):
            raise ExpressionError(f"a column comes twice in {self._text!r}")
        return tuple(names)

    def _column(self) -> str:
        kind, name = self._next()
        if kind not in ("name", "quoted"):
            hint = "; a name that is a number stands in quotes" if name in self._columns else ""
            raise ExpressionError(f"a column's name was expected, not {name!r}, in {self._text!r}{hint}")
        if name not in self._columns:
            raise ExpressionError(f"there is no column {name!r}; the columns are {', '.join(self._columns)}")
        return name

    def _number(self) -> Fraction:
        kind, value = self._next()
        if kind != "number":
            raise ExpressionError(f"a number was expected, not {value!r}, in {self._text!r}")
        return Fraction(value)

    def _expect(self, sign: str) -> None:
        kind, value = self._next()
        if (kind, value) != ("sign", sign):
            raise ExpressionError(f"{sign!r} was expected, not {value!r}, in {self._text!r}")

    def _peek(self) -> tuple[str, str]:
        return self._tokens[self._at] if self._at < len(self._tokens) else ("end", "the end")

    def _next(self) -> tuple[str, str]:
        token = self._peek()
        self._at += 1
        return token


def _tokens(text: str) -> list[tuple[str, str]]:
    tokens, at = [], 0
    while text[at:].strip():
        match = _TOKEN.match(text, at)
        if not match:
            raise ExpressionError(f"{text[at:].strip()[0]!r} can't stand in a rule: {text!r}")
        kind = str(match.lastgroup)
        tokens.append(("quoted" if kind == "double" else kind, match[kind]))
        at = match.end()
    if not tokens:
        raise ExpressionError("a rule is empty")
    return tokens


def _is_number(value: Linear) -> bool:
    return not value.weights and not value.means


def _times(value: Linear, factor: Fraction) -> Linear:
    weights = tuple((ref, weight * factor) for ref, weight in value.weights)
    return Linear(value.constant * factor, weights, tuple(Mean(m.columns, m.weight * factor) for m in value.means))


def _added(one: Linear, other: Linear) -> Linear:
    weights: dict[Ref, Fraction] = dict(one.weights)
    for ref, weight in other.weights:
        weights[ref] = weights.get(ref, Fraction(0)) + weight
    return Linear(one.constant + other.constant, tuple(weights.items()), (*one.means, *other.means))


def evaluate(value: Linear, cells: Mapping[Ref, Fraction], filled: Callable[[str], bool]) -> Fraction:
    """What a rule's right side comes to; for tests, and for people who want to see it."""
    names = {name for mean in value.means for name in mean.columns if filled(name)}
    constant, weights = value.resolved(names)
    return constant + sum((weight * cells[ref] for ref, weight in weights.items()), Fraction(0))
