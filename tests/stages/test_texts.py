"""What of a text is the number, and its value."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.stages.texts import fraction_in, number_in, value_of

whole = st.from_regex(r"[0-9]{1,7}", fullmatch=True)
decimal = st.from_regex(r"-?[0-9]{1,5}\.[0-9]{1,4}", fullmatch=True)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("12", "12"),
        ("007", "007"),
        ("12.5", "12.5"),
        (".5", ".5"),
        ("-3", "-3"),
        ("35.", "35"),
        ("658-", "658"),
        ("2.194--", "2.194"),
        ("5.-", "5"),
        ("-98542-", "98542"),
        ("--12--", "12"),
        ("1.234.567", "1234567"),
        ("12.500.00", "12500.00"),
        ("-1.000.000", "-1000000"),
    ],
)
def test_the_number_in_a_text(text: str, number: str) -> None:
    assert number_in(text) == number


@pytest.mark.parametrize(
    "text", ["", "-", ".", ".-", "--", "1-2", "--12", "1.2.3", "1234.567.890", "1.23.456", "1/2", "A", "1..5"]
)
def test_what_is_no_number(text: str) -> None:
    assert number_in(text) is None


@given(st.one_of(whole, decimal))
def test_a_plain_number_is_itself_whatever_is_written_behind_it(text: str) -> None:
    assert number_in(text) == text
    assert number_in(text + ".") == text
    assert number_in(text + ".-") == number_in(text + "--") == text.lstrip("-")


@given(st.integers(0, 10**12))
def test_marks_of_thousands_change_nothing(value: int) -> None:
    marked = f"{value:,}".replace(",", ".")
    if marked.count(".") != 1:  # a single point is a decimal point
        assert number_in(marked) == str(value)
    if value >= 1000:
        assert number_in(marked + ".05") == f"{value}.05"


@given(st.text("0123456789.-/", max_size=12))
def test_whatever_is_found_is_a_number(text: str) -> None:
    number = number_in(text)
    if number is not None:
        assert re.fullmatch(r"-?[0-9]*(\.[0-9]+)?", number)
        assert float(value_of(number)) == float(number)
        assert number_in(number) == number


@pytest.mark.parametrize(
    ("text", "fraction", "value"),
    [
        ("½", "½", "0.5"),
        ("12½", "12½", "12.5"),
        ("7/10", "7/10", "0.7"),
        ("2/3.", "2/3", "0.666667"),
        ("09/8", "09/8", "1.125"),
    ],
)
def test_the_fraction_in_a_text(text: str, fraction: str, value: str) -> None:
    assert fraction_in(text) == fraction
    assert value_of(fraction) == value


@pytest.mark.parametrize("text", ["", "12", "1/", "/2", "1/0", "1/2/3", "½2", "1.5½", "1.5/2", "-½"])
def test_what_is_no_fraction(text: str) -> None:
    assert fraction_in(text) is None


@given(st.integers(0, 999), st.integers(1, 999))
def test_a_fraction_has_the_value_of_its_division(above: int, below: int) -> None:
    assert float(value_of(f"{above}/{below}")) == pytest.approx(above / below, abs=1e-6)
