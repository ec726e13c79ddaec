"""Printed characters for training: all digits and grades in every font, and other letters as what is not read."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.records import Image
from pipeline.training.printed import make_printed
from pipeline.training.typeset import FONTS


@pytest.fixture(scope="module")
def made() -> tuple[Image, NDArray[np.str_]]:
    return make_printed(np.random.default_rng(0), each=6)


def test_there_are_as_many_of_each_digit_as_asked_in_every_font_and_a_sixth_of_each_letter(
    made: tuple[Image, NDArray[np.str_]],
) -> None:
    images, labels = made
    counts = Counter(labels.tolist())
    assert images.shape == (len(labels), 28, 28) and images.dtype == np.uint8
    assert {counts[digit] for digit in "0123456789"} == {6 * len(FONTS)}
    assert {counts[grade] for grade in "ABCDEF"} == {len(FONTS)}
    assert set(counts) == set("0123456789ABCDEF?")


def test_none_is_blank_and_no_two_are_alike(made: tuple[Image, NDArray[np.str_]]) -> None:
    images, _ = made
    assert (images > 100).sum(axis=(1, 2)).min() >= 8
    assert len({image.tobytes() for image in images}) == len(images)


def test_print_is_told_apart_by_its_shape(made: tuple[Image, NDArray[np.str_]]) -> None:
    """Each digit is nearest to another picture of itself nearly always: what is drawn is what the label says."""
    images, labels = (part[np.char.isdigit(made[1])] for part in made)
    flat = images.reshape(-1, 784).astype(float)
    distance = (flat**2).sum(axis=1) - 2 * flat @ flat.T
    np.fill_diagonal(distance, np.inf)
    assert float((labels[distance.argmin(axis=1)] == labels).mean()) > 0.9


def test_the_same_seed_gives_the_same(made: tuple[Image, NDArray[np.str_]]) -> None:
    np.testing.assert_array_equal(made[0], make_printed(np.random.default_rng(0), each=6)[0])
