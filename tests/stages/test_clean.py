from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.records import Image, Page
from pipeline.stages.clean import clean, draw_clean, even_light, grey_of, pen_width, stroke_width
from pipeline.training.defects import Defects, age
from tests.stages.grids import cleaned, grid_sheet, kit, moved


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def crosses(image: Image, at: list[tuple[int, int]]) -> Image:
    """A copy with round dots, each the darkest and thickest thing around, centred on the given (x, y)."""
    out = image.copy()
    for x, y in at:
        cv2.circle(out, (x, y), 9, (0, 0, 0), -1, cv2.LINE_AA)
    return out


# --- straight -------------------------------------------------------------------------------------------------------------


@settings(max_examples=12, deadline=None)
@given(st.floats(-12, 12), st.sampled_from([0.0, 0.0, 0.03]), st.integers(0, 99))
def test_rulings_come_out_along_the_axes(skew: float, perspective: float, seed: int) -> None:
    sheet = grid_sheet(12, 6, margin=60, paper=(800, 760))
    aged = age(sheet, Defects(skew=skew, perspective=perspective), rng(seed))
    page = cleaned(aged.image)
    to_clean = np.linalg.inv(page.to_page) @ aged.from_sheet
    left, right, top, bottom = 60, 720, 60, 660
    for y in (top, bottom):
        (x0, y0), (x1, y1) = moved(np.array([[left, y], [right, y]]), to_clean)
        assert abs(np.degrees(np.arctan2(y1 - y0, x1 - x0))) < 0.3
    for x in (left, right):
        (x0, y0), (x1, y1) = moved(np.array([[x, top], [x, bottom]]), to_clean)
        assert abs(np.degrees(np.arctan2(x1 - x0, y1 - y0))) < 0.3


@pytest.mark.parametrize("defects", [Defects(), Defects(skew=7), Defects(skew=-4, perspective=0.04)])
@pytest.mark.parametrize("dots", [[(100, 100), (700, 100), (400, 640), (90, 650)]])
def test_to_page_leads_back_to_the_mark_on_the_page(defects: Defects, dots: list[tuple[int, int]]) -> None:
    sheet = grid_sheet(10, 5, cell=(120, 50), margin=130, paper=(860, 760))
    aged = age(replace(sheet, printed=crosses(sheet.printed, dots)), defects, rng())
    on_page = moved(np.array(dots), aged.from_sheet)
    page = cleaned(aged.image)
    core = cv2.erode(page.ink, np.ones((9, 9), np.uint8))  # rulings go, dots stay
    *_, centres = cv2.connectedComponentsWithStats(core)
    back = moved(centres[1:], page.to_page)
    assert len(back) == len(dots)
    for place in on_page:
        assert np.abs(back - place).max(axis=1).min() < 2


def test_the_whole_page_is_on_the_clean_page() -> None:
    aged = age(grid_sheet(12, 6), Defects(skew=9), rng())
    page = cleaned(aged.image)
    height, width = aged.image.shape[:2]
    corners = moved(np.array([[0, 0], [width - 1, 0], [width - 1, height - 1], [0, height - 1]]), np.linalg.inv(page.to_page))
    assert corners.min() > -2
    assert (corners < np.array(page.ink.shape[::-1]) + 2).all()


def test_writing_alone_does_not_turn_the_page() -> None:
    image = np.full((600, 800), 250, np.uint8)
    cv2.line(image, (200, 250), (420, 330), 0, 3)  # one long stroke
    cv2.putText(image, "4711", (300, 500), cv2.FONT_HERSHEY_SIMPLEX, 2, 0, 4)
    page = cleaned(image)
    assert page.to_page[0, 1] == page.to_page[1, 0] == 0


@pytest.mark.parametrize("size", [(400, 300), (1800, 1300), (5000, 3600)])
def test_the_working_image_has_a_working_size(size: tuple[int, int]) -> None:
    page = cleaned(np.full(size, 255, np.uint8))
    assert 1200 <= max(page.ink.shape) <= 2850
    assert page.ink.shape == page.grey.shape
    assert page.ink.shape[0] / page.ink.shape[1] == pytest.approx(size[0] / size[1], rel=0.01)


# --- pages with nothing to hold on to -------------------------------------------------------------------------------------


def odd_pages() -> dict[str, Image]:
    noise = rng().integers(0, 256, (700, 500)).astype(np.uint8)
    return {
        "white": np.full((700, 500), 255, np.uint8),
        "grey": np.full((700, 500, 3), 128, np.uint8),
        "black": np.zeros((700, 500), np.uint8),
        "one pixel": np.zeros((1, 1), np.uint8),
        "one white pixel": np.full((1, 1, 3), 255, np.uint8),
        "one row": np.full((1, 900), 200, np.uint8),
        "strip": np.full((3000, 20), 255, np.uint8),
        "lying strip": np.full((20, 3000), 255, np.uint8),
        "noise": noise,
        "half black": np.vstack([np.zeros((300, 500), np.uint8), np.full((300, 500), 255, np.uint8)]),
    }


@pytest.mark.parametrize("name", odd_pages())
def test_any_page_comes_out_sane(name: str) -> None:
    image = odd_pages()[name]
    page = cleaned(image)
    assert page.grey.dtype == page.ink.dtype == np.uint8
    assert page.grey.shape == page.ink.shape and min(page.ink.shape) >= 1
    assert set(np.unique(page.ink)) <= {0, 255}
    assert np.isfinite(page.to_page).all() and abs(np.linalg.det(page.to_page)) > 1e-9
    assert page.stroke_width >= 1
    assert draw_clean(page).shape == (*page.ink.shape, 3)


@pytest.mark.parametrize("name", ["white", "grey", "strip", "lying strip"])
def test_an_empty_page_has_no_ink(name: str) -> None:
    assert np.mean(cleaned(odd_pages()[name]).ink > 0) < 1e-5


def test_clean_leaves_its_input_alone() -> None:
    image = age(grid_sheet(4, 4), Defects(skew=2), rng()).image
    before = image.copy()
    clean(Page(1, image), kit())
    assert np.array_equal(image, before)


# --- light ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("light", [0.3, 0.6])
def test_uneven_light_is_taken_out(light: float) -> None:
    sheet = grid_sheet(8, 5, cell=(120, 60))
    aged = age(sheet, Defects(light=light, noise=2), rng(3))
    page = cleaned(aged.image)
    inner = [
        page.grey[round(y) - 6 : round(y) + 6, round(x) - 6 : round(x) + 6]
        for x, y in moved(np.array([[b.x + 60, b.y + 30] for b in sheet.boxes]), np.linalg.inv(page.to_page))
    ]
    assert min(float(patch.mean()) for patch in inner) > 235
    near = cv2.dilate(page.ink, np.ones((5, 5), np.uint8))
    points = np.array([[b.x + 60, b.y + 1] for b in sheet.boxes])
    found = [bool(near[round(y), round(x)]) for x, y in moved(points, np.linalg.inv(page.to_page))]
    assert np.mean(found) > 0.95


def test_even_light_makes_paper_white_and_leaves_ink_dark() -> None:
    shade = np.tile(np.linspace(90, 240, 600), (400, 1)).astype(np.uint8)
    page = shade.copy()
    page[100:300:40, 50:550] = shade[100:300:40, 50:550] // 3
    even = even_light(page)
    assert even[60:90].min() > 225
    assert even[100, 60:540].max() < 140


# --- ink ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [1, 2, 3, 4, 6, 9])
@pytest.mark.parametrize("degrees", [0, 17, 45])
def test_stroke_width_is_that_of_the_pen(width: int, degrees: float) -> None:
    y, x = np.mgrid[0:500, 0:500]
    across = y * np.cos(np.radians(degrees)) + x * np.sin(np.radians(degrees))
    ink = np.where((across + 0.5) % 70 < width, 255, 0).astype(np.uint8)
    assert stroke_width(ink) == pytest.approx(width, abs=0.7 + 0.1 * width)


@given(st.integers(4, 9), st.integers(1, 2), st.integers(0, 100))
def test_the_pen_is_measured_among_finer_rulings_and_specks(pen: int, ruling: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    written = np.zeros((900, 900), np.uint8)
    for x in range(50, 860, 120):  # in every other cell of a row a circle, and a stroke below it
        cv2.circle(written, (x, 470), 16, 255, pen)
        cv2.line(written, (x - 4, 515), (x + 4, 545), 255, pen)
    ink = written.copy()
    for at in range(20, 900, 60):
        cv2.line(ink, (at, 20), (at, 880), 255, ruling)
        cv2.line(ink, (20, at), (880, at), 255, ruling)
    ink[rng.integers(0, 400, 300), rng.integers(0, 900, 300)] = 255
    assert pen_width(ink) == pytest.approx(stroke_width(written), rel=0.1)


def test_stroke_width_without_ink_is_one() -> None:
    assert stroke_width(np.zeros((50, 50), np.uint8)) == 1


def test_colour_is_seen_as_brightness() -> None:
    red = np.zeros((4, 4, 3), np.uint8)
    red[..., 2] = 255
    assert grey_of(red).shape == (4, 4)
    assert 60 < int(grey_of(red)[0, 0]) < 90
    grey = np.full((4, 4), 7, np.uint8)
    assert np.array_equal(grey_of(grey), grey)
