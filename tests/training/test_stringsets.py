"""Real amounts, and strings to measure with."""

from __future__ import annotations

import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.errors import DataError
from pipeline.records import Image
from pipeline.stages.strip import strip
from pipeline.training.amounts import is_held_out
from pipeline.training.stringamounts import Amount, ink_of, load_amounts, part_of
from pipeline.training.stringsets import HEIGHTS, LONGEST, MeasuredString, amount_strings, held_out_strings, validation_strings
from tests.handwriting import handwriting
from tests.training.amountsfolder import AMOUNTS, write_amounts
from tests.training.datafolder import cropped, digits


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("data")
    write_amounts(data / "orand_car_a")
    return data / "orand_car_a"


# amounts


def test_amounts_are_trained_on_or_held_out_never_both(folder: Path, tmp_path: Path) -> None:
    known = write_amounts(tmp_path / "again")
    kept, others = load_amounts(folder, held_out=True), load_amounts(folder, held_out=False)
    assert len(kept) + len(others) == AMOUNTS
    assert all(is_held_out(amount.name) for amount in kept)
    assert not any(is_held_out(amount.name) for amount in others)
    assert {amount.name: amount.digits for amount in kept + others} == known


@pytest.mark.parametrize("scale", [1.0, 0.5])
def test_boxes_lie_on_the_digits_of_the_ink(folder: Path, scale: float) -> None:
    for amount in load_amounts(folder, held_out=False, scale=scale):
        assert len(amount.boxes) == len(amount.digits)
        assert amount.height == np.median([height for *_, height in amount.boxes])
        for x, y, width, height in amount.boxes:
            inside = amount.ink[round(y) : round(y + height), round(x) : round(x + width)]
            rows, columns = np.flatnonzero(inside.max(axis=1) > 60), np.flatnonzero(inside.max(axis=0) > 60)
            assert np.ptp(rows) > 0.85 * height
            assert np.ptp(columns) > 0.7 * width - 3


def test_a_part_has_the_digits_that_lie_in_it(folder: Path) -> None:
    rng = np.random.default_rng(0)
    shorter = 0
    for amount in load_amounts(folder, held_out=False):
        for _ in range(8):
            part = part_of(amount, rng)
            assert part.digits and part.digits in amount.digits
            assert len(part.boxes) == len(part.digits)
            assert part.height == amount.height
            assert part.ink.shape[0] == amount.ink.shape[0]
            for x, _, width, _ in part.boxes:
                assert x > -1 and x + width < part.ink.shape[1] + 1
            shorter += len(part.digits) < len(amount.digits)
    assert shorter > 40


def test_digits_that_overlap_are_not_cut_apart() -> None:
    whole = Amount("a", np.zeros((40, 60), np.uint8), "12", ((5.0, 5.0, 20.0, 30.0), (20.0, 5.0, 20.0, 30.0)), 30.0)
    for seed in range(10):
        assert part_of(whole, np.random.default_rng(seed)).digits == "12"


def test_amounts_as_strings_say_that_only_digits_are_labelled(folder: Path) -> None:
    strings = amount_strings(folder, held_out=False)
    amounts = load_amounts(folder, held_out=False)
    assert [s.text for s in strings] == [a.digits for a in amounts]
    assert all(s.digits_only for s in strings)
    assert np.array_equal(strings[0].strip, strip(amounts[0].ink))


def test_what_is_wrong_with_amounts_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="can't be read"):
        load_amounts(tmp_path, held_out=False)
    write_amounts(tmp_path / "b", 3)
    for file in (tmp_path / "b" / "images").iterdir():
        file.write_bytes(b"no image")
    with pytest.raises(DataError, match="is no image"):
        [*load_amounts(tmp_path / "b", held_out=False), *load_amounts(tmp_path / "b", held_out=True)]


# NIST's digits


def write_nist(folder: Path) -> None:
    """The contact sheet's digits, twice as large and black and white, as digits/nist_300dpi.npz has them."""
    images, labels = digits()
    crops = [cv2.resize(c, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC) > 100 for c in cropped(images[:300])]
    (folder / "digits").mkdir(parents=True)
    np.savez(
        folder / "digits" / "nist_300dpi.npz",
        pixels=np.concatenate([c.ravel() for c in crops]).astype(np.uint8),
        shapes=np.array([c.shape for c in crops]),
        y=labels[:300],
    )


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> list[MeasuredString]:
    data = tmp_path_factory.mktemp("data")
    write_nist(data)
    return validation_strings(data, 90, 1)


def dark(page: Image) -> Image:
    limit = (int(page.min()) + int(np.median(page))) / 2
    return np.where(page < limit, 255, 0).astype(np.uint8)


def test_a_third_touch_and_all_sizes_and_lengths_are_there(measured: list[MeasuredString]) -> None:
    assert sum(m.touching for m in measured) == 30
    assert {m.height for m in measured} == set(HEIGHTS)
    assert {m.height for m in measured if m.touching} == set(HEIGHTS)
    assert {len(m.text) for m in measured} == set(range(1, LONGEST + 1))
    assert {len(m.text) for m in measured if m.touching} == set(range(2, LONGEST + 1))


def test_they_are_dark_on_light_paper_with_digits_as_high_as_they_say(measured: list[MeasuredString]) -> None:
    for m in measured:
        rows = np.flatnonzero(dark(m.page).any(axis=1))
        assert 0.8 * m.height < np.ptp(rows) + 1 < 1.5 * m.height
        frame = np.concatenate([m.page[0], m.page[-1], m.page[:, 0], m.page[:, -1]])
        assert frame.min() > 190


def test_touching_ones_touch_and_others_do_not(measured: list[MeasuredString]) -> None:
    """Where a digit is one piece; some of the contact sheet's are not."""
    parts = [cv2.connectedComponents(dark(m.page))[0] - 1 for m in measured if m.height == HEIGHTS[0]]
    lengths = [len(m.text) for m in measured if m.height == HEIGHTS[0]]
    touching = [m.touching for m in measured if m.height == HEIGHTS[0]]
    for count, length, together in zip(parts, lengths, touching, strict=True):
        assert together or count >= length
    assert np.mean([count < length for count, length, t in zip(parts, lengths, touching, strict=True) if t]) > 0.8


def test_their_strips_are_what_the_reader_makes_of_the_page(measured: list[MeasuredString]) -> None:
    for m in measured[:10]:
        assert np.array_equal(m.strip, strip(ink_of(m.page)[0]))


def test_the_same_seed_gives_the_same_strings(tmp_path: Path) -> None:
    write_nist(tmp_path)
    one, two, other = (validation_strings(tmp_path, 6, seed) for seed in (3, 3, 4))
    assert all(np.array_equal(a.page, b.page) and a.text == b.text for a, b in zip(one, two, strict=True))
    assert [a.text for a in one] != [b.text for b in other]


def test_without_nist_nothing_is_measured(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nist_300dpi\.npz"):
        validation_strings(tmp_path, 3, 0)


def test_strings_of_digits_held_out_are_measured_alike() -> None:
    strings = held_out_strings(handwriting(), 60, 2)
    assert sum(m.touching for m in strings) == 20
    for m in strings:
        rows = np.flatnonzero(dark(m.page).any(axis=1))
        assert 0.8 * m.height < np.ptp(rows) + 1 < 1.5 * m.height
    again = held_out_strings(handwriting(), 60, 2)
    assert all(np.array_equal(a.page, b.page) and a.text == b.text for a, b in zip(strings, again, strict=True))


@pytest.mark.skipif(not os.environ.get("PIPELINE_DATA"), reason="PIPELINE_DATA names no folder with NIST's digits")
def test_the_real_ones_come_out_well() -> None:
    strings = validation_strings(Path(os.environ["PIPELINE_DATA"]), 60, 0)
    for m in strings:
        rows = np.flatnonzero((m.strip > 100).any(axis=1))
        assert 17 <= np.ptp(rows) + 1 <= 31
