"""What is no single character: drawn from digits, never blank, and never simply a digit again."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from pipeline.records import Image
from pipeline.training import negatives
from pipeline.training.negatives import make_negatives
from tests.training.datafolder import digits

Maker = Callable[[Image, np.random.Generator], Image]


def material() -> Image:
    images, labels = digits()
    others: Image = images[labels != 1]
    return others


@pytest.fixture(scope="module")
def made() -> Image:
    return make_negatives(material(), np.random.default_rng(0), 900)[0]


def test_as_many_as_asked_each_with_its_kind_and_only_blanks_are_blank() -> None:
    images, kinds = make_negatives(material(), np.random.default_rng(0), 900)
    assert images.shape == (900, 28, 28) and images.dtype == np.uint8
    assert set(kinds) == {kind for kind, *_ in negatives.KINDS}
    ink = (images > 100).sum(axis=(1, 2))
    assert ink[kinds != "blank"].min() >= 8
    assert (ink[kinds == "blank"] == 0).any() and (ink[kinds == "blank"] > 8).any()  # grain is brought to full contrast too


def test_the_same_seed_gives_the_same(made: Image) -> None:
    np.testing.assert_array_equal(made[:100], make_negatives(material(), np.random.default_rng(0), 100)[0])
    assert not np.array_equal(made[:100], make_negatives(material(), np.random.default_rng(1), 100)[0])


def test_the_digits_are_left_alone() -> None:
    images = material()
    before = images.copy()
    make_negatives(images, np.random.default_rng(0), 100)
    np.testing.assert_array_equal(images, before)


def test_there_are_many_kinds(made: Image) -> None:
    assert len({image.tobytes() for image in made}) > 800
    pieces = [cv2.connectedComponents((image > 100).astype(np.uint8))[0] - 1 for image in made]
    assert np.mean(np.array(pieces) == 1) > 0.3  # runs together
    assert np.mean(np.array(pieces) > 1) > 0.3


@pytest.mark.parametrize("maker", [negatives._pair, negatives._digit_and_part], ids=["pair", "digit and part"])
def test_two_are_wider_than_one(maker: Maker) -> None:
    """What the pieces of a column are, too; a pair that were narrow as a digit would teach the network to doubt digits."""
    rng = np.random.default_rng(0)
    shapes = []
    for _ in range(100):
        ink = maker(material(), rng)
        columns, rows = np.flatnonzero(ink.max(axis=0) > 32), np.flatnonzero(ink.max(axis=1) > 32)
        shapes.append((columns[-1] - columns[0] + 1) / (rows[-1] - rows[0] + 1))
    assert float(np.median(shapes)) > 1.0


def test_a_one_is_a_slim_stroke_and_makes_a_digit_wider() -> None:
    rng = np.random.default_rng(0)
    ones = [negatives._one(rng) for _ in range(100)]
    assert all(12 <= one.shape[0] <= 27 and one.max() > 200 for one in ones)
    assert float(np.median([one.shape[1] / one.shape[0] for one in ones])) < 0.45
    alone = [negatives._any(material(), rng) for _ in range(100)]
    beside = [negatives._digit_and_one(material(), rng) for _ in range(100)]
    widths = [float(np.median([(ink.max(axis=0) > 32).sum() for ink in inks])) for inks in (alone, beside)]
    assert widths[1] > widths[0] + 2


def test_part_of_a_digit_is_never_as_slim_as_a_one() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        part = negatives._part(material(), rng)
        assert part.any()
        assert part.shape[1] > 0.4 * part.shape[0]


def test_a_digit_struck_out_has_more_ink_than_before() -> None:
    """The line runs over all of the width, or the scribble over the digit."""
    one = material()[:1]
    before = int((one > 100).sum())
    rng = np.random.default_rng(0)
    assert all(int((negatives._struck_out(one, rng) > 100).sum()) > before for _ in range(50))
