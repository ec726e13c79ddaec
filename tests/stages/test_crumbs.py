"""Crumbs of rulings that their removal leaves: a cell with nothing else is blank."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipeline.stages.segment import segment
from tests.stages.grids import digits_in, grid_sheet, kit, tabled


def pieces(along: float, across: float, write: bool = False) -> tuple[int, int]:
    """Pieces of ink in a cell with and without ink of this size, in stroke widths, on its lower ruling."""
    page = tabled(grid_sheet(5, 4, write=digits_in(*range(20)) if write else digits_in(*range(5))).image)
    cell = page.tables[0].cells[13]
    x, y = cell.corners[[2, 3]].mean(axis=0)
    stroke = page.clean.stroke_width
    ink = page.ink.copy()
    ink[round(y - across * stroke) : round(y), round(x) : round(x + along * stroke)] = 255
    counts = [len(segment(p, kit()).lattices[13].segments) for p in (page, replace(page, ink=ink))]
    return counts[0], counts[1]


@pytest.mark.parametrize("along", [1, 2])
def test_a_crumb_on_a_ruling_leaves_the_cell_blank(along: float) -> None:
    assert pieces(along, 1.2) == (0, 0)


def test_a_dash_on_a_ruling_is_writing() -> None:
    assert pieces(6, 1.1)[1] > 0


def test_a_crumb_takes_nothing_from_a_number() -> None:
    before, after = pieces(1.2, 1.2, write=True)
    assert 0 < before <= after


def test_a_number_in_the_cell_is_as_it_was() -> None:
    page = tabled(grid_sheet(5, 4, write=digits_in(13)).image)
    lattice = segment(page, kit()).lattices[13]
    assert len(lattice.segments) >= 2
    assert np.count_nonzero(page.ink) > 0
