"""The best ways through a lattice: a k-best search over segments and labels under a grammar (a small finite automaton).

The score of a way is the sum of the log probabilities of its choices, so `exp(score)` is comparable between readings of the
same ink: every reading accounts for every piece of it.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.records import Floats, Lattice


@dataclass(frozen=True, slots=True)
class Grammar:
    """`moves[state][label]` is the next state; a text may end in the `final` states. A label "" is ink that says nothing."""

    moves: Mapping[str, Mapping[str, str]]
    final: frozenset[str]
    start: str = "start"


@dataclass(frozen=True, slots=True)
class Way:
    """One text for a lattice, its log score, the segments behind its labels, and what else speaks for it (a log prior)."""

    text: str
    score: float
    segments: tuple[int, ...]
    prior: float = 0.0


def best_ways(lattice: Lattice, scores: Sequence[Mapping[str, float]], grammar: Grammar, most: int = 6) -> list[Way]:
    """The best different texts, best first. `scores[i]` has the log probability of each label that segment i can have."""
    pieces = len(lattice.cuts) + 1
    starting: list[list[int]] = [[] for _ in range(pieces)]
    for i, s in enumerate(lattice.segments):
        starting[s.first].append(i)
    beams: list[dict[str, list[Way]]] = [{} for _ in range(pieces + 1)]
    beams[0] = {grammar.start: [Way("", 0.0, ())]}
    for at in range(pieces):
        for state, ways in beams[at].items():
            for way in _different(ways, most):
                for i in starting[at]:
                    segment = lattice.segments[i]
                    for label, log in scores[i].items():
                        after = grammar.moves[state].get(label)
                        if after is None:
                            continue
                        longer = Way(way.text + label, way.score + log, (*way.segments, i))
                        beams[segment.last].setdefault(after, []).append(longer)
    ends = [way for state, ways in beams[pieces].items() if state in grammar.final for way in ways]
    return _different(ends, most)


def _different(ways: list[Way], most: int) -> list[Way]:
    """The best ways, one for each text."""
    best: dict[str, Way] = {}
    for way in ways:
        if way.text not in best or way.score > best[way.text].score:
            best[way.text] = way
    return heapq.nlargest(most, best.values(), key=lambda w: (w.score, w.text))


def logs(row: Floats, labels: Sequence[str], wanted: Sequence[str], alike: Mapping[str, str] | None = None) -> dict[str, float]:
    """Log probabilities of the wanted labels, those that are next to impossible left out.

    `alike` names labels that can't be meant here, and as what they are then read. What the network has no label for is
    impossible.
    """
    chances = {label: float(row[labels.index(label)]) for label in wanted if label in labels}
    for other, label in (alike or {}).items():
        if other in labels:
            chances[label] += float(row[labels.index(other)])
    return {label: float(np.log(p)) for label, p in chances.items() if p > 1e-5}
