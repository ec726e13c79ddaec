"""Numbers written stroke by stroke."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.records import Image
from pipeline.training import digitways, letterways
from pipeline.training.hands import TALL, Hand, random_hand
from pipeline.training.penman import Penman, make_digits
from pipeline.training.stringtexts import random_text
from pipeline.training.strokes import curve, ways

PLAIN = Hand(0.0, 0.3, 1.0, 0.25, 0.0, 0.0, 0.0, 1.0, 1.0, False, 0.9, False, 1.4, 1.0)


def written(text: str, seed: int, hand: Hand = PLAIN) -> Image:
    return Penman(hand, np.random.default_rng(seed)).write(text)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 100_000))
def test_any_hand_writes_any_text_the_same_for_the_same_seed(seed: int) -> None:
    rng = np.random.default_rng(seed)
    text, hand = random_text(rng), random_hand(rng)
    one, other = (Penman(hand, np.random.default_rng(seed)) for _ in range(2))
    ink = one.write(text)
    np.testing.assert_array_equal(ink, other.write(text))
    assert ink.shape[0] == 3 * TALL
    assert ink.dtype == np.uint8
    assert ink.any()
    assert len(one.scraps()) == sum(character.isalnum() for character in text)
    assert all(scrap.any() for scrap in one.scraps())


def test_every_way_goes_through_its_points_and_keeps_to_its_box() -> None:
    assert sorted(digitways.WAYS) == sorted(digitways.WIDTHS) == list("0123456789")
    assert sorted(letterways.WAYS) == list("ABCDEF")
    for known in (*digitways.WAYS.values(), *letterways.WAYS.values()):
        for way in known:
            points = np.array([point for stroke in way for point in stroke])
            assert np.ptp(points[:, 1]) == pytest.approx(1, abs=0.25)
            for stroke in way:
                line = curve(np.array(stroke))
                assert len(line) == 8 * (len(stroke) - 1) + 1
                np.testing.assert_allclose(line[::8], stroke)


def test_ways_are_read_from_text() -> None:
    seven = ways({"7": ["0,5 100,0 -40,100; 20,50 80,45"]})
    assert seven == {"7": ((((0.0, 0.05), (1.0, 0.0), (-0.4, 1.0)), ((0.2, 0.5), (0.8, 0.45))),)}


def test_a_large_first_digit_stands_out() -> None:
    heights = []
    for seed in range(10):
        ink = written("6000", seed, replace(PLAIN, first=2.0))
        heights.append(cv2.boundingRect(ink[:, : ink.shape[1] // 4])[3])
    assert np.median(heights) > 1.6 * TALL


def test_a_slanted_hand_shifts_the_tops_to_the_right() -> None:
    for seed in range(10):
        ink = written("1", seed, replace(PLAIN, slant=0.8)).astype(np.float64)
        y, x = np.nonzero(ink > 100)
        assert np.polyfit(y, x, 1)[0] < -0.3


def test_drawn_digits_are_as_many_of_each_and_most_like_their_kind() -> None:
    images, labels = make_digits(np.random.default_rng(3), 1000)
    again, _ = make_digits(np.random.default_rng(3), 1000)
    np.testing.assert_array_equal(images, again)
    assert images.shape == (1000, 28, 28)
    assert {str(label): int(n) for label, n in zip(*np.unique(labels, return_counts=True), strict=True)} == dict.fromkeys(
        "0123456789", 100
    )
    known, asked = (images[part].reshape(500, -1).astype(np.float64) for part in (slice(500), slice(500, None)))
    nearest = ((asked[:, None] - known[None]) ** 2).sum(axis=2).argmin(axis=1)
    assert (labels[:500][nearest] == labels[500:]).mean() > 0.8
