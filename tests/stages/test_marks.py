"""What is no number: ticks, dashes, AB, and what was struck out; and numbers that look a little like it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from pipeline.chain import kit_of
from pipeline.records import Image, Page
from pipeline.settings import Settings
from pipeline.stages.interpret import interpret
from pipeline.stages.lone import single_cell
from pipeline.stages.marks import is_struck_out
from pipeline.stages.recognise import recognise
from pipeline.stages.segment import segment
from tests.handwriting import sheet_digits
from tests.stages.grids import LABELS, kit
from tests.stages.lattices import Ink, column, dash, digit, scored

TALL, PEN_WIDTH = 40, 5


def kind_of(*inks: Ink) -> tuple[str, str]:
    """The reading of one cell in a column of clear numbers."""
    others = [[digit(character) for character in text] for text in ("12", "35", "60")]
    reading = interpret(column(inks, *others), kit()).readings[1]
    return reading.kind, reading.text


def test_a_tick_is_a_mark() -> None:
    assert kind_of(Ink({"✓": 0.8, "1": 0.1})) == ("mark", "✓")


def test_what_is_rather_a_digit_is_no_tick() -> None:
    assert kind_of(Ink({"✓": 0.3, "1": 0.6}))[0] == "number"


def test_a_tick_beside_a_digit_makes_no_mark_of_it() -> None:
    assert kind_of(digit("4"), Ink({"✓": 0.8, "1": 0.1}))[0] != "mark"


def test_a_struck_out_digit_is_no_number_even_beside_a_good_one() -> None:
    assert kind_of(Ink({"~": 0.9})) == ("struck", "")
    assert kind_of(Ink({"~": 0.9}), digit("5"), digit("2")) == ("struck", "")


def test_a_piece_that_was_cut_off_is_not_struck_out() -> None:
    assert kind_of(digit("4"), Ink({"~": 0.6, "2": 0.3}, cut=2.0))[0] != "struck"


def test_a_dash_is_a_mark_still() -> None:
    assert kind_of(dash(24)) == ("mark", "-")


# --- a line through several digits ------------------------------------------------------------------------------------------


def number(text: str, apart: int = 6) -> Image:
    """Digits of `TALL` pixels, drawn with lines, in one picture with a margin."""
    canvas = np.zeros((TALL + 40, 30 + len(text) * (TALL // 2 + 12 + apart)), np.uint8)
    cv2.putText(canvas, text, (14, TALL + 18), cv2.FONT_HERSHEY_SIMPLEX, TALL / 21, 255, PEN_WIDTH, cv2.LINE_AA)
    return canvas


def struck(canvas: Image, share: float = 0.5, slope: float = 0.0, whole: bool = True) -> Image:
    """A line at that share of the digits' height."""
    x, y, width, height = cv2.boundingRect(canvas)
    left, right = x - 6, x + (width + 6 if whole else width // 2)
    middle, rise = y + share * height, slope * (right - left) / 2
    out = canvas.copy()
    cv2.line(out, (left, round(middle + rise)), (right, round(middle - rise)), 255, PEN_WIDTH, cv2.LINE_AA)
    return out


def is_struck(ink: Image) -> bool:
    page = scored([[[digit("1")]]])
    lattice = page.segmented.lattices[0]
    object.__setattr__(lattice, "ink", ink)
    return is_struck_out(lattice, page.probabilities[0], LABELS, TALL, PEN_WIDTH)


@pytest.mark.parametrize("text", ["45", "380", "1926", "60", "88"])
@pytest.mark.parametrize("slope", [-0.2, 0.0, 0.15])
def test_a_line_through_a_number_strikes_it_out(text: str, slope: float) -> None:
    assert is_struck(struck(number(text), slope=slope))


@pytest.mark.parametrize("text", ["45", "380", "1926", "44", "77", "22", "57", "111", "2747"])
def test_a_number_by_itself_is_not_struck_out(text: str) -> None:
    assert not is_struck(number(text))


@pytest.mark.parametrize("text", ["45", "380", "1926"])
@pytest.mark.parametrize("share", [-0.05, 1.05])
def test_a_line_over_or_under_a_number_does_not_strike_it_out(text: str, share: float) -> None:
    assert not is_struck(struck(number(text), share))


def test_digits_that_touch_are_not_struck_out() -> None:
    left, right = number("4"), number("4")
    joined = np.hstack(
        [left[:, : cv2.boundingRect(left)[0] + cv2.boundingRect(left)[2]], right[:, cv2.boundingRect(right)[0] :]]
    )
    assert not is_struck(joined[:, 8:])


def read_alone(ink: Image) -> str:
    """What kind of reading a picture of one number has."""
    shipped = kit_of(Settings())
    page = single_cell(Page(1, np.asarray(255 - ink, np.uint8)))
    return interpret(recognise(segment(page, shipped), shipped), shipped).readings[0].kind


@pytest.mark.parametrize("text", "023568")
@pytest.mark.parametrize("slope", [-0.1, 0.0])
def test_a_line_that_sticks_out_of_a_digit_strikes_it_out(text: str, slope: float) -> None:
    assert read_alone(number(text)) == "number"
    assert read_alone(struck(number(text), slope=slope)) == "struck"


def test_a_seven_may_have_a_bar() -> None:
    assert read_alone(struck(number("7"))) == "number"


def test_real_digits_are_not_struck_out() -> None:
    images, _ = sheet_digits()
    kinds = [read_alone(np.pad(cv2.resize(image, None, fx=3, fy=3), 8).astype(np.uint8)) for image in images[::20]]
    assert kinds.count("struck") <= 1
