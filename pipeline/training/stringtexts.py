"""What people write into cells and onto cheques: numbers as text, as they are distributed, with the marks around them.

A text as drawn has a character for every mark: digits, letters, "." and "," (a point, a comma), "-", "/", "+", a space for a
gap left between thousands, and "=", "#", "*" and LEADER, which say nothing. `label_of` is what a reader should read of it.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pipeline.grades import LETTERS, SIGNS
from pipeline.stages.texts import DIGITS

#: What a reader of whole numbers and grades can say.
ALPHABET = f"{DIGITS}.-/+{LETTERS}"

#: A line that leads up to a number, so that nobody writes a digit before it.
LEADER = "—"

_READ = str.maketrans({",": ".", " ": "", "=": "", "#": "", "*": "", LEADER: ""})

_LENGTHS = np.cumsum((0.15, 0.27, 0.2, 0.17, 0.1, 0.07, 0.03, 0.01))


def label_of(drawn: str) -> str:
    """The characters of ALPHABET that are written: a comma counts as a point, marks that say nothing as nothing."""
    return drawn.translate(_READ)


def random_text(rng: np.random.Generator) -> str:
    """A number, now and then a lone dash or point, as drawn."""
    turn = float(rng.random())
    for share, make in _KINDS:
        turn -= share
        if turn < 0:
            return make(rng)
    return _whole(rng)


def _digits(rng: np.random.Generator, count: int, first: int = 0) -> str:
    """So many digits, the first of them at least `first`."""
    low = first * 10 ** (count - 1)
    return str(int(rng.integers(low, 10**count))).zfill(count)


def _length(rng: np.random.Generator) -> int:
    return int(np.searchsorted(_LENGTHS, rng.random() * _LENGTHS[-1], side="right")) + 1


def _whole(rng: np.random.Generator) -> str:
    return _digits(rng, _length(rng), 1 if rng.random() < 0.7 else 0)


def _mark(rng: np.random.Generator) -> str:
    """Of 100, or of 50 or 20."""
    return str(int(rng.integers(0, rng.choice((21, 51, 101)))))


def _round(rng: np.random.Generator) -> str:
    """Ends in zeros."""
    return _digits(rng, int(rng.integers(1, 4)), 1) + "0" * int(rng.integers(1, 5))


def _repeated(rng: np.random.Generator) -> str:
    """00, 11, 777, 1155: the same digit more than once in a row."""
    text = _digits(rng, int(rng.integers(1, 4)))
    return "".join(digit * int(rng.integers(1, 4)) for digit in text)[:7]


def _year(rng: np.random.Generator) -> str:
    return str(int(rng.integers(1780, 2031)))


def _roll_number(rng: np.random.Generator) -> str:
    """With leading zeros."""
    return _digits(rng, int(rng.integers(1, 4)), 1).zfill(int(rng.integers(3, 7)))


def _decimal(rng: np.random.Generator) -> str:
    before = _digits(rng, int(rng.integers(1, 4)), 1) if rng.random() < 0.8 else "0"
    if before == "0" and rng.random() < 0.4:
        before = ""
    after = _digits(rng, int(rng.choice((1, 1, 2, 2, 2, 3))))
    return before + _point(rng) + after


def _point(rng: np.random.Generator) -> str:
    return "." if rng.random() < 0.8 else ","


def _thousands(rng: np.random.Generator) -> str:
    """1.234, 12,500.00 or 1 234 567."""
    number = _round(rng) + "0" if rng.random() < 0.3 else _digits(rng, int(rng.integers(4, 8)), 1)
    mark = " " if rng.random() < 0.25 else _point(rng)
    groups: list[str] = []
    while number:
        number, group = number[:-3], number[-3:]
        groups.insert(0, group)
    cents = _point(rng) + _digits(rng, 2) if rng.random() < 0.2 else ""
    return mark.join(groups) + cents


def _secured(rng: np.random.Generator) -> str:
    """With what is written before and after an amount, so that nobody adds a digit."""
    number = _thousands(rng) if rng.random() < 0.5 else _whole(rng)
    after = str(rng.choice(("-", ".-", "-", "--", "=", ".=", ".", ",", "#", "*", "**")))
    before = str(rng.choice(("#", "*", "=", "-"))) if rng.random() < 0.3 else ""
    return before + number + after


def _led(rng: np.random.Generator) -> str:
    """With a line up to it, now and then with zeros in front."""
    number = _whole(rng)
    return LEADER + (number.zfill(3) if rng.random() < 0.4 else number)


def _negative(rng: np.random.Generator) -> str:
    return "-" + (_decimal(rng) if rng.random() < 0.4 else _whole(rng))


def _fraction(rng: np.random.Generator) -> str:
    """7/10, now and then a date."""
    text = f"{int(rng.integers(1, 100))}/{int(rng.integers(2, 101))}"
    return f"{text}/{_digits(rng, 2)}" if rng.random() < 0.15 else text


def _nothing(rng: np.random.Generator) -> str:
    """How people write that there is nothing: a dash, or in ledgers a point."""
    return "-" if rng.random() < 0.75 else "."


def _grade(rng: np.random.Generator) -> str:
    """B, A+, D-; now and then AB, for absent."""
    if rng.random() < 0.05:
        return "AB"
    return str(rng.choice(list(LETTERS))) + str(rng.choice(("", "", *SIGNS)))


#: The kinds of texts and their shares.
_KINDS: tuple[tuple[float, Callable[[np.random.Generator], str]], ...] = (
    (0.26, _whole),
    (0.1, _mark),
    (0.05, _round),
    (0.05, _repeated),
    (0.03, _year),
    (0.03, _roll_number),
    (0.17, _decimal),
    (0.09, _thousands),
    (0.05, _secured),
    (0.03, _negative),
    (0.02, _fraction),
    (0.02, _nothing),
    (0.07, _grade),
    (0.03, _led),
)
