"""What each segment of a lattice can be: digits, points, dashes and letters with their log probabilities, and the grammars of
numbers and of grades.

A dot is told from a digit by its size, in character heights, since a character's normalised image no longer has one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.grades import LETTERS, SIGNS
from pipeline.records import Floats, Lattice, Segment
from pipeline.stages.grammar import Grammar, logs
from pipeline.stages.texts import DIGITS, HALF

#: The cost, in log probability, of taking ink that stands side by side for one character.
_JOIN = 4.0
#: Labels of ink that is smaller than a digit; "" is dirt.
_SMALL = frozenset({".", "-", ""})

#: Digits with at most a sign before and marks that say nothing behind; which points mean what is seen by the text.
NUMBER = Grammar(
    {
        "start": {**dict.fromkeys(DIGITS, "whole"), "-": "signed", ".": "first", "": "start"},
        "signed": {**dict.fromkeys(DIGITS, "whole"), ".": "first", "": "signed"},
        "first": {**dict.fromkeys(DIGITS, "whole"), "": "first"},  # a point before all digits
        "whole": {**dict.fromkeys(DIGITS, "whole"), ".": "point", "-": "closed", "": "whole"},
        "point": {**dict.fromkeys(DIGITS, "whole"), "-": "closed", "": "point"},
        "closed": {"-": "closed", ".": "closed", "": "closed"},
    },
    frozenset({"whole", "point", "closed"}),
)
#: The same, and ½ by itself or behind digits, and one number over another.
FRACTION = Grammar(
    {
        **NUMBER.moves,
        "start": {**NUMBER.moves["start"], HALF: "half"},
        "whole": {**NUMBER.moves["whole"], HALF: "half", "/": "over"},
        "half": {"": "half", ".": "closed", "-": "closed"},
        "over": {**dict.fromkeys(DIGITS, "under"), "": "over"},
        "under": {**dict.fromkeys(DIGITS, "under"), "": "under", ".": "closed", "-": "closed"},
    },
    NUMBER.final | {"half", "under"},
)
GRADE = Grammar(
    {
        "start": {**dict.fromkeys(LETTERS, "letter"), "": "start"},
        "letter": {**dict.fromkeys(SIGNS, "signed"), "": "letter"},
        "signed": {"": "signed"},
    },
    frozenset({"letter", "signed"}),
)

#: AB for absent, as mark sheets have it where a number would be.
ABSENT = Grammar({"start": {"A": "A"}, "A": {"B": "B"}, "B": {"": "B"}}, frozenset({"B"}))

#: For each segment of a lattice, the log probability of each label it can have.
Labelled = Sequence[Mapping[str, float]]


def number_labels(
    lattice: Lattice, probabilities: Floats, labels: tuple[str, ...], height: float, pen: float, fractions: bool = False
) -> Labelled:
    """What the segments can be in a number. `height` of digits and `pen`, the stroke width, in clean pixels.

    With `fractions`, a slash is one, not a leaning 1, and there may be a ½.
    """
    line = _Line.of(lattice, height, pen)
    found = []
    for s, row in zip(lattice.segments, probabilities, strict=True):
        scores = _number_labels(s, row, labels, line, fractions)
        if fractions and max(s.box.height, s.box.width) > 0.7 * height:
            scores.update(logs(row, labels, (HALF, "/")))
        found.append(scores)
    return _with_cuts(lattice, found)


def grade_labels(lattice: Lattice, probabilities: Floats, labels: tuple[str, ...], height: float) -> Labelled:
    """What the segments can be in a grade: A to F, with a plus or a minus."""
    rows = zip(lattice.segments, probabilities, strict=True)
    return _with_cuts(lattice, [_grade_labels(s, row, labels, height) for s, row in rows])


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


def _number_labels(s: Segment, row: Floats, labels: tuple[str, ...], line: _Line, fractions: bool) -> dict[str, float]:
    """What a segment can be in a number. Large ink is a digit, small ink a point, a dash or dirt."""
    tall, wide = s.box.height / line.height, s.box.width / line.height
    scores = logs(row, labels, DIGITS, {} if fractions else {"/": "1"})  # a 1 may lean as far as a slash
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


def _grade_labels(s: Segment, row: Floats, labels: tuple[str, ...], height: float) -> dict[str, float]:
    tall, wide = s.box.height / height, s.box.width / height
    scores = logs(row, labels, LETTERS) if tall >= 0.5 else {}
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


def _with_cuts(lattice: Lattice, scores: list[dict[str, float]]) -> Labelled:
    """Adds what it costs to cut through ink on a segment's left, and to join what is apart."""
    out: list[Mapping[str, float]] = []
    for s, labels in zip(lattice.segments, scores, strict=True):
        left = lattice.cuts[s.first - 1] if s.first > 0 else 0.0
        right = lattice.cuts[s.last - 1] if s.last - 1 < len(lattice.cuts) else 0.0
        prior = float(np.log(0.35)) - 0.3 * left if left else 0.0
        # parts of one character lie above one another, as the bar of a 5 does over its bow; a point lies beside
        apart = -0.3 - _JOIN * float(np.clip(s.spread, 0.0, 1.0)) if s.spread > 0 else 0.0
        torn = float(np.log(0.05)) if left or right else 0.0  # what was cut off a digit is no point, and no dirt
        priors = {HALF: prior, **dict.fromkeys(_SMALL, prior + apart + torn)}  # a ½ has its parts side by side
        out.append({label: log + priors.get(label, prior + apart) for label, log in labels.items()})
    return out
