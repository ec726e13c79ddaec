from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.records import TEXT_REASON, CellReading, PageResult, Reading, ReadPage, Status
from pipeline.settings import Settings
from pipeline.stages.interpret import interpret
from pipeline.stages.reconcile import reconcile
from tests.stages.grids import kit
from tests.stages.lattices import column, digit


def decided(*readings: Reading, threshold: float = 0.95, note: str = "") -> Sequence[CellReading]:
    return page_of(readings, threshold, note).readings


def page_of(readings: Sequence[Reading], threshold: float = 0.95, note: str = "") -> PageResult:
    segmented = column(*([digit("1")] for _ in readings[1:])).segmented
    if note:
        segmented = replace(segmented, lattices=tuple(replace(lattice, note=note) for lattice in segmented.lattices))
    return reconcile(ReadPage(segmented, tuple(readings)), replace(kit(), settings=Settings(threshold=threshold)))


def number(confidence: float, **others: object) -> Reading:
    return replace(Reading("number", "42", "42", confidence), **others)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("confidence", "status"), [(0.9, "ok"), (0.9001, "ok"), (0.8999, "review"), (0.0, "review"), (1.0, "ok")]
)
def test_nothing_less_sure_than_the_threshold_is_accepted(confidence: float, status: str) -> None:
    [cell] = decided(number(confidence), threshold=0.9)
    assert cell.status == status
    assert (cell.reason == "") == (status == "ok")
    assert (cell.value, cell.text) == ("42", "42")  # a guess is worth showing


def test_other_readings_are_the_reason() -> None:
    [cell] = decided(number(0.5, alternatives=(("47", 0.3), ("12", 0.15), ("9", 0.001))))
    assert "47" in cell.reason and "12" in cell.reason and "9" not in cell.reason.replace("47", "")
    [cell] = decided(number(0.5))
    assert cell.reason


@pytest.mark.parametrize(
    ("reading", "status", "reason"),
    [
        (Reading("blank", "", "", 1.0), "blank", False),
        (Reading("unreadable", "", "", 0.0), "unreadable", True),
        (Reading("mark", "-", "", 0.9), "review", True),
        (Reading("text", "", "", 0.0), "review", True),
        (Reading("grade", "B", "B", 0.99), "ok", False),
        (Reading("grade", "B", "B", 0.4), "review", True),
    ],
)
def test_every_kind_has_its_status(reading: Reading, status: str, reason: bool) -> None:
    [cell] = decided(reading)
    assert cell.status == status and bool(cell.reason) == reason
    assert cell.value == reading.value


def test_blank_unreadable_and_zero_stay_three_things() -> None:
    cells = decided(Reading("blank", "", "", 1.0), Reading("unreadable", "", "", 0.0), number(0.99, text="0", value="0"))
    assert [(cell.status, cell.value) for cell in cells] == [("blank", ""), ("unreadable", ""), ("ok", "0")]


def test_text_is_told_from_numbers_in_doubt() -> None:
    [cell] = decided(Reading("text", "", "", 0.0))
    assert cell.reason == TEXT_REASON


def test_a_note_on_the_ink_is_the_reason() -> None:
    [cell] = decided(Reading("unreadable", "", "", 0.0), note="more ink than a number has")
    assert cell.reason == "more ink than a number has"


def test_a_cell_of_too_much_ink_among_numbers_says_so() -> None:
    page = column(*([digit(d)] for d in "4729385610"), [])
    noted = replace(page.segmented.lattices[-1], note="more ink than a number has")
    segmented = replace(page.segmented, lattices=(*page.segmented.lattices[:-1], noted))
    result = reconcile(interpret(replace(page, segmented=segmented), kit()), kit())
    assert result.readings[-1].reason == "more ink than a number has"


def test_cells_keep_their_place_name_and_page() -> None:
    result = page_of([Reading("blank", "", "", 1.0), number(1.0), number(0.2)])
    assert [(cell.table, cell.row, cell.column, cell.name) for cell in result.readings] == [(1, r, 1, "C1") for r in (1, 2, 3)]
    assert (result.number, result.note) == (3, "")
    assert result.readings[1].box == column([digit("1")]).segmented.lattices[1].cell.box


@given(st.floats(0, 1), st.floats(0, 1), st.sampled_from(["number", "grade", "blank", "mark", "text", "unreadable"]))
def test_every_reading_has_a_known_status_and_a_reason_if_a_person_must_look(
    confidence: float, threshold: float, kind: str
) -> None:
    [cell] = decided(number(confidence, kind=kind), threshold=threshold)
    assert cell.status in get_args(Status)
    assert bool(cell.reason) == (cell.status in {"review", "unreadable"})
    assert 0 <= cell.confidence <= 1
