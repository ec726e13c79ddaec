"""½ as people write it: one picture of two digits and a bar, each time another."""

from __future__ import annotations

import cv2
import numpy as np

from pipeline.records import Image
from pipeline.training.halves import make_halves
from tests.training.datafolder import digits


def made(n: int = 60, seed: int = 0) -> Image:
    images, labels = digits()
    return make_halves(images[labels == 1], images[labels == 2], np.random.default_rng(seed), n)


def test_as_many_as_asked_all_different_and_the_same_again() -> None:
    images = made()
    assert images.shape == (60, 28, 28) and images.dtype == np.uint8
    assert len({image.tobytes() for image in images}) == 60
    np.testing.assert_array_equal(images, made())
    assert not np.array_equal(images, made(seed=1))


def test_a_half_has_ink_above_and_below_its_bar() -> None:
    """The 1 is in the upper half or on the left, the 2 in the lower or on the right: neither covers the other."""
    for image in made(200):
        ink = image > 60
        assert ink.sum() > 30
        upper, lower, left, right = ink[:14].sum(), ink[14:].sum(), ink[:, :14].sum(), ink[:, 14:].sum()
        assert min(upper, lower) > 8 and min(left, right) > 8


def test_stroke_widths_stay_those_of_a_pen() -> None:
    for image in made(100):
        widest = cv2.distanceTransform(np.where(image > 128, 255, 0).astype(np.uint8), cv2.DIST_L2, 3).max()
        assert widest < 5
