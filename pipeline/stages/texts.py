"""Number texts: what is written letter for letter, what of it is the number, and its value."""

from __future__ import annotations

from fractions import Fraction

HALF = "½"
DIGITS = "0123456789"
#: Digits between two marks of thousands.
_GROUP = 3
#: Decimals of a fraction's value that has more.
_DECIMALS = 6


def number_in(text: str) -> str | None:
    """The number in a text of digits, points (or commas) and dashes, without the marks that say nothing; None without one.

    A closing dash or stop, as on cheques, says nothing, and a dash before then is none of a minus either. More than one point
    marks thousands: 1.234.567 is 1234567, and 12.500.00 is 12500.00. A single point is a decimal point.
    """
    closed = text.rstrip("-.")
    number = closed.lstrip("-")
    dashes = len(closed) - len(number)
    is_secured = "-" in text[len(closed) :]
    if (dashes > 1 and not is_secured) or not number or number.strip(DIGITS + "."):
        return None
    groups = number.split(".")
    if len(groups) > 2:
        *whole, last = groups
        if not 1 <= len(whole[0]) <= _GROUP or any(len(group) != _GROUP for group in whole[1:]) or len(last) not in (2, _GROUP):
            return None
        number = "".join(whole) + (last if len(last) == _GROUP else "." + last)
    elif not groups[-1]:
        return None
    return "-" + number if dashes and not is_secured else number


def fraction_in(text: str) -> str | None:
    """The fraction in a text: ½, 12½, 7/10; a stop behind it says nothing. None without one."""
    closed = text.rstrip("-.")
    whole, half, rest = closed.partition(HALF)
    if half:
        return closed if not rest and not whole.strip(DIGITS) else None
    above, slash, below = closed.partition("/")
    is_one = bool(slash and above and below) and not (above + below).strip(DIGITS) and int(below) > 0
    return closed if is_one else None


def value_of(text: str) -> str:
    """The number that a text says: ".86" is 0.86, "35." is 35; leading zeros stay, as roll numbers have them.

    A fraction is a decimal number: "12½" is 12.5, "7/8" is 0.875, "2/3" is 0.666667.
    """
    if text.startswith("-"):
        return "-" + value_of(text[1:])
    if text.endswith(HALF):
        return (text.removesuffix(HALF) or "0") + ".5"
    if "/" in text:
        return f"{float(Fraction(text)):.{_DECIMALS}f}".rstrip("0").rstrip(".")
    text = text.rstrip(".")
    return "0" + text if text.startswith(".") else text
