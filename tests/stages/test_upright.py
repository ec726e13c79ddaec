"""Which way up a page lies, told from what was read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pipeline.records import PageResult, TableNote
from pipeline.stages.upright import reads_better, reads_well
from tests.arithmetic.tables import Said, table


def page(said: Sequence[Said], form: str = "") -> PageResult:
    return PageResult(1, tuple(table([said])), tables=(TableNote(1, form),))


def test_a_sum_that_does_not_come_out_is_no_reason_to_turn_a_page() -> None:
    readings = tuple(
        replace(cell, status="review", reason="total = sum(a..b) does not agree") for cell in page(["12"] * 9).readings
    )
    assert reads_well(replace(page([]), readings=readings))


def test_a_page_in_doubt_may_be_upside_down() -> None:
    doubtful, sure = page([("12", 0.6)] * 9), page(["21"] * 9)
    assert not reads_well(doubtful)
    assert reads_better(sure, doubtful)
    assert not reads_better(doubtful, sure)


def test_a_page_with_the_columns_of_its_form_lies_as_it_should() -> None:
    assert not reads_better(page(["21"] * 9), page([("12", 0.6)] * 9, "ledger"))
    assert reads_better(page(["21"] * 9, "ledger"), page([("12", 0.6)] * 9))
