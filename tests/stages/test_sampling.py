"""Which way up a page is, by a sample of its cells."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from pipeline.chain import kit_of
from pipeline.records import Page, TabledPage
from pipeline.settings import Settings
from pipeline.stages.clean import clean
from pipeline.stages.kit import Kit
from pipeline.stages.sampling import legibility, likelier_turn, sampled, upside_down
from pipeline.stages.table import find_tables
from pipeline.training.pages import render_sheet
from pipeline.training.sheets import mark_sheet
from tests.handwriting import handwriting
from tests.stages.grids import digits_in, grid_sheet, tabled


@cache
def kit() -> Kit:
    return kit_of(Settings())


@cache
def sheet(turn: int) -> TabledPage:
    """A mark sheet after so many quarter turns clockwise."""
    rng = np.random.default_rng(4)
    drawn = render_sheet(mark_sheet(rng), handwriting(), rng)
    return find_tables(clean(Page(1, np.ascontiguousarray(np.rot90(drawn.image, -turn))), kit()), kit())


@pytest.mark.parametrize("turn", [0, 1, 2, 3])
def test_a_sample_tells_by_how_much_a_page_is_turned(turn: int) -> None:
    assert likelier_turn(sheet(turn), kit()) == turn


def test_a_page_the_other_way_up_is_read_as_if_it_had_been_scanned_so() -> None:
    right, wrong = legibility(sheet(0), kit()), legibility(sheet(2), kit())
    assert right > 1.5 * wrong
    assert abs(legibility(upside_down(sheet(2)), kit()) - right) < 0.2


def test_half_a_turn_taken_twice_is_none() -> None:
    page = tabled(grid_sheet(5, 3, write=digits_in(0, 4)).image)
    once = upside_down(page)
    twice = upside_down(once)
    first, last = page.tables[0].cells[0], once.tables[0].cells[-1]
    assert (once.tables[0].cells[0].row, once.tables[0].cells[0].column) == (1, 1)
    assert np.allclose(last.corners + first.corners[[2, 3, 0, 1]], np.array(page.ink.shape[::-1]) - 1)
    assert np.array_equal(twice.ink, page.ink)
    for one, other in zip(twice.tables[0].cells, page.tables[0].cells, strict=True):
        assert (one.row, one.column) == (other.row, other.column)
        assert np.allclose(one.corners, other.corners)


def test_a_sample_holds_cells_with_writing_only_and_not_too_many() -> None:
    few = sampled(tabled(grid_sheet(6, 4, write=digits_in(1, 9, 22)).image))
    assert [(cell.row, cell.column) for table in few.tables for cell in table.cells] == [(1, 2), (3, 2), (6, 3)]
    many = sampled(tabled(grid_sheet(20, 6, write=digits_in(every=True)).image))
    places = [(cell.row, cell.column) for cell in many.tables[0].cells]
    assert len(places) == len(set(places)) == 40
    assert {row for row, _ in places} >= {1, 20}
    assert sampled(tabled(grid_sheet(4, 4).image)).tables == ()
