from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.records import Box, Image
from pipeline.training.defects import Defects, age
from pipeline.training.handwriting import Hand, random_hand
from pipeline.training.pages import Column, RenderedSheet, SheetSpec, render_sheet
from pipeline.training.sheets import ledger, mark_sheet
from pipeline.training.typeset import FONTS, Line, typeset
from tests.handwriting import handwriting

PLAIN = Hand(slant=0.0, stroke=0.09, gap=0.2, wobble=0.5)
SMALL = SheetSpec(
    "Small",
    (Column("No.", 20, "printed"), Column("Name", 30, "text"), Column("A", 25), Column("B", 25)),
    (("007", "Ito, Ada", "12.5", ""), ("", "", "", ""), ("008", "Hall, Bea", "90", "-")),
    paper=(148.0, 105.0),
)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def sheet(seed: int = 0, spec: SheetSpec = SMALL) -> RenderedSheet:
    return render_sheet(spec, handwriting(), rng(seed))


def pieces(ink: Image) -> int:
    return cv2.connectedComponents((ink > 127).astype(np.uint8))[0] - 1


@settings(max_examples=50, deadline=None)
@given(st.text("0123456789", min_size=1, max_size=6), st.integers(20, 60), st.integers(0, 999))
def test_a_number_is_about_as_high_as_asked_and_cut_to_its_ink(text: str, height: int, seed: int) -> None:
    ink = handwriting().number(text, height, random_hand(rng(seed)), rng(seed))
    assert 0.6 * height < ink.shape[0] < 1.6 * height
    assert ink[0].any() and ink[-1].any() and ink[:, 0].any() and ink[:, -1].any()
    assert ink.max() > 200


@settings(max_examples=30, deadline=None)
@given(st.text("01234679", min_size=2, max_size=6), st.integers(0, 999))
def test_digits_do_not_touch_unless_asked(text: str, seed: int) -> None:
    apart = handwriting().number(text, 36, PLAIN, rng(seed))
    touching = handwriting().number(text, 36, Hand(0.0, 0.09, 0.2, 0.5, touching=1.0), rng(seed))
    assert pieces(apart) >= len(text)
    assert touching.shape[1] < apart.shape[1]


def test_a_decimal_point_is_a_piece_on_the_baseline() -> None:
    ink = handwriting().number("1.1", 40, PLAIN, rng())
    _, _, stats, centres = cv2.connectedComponentsWithStats((ink > 127).astype(np.uint8))
    dot = 1 + int(np.argmin(stats[1:, cv2.CC_STAT_AREA]))
    assert stats[dot, cv2.CC_STAT_HEIGHT] < 10
    assert centres[dot][1] > 0.8 * ink.shape[0]


def test_a_dash_is_flat() -> None:
    ink = handwriting().number("-", 40, PLAIN, rng())
    assert ink.shape[1] > 2 * ink.shape[0]


def test_strokes_are_as_wide_as_the_pen() -> None:
    widths = []
    for stroke in (0.08, 0.13):
        ink = handwriting().number("0123456789" * 2, 40, Hand(0.0, stroke, 0.2, 0.5), rng())
        inside = cv2.distanceTransform((ink > 127).astype(np.uint8), cv2.DIST_L2, 5)[ink > 127]
        widths.append(4 * (float(inside.mean()) - 0.5))
    assert widths[0] == pytest.approx(0.08 * 40, abs=1.2) and widths[1] == pytest.approx(0.13 * 40, abs=0.8)


def test_the_same_seed_gives_the_same_sheet() -> None:
    assert np.array_equal(sheet(3).image, sheet(3).image)
    assert not np.array_equal(sheet(3).image, sheet(4).image)


def test_truth_has_every_cell() -> None:
    truth = sheet().truth
    assert [(row, column) for row, column, _ in truth] == [(r, c) for r in range(4) for c in range(4)]
    assert [value for row, _, value in truth if row == 0] == ["?"] * 4
    assert [value for row, _, value in truth if row == 1] == ["007", "?", "12.5", ""]
    assert [value for row, _, value in truth if row == 2] == [""] * 4
    assert truth[-1] == (3, 3, "-")


def test_ink_is_where_the_truth_says() -> None:
    drawn = sheet(spec=SheetSpec("Small", SMALL.columns, SMALL.rows, paper=SMALL.paper, straying=0.0))
    for (row, column, value), box in zip(drawn.truth, drawn.boxes, strict=True):
        written = row > 0 and column >= 2 and value != ""
        assert bool(drawn.ink[box.y : box.bottom, box.x : box.right].any()) == written
        content = drawn.printed[box.y + 4 : box.bottom, box.x + 4 : box.right]
        assert bool((content < 150).any()) == (value != "" and not written)


def test_stray_numbers_reach_a_ruling() -> None:
    spec = SheetSpec("Stray", SMALL.columns, SMALL.rows, paper=SMALL.paper, straying=1.0, ruling_width=3)
    assert any((drawn.ink[drawn.ruling > 0] > 0).any() for drawn in (sheet(seed, spec) for seed in range(3)))


def test_a_table_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="larger"):
        sheet(spec=SheetSpec("Wide", (Column("A", 500),), ((),)))


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_marks_add_up(seed: int) -> None:
    spec = mark_sheet(rng(seed), blank_rows=(2,), blank_columns=(1,), blank_share=0.1)
    assert all(row[3] == "" for row in spec.rows)
    assert all(cell == "" for cell in spec.rows[2][2:])
    for row in spec.rows:
        marks = [float(mark) for mark in row[2:-1] if mark]
        assert row[-1] == "" if not marks else float(row[-1]) == sum(marks)
        assert all(0 <= mark <= 20 for mark in marks)
        assert len(row[0]) == 3


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_the_balance_runs(seed: int) -> None:
    spec = ledger(rng(seed), blank_rows=(3,), opening=10_000)
    balance = 10_000
    for row, (_, _, _, paid_in, paid_out, after) in enumerate(spec.rows):
        if row == 3:
            assert paid_in == paid_out == after == ""
            continue
        assert (paid_in == "") != (paid_out == "")
        balance += round(100 * float(paid_in or 0)) - round(100 * float(paid_out or 0))
        assert after == f"{balance / 100:.2f}" and balance >= 0


def test_columns_with_a_heading_in_common_have_two_rows_of_headings() -> None:
    plain, merged = sheet(spec=SMALL), sheet(spec=replace(SMALL, merged=2))
    below = [(row + 1, column, value) for row, column, value in plain.truth]
    assert [entry for entry in merged.truth if entry[0]] == below
    first, second = (
        next(b for (r, c, _), b in zip(merged.truth, merged.boxes, strict=True) if (r, c) == (0, k)) for k in (1, 2)
    )
    assert merged.ruling[first.bottom, first.x + 5 : second.right - 5].all()
    assert not merged.ruling[first.y + 5 : first.bottom - 5, second.x - 5 : second.x + 5].any()
    assert sheet(spec=replace(SMALL, double=True)).ruling.sum() > 1.2 * plain.ruling.sum()


def test_no_defects_is_the_sheet_as_drawn() -> None:
    aged = age(sheet(), Defects(), rng())
    assert np.array_equal(aged.image, sheet().image)
    assert np.array_equal(aged.from_sheet, np.eye(3))


@pytest.mark.parametrize(
    "defects",
    [
        Defects(skew=3),
        Defects(perspective=0.06),
        Defects(gaps=0.1, faint=0.5),
        Defects(dotted=0.5),
        Defects(stains=2),
        Defects(stamps=2),
        Defects(holes=2),
        Defects(staples=2),
        Defects(curl=0.02),
        Defects(fold=0.01),
        Defects(desk=0.1),
        Defects(through=0.3),
        Defects(border=0.05),
        Defects(light=0.4),
        Defects(blur=1, noise=8, grey=True),
        Defects(bilevel=True),
        Defects(jpeg=60),
        Defects(skew=-12, light=0.3, blur=0.7, noise=5, jpeg=80, stains=1),
    ],
)
def test_defects_change_the_picture_and_keep_its_kind(defects: Defects) -> None:
    drawn = sheet()
    image = age(drawn, defects, rng()).image
    assert image.dtype == np.uint8
    assert image.ndim == (2 if defects.grey or defects.bilevel else 3)
    assert image.shape != drawn.image.shape or not np.array_equal(image, drawn.image)
    assert not defects.bilevel or set(np.unique(image)) == {0, 255}


@pytest.mark.parametrize(
    "defects",
    [
        Defects(skew=10),
        Defects(skew=-25, perspective=0.08),
        Defects(skew=2, border=0.06),
        Defects(curl=0.02),
        Defects(fold=0.01, desk=0.1, skew=3),
    ],
)
def test_a_skewed_table_is_all_there_and_the_way_back_is_right(defects: Defects) -> None:
    drawn = sheet(spec=SheetSpec("Bold", SMALL.columns, SMALL.rows, paper=SMALL.paper, ruling_width=3, ruling_colour=(0, 0, 0)))
    aged = age(drawn, defects, rng())
    for x, y, _, _ in (aged.place_of(Box(box.x + 1, box.y + 1, 0, 0)) for box in drawn.boxes):
        assert 2 <= x < aged.image.shape[1] - 2 and 2 <= y < aged.image.shape[0] - 2
        assert aged.image[round(y) - 1 : round(y) + 2, round(x) - 1 : round(x) + 2].min() < 90


@pytest.mark.parametrize("font", FONTS)
def test_print_stands_where_it_is_set(font: str) -> None:
    layer = typeset([Line("H(0)\\", 20, 60, 30)], 300, 90, font)
    rows, columns = np.nonzero(layer > 127)
    assert layer.shape == (90, 300)
    assert 18 <= columns.min() <= 30
    below = layer[:, 20:45]  # the H has no part below the line
    assert abs(int(np.nonzero((below > 127).any(axis=1))[0].max()) - 59) <= 1
    assert abs(int(np.nonzero((below > 127).any(axis=1))[0].min()) - 30) <= 4
    assert rows.max() < 75
