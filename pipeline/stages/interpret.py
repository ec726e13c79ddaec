"""Scored lattices → readings: the most probable number, grade or mark for each cell's ink, and how sure that is.

Columns are typed by their form, or else by their content: a column holds numbers, or grades, or text that is passed on as its
picture.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import cv2
import numpy as np

from pipeline.forms import Column
from pipeline.records import Image, Kind, Lattice, Place, Reading, ReadPage, ScoredPage
from pipeline.settings import Settings
from pipeline.stages.candidates import Candidate, Weights, grades_of, leaning
from pipeline.stages.cells import TEXT_PIECE, CellEvidence, best_score, cells_of, column_kinds
from pipeline.stages.confidence import confidence, evidence
from pipeline.stages.doubts import is_doubtful
from pipeline.stages.formats import with_column_prior
from pipeline.stages.formed import forms_of_tables
from pipeline.stages.kit import Kit
from pipeline.stages.marks import STRUCK
from pipeline.stages.texts import value_of

#: A doubtful reading is not surer than this.
_DOUBT = 0.5
#: Nor surer than this, if there is too much ink to be cut apart, so that nobody has confirmed what the sweep says.
_UNCONFIRMED = 0.8
#: The lead of a text that stands alone.
_ALONE = 15.0
#: Below this score, for each piece, not even a guess is worth showing, unless the strip says more than that.
_NOTHING_PIECE = float(np.log(0.03))
_NOTHING_STRIP = float(np.log(0.2))
#: Where there is no column, a grade is one if it is likelier than any number by this, in log probability; a number that is not
#: likelier than any grade by as much is in doubt.
_LONE_GRADE = 2.0


def interpret(page: ScoredPage, kit: Kit) -> ReadPage:
    """A reading for each lattice. Never raises; ink that nothing fits is text or unreadable."""
    lattices = page.segmented.lattices
    calibration = {**kit.model.calibration, **(kit.reader.calibration if kit.reader else {})}
    forms = forms_of_tables(page.segmented.tabled, kit)
    columns = {(table, n): column for table, form in forms.items() for n, column in enumerate(form.columns, 1)}
    weights = Weights.of(calibration)
    cells = cells_of(page, weights, [key for key, column in columns.items() if column.fractions])
    alone = len(cells) == 1
    kinds, may_be_either = column_kinds(cells), False
    if alone and not columns:
        kinds, may_be_either = _lone_kind(cells[0], page.reader_labels, weights)
    kinds |= {key: _kind_of(column) for key, column in columns.items()}
    candidates = [
        _grades(cell, page.reader_labels, weights) if kinds[lattice.place] == "grade" else cell.numbers
        for cell, lattice in zip(cells, lattices, strict=True)
    ]
    for column in _columns(lattices).values():
        body = [i for i in column if lattices[i].cell.row > 1]
        for i, found in zip(body, with_column_prior([candidates[i] for i in body]), strict=True):
            candidates[i] = found
        for i in column:
            if i not in body:  # what may be a heading says nothing of the column
                candidates[i] = with_column_prior([candidates[i], *(candidates[k] for k in body)])[0]
    readings = []
    for cell, found in zip(cells, candidates, strict=True):
        kind = kinds[cell.lattice.place]
        reading = _reading(cell, kind, found, calibration, alone)
        if may_be_either if alone else is_doubtful(cell.lattice, cell.height, page.segmented.pen):
            reading = replace(reading, confidence=min(reading.confidence, _DOUBT))
        readings.append(reading)
    return ReadPage(page.segmented, tuple(readings), {table: form.name for table, form in forms.items()})


def _kind_of(column: Column) -> Kind:
    return "grade" if column.type == "grade" else "number" if column.is_read else "text"


def _grades(cell: CellEvidence, labels: Sequence[str], weights: Weights) -> list[Candidate]:
    """The grades that a cell may hold, by both readers. Most cells are in columns of numbers, and never asked."""
    return grades_of(cell.lattice, cell.letters, cell.looks, labels, weights)


def _lone_kind(cell: CellEvidence, labels: Sequence[str], weights: Weights) -> tuple[dict[Place, Kind], bool]:
    """What the page's only cell holds, and whether it is about as likely the other: no column tells."""
    lead = leaning(cell.numbers, _grades(cell, labels, weights), cell.looks, labels, weights)
    kind: Kind = "grade" if lead < -_LONE_GRADE else "number"
    return {cell.lattice.place: kind}, abs(lead) < _LONE_GRADE


def _columns(lattices: tuple[Lattice, ...]) -> dict[Place, list[int]]:
    """Which lattices make up each column."""
    columns: dict[Place, list[int]] = {}
    for i, lattice in enumerate(lattices):
        columns.setdefault(lattice.place, []).append(i)
    return columns


def _reading(
    cell: CellEvidence,
    kind: Kind,
    candidates: Sequence[Candidate],
    calibration: Mapping[str, float],
    alone: bool,
) -> Reading:
    lattice = cell.lattice
    if not lattice.segments and not lattice.note:
        return Reading("blank", "", "", 1.0)
    if kind == "text":
        return Reading("text", "", "", 0.0)
    by_lattice = best_score(candidates)
    if cell.mark == STRUCK and not any(map(_is_said, candidates[:1])):
        return Reading("struck", "", "", 0.0)
    if cell.mark not in ("", STRUCK) and (kind == "number" or cell.mark != "AB"):
        return Reading("mark", cell.mark, "", 0.9)
    pieces = len(lattice.cuts) + 1
    if lattice.cell.row == 1 and not alone and by_lattice < TEXT_PIECE * pieces:
        return Reading("text", "", "", 0.0)  # a heading over numbers
    if not candidates or (by_lattice < _NOTHING_PIECE * pieces and not any(map(_is_said, candidates))):
        return Reading("unreadable", "", "", 0.0)
    likely = [candidate.likely + candidate.prior for candidate in candidates]
    total = float(np.logaddexp.reduce(likely))
    alternatives = tuple((c.text, float(np.exp(p - total))) for c, p in zip(candidates[1:4], likely[1:4], strict=True))
    best = candidates[0]
    lead = likely[0] - likely[1] if len(likely) > 1 else _ALONE
    given = evidence(best.lattice, lead, best.strip, best.prior or None, alone)
    sure = confidence(given, calibration)
    if not lattice.segments:
        sure = min(sure, _UNCONFIRMED)
    if kind == "grade" and best.lattice < _NOTHING_PIECE:  # the strip, asked for a grade, reads a K as one
        sure = min(sure, _DOUBT)
    if cell.mark == STRUCK:  # what is read may be what no longer holds: a guess to look at
        kind, sure = "struck", min(sure, _DOUBT)
    return Reading(kind, best.text, value_of(best.text), sure, alternatives, best.lattice, lead, given)


def _is_said(candidate: Candidate) -> bool:
    """Whether the strip says it, for its part."""
    return candidate.strip is not None and candidate.strip > _NOTHING_STRIP


def draw_readings(page: ReadPage) -> Image:
    """For --trace: each reading and its confidence in its cell, over the paled page."""
    grey = page.segmented.tabled.clean.grey
    picture = cv2.cvtColor((170 + grey.astype(np.uint16) // 3).clip(0, 255).astype(np.uint8), cv2.COLOR_GRAY2BGR)
    threshold = Settings().threshold
    for lattice, reading in zip(page.segmented.lattices, page.readings, strict=True):
        corners = lattice.cell.corners.round().astype(np.int32)
        cv2.polylines(picture, [corners], True, (180, 180, 180), 1, cv2.LINE_AA)
        label = f"{reading.text} {reading.confidence:.2f}" if reading.text else {"blank": ""}.get(reading.kind, reading.kind)
        colour = (0, 120, 0) if reading.confidence >= threshold else (0, 0, 220)
        place = (int(corners[3, 0]) + 3, int(corners[3, 1]) - 5)
        cv2.putText(picture, label, place, 0, 0.5, colour, 1, cv2.LINE_AA)
    return picture.astype(np.uint8)
