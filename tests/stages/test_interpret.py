from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.records import Reading, ScoredPage
from pipeline.stages.confidence import confidence, evidence
from pipeline.stages.interpret import draw_readings, interpret
from pipeline.stages.texts import value_of
from tests.stages.grids import kit
from tests.stages.lattices import HEIGHT, LETTERED, PEN, READER, Ink, column, dash, digit, dot, said, scored, scrawl

NUMBER = re.compile(r"-?(\d+(\.\d+)?|\.\d+)")


def readings(page: ScoredPage) -> tuple[Reading, ...]:
    return interpret(page, kit()).readings


def written(text: str) -> list[Ink]:
    marks = {".": dot(1.5 * PEN), "-": dash()}
    return [marks.get(character) or digit(character) for character in text]


def alone(*inks: Ink) -> Reading:
    """The reading of one cell below a heading."""
    return readings(column(inks))[1]


def among(*inks: Ink) -> Reading:
    """The reading of one cell in a column of clear numbers."""
    return readings(column(inks, *(written(text) for text in ("12", "35", "60", "48", "71"))))[1]


# --- numbers ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["7", "0", "10", "007", "4711", "12.5", "0.25", "-12", "-12.75", "18.0"])
def test_a_number_is_read_as_written(text: str) -> None:
    reading = alone(*written(text))
    assert (reading.kind, reading.text, reading.value) == ("number", text, text)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_whatever_the_ink_a_number_is_one(seed: int) -> None:
    rng = np.random.default_rng(seed)
    cells: list[list[Ink]] = []
    for _ in range(4):
        kinds = [digit(str(rng.integers(10)), float(rng.uniform(0.3, 1))), dot(float(rng.uniform(1, 8))), dash(), scrawl()]
        cells.append([kinds[rng.choice(4, p=(0.6, 0.15, 0.15, 0.1))] for _ in range(rng.integers(0, 7))])
    for reading in readings(column(*cells)):
        assert 0 <= reading.confidence <= 1
        assert reading.kind in {"number", "grade", "blank", "mark", "struck", "text", "unreadable"}
        if reading.kind == "number":
            assert NUMBER.fullmatch(reading.text)
            assert math.isfinite(float(reading.value)) and float(reading.value) == float(reading.text)
            chances = [p for _, p in reading.alternatives]
            assert chances == sorted(chances, reverse=True) and sum(chances) <= 1 + 1e-6
            assert reading.text not in [text for text, _ in reading.alternatives]
        elif reading.kind != "grade":
            assert reading.value == ""


def test_the_next_best_number_is_an_alternative() -> None:
    reading = alone(Ink({"4": 0.6, "9": 0.38}), digit("2"))
    assert reading.text == "42"
    assert reading.alternatives[0][0] == "92"


def test_a_close_call_is_less_sure_than_a_clear_one() -> None:
    close, clear = alone(Ink({"4": 0.5, "9": 0.48})), alone(Ink({"4": 0.98}))
    assert close.confidence < clear.confidence
    assert close.lead < clear.lead


# --- small ink --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1.1, 1.5, 2.0])
def test_a_dot_as_wide_as_the_pen_is_a_point(size: float) -> None:
    assert alone(digit("4"), dot(size * PEN), digit("7")).text == "4.7"


@pytest.mark.parametrize("size", [0.25, 0.4])
def test_a_speck_finer_than_the_pen_is_dirt(size: float) -> None:
    assert alone(digit("4"), dot(size * PEN), digit("7")).text == "47"


def test_a_dot_at_the_top_of_the_digits_is_no_point() -> None:
    assert among(digit("4"), dot(1.3 * PEN, down=1), digit("7")).text == "47"


def test_a_number_has_one_point() -> None:
    assert alone(*written("1"), dot(1.5 * PEN), *written("2"), dot(1.5 * PEN), *written("3")).text.count(".") <= 1


def test_a_dash_before_is_a_minus_and_one_within_is_none() -> None:
    assert among(dash(), digit("5"), digit("2")).text == "-52"
    assert "-" not in among(digit("5"), dash(), digit("5")).text[1:]


def test_a_column_of_small_negative_numbers_is_read() -> None:
    found = readings(column(*(written(text) for text in ("-3", "-5", "-2", "-7", "-1"))))[1:]
    assert [r.text for r in found] == ["-3", "-5", "-2", "-7", "-1"]


def test_ink_smaller_than_a_digit_is_no_digit() -> None:
    low = replace(digit("1", 0.99), height=round(0.2 * HEIGHT), width=5, down=round(0.8 * HEIGHT))
    assert alone(digit("4"), low, digit("7")).text in {"4.7", "47"}


# --- what belongs together ---------------------------------------------------------------------------------------------------


def bar(joined: float) -> Ink:
    """The bar of a 5, apart from the bow below it."""
    return Ink({"7": 0.3}, width=14, height=5, down=-4, joined={"5": joined}, over=True)


def test_the_bar_over_a_bow_makes_a_five() -> None:
    bow = Ink({"3": 0.5, "5": 0.3}, height=22, down=8)
    assert alone(bow, bar(0.97)).text == "5"
    assert alone(digit("2"), bow, bar(0.97)).text == "25"


def test_digits_side_by_side_are_not_joined_though_it_would_look_like_one() -> None:
    second = replace(digit("1", 0.9), joined={"4": 0.95}, spread=1.2)
    assert alone(digit("1", 0.9), second).text == "11"


def test_two_halves_of_a_cut_digit_are_put_together() -> None:
    right = Ink({"7": 0.2, "1": 0.2}, width=9, cut=1.5, joined={"0": 0.99})
    assert alone(Ink({"6": 0.2, "1": 0.2}, width=9), right).text == "0"


def test_touching_digits_are_taken_apart() -> None:
    second = replace(digit("8", 0.97), cut=0.8, joined={"8": 0.05})
    assert alone(digit("3", 0.97), second).text == "38"


def test_a_stroke_through_the_whole_cell_is_in_doubt() -> None:
    """A ruling, or the edge of the paper, that was not erased reads as a perfect 1."""
    line = Ink({"1": 0.999}, width=4, height=58, down=-14)
    assert among(line).confidence <= 0.5
    assert among(*written("6"), line).confidence <= 0.5
    assert among(digit("1", 0.999)).confidence > 0.9


def said_of(page: ScoredPage, cell: int, text: str, labels: tuple[str, ...] = READER) -> ScoredPage:
    """A page of which a reader of strips has read one cell, for sure."""
    looks = tuple((said(text, 0.999, labels),) if i == cell else () for i in range(len(page.segmented.lattices)))
    return replace(page, reader_labels=labels, looks=looks)


def test_ink_too_much_to_be_cut_apart_is_read_from_the_strip_and_never_sure() -> None:
    page = column(*(written(text) for text in ("12", "35", "60", "48")))
    lattices = list(page.segmented.lattices)
    lattices[2] = replace(
        lattices[2], cuts=(), segments=(), note="more ink than a number has", ink=np.zeros((30, 40), np.uint8)
    )
    noted = replace(
        page,
        segmented=replace(page.segmented, lattices=tuple(lattices)),
        probabilities=tuple(p if i != 2 else p[:0] for i, p in enumerate(page.probabilities)),
    )
    reading = readings(said_of(noted, 2, "35"))[2]
    assert (reading.kind, reading.value) == ("number", "35")
    assert reading.confidence <= 0.8


def test_what_was_struck_out_is_a_guess_at_most() -> None:
    """A person looks at it in any case, and is shown what it seems to say, if a reader of strips could read it."""
    page = column([Ink({"~": 0.9}), digit("5")], *(written(text) for text in ("12", "35", "60")))
    assert (readings(page)[1].kind, readings(page)[1].text) == ("struck", "")
    guess = readings(said_of(page, 1, "85"))[1]
    assert (guess.kind, guess.value) == ("struck", "85") and guess.confidence <= 0.5


def test_ab_in_a_column_of_numbers_is_a_mark() -> None:
    reading = among(Ink({"A": 0.9, "4": 0.05}), Ink({"B": 0.85, "8": 0.1}))
    assert (reading.kind, reading.text, reading.value) == ("mark", "AB", "")
    assert among(Ink({"A": 0.4, "4": 0.5}), Ink({"B": 0.3, "8": 0.6})).text == "48"


# --- columns -----------------------------------------------------------------------------------------------------------------


def test_blank_mark_and_zero_are_three_things() -> None:
    *_, blank, mark, zero = readings(column(written("12"), written("7"), [], [dash(20, 5)], written("0")))
    assert (blank.kind, blank.text, blank.value) == ("blank", "", "")
    assert (mark.kind, mark.text, mark.value) == ("mark", "-", "")
    assert (zero.kind, zero.text, zero.value) == ("number", "0", "0")


def test_a_column_of_letters_holds_grades() -> None:
    found = readings(column(*([digit(g, 0.95)] for g in "ABCBAF")))[1:]
    assert [(r.kind, r.value) for r in found] == [("grade", g) for g in "ABCBAF"]


def test_a_grade_may_have_a_sign() -> None:
    plus = Ink({"+": 0.95}, width=14, height=14, down=8)
    found = readings(column([digit("A"), plus], [digit("B"), dash()], [digit("C")]))[1:]
    assert [r.text for r in found] == ["A+", "B-", "C"]


def test_a_letter_that_is_no_grade_is_not_accepted_as_one() -> None:
    """Asked for a grade, the reader of strips says which it would be; the network of single characters knows none of it."""
    page = column(*([digit(g, 0.95)] for g in "ABCBA"), [Ink({"K": 0.9})])
    page = said_of(page, 6, "D", labels=LETTERED)
    *grades, other = readings(page)[1:]
    assert [r.value for r in grades] == [*"ABCBA"]
    assert other.value == "D" and other.confidence <= 0.5


def test_one_letter_does_not_make_a_column_of_numbers_one_of_grades() -> None:
    found = readings(column(*(written(t) for t in ("12", "7", "15", "9")), [digit("A")]))[1:]
    assert [r.kind for r in found[:4]] == ["number"] * 4
    assert found[4].kind != "grade"


def test_a_column_of_names_is_text() -> None:
    found = readings(column(*([scrawl()] * n for n in (5, 7, 6, 4))))[1:]
    assert [(r.kind, r.value) for r in found] == [("text", "")] * 4


def test_a_heading_over_numbers_is_text_and_numbers_below_it_are_read() -> None:
    heading, *found = readings(column(written("12"), written("7"), heading=[scrawl()] * 5))
    assert (heading.kind, heading.value) == ("text", "")
    assert [r.text for r in found] == ["12", "7"]


def test_a_heading_that_is_a_number_is_read() -> None:
    assert readings(column(written("12"), written("7"), heading=written("2")))[0].text == "2"


def test_columns_are_of_a_kind_each_by_itself() -> None:
    rows: list[Sequence[Sequence[Ink]]] = [
        [written(str(n)), [digit(g)], [scrawl()] * 6] for n, g in zip((12, 7, 3), "ABC", strict=True)
    ]
    found = readings(scored([[[], [], []], *rows]))[3:]
    assert [r.kind for r in found] == ["number", "grade", "text"] * 3


def test_a_scrawl_in_a_column_of_numbers_is_no_number_to_rely_on() -> None:
    texts = ["12", "35", "60", "48"]
    *found, bad = readings(column(*map(written, texts), [scrawl()] * 3))[1:]
    assert [r.text for r in found] == texts
    assert bad.kind == "unreadable" or bad.confidence < 0.5


@pytest.mark.parametrize("digits", ["729", "50836172940583617294"])
def test_scrawls_do_not_outvote_four_times_as_many_clear_marks(digits: str) -> None:
    cells = [[digit(d)] for d in digits] + [[scrawl()] * 3] * max(1, len(digits) // 4)
    assert [r.text for r in readings(column(*cells))[1 : len(digits) + 1]] == list(digits)


def test_ink_that_is_no_lattice_has_no_value() -> None:
    texts = ["12", "35", "60", "48"]
    page = column(*map(written, texts), [])
    segmented = page.segmented
    lattices = (*segmented.lattices[:-1], replace(segmented.lattices[-1], note="more ink than a number has"))
    *found, bad = readings(replace(page, segmented=replace(segmented, lattices=lattices)))[1:]
    assert bad.kind in {"text", "unreadable"} and bad.value == ""
    assert [r.text for r in found] == texts


def test_a_page_without_cells_has_no_readings() -> None:
    page = scored([])
    assert readings(page) == ()
    assert draw_readings(interpret(page, kit())).size


def test_interpret_is_a_function_of_its_input() -> None:
    page = column(written("12"), [scrawl()], [dash()])
    before = [rows.copy() for rows in page.probabilities]
    assert readings(page) == readings(page)
    assert all(np.array_equal(rows, old) for rows, old in zip(page.probabilities, before, strict=True))


# --- values and confidence ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"), [(".86", "0.86"), ("35.", "35"), ("-.5", "-0.5"), ("007", "007"), ("-7.", "-7"), ("0", "0"), ("", "")]
)
def test_the_value_of_a_text(text: str, value: str) -> None:
    assert value_of(text) == value


@settings(max_examples=60, deadline=None)
@given(st.from_regex(r"-?([0-9]{1,6}\.?|[0-9]{0,6}\.[0-9]{1,4})", fullmatch=True))
def test_the_value_is_the_same_number_as_the_text_and_says_so_at_once(text: str) -> None:
    value = value_of(text)
    assert float(value) == float(text)
    assert value_of(value) == value
    assert re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", value)


finite = st.floats(-50, 0)


@given(finite, st.floats(0, 50))
def test_confidence_is_a_probability(score: float, lead: float) -> None:
    assert 0 <= confidence(evidence(score, lead), {}) <= 1


@given(finite, finite, st.floats(0, 50), st.floats(0, 50))
def test_more_evidence_is_not_less_sure(one: float, other: float, lead: float, further: float) -> None:
    low, high = sorted((one, other))
    near, far = sorted((lead, further))
    assert confidence(evidence(low, near), {}) <= confidence(evidence(high, near), {}) + 1e-12
    assert confidence(evidence(low, near), {}) <= confidence(evidence(low, far), {}) + 1e-12


@given(finite, st.floats(0, 50), st.floats(-20, 0), st.floats(-20, 0))
def test_what_is_unusual_in_its_column_is_not_surer(score: float, lead: float, one: float, other: float) -> None:
    odd, usual = (confidence(evidence(score, lead, usual=word), {"reading_usual": 0.6}) for word in sorted((one, other)))
    assert odd <= usual + 1e-12


def test_a_number_without_the_point_that_all_others_have_is_less_sure() -> None:
    model = replace(kit().model, calibration={"reading_bias": -4.0, "reading_usual": 0.6})
    points = [written(text) for text in ("12.5", "35.1", "60.0", "48.2", "71.9")]
    found = [interpret(column(written(text), *points), replace(kit(), model=model)).readings[1] for text in ("17.5", "175")]
    assert [reading.text for reading in found] == ["17.5", "175"]
    assert found[1].confidence < found[0].confidence - 0.05


@given(finite, finite, st.floats(0, 50), st.floats(0, 50))
def test_a_lead_counts_for_itself_in_a_table_and_alone(score: float, strip: float, one: float, other: float) -> None:
    fitted = {"number_lead": 0.5, "number_alone": 1.0, "number_lead_in_table": 0.4}
    near, far = sorted((one, other))
    for alone in (False, True):
        less, more = (confidence(evidence(score, lead, strip, alone=alone), fitted) for lead in (near, far))
        assert less <= more + 1e-12
    without = confidence(evidence(score, 0, strip), fitted), confidence(evidence(score, 0, strip, alone=True), fitted)
    assert without[0] <= without[1]


def test_calibration_sets_the_confidence() -> None:
    sure = {"reading_bias": 3.0, "reading_score": 0.0, "reading_lead": 0.0}
    assert confidence(evidence(-5, 0), sure) == pytest.approx(1 / (1 + math.exp(-3)))
    model = replace(kit().model, calibration=sure)
    reading = interpret(column(written("7")), replace(kit(), model=model)).readings[1]
    assert reading.confidence == pytest.approx(1 / (1 + math.exp(-3)))
