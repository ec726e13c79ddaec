"""Number texts: what is written letter for letter, what of it is the number, and its value."""

from __future__ import annotations

DIGITS = "0123456789"
#: Digits between two marks of thousands.
_GROUP = 3


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


def value_of(text: str) -> str:
    """The number that a text says: ".86" is 0.86, "35." is 35; leading zeros stay, as roll numbers have them."""
    if text.startswith("-"):
        return "-" + value_of(text[1:])
    text = text.rstrip(".")
    return "0" + text if text.startswith(".") else text
