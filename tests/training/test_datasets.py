"""Data folders: what is in them comes out with the right labels, held-out images stay out, and damage is named."""

from __future__ import annotations

import gzip
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.errors import DataError
from pipeline.records import Image
from pipeline.stages.glyph import normalise
from pipeline.training import datasets
from pipeline.training.datasets import HALVES, LABELS, NON_CHARACTERS, Corpus, Examples, load_corpus, load_mnist, load_test
from pipeline.training.halves import make_halves
from pipeline.training.marks import make_marks
from pipeline.training.negatives import STRUCK_OUT, Kind, Test, make_negatives
from pipeline.training.printed import make_printed
from tests.training.datafolder import HELD_OUT, TESTED, TRAINED, cropped, digits, idx, write_mnist

MARKS = 300
IMAGES = "train-images-idx3-ubyte"
DIGIT_LABELS = "train-labels-idx1-ubyte"


def nothing_drawn(_: np.random.Generator) -> tuple[Image, NDArray[np.str_]]:
    return np.zeros((0, 28, 28), np.uint8), np.zeros(0, str)


def no_halves(*_: object) -> Image:
    return np.zeros((0, 28, 28), np.uint8)


def no_negatives(*_: object, **__: object) -> tuple[Image, NDArray[np.str_]]:
    return np.zeros((0, 28, 28), np.uint8), np.zeros(0, str)


def marks() -> tuple[Image, NDArray[np.str_]]:
    return make_marks(np.random.default_rng(0), MARKS)


@pytest.fixture(autouse=True)
def few_examples(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is drawn, not loaded, takes seconds; most tests do without."""
    monkeypatch.setattr(datasets, "HELD_OUT", HELD_OUT)
    monkeypatch.setattr(datasets, "make_printed", nothing_drawn)
    monkeypatch.setattr(datasets, "make_letters", nothing_drawn)
    monkeypatch.setattr(datasets, "make_digits", nothing_drawn)
    monkeypatch.setattr(datasets, "make_negatives", no_negatives)
    monkeypatch.setattr(datasets, "make_marks", lambda _: marks())
    monkeypatch.setattr(datasets, "make_halves", no_halves)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A data folder with MNIST alone."""
    write_mnist(tmp_path / "mnist")
    (tmp_path / "digits").mkdir()
    return tmp_path


def prints(images: Image) -> list[bytes]:
    return [image.tobytes() for image in images]


def names(examples: Examples) -> list[str]:
    return [LABELS[label] for label in examples.labels]


def extras(corpus: Corpus) -> Examples:
    """What came from further sets, held out or not: neither MNIST nor drawn marks."""
    parts = [
        Examples(corpus.train.images[TRAINED:], corpus.train.labels[TRAINED:]),
        Examples(corpus.validation.images[HELD_OUT:], corpus.validation.labels[HELD_OUT:]),
    ]
    images, labels = np.concatenate([p.images for p in parts]), np.concatenate([p.labels for p in parts])
    drawn = {image.tobytes() for image in marks()[0]}
    kept = np.array([image.tobytes() not in drawn for image in images], bool)
    return Examples(images[kept], labels[kept])


@pytest.mark.parametrize("place", ["", "mnist"])
@pytest.mark.parametrize("zipped", [False, True])
def test_mnist_is_found_zipped_or_not_in_the_folder_or_below(tmp_path: Path, place: str, zipped: bool) -> None:
    write_mnist(tmp_path / place, zipped)
    images, labels = digits()
    train, test = load_mnist(tmp_path, "train"), load_mnist(tmp_path, "t10k")
    np.testing.assert_array_equal(train.images, images[:-TESTED])
    np.testing.assert_array_equal(train.labels, labels[:-TESTED])
    np.testing.assert_array_equal(test.images, images[-TESTED:])
    assert (len(train), str(train.images.dtype), str(train.labels.dtype)) == (900, "uint8", "int64")


def test_the_last_images_are_held_out_and_never_trained_on(folder: Path) -> None:
    images, labels = digits()
    corpus = load_corpus(folder)
    np.testing.assert_array_equal(corpus.validation.images[:HELD_OUT], images[TRAINED:-TESTED])
    np.testing.assert_array_equal(corpus.validation.labels[:HELD_OUT], labels[TRAINED:-TESTED])
    np.testing.assert_array_equal(corpus.train.images[:TRAINED], images[:TRAINED])
    np.testing.assert_array_equal(corpus.train.labels[:TRAINED], labels[:TRAINED])
    trained = {image for row in corpus.order for image in prints(corpus.train.images[row : row + 1])}
    assert not trained & set(prints(images[TRAINED:]))  # nor is any test image


def test_non_characters_are_made_of_training_images_and_are_not_ones(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A digit of a held-out image would be half known; half a 1 is still a 1."""
    given: list[Image] = []

    def record(
        images: Image, rng: np.random.Generator, n: int, is_digit: Test, kinds: Sequence[Kind] | None = None
    ) -> tuple[Image, NDArray[np.str_]]:
        given.append(images)
        return make_negatives(images, rng, 22, kinds=kinds)

    monkeypatch.setattr(datasets, "make_negatives", record)
    corpus = load_corpus(folder)
    images, labels = digits()
    for one, other in (given[:2], given[2:]):
        assert prints(one) == prints(images[:TRAINED][labels[:TRAINED] != 1])
        assert prints(other) == prints(images[TRAINED:-TESTED][labels[TRAINED:-TESTED] != 1])
    held_out = {name: examples for name, examples in corpus.validation_parts if name.startswith(NON_CHARACTERS)}
    assert f"{NON_CHARACTERS}half a digit" in held_out
    assert sum(len(examples) for examples in held_out.values()) == 2 * 22
    assert len(held_out[f"{NON_CHARACTERS}a digit and a 1"]) == 22
    for name, examples in held_out.items():
        assert set(names(examples)) == ({"~"} if name == f"{NON_CHARACTERS}{STRUCK_OUT}" else {"?"})


def test_halves_are_written_with_ones_and_twos_of_the_same_side(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[tuple[Image, Image]] = []

    def record(ones: Image, twos: Image, rng: np.random.Generator, n: int) -> Image:
        given.append((ones, twos))
        return make_halves(ones, twos, rng, 10 if n == HALVES else 3)

    monkeypatch.setattr(datasets, "make_halves", record)
    corpus = load_corpus(folder)
    images, labels = digits()
    for (ones, twos), side in zip(given, (slice(0, TRAINED), slice(TRAINED, -TESTED)), strict=True):
        assert prints(ones) == prints(images[side][labels[side] == 1])
        assert prints(twos) == prints(images[side][labels[side] == 2])
    assert names(corpus.train).count("½") == 10
    assert names(dict(corpus.validation_parts)["halves"]) == ["½"] * 3


def test_a_tenth_of_what_else_there_is_is_held_out(folder: Path) -> None:
    corpus = load_corpus(folder)
    dots = len(corpus.validation) - HELD_OUT
    assert 0.06 * MARKS < dots < 0.14 * MARKS
    assert len(corpus.train) == TRAINED + MARKS - dots
    assert set(names(corpus.validation)) == set("0123456789.-/+✓")


def test_an_epoch_shows_every_training_example_in_a_new_order(folder: Path) -> None:
    corpus = load_corpus(folder)
    one, two = corpus.epoch(np.random.default_rng(1)), corpus.epoch(np.random.default_rng(2))
    assert sorted(one) == sorted(two) == sorted(corpus.order)
    assert set(one) == set(range(len(corpus.train)))
    assert not np.array_equal(one, two)


def test_the_same_seed_gives_the_same_corpus(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    monkeypatch.setattr(datasets, "HELD_OUT", HELD_OUT)
    monkeypatch.setattr(datasets, "make_printed", partial(make_printed, each=6))
    monkeypatch.setattr(
        datasets,
        "make_negatives",
        lambda images, rng, n, is_digit, kinds=None: make_negatives(images, rng, min(n, 300), kinds=kinds),
    )
    one, two, other = load_corpus(folder, 1), load_corpus(folder, 1), load_corpus(folder, 2)
    for part in ("train", "validation"):
        np.testing.assert_array_equal(getattr(one, part).images, getattr(two, part).images)
        np.testing.assert_array_equal(getattr(one, part).labels, getattr(two, part).labels)
    assert not np.array_equal(one.train.images[TRAINED:][:50], other.train.images[TRAINED:][:50])
    assert one.digest == two.digest != other.digest
    assert set(names(one.train)) == set(LABELS)
    assert [name.split(" (")[0] for name in one.sources] == [
        "MNIST",
        "halves",
        "printed digits",
        "drawn marks",
        "non-characters",
        "non-characters with a 1",
        "drawn letters",
        "drawn digits",
    ]


# further sets: each is written as it really comes, and looked for in the corpus


def plain(folder: Path, name: str) -> tuple[Image, list[str]]:
    """28×28, as MNIST."""
    images, labels = digits()
    np.savez(folder / name, x=images[:60], y=labels[:60].astype(np.uint8))
    return images[:60], [str(label) for label in labels[:60]]


def boxed(size: int, folder: Path, name: str) -> tuple[Image, list[str]]:
    """Digits that fill a square; ones are not used."""
    images, labels = digits()
    squares = [cv2.resize(image, (size, size), interpolation=cv2.INTER_AREA) for image in cropped(images[:80])]
    np.savez(folder / name, x=np.stack(squares), y=labels[:80].astype(np.uint8))
    kept = labels[:80] != 1
    return images[:80][kept], [str(label) for label in labels[:80][kept]]


def nist(folder: Path, name: str) -> tuple[Image, list[str]]:
    """One bit, each of its own size, one after the other."""
    images, labels = digits()
    large = [cv2.resize(image, None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC) > 127 for image in cropped(images[:60])]
    pixels = np.concatenate([image.ravel() for image in large]).astype(np.uint8) * 255
    shapes = np.array([image.shape for image in large], np.int16)
    np.savez(folder / name, pixels=pixels, shapes=shapes, y=labels[:60].astype(np.uint8), x28=images[:60])
    return images[:60], [str(label) for label in labels[:60]]


def symbols(folder: Path, name: str) -> tuple[Image, list[str]]:
    """Black on white, by name; slashes as upright as ones, and marks other than digits, plus and slash, are not used."""
    images, labels = digits()
    images, given = images[:60].copy(), [str(label) for label in labels[:60]]
    given[:7] = ["plus", "minus", "dot", "slash", "plus", "w", "slash"]
    for i, right in ((3, 22), (6, 15)):
        images[i] = 0
        cv2.line(images[i], (28 - right, 24), (right, 4), 255, 2)
    np.savez(folder / name, x=255 - images, y=np.array(given))
    kept = [i for i, mark in enumerate(given) if (mark.isdigit() or mark in ("plus", "slash")) and i != 6]
    return images[kept], [given[i].replace("plus", "+").replace("slash", "/") for i in kept]


def letters(key: str, folder: Path, name: str) -> tuple[Image, list[str]]:
    """Digits and letters: A to F are grades, some look like others and are not used, the rest are no characters of ours."""
    images, labels = digits()
    given = [str(label) for label in labels[:60]]
    given[:12] = ["A", "B", "C", "D", "E", "F", "H", "k", "O", "l", "S", "m"]
    arrays = {"x": 255 - images[:60], key: images[:60]}
    np.savez(folder / name, y=np.array(given), **arrays)  # type: ignore[arg-type]
    kept = [i for i, letter in enumerate(given) if letter not in "OlS" and (key == "x" or not letter.isdigit())]
    return images[kept], [given[i] if given[i] in "ABCDEF0123456789" else "?" for i in kept]


Writer = Callable[[Path, str], tuple[Image, list[str]]]
SETS: dict[
    str, tuple[Writer, int, bool]
] = {  # file → how to write it, how often an epoch shows it, are pictures kept as they are
    "ardis_train": (plain, 1, True),
    "usps_train": (partial(boxed, 16), 1, False),
    "semeion": (partial(boxed, 16), 1, False),
    "optdigits_orig32": (partial(boxed, 32), 1, False),
    "bhmsds": (symbols, 1, True),
    "chars74k_28": (partial(letters, "x"), 2, True),
    "choice62": (partial(letters, "xbin"), 2, True),
}


@pytest.mark.parametrize("name", SETS)
def test_a_further_set_comes_with_its_labels(folder: Path, name: str) -> None:
    write, repeat, kept = SETS[name]
    sources, expected = write(folder / "digits", f"{name}.npz")
    corpus = load_corpus(folder)
    found = extras(corpus)
    assert sorted(names(found)) == sorted(expected)
    assert f"{name} ({len(expected)} × {repeat})" in corpus.sources
    if kept:
        wanted = sorted(zip(prints(np.stack([normalise(s) for s in sources])), expected, strict=True))
        assert sorted(zip(prints(found.images), names(found), strict=True)) == wanted
    else:  # stretched or scanned again: most are still nearest to the picture that they were made from, or one like it
        known = np.stack([normalise(s) for s in sources]).reshape(len(sources), -1).astype(float)
        distance = ((found.images.reshape(-1, 1, 784) - known) ** 2).sum(axis=2)
        nearest = [expected[i] for i in distance.argmin(axis=1)]
        assert np.mean([a == b for a, b in zip(nearest, names(found), strict=True)]) > 0.8


def test_scarce_characters_are_shown_more_often(folder: Path) -> None:
    letters("x", folder / "digits", "chars74k_28.npz")
    corpus = load_corpus(folder)
    shown = np.bincount(corpus.order, minlength=len(corpus.train))
    for times, name in zip(shown[TRAINED:], names(corpus.train)[TRAINED:], strict=True):
        assert times == (10 if name in "ABCDEF" else 3 if name == "/" else 1 if name in ".-+✓" else 2)
    assert (shown[:TRAINED] == 3).all()


def test_no_example_of_a_further_set_is_both_trained_on_and_held_out(folder: Path) -> None:
    for name, (write, _, _) in SETS.items():
        write(folder / "digits", f"{name}.npz")
    corpus = load_corpus(folder)
    assert len(corpus.train) + len(corpus.validation) == TRAINED + HELD_OUT + MARKS + len(extras(corpus))
    assert len(corpus.sources) == 8 + len(SETS)
    assert corpus.order.max() < len(corpus.train)
    assert corpus.train.images.shape == (len(corpus.train), 28, 28)


def test_test_sets_are_loaded_by_themselves_and_never_trained_on(folder: Path) -> None:
    plain(folder / "digits", "ardis_test.npz")
    sources, labels = nist(folder / "digits", "nist_300dpi.npz")
    tests = dict(load_test(folder))
    assert {name: len(examples) for name, examples in tests.items()} == {
        "MNIST test": TESTED,
        "ARDIS test": 60,
        "NIST 300 dpi": 60,
    }
    assert names(tests["NIST 300 dpi"]) == labels
    known = np.stack([normalise(source) for source in sources]).astype(float)
    difference = np.abs(tests["NIST 300 dpi"].images - known).mean(axis=(1, 2))
    assert float(np.median(difference)) < 20  # one bit at twice the size, against grey
    assert len(extras(load_corpus(folder))) == 0
    for name in ("ardis_test.npz", "nist_300dpi.npz"):
        (folder / "digits" / name).unlink()
    assert [name for name, _ in load_test(folder)] == ["MNIST test"]


# what is missing or damaged


def test_without_mnist_the_error_says_what_is_missing_and_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=rf"{IMAGES} is not in .*\. Point --data or PIPELINE_DATA at a folder"):
        load_corpus(tmp_path)
    with pytest.raises(DataError, match=IMAGES):
        load_corpus(tmp_path / "nowhere")


@pytest.mark.parametrize("name", [IMAGES, DIGIT_LABELS])
def test_any_of_the_files_may_be_missing(folder: Path, name: str) -> None:
    (folder / "mnist" / name).unlink()
    with pytest.raises(DataError, match=name):
        load_corpus(folder)


GOOD = idx(np.zeros((900, 28, 28), np.uint8))
DAMAGES: dict[str, bytes] = {
    "empty": b"",
    "header only": GOOD[:16],
    "half a header": GOOD[:6],
    "cut short": GOOD[:-1],
    "too long": GOOD + b"\0",
    "labels in place of images": idx(np.zeros(900, np.uint8)),
    "floats": b"\0\0\x0d\x03" + GOOD[4:],
    "a web page": b"<!DOCTYPE html><html>Not Found</html>",
    "sizes that overflow": b"\0\0\x08\x03" + b"\xff\xff\xff\xff" * 3,
    "sizes whose product wraps to nothing": b"\0\0\x08\x03" + b"\x80\0\0\0" * 2 + b"\0\0\0\x04",
    "images of another size": idx(np.zeros((900, 27, 28), np.uint8)),
    "more images than labels": idx(np.zeros((901, 28, 28), np.uint8)),
    "no images": idx(np.zeros((0, 28, 28), np.uint8)),
}


@pytest.mark.parametrize("data", DAMAGES.values(), ids=DAMAGES)
@pytest.mark.parametrize("zipped", [False, True])
def test_damaged_or_foreign_images_are_refused(folder: Path, data: bytes, zipped: bool) -> None:
    (folder / "mnist" / IMAGES).unlink()
    (folder / "mnist" / (f"{IMAGES}.gz" if zipped else IMAGES)).write_bytes(gzip.compress(data, 1) if zipped else data)
    with pytest.raises(DataError, match=r"Point --data"):
        load_corpus(folder)


@pytest.mark.parametrize("damage", ["cut", "flipped", "not zipped"])
def test_a_damaged_zip_is_refused(folder: Path, damage: str) -> None:
    raw = folder / "mnist" / IMAGES
    data = bytearray(gzip.compress(raw.read_bytes(), 1))
    if damage == "cut":
        del data[-1000:]
    elif damage == "flipped":
        data[2000:2100] = bytes(100)
    else:
        data = bytearray(raw.read_bytes())
    raw.with_name(f"{IMAGES}.gz").write_bytes(data)
    raw.unlink()
    with pytest.raises(DataError, match=rf"{IMAGES}\.gz can't be read.*Point --data"):
        load_corpus(folder)


def test_labels_that_are_no_digits_are_refused(folder: Path) -> None:
    (folder / "mnist" / DIGIT_LABELS).write_bytes(idx(np.full(900, 10, np.uint8)))
    with pytest.raises(DataError, match="belong together"):
        load_corpus(folder)


def test_too_few_images_to_hold_any_out_are_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets, "HELD_OUT", 5000)
    with pytest.raises(DataError, match="only 900 images, of which 5,000 are held out"):
        load_corpus(folder)


@pytest.mark.parametrize(
    "damage", ["empty", "cut", "flipped", "text", "other arrays", "other labels", "fewer labels", "other sizes", "pickled"]
)
@pytest.mark.parametrize("name", ["ardis_train.npz", "semeion.npz"])
def test_a_damaged_further_set_is_named_and_may_be_taken_away(folder: Path, name: str, damage: str) -> None:
    file = folder / "digits" / name
    SETS[file.stem][0](folder / "digits", name)
    data = file.read_bytes()
    with np.load(file) as loaded:
        arrays = dict(loaded)
    if damage == "other arrays":
        np.savez(file, a=np.zeros(3))
    elif damage == "other labels":
        np.savez(file, **{**arrays, "y": np.full(len(arrays["y"]), "%")})
    elif damage == "fewer labels":
        np.savez(file, **{**arrays, "y": arrays["y"][:-1]})
    elif damage == "other sizes":
        np.savez(file, **{**arrays, "x": arrays.get("x", np.zeros(0)).ravel(), "shapes": np.full((60, 2), 90)})
    elif damage == "pickled":
        np.savez(file, **{**arrays, "y": arrays["y"].astype(object)})
    else:
        middle = len(data) // 2
        flipped = data[:middle] + bytes(byte ^ 0x55 for byte in data[middle : middle + 50]) + data[middle + 50 :]
        file.write_bytes({"empty": b"", "cut": data[:-300], "flipped": flipped, "text": b"<html>"}[damage])
    with pytest.raises(DataError, match=rf"{name} can't be used: .*take it away"):
        load_corpus(folder)
    file.unlink()
    assert len(load_corpus(folder).train) > TRAINED
