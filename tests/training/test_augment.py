"""Augmentation: the same from the same seed, always a picture, still the same digit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.records import Image
from pipeline.training.augment import Augmenter
from tests.training.datafolder import digits


def augmenter(seed: int = 0) -> Augmenter:
    return Augmenter(np.random.default_rng(seed), fields=8)


def test_the_same_seed_gives_the_same_images_and_another_seed_others() -> None:
    images = digits()[0][:30]
    first = augmenter()
    once = first(images)
    np.testing.assert_array_equal(once, augmenter()(images))
    again = first(images)  # a new epoch sees new images
    other = augmenter(1)(images)
    for i in range(len(images)):
        made = [image for image in (once[i], again[i], other[i]) if not np.array_equal(image, images[i])]
        assert len({image.tobytes() for image in made}) == len(made)


def test_some_images_are_left_as_they_are() -> None:
    images = digits()[0][:500]
    kept = (augmenter()(images) == images).all(axis=(1, 2)).mean()
    assert 0.14 < kept < 0.27


def test_the_input_is_left_alone() -> None:
    images = digits()[0][:20]
    before = images.copy()
    augmenter()(images)
    np.testing.assert_array_equal(images, before)


@pytest.mark.parametrize("n", [0, 1, 7])
def test_shape_and_kind_stay(n: int) -> None:
    found = augmenter()(digits()[0][:n])
    assert found.shape == (n, 28, 28) and found.dtype == np.uint8


def test_no_digit_is_ever_worn_away() -> None:
    found = augmenter()(digits()[0])
    assert (found > 100).sum(axis=(1, 2)).min() >= 8
    assert found.max(axis=(1, 2)).min() > 120


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 27), st.integers(0, 27), st.integers(0, 999))
def test_hair_lines_and_specks_stay(row: int, column: int, seed: int) -> None:
    """A thin pen's line is eroded away altogether; then it stays as it was."""
    images: Image = np.zeros((2, 28, 28), np.uint8)
    images[0, row], images[1, row, column] = 255, 255
    assert augmenter(seed)(images).any(axis=(1, 2)).all()


def test_a_blank_image_stays_blank() -> None:
    assert not augmenter()(np.zeros((5, 28, 28), np.uint8)).any()


def test_a_digit_is_still_that_digit() -> None:
    """Its nearest neighbour among the pictures it was not made of is, most often; chance is one in ten."""
    images, labels = digits()
    known, new = images[:600].reshape(600, 784).astype(float), augmenter()(images[600:]).reshape(400, 784).astype(float)
    distance = (known**2).sum(axis=1) - 2 * new @ known.T
    assert float((labels[distance.argmin(axis=1)] == labels[600:]).mean()) > 0.6
