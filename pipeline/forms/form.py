"""A form: a known sheet, its columns in order and its rules."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal

from pipeline.forms.expressions import Rule
from pipeline.grades import GRADES

#: integer, decimal and money are numbers to add up; a roll number keeps its zeros and is not added up; text and dates
#: are passed on as pictures; skip is not read at all.
ColumnType = Literal["integer", "decimal", "money", "grade", "roll", "date", "text", "skip"]
#: What a dash for a value means: the number 0, nothing, or nothing known, so that a person looks.
Dash = Literal["zero", "blank", "review"]

_NUMBER = re.compile(r"-?(\d+)(?:\.(\d+))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Column:
    """What a column holds. Where `least`, `most` or `digits` is None, anything goes."""

    name: str
    type: ColumnType
    decimals: int = 0  # digits after the point: at most, and for money exactly, if there is a point
    least: Fraction | None = None
    most: Fraction | None = None
    digits: int | None = None  # before the point, at most; of a roll number exactly
    may_be_blank: bool = True
    dash: Dash = "review"
    fractions: bool = False  # ½ and 7/10 may be written, whatever the number of decimals
    width: float = 0.0  # relative to the other columns; 0 is unknown

    @property
    def is_number(self) -> bool:
        """Whether its cells can be added up."""
        return self.type in ("integer", "decimal", "money")

    @property
    def is_read(self) -> bool:
        """Whether its cells are numbers, roll numbers or grades, and not just looked at."""
        return self.type not in ("date", "text", "skip")

    def allows(self, value: str, is_total: bool = False) -> bool:
        """Whether a reading's value can stand in this column; blanks are another matter. A total of it may be out of range."""
        if not self.is_read:
            return True
        if self.type == "grade":
            return value in GRADES
        match = _NUMBER.fullmatch(value)
        if not match:
            return False
        whole, part = match[1], match[2] or ""
        if self.type == "roll":
            return not part and not value.startswith("-") and (self.digits is None or len(whole) == self.digits)
        if self.fractions:
            part = ""
        if len(part) > self.decimals or (self.type == "money" and part and len(part) != self.decimals):
            return False
        if is_total:
            return True
        if self.digits is not None and len(whole.lstrip("0") or "0") > self.digits:
            return False
        number = Fraction(value)
        return (self.least is None or number >= self.least) and (self.most is None or number <= self.most)


@dataclass(frozen=True, slots=True)
class Form:
    """A known sheet. `header_rows` are those of its table that hold headings."""

    name: str
    columns: tuple[Column, ...]
    rules: tuple[Rule, ...] = ()
    header_rows: int = 1
    title: str = ""
    file: Path | None = None

    @property
    def widths(self) -> tuple[float, ...] | None:
        """Each column's share of the table's width; None if the form does not say."""
        total = sum(column.width for column in self.columns)
        return tuple(column.width / total for column in self.columns) if all(c.width > 0 for c in self.columns) else None

    def column(self, number: int) -> Column | None:
        """The column at a place, from 1; None beyond the last."""
        return self.columns[number - 1] if 1 <= number <= len(self.columns) else None
