"""Non-characters that nobody could tell from digits: real digits look like digits, scribbles and pairs do not."""

from __future__ import annotations

import numpy as np

from pipeline.training.lookalikes import Lookalikes
from pipeline.training.negatives import make_negatives
from tests.training.datafolder import digits


def test_digits_look_like_digits_and_what_is_none_does_not() -> None:
    images, _ = digits()
    looks = Lookalikes(images[:800])
    assert float(looks(images[800:]).mean()) > 0.8  # of 200 that it does not know
    noise = np.random.default_rng(0).integers(0, 256, (50, 28, 28), np.uint8)
    assert not looks(noise).any()
    pairs = np.concatenate([images[:100, :, ::2], images[100:200, :, ::2]], axis=2)
    assert float(looks(pairs).mean()) < 0.1


def test_nothing_gives_nothing() -> None:
    assert Lookalikes(digits()[0])(np.zeros((0, 28, 28), np.uint8)).shape == (0,)


def test_what_looks_like_a_digit_is_made_anew() -> None:
    images, labels = digits()
    looks = Lookalikes(images)
    others = images[labels != 1]
    plain, _ = make_negatives(others, np.random.default_rng(0), 330)
    found, kinds = make_negatives(others, np.random.default_rng(0), 330, looks)
    assert looks(plain).any() and not looks(found).any()
    assert len(found) == len(kinds) > 300
    kept = ~looks(plain)
    assert np.mean([image.tobytes() in {f.tobytes() for f in found} for image in plain[kept]]) == 1


def test_what_always_looks_like_a_digit_is_left_out() -> None:
    images, labels = digits()
    found, kinds = make_negatives(images[labels != 1], np.random.default_rng(0), 20, lambda made: np.ones(len(made), bool))
    assert len(found) == len(kinds) == 0
