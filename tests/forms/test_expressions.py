from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.forms.expressions import (
    Consecutive,
    Equation,
    ExpressionError,
    LastRowIsTotals,
    Linear,
    Mean,
    NeverFalls,
    Ref,
    Units,
    evaluate,
    parse_rule,
)

COLUMNS = ("1900", "roll", "q1", "q2", "q3", "q4", "total", "paid in", "balance", "L", "s", "d")


def value(text: str) -> Linear:
    rule = parse_rule(f"total = {text}", COLUMNS)
    assert isinstance(rule, Equation)
    return rule.value


def test_a_sum_over_a_range_of_columns() -> None:
    assert parse_rule("total = sum(q1..q3)", COLUMNS) == Equation(
        "total = sum(q1..q3)", "total", Linear(weights=tuple((Ref(q), Fraction(1)) for q in ("q1", "q2", "q3")))
    )


def test_the_row_above_and_names_with_spaces() -> None:
    rule = parse_rule("balance = previous(balance) - q1 + 'paid in'", COLUMNS)
    assert isinstance(rule, Equation)
    assert dict(rule.value.weights) == {Ref("balance", back=True): 1, Ref("q1"): -1, Ref("paid in"): 1}


def test_all_rows_since_the_last_subtotal() -> None:
    assert dict(value("subtotal(q1)").weights) == {Ref("q1", since=True): 1}


def test_a_rounded_mean() -> None:
    rule = parse_rule("total = round(avg(q1..q4), 1)", COLUMNS)
    assert rule == Equation(rule.text, "total", Linear(means=(Mean(("q1", "q2", "q3", "q4"), Fraction(1)),)), 1)


def test_a_mean_is_of_what_is_filled_in() -> None:
    constant, weights = value("2 * avg(q1..q4) + 3").resolved({"q1", "q3"})
    assert constant == 3
    assert dict(weights) == {Ref("q1"): Fraction(1), Ref("q3"): Fraction(1)}


def test_rules_in_words_and_units() -> None:
    assert parse_rule("last row is totals", COLUMNS) == LastRowIsTotals("last row is totals")
    assert parse_rule("roll is consecutive", COLUMNS) == Consecutive("roll is consecutive", "roll")
    assert parse_rule("q1 never falls", COLUMNS) == NeverFalls("q1 never falls", "q1")
    units = parse_rule("12d = 1s, 20s = 1L", COLUMNS)
    assert isinstance(units, Units)
    assert units.parts == (("L", 240), ("s", 12), ("d", 1))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "empty"),
        ("total", "'='"),
        ("total = ", "a column's name"),
        ("total = sum(1900)", "in quotes"),
        ("total = 3", "names no column"),
        ("total = q9", "no column 'q9'"),
        ("total = q1 + total", "both sides"),
        ("total = subtotal(total)", "both sides"),
        ("total = q1 * q2", "can't be multiplied"),
        ("total = q1 / 0", "division by zero"),
        ("total = q1 q2", "not expected"),
        ("total = (q1", r"'\)' was expected"),
        ("total = sum(q3..q1)", "stands before"),
        ("total = sum(q1, q1)", "twice"),
        ("total = max(q1, q2)", "no function 'max'"),
        ("total = round(q1, 0.5)", "decimals"),
        ("total = q1; import os", "';' can't stand"),
        ("total = __import__('os')", "no function"),
        ("12d = 2s", "1 of the next"),
        ("20s = 1L, 12d = 1s", "smallest unit"),
        ("total = " + "(" * 60 + "q1" + ")" * 60, "too many brackets"),
        ("total = " + "-" * 60 + "q1", "too many signs"),
    ],
)
def test_what_can_not_be_understood_is_refused_with_the_reason(text: str, told: str) -> None:
    with pytest.raises(ExpressionError, match=told):
        parse_rule(text, COLUMNS)


@given(st.text(alphabet="q1234total .()+-*/,=s'", max_size=40))
def test_no_text_breaks_the_parser(text: str) -> None:
    try:
        rule = parse_rule(text, COLUMNS)
    except ExpressionError:
        return
    assert rule.text == text


_numbers = st.integers(1, 99)


@given(
    st.recursive(
        st.sampled_from(["q1", "q2", "q3"]),
        lambda inner: st.one_of(
            st.tuples(inner, st.sampled_from("+-"), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
            st.tuples(_numbers, inner).map(lambda t: f"{t[0]} * {t[1]}"),
            st.tuples(inner, _numbers).map(lambda t: f"{t[0]} / {t[1]}"),
            inner.map(lambda t: f"-{t}"),
        ),
        max_leaves=6,
    ),
    st.lists(st.integers(-99, 99), min_size=3, max_size=3),
)
def test_expressions_mean_what_python_says_they_mean(text: str, cells: list[int]) -> None:
    known = {name: Fraction(cell) for name, cell in zip(("q1", "q2", "q3"), cells, strict=True)}
    expected = eval(text, {}, known)  # text of our own making
    assert evaluate(value(text), {Ref(name): number for name, number in known.items()}, lambda _: True) == expected
