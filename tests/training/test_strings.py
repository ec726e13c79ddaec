"""Strings as examples: what is drawn, from whose digits, and that it can be learned."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from pipeline.errors import DataError
from pipeline.grades import GRADES, LETTERS
from pipeline.stages.strip import HEIGHT, NARROWEST, STEP, WIDEST
from pipeline.stages.texts import DIGITS
from pipeline.training import stringglyphs
from pipeline.training.stringglyphs import load_glyphs, load_letters
from pipeline.training.strings import BLANK, REAL, StringExample, StringSource, columns_needed
from pipeline.training.stringtexts import ALPHABET
from pipeline.training.typeset import FONTS
from tests.training.amountsfolder import write_amounts
from tests.training.datafolder import HELD_OUT, TRAINED, cropped, digits, write_mnist

DRAWN = 900


@pytest.fixture(autouse=True)
def few_held_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stringglyphs, "HELD_OUT", HELD_OUT)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """MNIST, one further set, and a few amounts."""
    data = tmp_path_factory.mktemp("data")
    write_mnist(data / "mnist")
    images, labels = digits()
    (data / "digits").mkdir()
    np.savez(data / "digits" / "ardis_train.npz", x=images[:200], y=labels[:200].astype(str))
    write_amounts(data / "strings" / "orand_car_a")
    return data


@pytest.fixture(scope="module")
def source(folder: Path) -> StringSource:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stringglyphs, "HELD_OUT", HELD_OUT)
        return StringSource(folder)


@pytest.fixture(scope="module")
def drawn(source: StringSource) -> list[StringExample]:
    return source.batch(DRAWN, np.random.default_rng(0))


def test_the_same_generator_gives_the_same_examples(source: StringSource) -> None:
    one, two = (source.batch(30, np.random.default_rng(3)) for _ in range(2))
    other = source.batch(30, np.random.default_rng(4))
    for a, b in zip(one, two, strict=True):
        assert (a.text, a.digits_only) == (b.text, b.digits_only)
        assert np.array_equal(a.strip, b.strip)
    assert [a.text for a in one] != [b.text for b in other]


def test_examples_are_strips_that_their_text_fits_on(drawn: list[StringExample]) -> None:
    for example in drawn:
        rows, columns = example.strip.shape
        assert rows == HEIGHT
        assert NARROWEST <= columns <= WIDEST
        assert columns % STEP == 0
        assert example.strip.dtype == np.uint8
        assert columns // STEP >= columns_needed(example.text)
        assert set(example.text) <= set(ALPHABET)


def test_between_two_that_are_the_same_a_column_is_needed() -> None:
    assert [columns_needed(text) for text in ("", "1", "12", "11", "1001", "000")] == [0, 1, 2, 3, 5, 5]


def test_everything_that_is_read_is_drawn(drawn: list[StringExample]) -> None:
    written = [example.text for example in drawn if not example.digits_only]
    assert set("".join(written)) == set(ALPHABET)
    assert {"-", ""} < set(written)
    assert {1, 2, 3, 4, 5, 6} <= {len(text) for text in written}
    assert any(a == b for text in written for a, b in pairwise(text))
    assert sum(text == "" for text in written) == pytest.approx(BLANK * DRAWN, abs=15)


def test_letters_stand_in_grades_only(drawn: list[StringExample]) -> None:
    lettered = [example.text for example in drawn if set(example.text) & set(LETTERS)]
    assert len(lettered) == pytest.approx(0.06 * DRAWN, abs=25)
    assert all(text in GRADES or text == "AB" for text in lettered)


def test_every_letter_can_be_printed_without_any_collection(folder: Path) -> None:
    sources = [glyphs for _, glyphs in load_letters(folder)]
    assert [glyphs.name for glyphs in sources] == list(FONTS)
    for glyphs in sources:
        shapes = {glyphs.pick(letter, 0.5, np.random.default_rng(0)).image.tobytes() for letter in LETTERS}
        assert len(shapes) == len(LETTERS)
        assert not any(glyphs.has(digit) for digit in DIGITS)


def test_some_are_real_and_say_that_only_digits_are_labelled(drawn: list[StringExample]) -> None:
    real = [example.text for example in drawn if example.digits_only]
    assert len(real) == pytest.approx(REAL * DRAWN, abs=40)
    assert all(text.isdigit() for text in real)


def test_what_says_something_shows_something(drawn: list[StringExample]) -> None:
    dark = [int((example.strip > 100).any(axis=0).sum()) / max(len(example.text), 1) for example in drawn if example.text]
    assert min(dark) > 1
    assert float(np.median(dark)) > 8
    assert all(example.strip.max() > 200 for example in drawn if example.text)


def test_no_two_are_alike(drawn: list[StringExample]) -> None:
    shown = {example.strip.tobytes() for example in drawn if example.text}
    assert len(shown) > 0.99 * sum(bool(example.text) for example in drawn)


def test_held_out_digits_are_never_written_with(folder: Path) -> None:
    """Nor those of the test set."""
    known = {image.tobytes() for image in digits()[0][TRAINED:]}
    for _, glyphs in load_glyphs(folder):
        for digit in DIGITS:
            for rank in np.linspace(0, 1, 20):
                if glyphs.has(digit):
                    assert glyphs.pick(digit, float(rank), np.random.default_rng(0)).image.tobytes() not in known


def test_glyphs_are_what_they_should_be(folder: Path) -> None:
    images, labels = digits()
    label_of = {image.tobytes(): int(label) for image, label in zip(images, labels, strict=True)}
    glyphs = load_glyphs(folder)[0][1]
    rng = np.random.default_rng(0)
    for digit in range(10):
        for _ in range(10):
            glyph = glyphs.pick(str(digit), float(rng.random()), rng)
            assert label_of.get(glyph.image.tobytes(), digit) == digit  # pale ones were made darker
            box = cropped(np.where(glyph.image > 60, glyph.image, 0)[None])[0]
            assert (glyph.height, glyph.width) == box.shape


def test_thick_pens_are_told_from_thin_ones(folder: Path) -> None:
    glyphs = load_glyphs(folder)[0][1]
    rng = np.random.default_rng(0)
    thin, thick = (float(np.mean([glyphs.pick(d, pen, rng).stroke for d in DIGITS] * 5)) for pen in (0.0, 1.0))
    assert thick > 1.3 * thin


def test_without_further_sets_mnist_and_print_are_enough(tmp_path: Path) -> None:
    write_mnist(tmp_path / "mnist")
    alone = StringSource(tmp_path)
    assert not any(example.digits_only for example in alone.batch(40, np.random.default_rng(0)))


def test_without_mnist_there_is_nothing_to_write_with(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="train-images"):
        StringSource(tmp_path)


def test_a_damaged_set_is_named(folder: Path, tmp_path: Path) -> None:
    write_mnist(tmp_path / "mnist")
    (tmp_path / "digits").mkdir()
    (tmp_path / "digits" / "ardis_train.npz").write_bytes(b"PK no archive")
    with pytest.raises(DataError, match="ardis_train"):
        StringSource(tmp_path)
