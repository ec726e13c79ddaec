from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.forms import Column, Form
from pipeline.forms.layout import CORNER, QUIET, TAG, corners_of, layout_of, most_rows, paper_of, tag_of
from pipeline.forms.tag import Tag

FORM = Form("marks", (Column("roll", "roll", width=10), Column("total", "integer", width=30)))


@pytest.mark.parametrize("landscape", [False, True])
@pytest.mark.parametrize("rows", [1, 10, 0])
def test_everything_is_on_the_paper_and_apart(rows: int, landscape: bool) -> None:
    rows = rows or most_rows(FORM, landscape)
    layout = layout_of(FORM, rows, landscape)
    assert len(layout.ys) == rows + 2 and len(layout.xs) == 3
    assert all(above < below for above, below in pairwise(layout.ys))
    places = [(*place, CORNER) for place in corners_of(landscape)] + [(*tag_of(landscape), TAG)]
    for x, y, side in places:
        assert min(x, y) >= 5 and x + side <= paper_of(landscape)[0] - 5 and y + side <= paper_of(landscape)[1] - 5
        is_above, is_below = y + side + QUIET <= layout.ys[0], y >= layout.ys[-1] + QUIET
        assert is_above or is_below  # clear of the table
    for (x, y, side), (u, v, other) in ((a, b) for i, a in enumerate(places) for b in places[:i]):
        assert x + side + QUIET <= u or u + other + QUIET <= x or y + side + QUIET <= v or v + other + QUIET <= y


def test_columns_are_as_wide_as_the_form_says_or_as_their_type_needs() -> None:
    xs = layout_of(FORM, 5).xs
    assert (xs[2] - xs[1]) == pytest.approx(3 * (xs[1] - xs[0]))
    unknown = replace(FORM, columns=(Column("name", "text"), Column("n", "integer")))
    xs = layout_of(unknown, 5).xs
    assert xs[1] - xs[0] > xs[2] - xs[1] > 0


def test_the_check_tells_layouts_apart() -> None:
    wider = replace(FORM, columns=(FORM.columns[0], replace(FORM.columns[1], width=31)))
    layouts = [layout_of(FORM, 5), layout_of(FORM, 6), layout_of(FORM, 5, landscape=True), layout_of(wider, 5)]
    assert len({layout.check for layout in layouts}) == len(layouts)
    assert layout_of(FORM, 5).check == layout_of(replace(FORM, name="x", file=Path("x")), 5).check


@given(st.text(min_size=1, max_size=12), st.integers(1, 999), st.integers(1, 200))
def test_a_tag_says_what_was_put_in(name: str, rows: int, columns: int) -> None:
    tag = Tag(name, rows, columns, "0a1f")
    assert tag.text.isascii() and tag.text.isprintable()
    assert Tag.of(tag.text) == tag


@pytest.mark.parametrize(
    "text", ["", "https://example.org", "PF1:0:3:0a1f:x", "PF1:3:3:0a1f:", "PF2:3:3:0a1f:x", "PF1:3:3:0a1f:\\x"]
)
def test_what_is_no_tag_of_ours_is_none(text: str) -> None:
    assert Tag.of(text) is None
