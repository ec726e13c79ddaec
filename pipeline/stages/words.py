"""Columns of words, names for the most part: a few of their cells tell, and nobody need look for numbers in all the others."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np

from pipeline.records import Lattice, Place, ScoredPage, SegmentedPage
from pipeline.stages.candidates import Weights
from pipeline.stages.cells import MOST_VOTE, cells_of, votes_of
from pipeline.stages.formed import forms_of_tables
from pipeline.stages.kit import Kit
from pipeline.stages.marks import STRUCK
from pipeline.stages.scoring import score_segments

#: A column may be of words if so many cells below its heading are written in, half of them in so many pieces or more.
_CELLS, _PIECES = 8, 6
#: So many of its cells tell, if they speak so strongly against numbers, and against grades, on the average.
_TELLING, _STRONGLY = 5, -0.75 * MOST_VOTE


def without_words(page: SegmentedPage, kit: Kit) -> SegmentedPage:
    """The page with nothing to read in columns of words: their cells have a note instead of segments.

    If a table has a form, that says which these are.
    """
    forms = forms_of_tables(page.tabled, kit)
    words = {(table, n) for table, form in forms.items() for n, column in enumerate(form.columns, 1) if not column.is_read}
    words |= _told(page, {place: cells for place, cells in _wordy(page.lattices).items() if place[0] not in forms}, kit)
    lattices = (_unread(lattice) if lattice.place in words else lattice for lattice in page.lattices)
    return replace(page, lattices=tuple(lattices))


def _wordy(lattices: Sequence[Lattice]) -> dict[Place, list[Lattice]]:
    """The written cells of each column that may hold words."""
    columns: dict[Place, list[Lattice]] = {}
    for lattice in lattices:
        if lattice.segments and lattice.cell.row > 1:
            columns.setdefault(lattice.place, []).append(lattice)
    return {
        place: cells
        for place, cells in columns.items()
        if len(cells) >= _CELLS and np.median([len(lattice.cuts) + 1 for lattice in cells]) >= _PIECES
    }


def _told(page: SegmentedPage, columns: dict[Place, list[Lattice]], kit: Kit) -> set[Place]:
    """Those of the columns that hold words, by what the network says of some of their cells."""
    some = [cells[i] for cells in columns.values() for i in _spread(len(cells))]
    scored = ScoredPage(replace(page, lattices=tuple(some)), kit.model.labels, score_segments(some, kit.model))
    votes: dict[Place, list[float]] = {place: [] for place in columns}
    for cell in cells_of(scored, Weights()):
        is_mark = cell.mark not in ("", STRUCK)  # which stand among numbers; words may look as if they were struck out
        votes[cell.lattice.place].append(0.0 if is_mark else max(votes_of(cell)))
    return {place for place, of_cells in votes.items() if np.mean(of_cells) < _STRONGLY}


def _spread(count: int) -> Collection[int]:
    """Some of so many, from the first to the last."""
    chosen: list[int] = np.linspace(0, count - 1, _TELLING).round().astype(int).tolist()
    return chosen


def _unread(lattice: Lattice) -> Lattice:
    return Lattice(lattice.cell, lattice.table, (), (), "words") if lattice.segments or lattice.note else lattice
