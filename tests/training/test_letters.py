"""Letters drawn stroke by stroke."""

from __future__ import annotations

import numpy as np

from pipeline.training.letters import make_letters


def test_as_many_of_each_letter_the_same_for_the_same_seed() -> None:
    images, labels = make_letters(np.random.default_rng(1), 60)
    again, _ = make_letters(np.random.default_rng(1), 60)
    assert images.shape == (60, 28, 28)
    assert images.dtype == np.uint8
    assert {str(label): int(n) for label, n in zip(*np.unique(labels, return_counts=True), strict=True)} == dict.fromkeys(
        "ABCDEF", 10
    )
    np.testing.assert_array_equal(images, again)


def test_no_two_are_alike() -> None:
    images, _ = make_letters(np.random.default_rng(2), 120)
    assert len({image.tobytes() for image in images}) == 120
    assert images.any(axis=(1, 2)).all()


def test_a_letter_is_most_like_others_of_its_kind() -> None:
    images, labels = make_letters(np.random.default_rng(3), 600)
    known, asked = (images[part].reshape(300, -1).astype(np.float64) for part in (slice(300), slice(300, None)))
    nearest = ((asked[:, None] - known[None]) ** 2).sum(axis=2).argmin(axis=1)
    assert (labels[:300][nearest] == labels[300:]).mean() > 0.9
