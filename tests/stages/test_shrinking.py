"""Pictures shrunk by a whole number."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.stages.shrinking import shrunk


@pytest.mark.parametrize("size", [(16, 24), (17, 24), (16, 23), (1, 1), (9, 31)])
def test_each_pixel_is_the_mean_of_a_square(size: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, size).astype(np.uint8)
    small = shrunk(image, 8)
    assert small.shape == (-(-size[0] // 8), -(-size[1] // 8))
    whole = np.pad(image, [(0, 8 * small.shape[0] - size[0]), (0, 8 * small.shape[1] - size[1])], mode="edge")
    means = whole.reshape(small.shape[0], 8, small.shape[1], 8).mean(axis=(1, 3))
    assert np.abs(small - means).max() <= 0.5 + 1e-6


def test_colours_are_kept_apart() -> None:
    image = np.zeros((4, 4, 3), np.uint8)
    image[..., 2] = 200
    assert np.array_equal(shrunk(image, 2), image[:2, :2])
