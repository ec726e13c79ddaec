"""Scored lattices → readings: the most probable number, grade or mark for each cell's ink, and how sure that is.

Columns are typed by their content: a column holds numbers, or grades, or text that is passed on as its picture. A dot is told
from a digit by its size, in character heights, since a character's normalised image no longer has one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import cv2
import numpy as np

from pipeline.records import Floats, Image, Kind, Lattice, Reading, ReadPage, ScoredPage, Segment
from pipeline.stages.formats import with_column_prior
from pipeline.stages.grammar import Grammar, Way, best_ways, logs
from pipeline.stages.kit import Kit

_DIGITS = "0123456789"
_GRADES = "ABCDEF"
#: Names and, for a model without calibration, values of what makes a confidence of the evidence.
_COEFFICIENTS = (("bias", 0.0), ("score", 1.0), ("lead", 1.0))
_FAR = 10.0
#: The cost, in log probability, of taking ink that stands side by side for one character.
_JOIN = 4.0
#: Labels of ink that is smaller than a digit; "" is dirt.
_SMALL = frozenset({".", "-", ""})

_NUMBER = Grammar(
    {
        "start": {**dict.fromkeys(_DIGITS, "whole"), "-": "signed", ".": "point", "": "start"},
        "signed": {**dict.fromkeys(_DIGITS, "whole"), ".": "point", "": "signed"},
        "whole": {**dict.fromkeys(_DIGITS, "whole"), ".": "point", "": "whole"},
        "point": {**dict.fromkeys(_DIGITS, "part"), "": "point"},
        "part": {**dict.fromkeys(_DIGITS, "part"), "": "part"},
    },
    frozenset({"whole", "part"}),
)
_GRADE = Grammar(
    {
        "start": {**dict.fromkeys(_GRADES, "letter"), "": "start"},
        "letter": {"+": "signed", "-": "signed", "": "letter"},
        "signed": {"": "signed"},
    },
    frozenset({"letter", "signed"}),
)
#: The log score, for each piece of ink, of being neither a number nor a grade. A column whose cells score below this is text.
_TEXT_PIECE = float(np.log(0.3))
#: Below this score, for each piece, not even a guess is worth showing.
_NOTHING_PIECE = float(np.log(0.03))
#: No cell speaks for or against a type more strongly than this, so that one scrawl does not decide for a column.
_CELL_VOTE = 1.5


def interpret(page: ScoredPage, kit: Kit) -> ReadPage:
    """A reading for each lattice. Never raises; ink that nothing fits is text or unreadable."""
    lattices = page.segmented.lattices
    heights = _digit_heights(page)
    calibration = kit.model.calibration
    numbers, grades = [], []
    for lattice, probabilities, height in zip(lattices, page.probabilities, heights, strict=True):
        line = _Line.of(lattice, height, page.segmented.pen)
        rows = list(zip(lattice.segments, probabilities, strict=True))
        number_scores = [_number_labels(s, row, page.labels, line) for s, row in rows]
        grade_scores = [_grade_labels(s, row, page.labels, line) for s, row in rows]
        numbers.append(best_ways(lattice, _with_cuts(lattice, number_scores), _NUMBER) if rows else [])
        grades.append(best_ways(lattice, _with_cuts(lattice, grade_scores), _GRADE) if rows else [])
    kinds = _column_kinds(lattices, numbers, grades)
    for members in _columns(lattices).values():
        for i, ways in zip(members, with_column_prior([numbers[i] for i in members]), strict=True):
            numbers[i] = ways
    readings = []
    for i, lattice in enumerate(lattices):
        kind = kinds[lattice.table, lattice.cell.column]
        ways = grades[i] if kind == "grade" else numbers[i]
        may_be_heading = lattice.cell.row == 1 and len(lattices) > 1
        readings.append(_reading(lattice, kind, ways, heights[i], may_be_heading, calibration))
    return ReadPage(page.segmented, tuple(readings))


@dataclass(frozen=True, slots=True)
class _Line:
    """The line of writing in a cell, in clean pixels: height of its digits, its top, the pen's stroke width, and its pieces."""

    height: float
    top: float
    pen: float
    pieces: int

    @staticmethod
    def of(lattice: Lattice, height: float, pen: float) -> _Line:
        tall = [s.box for s in lattice.segments if s.last - s.first == 1 and s.box.height > 0.6 * height]
        boxes = tall or [s.box for s in lattice.segments]
        return _Line(height, float(min((b.y for b in boxes), default=0)), pen, len(lattice.cuts) + 1)

    def depth(self, s: Segment) -> float:
        """Where the middle of a segment is: 0 at the top of the digits, 1 at their foot."""
        return (s.box.y + s.box.height / 2 - self.top) / self.height


def _digit_heights(page: ScoredPage) -> list[float]:
    """For each lattice, the height of digits around it: in its cell if it holds some, else in its column, else on the page."""
    lattices = page.segmented.lattices
    tallest = [max((s.box.height for s in lattice.segments if s.last - s.first == 1), default=0) for lattice in lattices]
    columns: dict[tuple[int, int], list[int]] = {}
    for lattice, height in zip(lattices, tallest, strict=True):
        if height:
            columns.setdefault((lattice.table, lattice.cell.column), []).append(height)
    everywhere = [h for heights in columns.values() for h in heights]
    page_height = float(np.median(everywhere)) if everywhere else 1.0
    typical = {key: float(np.median(heights)) for key, heights in columns.items()}
    out = []
    for lattice, height in zip(lattices, tallest, strict=True):
        usual = max(typical.get((lattice.table, lattice.cell.column), page_height), 0.5 * page_height)
        out.append(float(height) if height > 0.6 * usual else usual)
    return out


def _number_labels(s: Segment, row: Floats, labels: tuple[str, ...], line: _Line) -> dict[str, float]:
    """What a segment can be in a number. Large ink is a digit, small ink a point, a dash or dirt."""
    tall, wide = s.box.height / line.height, s.box.width / line.height
    scores = logs(row, labels, _DIGITS, {"/": "1"})  # a 1 may lean as far as a slash
    if tall < 0.45:  # too low for a digit
        scores = {label: log + _log_slope(tall, 0.30, 0.45) for label, log in scores.items()}
    leading = float(np.log(0.15)) if s.first == 0 else 0.0  # few numbers begin with a point or a minus sign
    if max(tall, wide) < 0.5:
        # a point is as wide as the pen that made it, or wider, and not above the middle: what is not so is dirt
        size = np.sqrt(s.area * 4 / np.pi) / line.pen
        point = float(np.clip(0.5 + (size - 0.7) * 1.6, 0.02, 0.98))
        small = _log_slope(-max(tall, wide), -0.5, -0.3)
        scores["."] = float(np.log(point)) + small + leading + _log_slope(line.depth(s), 0.15, 0.35)
        # a stop behind the last digit says nothing either
        scores[""] = float(np.log(max(1 - point, 0.3 if s.last == line.pieces else 0.0))) + small
    if wide > 0.25 and tall < 0.4 and s.box.width > 1.6 * s.box.height:
        scores["-"] = float(np.log(0.9)) + leading + _log_slope(line.depth(s), 0.15, 0.35)
    return scores


def _grade_labels(s: Segment, row: Floats, labels: tuple[str, ...], line: _Line) -> dict[str, float]:
    tall, wide = s.box.height / line.height, s.box.width / line.height
    scores = logs(row, labels, _GRADES) if tall >= 0.5 else {}
    if max(tall, wide) > 0.2:
        scores.update(logs(row, labels, "+"))
    if wide > 0.2 and tall < 0.5 and s.box.width > 1.3 * s.box.height:
        scores["-"] = float(np.log(0.95))
    if max(tall, wide) < 0.3:
        scores[""] = float(np.log(0.3))
    return scores


def _log_slope(value: float, low: float, high: float) -> float:
    """0 at `high` and beyond, falling to log(0.01) at `low`."""
    return float(np.log(0.01)) * float(np.clip((high - value) / (high - low), 0, 1))


def _with_cuts(lattice: Lattice, scores: list[dict[str, float]]) -> list[Mapping[str, float]]:
    """Adds what it costs to cut through ink on a segment's left, and to join what is apart."""
    out: list[Mapping[str, float]] = []
    for s, labels in zip(lattice.segments, scores, strict=True):
        left = lattice.cuts[s.first - 1] if s.first > 0 else 0.0
        right = lattice.cuts[s.last - 1] if s.last - 1 < len(lattice.cuts) else 0.0
        prior = float(np.log(0.35)) - 0.3 * left if left else 0.0
        # parts of one character lie above one another, as the bar of a 5 does over its bow; a point lies beside
        prior += -0.3 - _JOIN * float(np.clip(s.spread, 0.0, 1.0)) if s.spread > 0 else 0.0
        torn = float(np.log(0.05)) if left or right else 0.0  # what was cut off a digit is no point, and no dirt
        out.append({label: log + prior + (torn if label in _SMALL else 0.0) for label, log in labels.items()})
    return out


def _columns(lattices: tuple[Lattice, ...]) -> dict[tuple[int, int], list[int]]:
    """Which lattices make up each column, but for the first row, which may be a heading."""
    columns: dict[tuple[int, int], list[int]] = {}
    for i, lattice in enumerate(lattices):
        if lattice.cell.row > 1:
            columns.setdefault((lattice.table, lattice.cell.column), []).append(i)
    return columns


def _column_kinds(
    lattices: tuple[Lattice, ...], numbers: list[list[Way]], grades: list[list[Way]]
) -> dict[tuple[int, int], Kind]:
    """number, grade or text for each column, by the evidence of its cells but for the first row, which may be a heading."""
    votes: dict[tuple[int, int], list[tuple[float, float]]] = {}
    headings: dict[tuple[int, int], list[tuple[float, float]]] = {}
    for lattice, number, grade in zip(lattices, numbers, grades, strict=True):
        key = (lattice.table, lattice.cell.column)
        votes.setdefault(key, [])
        if not lattice.segments and not lattice.note:
            continue
        text = _TEXT_PIECE * min(len(lattice.cuts) + 1, 8)
        vote = (_vote(number, text), _vote(grade, text))
        (headings if lattice.cell.row == 1 else votes).setdefault(key, []).append(vote)
    is_lone = len(lattices) == 1
    kinds: dict[tuple[int, int], Kind] = {}
    for key, cells in votes.items():
        evidence = cells or headings.get(key, [])
        number_total, grade_total = (sum(v[k] for v in evidence) for k in (0, 1))
        kinds[key] = "number"
        if is_lone:
            continue
        if max(number_total, grade_total) < 0:
            kinds[key] = "text"
        elif grade_total > number_total:
            kinds[key] = "grade"
    return kinds


def _vote(ways: list[Way], text: float) -> float:
    score = ways[0].score if ways else -np.inf
    return float(np.clip(score - text, -_CELL_VOTE, _CELL_VOTE))


def _reading(
    lattice: Lattice, kind: Kind, ways: list[Way], height: float, may_be_heading: bool, calibration: Mapping[str, float]
) -> Reading:
    if not lattice.segments and not lattice.note:
        return Reading("blank", "", "", 1.0)
    if kind == "text":
        return Reading("text", "", "", 0.0)
    if lattice.note:
        return Reading("unreadable", "", "", 0.0)
    mark = _mark(lattice, height)
    if mark and (not ways or ways[0].score < np.log(0.5)):
        return Reading("mark", mark, "", 0.9)
    pieces = len(lattice.cuts) + 1
    if may_be_heading and (not ways or ways[0].score < _TEXT_PIECE * pieces):
        return Reading("text", "", "", 0.0)  # a heading over numbers
    if not ways or ways[0].score < _NOTHING_PIECE * pieces:
        return Reading("unreadable", "", "", 0.0)
    likely = [w.score + w.prior for w in ways]
    total = float(np.logaddexp.reduce(likely))
    alternatives = tuple((w.text, float(np.exp(p - total))) for w, p in zip(ways[1:4], likely[1:4], strict=True))
    text, score = ways[0].text, ways[0].score
    lead = likely[0] - likely[1] if len(ways) > 1 else _FAR
    return Reading(kind, text, value_of(text), confidence(score, lead, calibration), alternatives, score, lead)


def _mark(lattice: Lattice, height: float) -> str:
    """A dash or dot by itself: nil, which is neither blank nor zero."""
    whole = [s for s in lattice.segments if s.last - s.first == len(lattice.cuts) + 1]
    if not whole:
        return ""
    box = whole[0].box
    if box.height < 0.45 * height and box.width > 1.5 * box.height:
        return "-"
    return "." if max(box.height, box.width) < 0.4 * height else ""


def value_of(text: str) -> str:
    """The number that a text says: ".86" is 0.86, "35." is 35; leading zeros stay, as roll numbers have them."""
    if text.startswith("-"):
        return "-" + value_of(text[1:])
    text = text.rstrip(".")
    return "0" + text if text.startswith(".") else text


def evidence(score: float, lead: float) -> tuple[float, float]:
    """What a confidence is made of: the log score and the lead over the next text, cut off where more says nothing."""
    return max(score, -_FAR), min(lead, _FAR)


def confidence(score: float, lead: float, calibration: Mapping[str, float]) -> float:
    """Probability that the best way is right: a logistic function of the evidence (Platt 1999).

    The coefficients are fitted on rendered pages whose digits the network was not trained on.
    """
    bias, by_score, by_lead = (calibration.get(f"reading_{name}", usual) for name, usual in _COEFFICIENTS)
    score, lead = evidence(score, lead)
    return float(1 / (1 + np.exp(-(bias + by_score * score + by_lead * lead))))


def draw_readings(page: ReadPage) -> Image:
    """For --trace: each reading and its confidence in its cell, over the paled page."""
    grey = page.segmented.tabled.clean.grey
    picture = cv2.cvtColor((170 + grey.astype(np.uint16) // 3).clip(0, 255).astype(np.uint8), cv2.COLOR_GRAY2BGR)
    for lattice, reading in zip(page.segmented.lattices, page.readings, strict=True):
        corners = lattice.cell.corners.round().astype(np.int32)
        cv2.polylines(picture, [corners], True, (180, 180, 180), 1, cv2.LINE_AA)
        label = f"{reading.text} {reading.confidence:.2f}" if reading.text else {"blank": ""}.get(reading.kind, reading.kind)
        colour = (0, 120, 0) if reading.confidence > 0.98 else (0, 0, 220)
        place = (int(corners[3, 0]) + 3, int(corners[3, 1]) - 5)
        cv2.putText(picture, label, place, 0, 0.5, colour, 1, cv2.LINE_AA)
    return picture.astype(np.uint8)
