from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.records import CleanPage, Image, Page
from pipeline.stages.clean import even_light
from pipeline.stages.ink import binarise, with_weak_parts
from tests.stages.grids import cleaned


@pytest.mark.parametrize("width", [2, 3, 5, 8])
@pytest.mark.parametrize("darkness", [60, 150])
def test_binarise_keeps_strokes_as_wide_as_they_are(width: int, darkness: int) -> None:
    image = np.full((1700, 800), 250, np.uint8)
    for y in range(60, 1660, 60):
        image[y : y + width, 60:740] = 250 - darkness
    ink = binarise(image)
    drawn = image < 250
    assert np.mean(ink[drawn] > 0) > 0.97
    assert np.mean(ink[~drawn] > 0) < 0.002


def test_grain_of_the_paper_is_no_ink() -> None:
    noisy = np.clip(235 + 8 * np.random.default_rng(0).standard_normal((600, 600)), 0, 255).astype(np.uint8)
    assert np.mean(binarise(noisy) > 0) < 0.001


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 255), st.integers(5, 60), st.integers(5, 60))
def test_a_flat_image_of_any_size_has_no_ink(level: int, height: int, width: int) -> None:
    assert not binarise(even_light(np.full((height, width), level, np.uint8))).any()


def test_wide_and_pale_strokes_are_found_whole() -> None:
    sheet = np.full((900, 600), 235, np.uint8)
    cv2.putText(sheet, "2069", (60, 400), cv2.FONT_HERSHEY_SIMPLEX, 2.7, 120, 4)
    page = cleaned(cv2.GaussianBlur(sheet, (0, 0), 2).astype(np.uint8))
    drawn = cv2.resize((sheet < 200).astype(np.uint8), page.ink.shape[::-1], interpolation=cv2.INTER_NEAREST) > 0
    assert np.count_nonzero(page.ink[drawn]) > 0.9 * np.count_nonzero(drawn)
    assert np.count_nonzero(binarise(page.grey)[drawn]) < 0.7 * np.count_nonzero(drawn)  # with the usual surroundings


# --- weak parts ------------------------------------------------------------------------------------------------------------

STROKE, HALVES, REST = np.s_[100:105, 100:300], (np.s_[100:105, 100:170], np.s_[100:105, 230:300]), np.s_[100:105, 172:228]


def half_pale(weak: int, stroke: float = 2.0) -> CleanPage:
    """A stroke that is as dark as ink at both ends, and `weak` in the middle; and a stroke as weak by itself."""
    grey = np.full((1000, 1000), 250, np.uint8)
    grey[STROKE] = weak
    for half in HALVES:
        grey[half] = 110
    grey[400:405, 100:300] = weak
    return CleanPage(Page(1, grey), grey, binarise(grey), np.eye(3), stroke, stroke)


def ends(page: CleanPage) -> Image:
    """The ink of the two dark halves alone."""
    written = np.zeros_like(page.ink)
    for half in HALVES:
        written[half] = page.ink[half]
    return written


@pytest.mark.parametrize("weak", [160, 190, 205])
def test_a_stroke_that_pales_is_whole(weak: int) -> None:
    page = half_pale(weak)
    whole = with_weak_parts(ends(page), page, np.zeros_like(page.ink))
    assert whole[STROKE].all()
    assert not whole[400:405].any()  # of what is weak by itself nothing goes on from ink


@pytest.mark.parametrize("weak", [228, 240])
def test_what_is_hardly_darker_than_paper_is_no_part_of_a_stroke(weak: int) -> None:
    page = half_pale(weak)
    assert not with_weak_parts(ends(page), page, np.zeros_like(page.ink))[REST].any()


def test_out_of_focus_weaker_parts_are_ink() -> None:
    page = half_pale(228)
    blurred = replace(page, stroke_width=8.0)
    whole = with_weak_parts(ends(page), blurred, np.zeros_like(page.ink))
    assert whole[STROKE].all()


def test_edges_of_rulings_are_no_part_of_what_is_written() -> None:
    page = half_pale(200)
    other = np.zeros_like(page.ink)
    other[:, 190:210] = 255
    whole = with_weak_parts(ends(page), page, other)
    assert not whole[:, 190:210].any()
    assert whole[100:105, 172:188].all()


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 9999))
def test_no_ink_is_lost_and_little_is_added_to_a_page_without_weak_parts(seed: int) -> None:
    rng = np.random.default_rng(seed)
    grey = np.clip(246 + 2 * rng.standard_normal((700, 700)), 0, 255).astype(np.uint8)
    for x, y in rng.integers(50, 650, (12, 2)).tolist():
        cv2.circle(grey, (x, y), 18, int(rng.integers(40, 140)), 4)
    page = CleanPage(Page(1, grey), grey, binarise(grey), np.eye(3), 4.0, 4.0)
    whole = with_weak_parts(page.ink, page, np.zeros_like(page.ink))
    assert (whole[page.ink > 0] > 0).all()
    assert np.count_nonzero(whole) < 1.1 * np.count_nonzero(page.ink)
