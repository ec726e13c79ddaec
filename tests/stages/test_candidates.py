"""Two readers of one cell: what each says is found, and what both say wins."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.records import Lattice
from pipeline.stages.candidates import FLOOR, Candidate, Weights, grades_of, leaning, numbers_of
from pipeline.stages.labels import Labelled, grade_labels, number_labels
from tests.stages.grids import LABELS
from tests.stages.lattices import HEIGHT, LETTERED, PEN, READER, Ink, digit, dot, guesses, said, scored


def lattice_of(*inks: Ink) -> tuple[Lattice, Labelled]:
    page = scored([[inks]])
    lattice = page.segmented.lattices[0]
    return lattice, number_labels(lattice, page.probabilities[0], LABELS, HEIGHT, PEN)


def grade(*inks: Ink) -> tuple[Lattice, Labelled]:
    page = scored([[inks]])
    lattice = page.segmented.lattices[0]
    return lattice, grade_labels(lattice, page.probabilities[0], LABELS, HEIGHT)


def texts(found: Sequence[Candidate]) -> list[str]:
    return [candidate.text for candidate in found]


def test_what_both_readers_say_comes_first_and_is_likely_to_both() -> None:
    found = numbers_of(*lattice_of(digit("4"), digit("2")), [said("42")], READER, Weights())
    assert found[0].text == "42"
    assert found[0].lattice > np.log(0.9) and found[0].strip > np.log(0.9)


def test_each_reader_can_overrule_the_others_doubt() -> None:
    doubtful = lattice_of(Ink({"4": 0.5, "9": 0.48}))
    assert numbers_of(*doubtful, [said("9")], READER, Weights())[0].text == "9"
    clear = lattice_of(Ink({"4": 0.98}))
    assert numbers_of(*clear, [guesses({"9": 0.5, "4": 0.48})], READER, Weights())[0].text == "4"


def test_a_second_look_can_overrule_the_first_one() -> None:
    torn = Ink({"4": 0.4, "9": 0.4})
    first, second = guesses({"9": 0.55, "4": 0.44}), guesses({"4": 0.98})
    assert numbers_of(*lattice_of(torn), [first], READER, Weights())[0].text == "9"
    found = numbers_of(*lattice_of(torn), [first, second], READER, Weights())
    assert found[0].text == "4"
    assert found[0].strip == pytest.approx((np.log(0.44) + np.log(0.98)) / 2, abs=0.1)


def test_what_only_one_look_saw_is_doubtful() -> None:
    found = numbers_of(*lattice_of(), [said("15"), said("75")], READER, Weights())
    words = {c.text: c.strip for c in found}
    assert max(words["15"] or 0, words["75"] or 0) < np.log(0.5)


def test_weights_decide_whom_to_believe() -> None:
    both = (*lattice_of(Ink({"4": 0.9, "9": 0.05})), [guesses({"9": 0.9, "4": 0.05})], READER)
    assert numbers_of(*both, Weights(1.0, 0.1))[0].text == "4"
    assert numbers_of(*both, Weights(0.1, 1.0))[0].text == "9"


def test_a_text_that_only_the_strip_names_is_looked_for_in_the_lattice() -> None:
    inks = [Ink({"4": 0.95, "9": 0.002}) for _ in range(4)]
    found = {c.text: c for c in numbers_of(*lattice_of(*inks), [said("9999", 0.9)], READER, Weights())}
    assert FLOOR <= found["9999"].lattice < found["4444"].lattice
    assert (found["9999"].strip or 0) > (found["4444"].strip or 0)


def test_without_a_strip_the_lattice_speaks_alone() -> None:
    found = numbers_of(*lattice_of(digit("4"), dot(1.5 * PEN), digit("2")), (), (), Weights())
    assert found[0].text == "4.2"
    assert all(c.strip is None and c.likely == c.lattice for c in found)


def test_ink_without_a_lattice_is_read_from_the_strip() -> None:
    lattice = Lattice(scored([[[]]]).segmented.lattices[0].cell, 1, (), (), "more ink than a number has")
    found = numbers_of(lattice, [], [said("365")], READER, Weights())
    assert found[0].text == "365" and found[0].lattice == FLOOR


@pytest.mark.parametrize(("marks", "number"), [("12.-", "12"), ("-12-", "12"), ("1.200.00", "1200.00")])
def test_marks_that_say_nothing_are_left_out(marks: str, number: str) -> None:
    lattice = Lattice(scored([[[]]]).segmented.lattices[0].cell, 1, (), ())
    assert numbers_of(lattice, [], [said(marks)], READER, Weights())[0].text == number


def test_a_leaning_one_may_look_like_a_slash() -> None:
    found = numbers_of(*lattice_of(digit("1"), digit("0")), [guesses({"/": 0.7, "1": 0.2}, {"0": 0.98})], READER, Weights())
    assert found[0].text == "10" and found[0].strip > np.log(0.8)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_candidates_are_different_numbers_best_first(seed: int) -> None:
    rng = np.random.default_rng(seed)
    inks = [Ink({str(rng.integers(10)): float(rng.uniform(0.2, 1))}) for _ in range(int(rng.integers(1, 5)))]
    logits = rng.normal(0, 2, (len(READER), int(rng.integers(1, 20))))
    logs = (logits - np.log(np.exp(logits).sum(axis=0))).astype(np.float32)
    found = numbers_of(*lattice_of(*inks), [logs], READER, Weights())
    assert len(set(texts(found))) == len(found)
    assert [c.likely for c in found] == sorted((c.likely for c in found), reverse=True)
    for c in found:
        assert FLOOR <= c.lattice <= 1e-6 and c.strip is not None and FLOOR <= c.strip <= 1e-6
        assert float(c.text) is not None


def test_grades_are_read_by_both() -> None:
    hooked = grade(Ink({"C": 0.1, "6": 0.8}))
    assert grades_of(*hooked, [guesses({"C": 0.9, "D": 0.05}, labels=LETTERED)], LETTERED, Weights())[0].text == "C"
    found = grades_of(*grade(digit("B")), [guesses({"B": 0.9}, {"+": 0.95}, labels=LETTERED)], LETTERED, Weights())
    assert {c.text for c in found} >= {"B", "B+"}
    assert max(found, key=lambda c: c.strip or FLOOR).text == "B+"


def test_in_a_grade_a_b_is_no_8_and_in_a_number_an_8_no_b() -> None:
    """Who knows that it is one or the other does not weigh it against what it can't be."""
    either = [guesses({"B": 0.6, "8": 0.38}, labels=LETTERED)]
    as_grade = grades_of(*grade(digit("B")), either, LETTERED, Weights())[0]
    as_number = numbers_of(*lattice_of(digit("8")), either, LETTERED, Weights())[0]
    assert (as_grade.text, as_number.text) == ("B", "8")
    assert min(as_grade.strip or 0, as_number.strip or 0) > np.log(0.9)


def test_a_reader_without_letters_is_not_asked_for_grades() -> None:
    found = grades_of(*grade(digit("A")), [said("4")], READER, Weights())
    assert found[0].text == "A"
    assert all(c.strip is None and c.likely == c.lattice for c in found)


@pytest.mark.parametrize(("shape", "grade_ink", "number_ink"), [("B", "B", "8"), ("8", "B", "8"), ("A", "A", "4")])
def test_who_does_not_know_what_it_is_asks_which_of_both_is_likelier(shape: str, grade_ink: str, number_ink: str) -> None:
    looks = [guesses({shape: 0.9}, labels=LETTERED)]
    grades = grades_of(*grade(digit(grade_ink, 0.5)), looks, LETTERED, Weights())
    numbers = numbers_of(*lattice_of(digit(number_ink, 0.5)), looks, LETTERED, Weights())
    lead = leaning(numbers, grades, looks, LETTERED, Weights())
    assert (lead > 1) if shape.isdigit() else (lead < -1)
    assert leaning(numbers, [], looks, LETTERED, Weights()) > 0 > leaning([], grades, looks, LETTERED, Weights())
    without = leaning(numbers, grades, [said("8")], READER, Weights())  # knows no letters: the lattices alone tell
    assert without == pytest.approx(numbers[0].lattice - grades[0].lattice)
