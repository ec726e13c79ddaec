from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.records import Box, Cell, Lattice, Segment
from pipeline.stages.grammar import Grammar, best_ways, logs

GLYPH = np.zeros((28, 28), np.uint8)
CELL = Cell(1, 1, np.zeros((4, 2), np.float32), Box(0, 0, 1, 1))
ANY = Grammar({"start": dict.fromkeys("ab", "start") | {"": "start"}}, frozenset({"start"}))
#: An a, then b's, then at most one point and a's after it.
STRICT = Grammar(
    {
        "start": {"a": "body", "": "start"},
        "body": {"b": "body", ".": "point", "": "body"},
        "point": {"a": "tail"},
        "tail": {"a": "tail", "": "tail"},
    },
    frozenset({"body", "tail"}),
)


def lattice(pieces: int, spans: Sequence[tuple[int, int]]) -> Lattice:
    segments = tuple(Segment(first, last, Box(first, 0, last - first, 1), 1, 0.0, GLYPH) for first, last in spans)
    return Lattice(CELL, 1, (0.0,) * (pieces - 1), segments)


def random_problem(seed: int) -> tuple[Lattice, list[Mapping[str, float]]]:
    rng = np.random.default_rng(seed)
    pieces = int(rng.integers(1, 5))
    spans = [(i, j) for i in range(pieces) for j in range(i + 1, min(i + 3, pieces) + 1) if rng.random() < 0.8]
    scores: list[Mapping[str, float]] = [
        {label: float(np.log(rng.uniform(0.01, 1))) for label in ("a", "b", ".", "") if rng.random() < 0.7} for _ in spans
    ]
    return lattice(pieces, spans), scores


def every_text(problem: Lattice, scores: Sequence[Mapping[str, float]], grammar: Grammar) -> dict[str, float]:
    """The best score of every text that there is, by trying everything."""
    pieces = len(problem.cuts) + 1
    best: dict[str, float] = {}

    def go(at: int, state: str, text: str, score: float) -> None:
        if at == pieces:
            if state in grammar.final:
                best[text] = max(best.get(text, -np.inf), score)
            return
        for i, segment in enumerate(problem.segments):
            if segment.first == at:
                for label, log in scores[i].items():
                    if label in grammar.moves[state]:
                        go(segment.last, grammar.moves[state][label], text + label, score + log)

    go(0, grammar.start, "", 0.0)
    return best


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([ANY, STRICT]), st.integers(1, 8))
def test_the_best_ways_are_those_of_trying_everything(seed: int, grammar: Grammar, most: int) -> None:
    problem, scores = random_problem(seed)
    wanted = sorted(every_text(problem, scores, grammar).items(), key=lambda item: -item[1])[:most]
    found = best_ways(problem, scores, grammar, most)
    assert [way.text for way in found] == [text for text, _ in wanted]
    assert [way.score for way in found] == pytest.approx([score for _, score in wanted])


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([ANY, STRICT]))
def test_a_way_uses_every_piece_once_and_its_score_is_the_sum_of_its_choices(seed: int, grammar: Grammar) -> None:
    problem, scores = random_problem(seed)
    for way in best_ways(problem, scores, grammar):
        chosen = [problem.segments[i] for i in way.segments]
        assert [s.first for s in chosen] == [0, *(s.last for s in chosen[:-1])]
        assert chosen[-1].last == len(problem.cuts) + 1
        choices = itertools.product(*(scores[i].items() for i in way.segments))
        sums = [sum(log for _, log in choice) for choice in choices if "".join(label for label, _ in choice) == way.text]
        assert min(abs(total - way.score) for total in sums) < 1e-9


def test_ink_that_fits_nothing_has_no_way() -> None:
    assert best_ways(lattice(2, [(0, 1)]), [{"a": 0.0}], ANY) == []  # the second piece belongs to nothing
    assert best_ways(lattice(1, [(0, 1)]), [{"b": 0.0}], STRICT) == []


def test_a_label_that_says_nothing_leaves_no_letter() -> None:
    [way] = best_ways(lattice(3, [(0, 1), (1, 2), (2, 3)]), [{"": -1.0}, {"a": -0.5}, {"": -1.0}], STRICT)
    assert way.text == "a"
    assert way.score == pytest.approx(-2.5)


def test_long_numbers_are_quick() -> None:
    spans = [(i, j) for i in range(28) for j in range(i + 1, min(i + 4, 28) + 1)]
    scores: list[Mapping[str, float]] = [{"a": -0.1, "b": -0.2, "": -0.3}] * len(spans)
    assert len(best_ways(lattice(28, spans), scores, ANY)) == 6


def test_logs_leave_out_what_is_next_to_impossible() -> None:
    row = np.array([0.5, 0.0, 1e-7, 0.25], np.float32)
    assert logs(row, ("a", "b", "c", "d"), "abc") == {"a": pytest.approx(np.log(0.5))}


def test_a_mark_that_cannot_be_meant_is_read_as_what_it_is_like() -> None:
    row = np.array([0.5, 0.3, 0.2], np.float32)
    labels = ("1", "7", "/")
    assert logs(row, labels, "17", {"/": "1"}) == {"1": pytest.approx(np.log(0.7)), "7": pytest.approx(np.log(0.3))}
    assert logs(row, labels, "17", {"?": "1"}) == logs(row, labels, "17")  # a network that does not know it
