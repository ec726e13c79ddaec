"""The best ways through a lattice: a k-best search over segments and labels under a grammar (a small finite automaton).

The score of a way is the sum of the log probabilities of its choices, so `exp(score)` is comparable between readings of the
same ink: every reading accounts for every piece of it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
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
    """One text for a lattice, its log score, and the segments behind its labels."""

    text: str
    score: float
    segments: tuple[int, ...]


#: A way as far as it has come: its log score, its text, what it was before its last segment, and that segment.
_Partial = tuple[float, str, "_Partial | None", int]


def best_ways(lattice: Lattice, scores: Sequence[Mapping[str, float]], grammar: Grammar, most: int = 6) -> list[Way]:
    """The best different texts, best first. `scores[i]` has the log probability of each label that segment i can have."""
    pieces = len(lattice.cuts) + 1
    starting: list[list[int]] = [[] for _ in range(pieces)]
    for i, s in enumerate(lattice.segments):
        starting[s.first].append(i)
    # where so many pieces are used up, by the grammar's state, the best way to each text
    beams: list[dict[str, dict[str, _Partial]]] = [{} for _ in range(pieces + 1)]
    beams[0] = {grammar.start: {"": (0.0, "", None, -1)}}
    for at in range(pieces):
        for state, ways in beams[at].items():
            kept, moves = _best(ways.values(), most), grammar.moves[state]
            for i in starting[at]:
                behind = beams[lattice.segments[i].last]
                for label, log in scores[i].items():
                    after = moves.get(label)
                    if after is None:
                        continue
                    longer = behind.setdefault(after, {})
                    for way in kept:
                        score, text = way[0] + log, way[1] + label
                        if text not in longer or score > longer[text][0]:
                            longer[text] = score, text, way, i
    ends: dict[str, _Partial] = {}
    for state, ways in beams[pieces].items():
        if state in grammar.final:
            ends |= {text: way for text, way in ways.items() if text not in ends or way[0] > ends[text][0]}
    return [Way(way[1], way[0], _segments_of(way)) for way in _best(ends.values(), most)]


def _best(ways: Collection[_Partial], most: int) -> list[_Partial]:
    """The best of ways to different texts, best first."""
    return sorted(ways, reverse=True)[:most]


def _segments_of(way: _Partial) -> tuple[int, ...]:
    found: list[int] = []
    before: _Partial | None = way
    while before is not None and before[2] is not None:
        found.append(before[3])
        before = before[2]
    return tuple(reversed(found))


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
