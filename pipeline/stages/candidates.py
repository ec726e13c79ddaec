"""The numbers and grades that a cell may hold, by two readers that know nothing of each other: one by one, and in one sweep.

The lattice's word on a text is the best way to cut the ink into it, the strip's word the probability of all ways to say it
from left to right. They err on different cells, so a number that both would have said is sure, and one that only one of them
would have is not.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.ann.ctc import best_texts, log_likelihoods, log_softmax, shortened
from pipeline.grades import GRADES, LETTERS, SIGNS
from pipeline.records import Floats, Lattice
from pipeline.stages.grammar import Grammar, Way, best_ways
from pipeline.stages.labels import FRACTION, GRADE, NUMBER, Labelled
from pipeline.stages.texts import DIGITS, HALF, fraction_in, number_in

#: Worse than this, in log probability, says nothing more.
FLOOR = -10.0
#: Texts that each reader may name.
_MOST = 8
#: Texts that the strip says less often than this are not looked for in the lattice.
_LIKELY = float(np.log(1e-3))


@dataclass(frozen=True, slots=True)
class _Language:
    """What may be said: in which characters, by which grammar of single pieces of ink, and what of a text is meant."""

    characters: str
    grammar: Grammar
    meant: Callable[[str], str | None]


_NUMBERS = _Language(DIGITS + ".-", NUMBER, number_in)
_FRACTIONS = _Language(DIGITS + ".-/", FRACTION, lambda text: number_in(text) or fraction_in(text))
_GRADES = _Language(LETTERS + SIGNS, GRADE, lambda text: text if text in GRADES else None)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A number or grade as text, the log probabilities that the lattice and the strip give it, and what else speaks for it.

    `likely` is what both together say of it, in units of log probability, the prior not included.
    """

    text: str
    lattice: float
    strip: float | None  # None if the strip was not asked
    likely: float
    prior: float = 0.0


@dataclass(frozen=True, slots=True)
class Weights:
    """How much the word of each reader counts, by names in a model's calibration."""

    lattice: float = 0.7
    strip: float = 0.7

    @staticmethod
    def of(calibration: Mapping[str, float]) -> Weights:
        """Those fitted, or usual ones."""
        usual = Weights()
        return Weights(calibration.get("weight_lattice", usual.lattice), calibration.get("weight_strip", usual.strip))


def numbers_of(
    lattice: Lattice,
    labelled: Labelled,
    looks: Sequence[Floats],
    labels: Sequence[str],
    weights: Weights,
    fractions: bool = False,
) -> list[Candidate]:
    """The numbers that a cell may hold, best first. `looks` are guesses (labels, steps) of the strip, none if there is none.

    With `fractions`, 12½ and 7/10 are numbers too.
    """
    return _said_in(_FRACTIONS if fractions else _NUMBERS, lattice, labelled, looks, labels, weights)


def grades_of(
    lattice: Lattice, labelled: Labelled, looks: Sequence[Floats], labels: Sequence[str], weights: Weights
) -> list[Candidate]:
    """The grades that a cell may hold, best first; as `numbers_of`. A reader that knows no letters isn't asked."""
    return _said_in(_GRADES, lattice, labelled, looks if _knows_letters(labels) else (), labels, weights)


def leaning(
    numbers: Sequence[Candidate], grades: Sequence[Candidate], looks: Sequence[Floats], labels: Sequence[str], weights: Weights
) -> float:
    """How much likelier a cell's best number is than its best grade, in log probability: below zero, it is rather a grade.

    Within numbers a reader gives the probability of one who knows that it reads a number, so here the strip is asked anew about
    both, as one who does not; a reader that knows no letters isn't asked.
    """
    if not numbers or not grades:
        return FLOOR if grades else -FLOOR
    number, grade = numbers[0], grades[0]
    lead = number.lattice - grade.lattice
    if not looks or not _knows_letters(labels):
        return lead
    spelled = [[labels.index(character) for character in text.replace(HALF, "1/2")] for text in (number.text, grade.text)]
    words = np.mean([np.maximum(log_likelihoods(shortened(log_softmax(seen)), spelled), FLOOR) for seen in looks], axis=0)
    return weights.lattice * lead + weights.strip * float(words[0] - words[1])


def _knows_letters(labels: Sequence[str]) -> bool:
    return set(LETTERS) <= set(labels)


def _said_in(
    language: _Language, lattice: Lattice, labelled: Labelled, looks: Sequence[Floats], labels: Sequence[str], weights: Weights
) -> list[Candidate]:
    by_lattice = _by_lattice(language, lattice, labelled)
    if not looks:
        return _sorted([Candidate(text, score, None, score) for text, score in by_lattice.items()])
    by_strip = _by_strip(language, looks, labels, by_lattice)
    for text, log in by_strip.items():
        if text not in by_lattice and log > _LIKELY and lattice.segments:
            way = way_to(lattice, labelled, text, ignoring=True)
            by_lattice[text] = way.score if way else FLOOR
    found = []
    for text in {**by_lattice, **by_strip}:
        one, other = (max(words.get(text, FLOOR), FLOOR) for words in (by_lattice, by_strip))
        found.append(Candidate(text, one, other, weights.lattice * one + weights.strip * other))
    return _sorted(found)


def _sorted(found: list[Candidate]) -> list[Candidate]:
    return sorted(found, key=lambda c: (-c.likely, c.text))


def _by_lattice(language: _Language, lattice: Lattice, labelled: Labelled) -> dict[str, float]:
    scores: dict[str, float] = {}
    for way in best_ways(lattice, labelled, language.grammar, _MOST) if lattice.segments else []:
        text = language.meant(way.text)
        if text is not None:
            scores[text] = max(scores.get(text, -np.inf), way.score)
    return scores


def _by_strip(language: _Language, looks: Sequence[Floats], labels: Sequence[str], others: Collection[str]) -> dict[str, float]:
    """The texts that the strip names at any look, and its word on others: a text counts with all marks that change nothing.

    It knows no ½, but spells it. Its word is the mean of its looks': what only one saw is doubtful.
    """
    names = language.characters
    logs = [shortened(_as(names, guesses, labels)) for guesses in looks]
    said = [_said(language, seen) for seen in logs]
    texts = dict.fromkeys((*others, *(text for scores in said for text in scores)))
    words = np.zeros(len(texts))
    for seen, scores in zip(logs, said, strict=True):
        missing = [text for text in texts if text not in scores]
        spelled = [[names.index(character) for character in text.replace(HALF, "1/2")] for text in missing]
        scores.update(zip(missing, log_likelihoods(seen, spelled).tolist() if missing else [], strict=True))
        words += [max(scores[text], FLOOR) for text in texts]
    return dict(zip(texts, (words / len(looks)).tolist(), strict=True))


def _said(language: _Language, logs: Floats) -> dict[str, float]:
    """The texts that are named at a look, and how probable they are."""
    scores: dict[str, float] = {}
    for said, log in best_texts(logs, 2 * _MOST):
        text = language.meant("".join(language.characters[i] for i in said))
        if text is not None:
            scores[text] = float(np.logaddexp(scores.get(text, -np.inf), log))
    return scores


def _as(names: str, guesses: Floats, labels: Sequence[str]) -> Floats:
    """The guesses of one who knows that it is these labels, or nothing, the last; without slashes, a 1 may lean as much."""
    rows = {label: guesses[i] for i, label in enumerate(labels)}
    if "/" in rows and "1" in names and "/" not in names:
        rows["1"] = np.logaddexp(rows["1"], rows["/"])
    return log_softmax(np.stack([rows[name] for name in (*names, "")]))


def way_to(lattice: Lattice, labelled: Labelled, text: str, ignoring: bool = False) -> Way | None:
    """The best way to cut this very text out of the ink; None if there is none.

    Every piece of the ink must be of the text, or, `ignoring` what says nothing, may be dirt, or a dash or stop behind it.
    """
    end = str(len(text))
    moves = {str(i): {character: str(i + 1)} for i, character in enumerate(text)} | {end: {}}
    if ignoring:
        moves = {state: {**onward, "": state} for state, onward in moves.items()}
        moves[end] |= {"-": end, ".": end}
    ways = best_ways(lattice, labelled, Grammar(moves, frozenset({end}), "0"), 1)
    return ways[0] if ways else None
