from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.records import Image
from pipeline.stages.glyph import BOX, SIZE, normalise
from tests.handwriting import sheet_digits


def digit(index: int) -> Image:
    return np.asarray(sheet_digits()[0][index], np.uint8)


def enlarged(image: Image, scale: float) -> Image:
    return np.asarray(cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC), np.uint8)


def centre(glyph: Image) -> tuple[float, float]:
    moments = cv2.moments(glyph)
    return moments["m10"] / moments["m00"], moments["m01"] / moments["m00"]


def difference(one: Image, other: Image) -> float:
    """Mean grey levels apart, as a share of the ink."""
    return float(np.abs(one.astype(int) - other.astype(int)).sum() / max(int(one.sum()), 1))


indices = st.integers(0, 999)


@settings(max_examples=60, deadline=None)
@given(indices, st.floats(0.7, 8))
def test_the_centre_of_mass_is_in_the_middle(index: int, scale: float) -> None:
    x, y = centre(normalise(enlarged(digit(index), scale)))
    assert x == pytest.approx((SIZE - 1) / 2, abs=0.7)
    assert y == pytest.approx((SIZE - 1) / 2, abs=0.7)


@settings(max_examples=60, deadline=None)
@given(indices, st.floats(2, 4), st.floats(2, 8))
def test_size_does_not_matter(index: int, one: float, other: float) -> None:
    assert difference(normalise(enlarged(digit(index), one)), normalise(enlarged(digit(index), other))) < 0.4


@settings(max_examples=60, deadline=None)
@given(indices, st.integers(0, 30), st.integers(0, 30), st.integers(0, 30), st.integers(0, 30))
def test_empty_margins_do_not_matter(index: int, top: int, bottom: int, left: int, right: int) -> None:
    padded = np.pad(digit(index), ((top, bottom), (left, right)))
    assert np.array_equal(normalise(padded), normalise(digit(index)))


@settings(max_examples=60, deadline=None)
@given(indices)
def test_once_more_changes_little(index: int) -> None:
    once = normalise(enlarged(digit(index), 3))
    assert difference(once, normalise(once)) < 0.5


@settings(max_examples=60, deadline=None)
@given(indices, st.floats(0.3, 1.0))
def test_pale_ink_comes_out_at_full_contrast(index: int, strength: float) -> None:
    pale = np.rint(enlarged(digit(index), 3) * strength).astype(np.uint8)
    assert normalise(pale).max() > 250


@settings(max_examples=40, deadline=None)
@given(st.integers(15, 300), st.integers(15, 300))
def test_the_longer_side_is_the_box(width: int, height: int) -> None:
    ink = np.full((height, width), 255, np.uint8)
    rows, columns = np.nonzero(normalise(ink) > 100)
    longer = max(np.ptp(rows), np.ptp(columns)) + 1
    assert longer == pytest.approx(BOX, abs=2)
    if min(width, height) * BOX / max(width, height) > 3:
        shorter = min(np.ptp(rows), np.ptp(columns)) + 1
        assert shorter == pytest.approx(min(width, height) * BOX / max(width, height), abs=2)


@pytest.mark.parametrize("shape", [(1, 1), (28, 28), (0, 5), (5, 0), (300, 2)])
def test_blank_is_black(shape: tuple[int, int]) -> None:
    glyph = normalise(np.zeros(shape, np.uint8))
    assert glyph.shape == (SIZE, SIZE) and glyph.dtype == np.uint8 and not glyph.any()


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_any_ink_gives_a_glyph(height: int, width: int, seed: int) -> None:
    ink = np.random.default_rng(seed).integers(0, 256, (height, width)).astype(np.uint8)
    before = ink.copy()
    glyph = normalise(ink)
    assert glyph.shape == (SIZE, SIZE) and glyph.dtype == np.uint8
    assert glyph.any() == (ink.max() > 32)
    assert np.array_equal(ink, before)


@settings(max_examples=30, deadline=None)
@given(indices, st.floats(-2, 2), st.floats(-2, 2))
def test_shift_moves_the_glyph(index: int, dx: float, dy: float) -> None:
    ink = enlarged(digit(index), 3)
    x, y = centre(normalise(ink))
    moved_x, moved_y = centre(normalise(ink, shift=(dx, dy)))
    assert moved_x - x == pytest.approx(dx, abs=0.6)
    assert moved_y - y == pytest.approx(dy, abs=0.6)
