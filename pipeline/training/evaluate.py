"""`pipeline evaluate`: how well a network reads, what it takes for what, how honest its confidence is, and how fast it is.

Two kinds of data, neither trained on: test sets, on which no choice was made either, and what the training run held out, which
has every kind of character and of non-character but was used to choose and to calibrate.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from pipeline.ann import Model
from pipeline.errors import ModelError
from pipeline.grades import LETTERS
from pipeline.training.datasets import LABELS, NON_CHARACTERS, Examples, load_corpus, load_test
from pipeline.training.nist import COARSER, load_nist
from pipeline.training.reliability import calibration_error
from pipeline.training.speed import Speed, speed_of

#: Examples by the name of the set that they are from.
Sets = Sequence[tuple[str, Examples]]

#: A non-digit that is taken for a digit with more confidence than this does harm.
SURE = 0.9
DIGITS = "0123456789"

_NOTHING = Examples(np.zeros((0, 28, 28), np.uint8), np.zeros(0, np.int64))

Texts = NDArray[np.str_]
Doubles = NDArray[np.float64]
Kind = TypeVar("Kind", bound=np.generic)


@dataclass(frozen=True)
class SetScore:
    """Shares of a set that are read right: by a reader who knows that it is a digit, and by one who knows nothing."""

    name: str
    examples: int
    digits: float | None  # of the digits in it, the most probable of 0 to 9 is right; None without digits
    open: float  # the most probable of all labels is right
    calibration_error: float  # of the latter, 15 bins of equal width


@dataclass(frozen=True)
class KindScore:
    """Non-digits of a kind, and the shares of them that are taken for digits: at all, and with confidence over 0.9."""

    kind: str
    examples: int
    taken: float
    surely_taken: float


@dataclass(frozen=True)
class Calibration:
    """Expected calibration error over so many examples: 15 bins of equal width, and 15 of equally many."""

    examples: int
    error: float
    adaptive_error: float


@dataclass(frozen=True)
class Confusion:
    """`counts[i][j]`: held-out examples of `truths[i]` that were read as `labels[j]`. A truth is a label or "? kind"."""

    truths: tuple[str, ...]
    labels: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Evaluation:
    """All that is measured."""

    tests: tuple[SetScore, ...]
    held_out: tuple[SetScore, ...]
    non_digits: tuple[KindScore, ...]  # the last is of all kinds
    test_calibration: Calibration
    held_out_calibration: Calibration
    confusion: Confusion
    speed: Speed


def evaluate(model: Model, data: Path) -> Evaluation:
    """Measures on the test sets in a data folder, and on what a run with the model's seed holds out of it.

    A model that was made otherwise may have been trained on some of the latter. Raises DataError without MNIST.
    """
    seed = model.facts.get("seed", 0)
    return measure(model, load_corpus(data, int(seed)).measured_parts, *measured_sets(data))


def measured_sets(data: Path) -> tuple[Sets, Sets]:
    """The test sets in a data folder; and NIST's digits again, as coarser scans would show them. Raises DataError."""
    file = data / "digits" / "nist_300dpi.npz"
    coarser = [(f"NIST {dpi} dpi", Examples(*load_nist(file, dpi))) for dpi in COARSER] if file.is_file() else []
    return list(load_test(data)), coarser


def measure(model: Model, held_out: Sets, tests: Sets, again: Sets = ()) -> Evaluation:
    """Measures on these sets. Labels of examples are indices into datasets.LABELS; the model may know others.

    `again` are digits of the test sets in another look: they are scored, but don't count twice in what is pooled.

    Raises ModelError for a model that doesn't know all digits.
    """
    if not set(DIGITS) <= set(model.labels):
        raise ModelError("the model does not know all ten digits", "Make one with `pipeline train`.")
    tested = [_Answers(model, name, examples) for name, examples in tests]
    anew = [_Answers(model, name, examples) for name, examples in again]
    held = [_Answers(model, name, examples) for name, examples in held_out if len(examples)]
    pooled = held or [_Answers(model, "nothing", _NOTHING)]
    return Evaluation(
        tuple(answers.score() for answers in (*tested, *anew)),
        tuple(answers.score() for answers in held),
        tuple(_kinds(pooled)),
        _calibration(tested),
        _calibration(pooled),
        _confusion(pooled, model.labels),
        speed_of(model),
    )


def share_read(model: Model, examples: Examples) -> float:
    """Share of the examples whose most probable label is the right one; a label that the model doesn't know is never right."""
    said = np.array(model.labels)[model.network.logits(examples.images).argmax(axis=1)]
    return float(np.mean(said == np.array(LABELS)[examples.labels]))


class _Answers:
    """What a model says to the examples of a set."""

    def __init__(self, model: Model, name: str, examples: Examples) -> None:
        self.name = name
        probabilities = model.network.probabilities(examples.images)
        labels = np.array(model.labels)
        digits = np.flatnonzero(np.isin(labels, list(DIGITS)))
        self.wanted: Texts = np.array(LABELS)[examples.labels]
        self.said: Texts = labels[probabilities.argmax(axis=1)]
        self.said_of_digits: Texts = labels[digits[probabilities[:, digits].argmax(axis=1)]]
        self.confidence: Doubles = probabilities.max(axis=1).astype(np.float64)
        self.right = self.said == self.wanted
        drawn = name.removeprefix(NON_CHARACTERS)
        self.truths: Texts = np.where(self.wanted == "?", f"? {drawn if drawn != name else f'in {name}'}", self.wanted)

    def score(self) -> SetScore:
        digits = np.isin(self.wanted, list(DIGITS))
        known = float((self.said_of_digits == self.wanted)[digits].mean()) if digits.any() else None
        error = calibration_error(self.confidence, self.right)
        return SetScore(self.name, len(self.wanted), known, float(self.right.mean()), error)


def _kinds(held: Sequence[_Answers]) -> Iterable[KindScore]:
    truths, confidence = _joined(a.truths for a in held), _joined(a.confidence for a in held)
    called_digit = np.isin(_joined(a.said for a in held), list(DIGITS))
    kinds = np.where(np.isin(truths, list(LETTERS)), "A to F", truths)
    foreign = ~np.isin(kinds, list(DIGITS))

    def score(name: str, chosen: NDArray[np.bool_]) -> KindScore:
        taken = called_digit[chosen]
        return KindScore(name, len(taken), float(taken.mean()), float((taken & (confidence[chosen] > SURE)).mean()))

    yield from (score(kind, kinds == kind) for kind in dict.fromkeys(kinds[foreign].tolist()))
    if foreign.any():
        yield score("all", foreign)


def _calibration(all_answers: Sequence[_Answers]) -> Calibration:
    confidence, right = _joined(a.confidence for a in all_answers), _joined(a.right for a in all_answers)
    equal, adaptive = (calibration_error(confidence, right, adaptive=adaptive) for adaptive in (False, True))
    return Calibration(len(right), equal, adaptive)


def _confusion(held: Sequence[_Answers], labels: tuple[str, ...]) -> Confusion:
    truths, said = _joined(a.truths for a in held), _joined(a.said for a in held)
    names = [*(label for label in LABELS if label in truths), *dict.fromkeys(t for t in truths.tolist() if t not in LABELS)]
    counts = tuple(tuple(int(((truths == truth) & (said == label)).sum()) for label in labels) for truth in names)
    return Confusion(tuple(names), labels, counts)


def _joined(parts: Iterable[NDArray[Kind]]) -> NDArray[Kind]:
    return np.concatenate(list(parts))
