"""What each cell of a page may hold, and by that what its columns hold: numbers, grades or words."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.records import Floats, Kind, Lattice, Place, ScoredPage
from pipeline.stages.candidates import Candidate, Weights, grades_of, numbers_of
from pipeline.stages.heights import digit_heights
from pipeline.stages.labels import Labelled, grade_labels, number_labels
from pipeline.stages.marks import mark_of

#: The log score, for each piece of ink, of being neither a number nor a grade. A column whose cells score below this is text.
TEXT_PIECE = float(np.log(0.3))
#: No cell speaks for or against a type more strongly than this, so that one scrawl does not decide for a column.
MOST_VOTE = 1.5
#: More pieces than this speak for words no more strongly.
_MANY_PIECES = 8

#: What a cell says for its column's being of numbers, and of grades.
Votes = tuple[float, float]


@dataclass(frozen=True, slots=True)
class CellEvidence:
    """A cell's ink and all that it may say, best first."""

    lattice: Lattice
    height: float  # of its digits, clean pixels
    looks: Sequence[Floats]  # what the strip says of it, none if it was not asked
    numbers: list[Candidate]
    letters: Labelled  # what its segments can be in a grade
    grades: list[Candidate]  # by the lattice alone; the strip is asked where it matters
    mark: str = ""  # what it is if it is no number: a dash, a dot, AB or a tick; or "~", struck out


def cells_of(page: ScoredPage, weights: Weights, fractions: Collection[Place] = ()) -> list[CellEvidence]:
    """What each cell of a page may say; the columns' formats are not considered yet.

    `fractions` are the columns, by table and number, that may hold ½ and 7/10.
    """
    lattices, pen = page.segmented.lattices, page.segmented.pen
    cells = []
    for i, (lattice, height) in enumerate(zip(lattices, digit_heights(lattices), strict=True)):
        if not lattice.segments and lattice.ink is None:
            cells.append(CellEvidence(lattice, height, (), [], (), []))
            continue
        looks = page.looks[i] if page.looks else ()
        has_fractions = lattice.place in fractions
        labelled = number_labels(lattice, page.probabilities[i], page.labels, height, pen, has_fractions)
        numbers = numbers_of(lattice, labelled, looks, page.reader_labels, weights, has_fractions)
        letters = grade_labels(lattice, page.probabilities[i], page.labels, height)
        grades = grades_of(lattice, letters, (), (), weights)
        mark = mark_of(lattice, page.probabilities[i], page.labels, letters, best_score(numbers), height, pen)
        cells.append(CellEvidence(lattice, height, looks, numbers, letters, grades, mark))
    return cells


def column_kinds(cells: Sequence[CellEvidence]) -> dict[Place, Kind]:
    """number, grade or text for each column, by the evidence of its cells but for the first row, which may be a heading."""
    votes: dict[Place, list[Votes]] = {}
    headings: dict[Place, list[Votes]] = {}
    for cell in cells:
        lattice = cell.lattice
        key = lattice.place
        votes.setdefault(key, [])
        if (not lattice.segments and not lattice.note) or cell.mark:
            continue  # marks stand among numbers as well as among grades
        (headings if lattice.cell.row == 1 else votes).setdefault(key, []).append(votes_of(cell))
    kinds: dict[Place, Kind] = {}
    for key, members in votes.items():
        evidence = members or headings.get(key, [])
        number_total, grade_total = (sum(v[k] for v in evidence) for k in (0, 1))
        kinds[key] = "number"
        if max(number_total, grade_total) < 0:
            kinds[key] = "text"
        elif grade_total > number_total:
            kinds[key] = "grade"
    return kinds


def votes_of(cell: CellEvidence) -> Votes:
    """How far a cell's ink speaks for a number and for a grade, rather than for words: from -MOST_VOTE to MOST_VOTE."""
    words = TEXT_PIECE * min(len(cell.lattice.cuts) + 1, _MANY_PIECES)
    number, grade = (float(np.clip(best_score(c) - words, -MOST_VOTE, MOST_VOTE)) for c in (cell.numbers, cell.grades))
    return number, grade


def best_score(candidates: Sequence[Candidate]) -> float:
    """The lattice's word on the text that it likes best; minus infinity without any."""
    return max((candidate.lattice for candidate in candidates), default=-np.inf)
