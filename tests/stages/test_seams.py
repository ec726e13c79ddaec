from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.records import Image
from pipeline.stages.seams import cut_apart
from pipeline.training.handwriting import Hand
from tests.handwriting import handwriting

HAND = Hand(slant=0.05, stroke=0.1, gap=0.2, wobble=0.6)


def components(ink: Image) -> int:
    return cv2.connectedComponents((ink > 127).astype(np.uint8))[0] - 1


def touching(pair: str, height: int, seed: int) -> tuple[Image, int]:
    """Two digits that run into each other by a pixel or two, as one component, and the column where they meet."""
    rng = np.random.default_rng(seed)
    left, right = (handwriting().number(digit, height, HAND, rng) for digit in pair)
    tall = max(left.shape[0], right.shape[0])
    left, right = (np.pad(part, ((tall - part.shape[0], 0), (0, 0))) for part in (left, right))
    apart = components(left) + components(right)
    for overlap in range(round(0.4 * height)):
        canvas = np.zeros((tall, left.shape[1] + right.shape[1] - overlap), np.uint8)
        canvas[:, : left.shape[1]] = left
        np.maximum(canvas[:, -right.shape[1] :], right, out=canvas[:, -right.shape[1] :])
        mask = np.where(canvas > 127, 255, 0).astype(np.uint8)
        if components(mask) < apart:
            return mask, left.shape[1] - overlap // 2
    raise AssertionError("they never touch")


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 60), st.integers(1, 120), st.floats(5, 60), st.floats(1, 6), st.integers(0, 2**32 - 1))
def test_parts_are_the_ink_and_do_not_overlap(rows: int, columns: int, height: float, stroke: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    mask = np.where(cv2.blur(rng.random((rows, columns)), (5, 5)) > 0.5, 255, 0).astype(np.uint8)
    mask[rows // 2] = 255
    darkness = rng.integers(1, 256, mask.shape).astype(np.uint8)
    parts = cut_apart(mask, darkness, height, stroke)
    assert np.array_equal(np.sum([part > 0 for part, _ in parts], axis=0), (mask > 0).astype(int))
    assert parts[-1][1] == 0
    assert all(cost >= 0 for _, cost in parts)


@pytest.mark.parametrize("digit", "0123456789")
def test_a_single_digit_is_cut_into_few_parts(digit: str) -> None:
    for seed in range(5):
        ink = handwriting().number(digit, 40, HAND, np.random.default_rng(seed))
        mask = np.where(ink > 127, 255, 0).astype(np.uint8)
        assert len(cut_apart(mask, mask, 40, 4)) <= 5  # as many as can be put together again


def test_what_is_narrower_than_a_digit_comes_back_whole() -> None:
    mask = np.full((40, 20), 255, np.uint8)
    [(part, cost)] = cut_apart(mask, mask, 40, 4)
    assert np.array_equal(part, mask) and cost == 0


def test_a_thin_bridge_is_where_the_cut_goes() -> None:
    mask = np.zeros((60, 110), np.uint8)
    cv2.circle(mask, (26, 30), 22, 255, 5)
    cv2.circle(mask, (82, 30), 22, 255, 5)
    mask[29:32, 46:62] = 255
    parts = cut_apart(mask, mask, 50, 5)
    edges = [int(np.flatnonzero((part > 0).any(axis=0)).max()) for part, _ in parts[:-1]]
    assert any(45 <= edge <= 63 for edge in edges)
    bridge = [cost for (_, cost), edge in zip(parts[:-1], edges, strict=True) if 45 <= edge <= 63]
    assert min(bridge) <= 1


def test_touching_digits_are_cut_near_where_they_touch() -> None:
    rng = np.random.default_rng(5)
    near = []
    for seed in range(60):
        mask, boundary = touching("".join(rng.choice(list("0123456789"), 2)), 40, seed)
        parts = cut_apart(mask, mask, 40, 4)
        # the boundary between parts i and i + 1: between their centres of ink
        ends = [float(np.nonzero(part)[1].max()) for part, _ in parts[:-1]]
        starts = [float(np.nonzero(part)[1].min()) for part, _ in parts[1:]]
        places = [(end + start) / 2 for end, start in zip(ends, starts, strict=True)]
        near.append(any(abs(place - boundary) < 0.2 * 40 for place in places))
    assert np.mean(near) > 0.85
