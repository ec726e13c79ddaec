"""Forms that are printed, filled in, photographed and read."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from pipeline.chain import kit_of, read_page
from pipeline.cli import cli
from pipeline.errors import UsageError
from pipeline.fiducials import find_corners, read_tag, tag_pattern
from pipeline.forms import Column, Form
from pipeline.forms.expressions import parse_rule
from pipeline.forms.layout import CORNER, TAG, corners_of, layout_of, most_rows, tag_of
from pipeline.printing import print_form
from pipeline.records import Image, Page
from pipeline.settings import Settings
from pipeline.stages.clean import clean
from pipeline.stages.decode import decode
from pipeline.stages.kit import Kit
from pipeline.stages.printed import find_printed
from pipeline.stages.printedtable import find_all_tables
from pipeline.training.defects import Defects, age
from pipeline.training.filling import fill_in
from pipeline.training.pages import RenderedSheet
from tests.handwriting import handwriting
from tests.scoring import same

DPI = 130
NAMES = ("q1", "q2", "q3", "total")
FORM = Form(
    "class é",
    tuple(Column(name, "integer", width=20, least=Fraction(0)) for name in NAMES),
    (parse_rule("total = sum(q1..q3)", NAMES),),
    title="Marks $ of (all)",
)
ROWS = 14


@cache
def blank() -> Image:
    [page] = decode(print_form(FORM, ROWS), Settings(pdf_dpi=DPI))
    return page.image


@cache
def filled() -> RenderedSheet:
    """Each row a total, but for two blank ones."""
    rng = np.random.default_rng(5)
    marks = rng.integers(0, 60, (ROWS, 3))
    rows = [("",) * 4 if i in (3, 9) else tuple(map(str, (*m, sum(m)))) for i, m in enumerate(marks.tolist())]
    layout = layout_of(FORM, ROWS)
    return fill_in(blank(), layout.xs, layout.ys, rows, handwriting(), rng, DPI)


@cache
def kit() -> Kit:
    return replace(kit_of(Settings(forms=Path("nowhere"))), forms=(FORM,))


def wiped(image: Image, place: tuple[float, float], side: float) -> Image:
    """The sheet with something white over a mark."""
    x, y, size = (round(v * DPI / 25.4) for v in (*place, side))
    out = image.copy()
    out[y : y + size, x : x + size] = 255
    return out


PHOTOS = {
    "straight": (Defects(), 0),
    "on its side, from afar, in poor light": (Defects(skew=8, perspective=0.04, light=0.3, blur=0.6, noise=4, border=0.1), 1),
    "on its head, askew": (Defects(skew=-17, perspective=0.02, light=0.2, blur=0.5, noise=3, jpeg=60), 2),
}


@pytest.mark.parametrize("name", PHOTOS)
def test_what_is_printed_filled_in_and_photographed_is_read(name: str) -> None:
    defects, quarters = PHOTOS[name]
    photo = np.ascontiguousarray(np.rot90(age(filled(), defects, np.random.default_rng(1)).image, quarters))
    result = read_page(Page(1, photo), kit())
    assert [note.form for note in result.tables] == [FORM.name]
    found = {(cell.row, cell.column): cell for cell in result.readings}
    truth = {(row + 1, column + 1): value for row, column, value in filled().truth if value != "?"}
    assert set(truth) < set(found)
    exact = [same(found[place].value, value) for place, value in truth.items()]
    assert sum(exact) >= 0.97 * len(truth)
    accepted = {place for place in truth if found[place].status in ("ok", "verified", "corrected", "blank")}
    assert all(same(found[place].value, truth[place]) for place in accepted)
    assert len(accepted) > 0.85 * len(truth)
    assert all(found[place].box.width > 0 for place in truth)


def test_the_paper_is_flattened_to_less_than_a_millimetre_however_it_lies() -> None:
    aged = age(filled(), Defects(skew=23, perspective=0.05), np.random.default_rng(2))
    printed = find_printed(cv2.cvtColor(aged.image, cv2.COLOR_BGR2GRAY).astype(np.uint8))
    assert printed is not None
    points = np.array([[(15.0, 34.0), (195.0, 270.0), (100.0, 150.0)]])
    expected = cv2.perspectiveTransform(points * DPI / 25.4, aged.from_sheet)
    found = cv2.perspectiveTransform(points, printed.to_page)
    assert np.abs(found - expected).max() < 0.5 * DPI / 25.4


@pytest.mark.parametrize("place", range(4))
def test_one_corner_may_be_out_of_sight(place: int) -> None:
    corners, is_landscape = find_corners(wiped(blank(), corners_of(False)[place], CORNER))
    assert sorted(corners) == [other for other in range(4) if other != place]
    assert not is_landscape


def test_two_corners_are_not_enough_and_other_pages_have_none() -> None:
    page = wiped(wiped(blank(), corners_of(False)[0], CORNER), corners_of(False)[2], CORNER)
    assert find_corners(page) == ({}, False)
    assert find_printed(np.full((300, 200), 255, np.uint8)) is None
    noise = np.random.default_rng(0).integers(0, 256, (400, 300)).astype(np.uint8)
    assert find_printed(noise) is None


def test_paper_on_its_side_is_told_by_its_marks() -> None:
    [page] = decode(print_form(FORM, 5, landscape=True), Settings(pdf_dpi=DPI))
    printed = find_printed(np.ascontiguousarray(np.rot90(page.image)))
    assert printed is not None and printed.is_landscape
    assert [note.form for note in read_page(page, kit()).tables] == [FORM.name]


def test_a_form_that_is_not_known_is_named() -> None:
    stranger = replace(kit(), forms=(replace(FORM, name="other"),))
    assert "printed as form class é" in read_page(Page(1, filled().image), stranger).note
    unnamed = wiped(filled().image, tag_of(False), TAG)
    assert "can't be read" in read_page(Page(1, unnamed), stranger).note


def test_where_rulings_are_lost_the_table_is_as_it_was_printed() -> None:
    layout, scale = layout_of(FORM, ROWS), DPI / 25.4
    image = filled().image.copy()
    for y in layout.ys[4:8]:
        image[round(y * scale) - 3 : round(y * scale) + 4] = 255
    image[:, round(layout.xs[2] * scale) - 3 : round(layout.xs[2] * scale) + 4] = 255
    tabled = find_all_tables(clean(Page(1, image), kit()), kit())
    assert [(table.rows, table.columns) for table in tabled.tables] == [(ROWS + 1, len(NAMES))]
    corners = np.array([cell.corners[0] for cell in tabled.tables[0].cells]).reshape(ROWS + 1, len(NAMES), 2)
    fine = tabled.clean.grey.shape[1] / 210
    assert np.abs(corners[5, 2] - np.array([layout.xs[2], layout.ys[5]]) * fine).max() < fine


def test_a_changed_form_is_still_known_by_its_name() -> None:
    wider = replace(FORM, columns=(replace(FORM.columns[0], width=60.0), *FORM.columns[1:]))
    result = read_page(Page(1, filled().image), replace(kit(), forms=(wider,)))
    assert [note.form for note in result.tables] == [FORM.name]


def test_many_rows_go_on_several_pages() -> None:
    rows = 2 * most_rows(FORM) + 1
    pages = list(decode(print_form(FORM, rows), Settings(pdf_dpi=60)))
    assert len(pages) == 3
    assert print_form(FORM, 5) == print_form(FORM, 5)  # no time of writing in it


def test_what_can_not_be_printed_is_refused() -> None:
    with pytest.raises(UsageError, match="too long"):
        print_form(replace(FORM, name="x" * 60), 5)
    with pytest.raises(UsageError, match="rows"):
        print_form(FORM, 0)


def test_a_tag_is_read_as_it_was_written() -> None:
    text = "PF1:25:9:7f13:marksheet"
    pattern = np.pad(tag_pattern(text), 4, constant_values=255)
    picture = cv2.resize(pattern, None, fx=6, fy=6, interpolation=cv2.INTER_NEAREST).astype(np.uint8)
    assert read_tag(picture) == text
    assert read_tag(np.full((200, 200), 255, np.uint8)) == ""


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(cli, ["form", "print", "marksheet", "--rows", "12"])
    assert result.exit_code == 0, result.output
    assert Path("marksheet.pdf").read_bytes().startswith(b"%PDF")
    again = CliRunner().invoke(cli, ["form", "print", "marksheet"])
    assert again.exit_code == 2 and "is there already" in again.output
    assert CliRunner().invoke(cli, ["form", "print", "nothing"]).exit_code == 3
