"""Drawn marks look like what they are called."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.training.marks import make_marks


def test_every_mark_is_drawn_as_often() -> None:
    images, labels = make_marks(np.random.default_rng(0), 100)
    assert images.shape == (100, 28, 28)
    assert {mark: int((labels == mark).sum()) for mark in set(labels.tolist())} == dict.fromkeys(".-/+✓", 20)
    assert len({image.tobytes() for image in images}) > 95


@pytest.mark.parametrize("seed", range(5))
def test_a_tick_is_lowest_left_of_its_middle_and_highest_at_its_right_end(seed: int) -> None:
    images, labels = make_marks(np.random.default_rng(seed), 200)
    for tick in images[labels == "✓"]:
        rows, columns = np.nonzero(tick > 128)
        assert columns[rows.argmax()] < columns.max()
        assert columns[rows.argmin()] > columns.mean()
