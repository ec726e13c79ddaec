"""½ and n/m: read where the form says that they may be written, and nowhere else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pipeline.forms import Column, Form
from pipeline.records import Reading, ScoredPage
from pipeline.stages.interpret import interpret
from pipeline.stages.kit import Kit
from tests.stages.grids import kit
from tests.stages.lattices import Ink, column, digit

HALF = Ink({"½": 0.9})
SLASH = Ink({"/": 0.9, "1": 0.05})


def reading(page: ScoredPage, known: Kit) -> Reading:
    return interpret(page, known).readings[1]


def with_form(**known: object) -> Kit:
    form = Form("marks", (Column("q1", "integer", width=1, **known),))  # type: ignore[arg-type]
    return replace(kit(), forms=(form,))


@pytest.mark.parametrize(
    ("inks", "text", "value"),
    [
        ([digit("1"), digit("2"), HALF], "12½", "12.5"),
        ([HALF], "½", "0.5"),
        ([digit("7"), SLASH, digit("8")], "7/8", "0.875"),
        ([digit("1"), digit("2")], "12", "12"),
    ],
)
def test_a_column_may_hold_fractions(inks: list[Ink], text: str, value: str) -> None:
    found = reading(column(inks, [digit("3")]), with_form(fractions=True))
    assert (found.kind, found.text, found.value) == ("number", text, value)


def test_elsewhere_a_slash_is_a_leaning_one_and_there_is_no_half() -> None:
    page = column([digit("7"), SLASH, digit("8")], [digit("3")])
    for known in (kit(), with_form()):
        assert reading(page, known).text == "718"
    assert "½" not in reading(column([digit("1"), HALF], [digit("3")]), kit()).text


def test_the_parts_of_a_half_may_stand_side_by_side() -> None:
    """Two pieces that are a ½ only together; of a digit they would be too far apart."""
    stroke, two = Ink({"1": 0.3, "/": 0.3}), Ink({"2": 0.3}, joined={"½": 0.95}, spread=0.9)
    assert reading(column([digit("3"), stroke, two], [digit("3")]), with_form(fractions=True)).text == "3½"
    eight = replace(two, joined={"8": 0.95})
    assert reading(column([digit("3"), stroke, eight], [digit("3")]), with_form(fractions=True)).text != "38"


@pytest.mark.parametrize(
    ("kind", "expected"), [("grade", "grade"), ("integer", "number"), ("text", "text"), ("roll", "number")]
)
def test_a_form_says_what_a_column_holds(kind: str, expected: str) -> None:
    """Ink that may be an 8 or a B."""
    form = Form("marks", (Column("q1", kind, width=1),))  # type: ignore[arg-type]
    page = column([Ink({"8": 0.55, "B": 0.43})], [Ink({"8": 0.55, "B": 0.43})])
    assert reading(page, replace(kit(), forms=(form,))).kind == expected
