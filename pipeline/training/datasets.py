"""Characters to learn from: MNIST, and whatever other sets lie beside it, all brought to the network's labels and size.

A data folder holds `mnist/` (the four idx files, gzipped or not; they may also lie in the folder itself) and, optionally,
`digits/` with further writers as npz files and `strings/orand_car_a/`, amounts from cheques. Test files are read by
`load_test` only.
"""

from __future__ import annotations

import gzip
import hashlib
import math
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.errors import DataError
from pipeline.records import Image
from pipeline.stages.glyph import normalise
from pipeline.training.amounts import load_amount_digits
from pipeline.training.halves import make_halves
from pipeline.training.letters import make_letters
from pipeline.training.lookalikes import Lookalikes
from pipeline.training.marks import make_marks
from pipeline.training.negatives import KINDS_WITH_ONES, STRUCK_OUT, make_negatives
from pipeline.training.nist import load_nist
from pipeline.training.penman import make_digits
from pipeline.training.printed import make_printed

#: What the network's outputs mean; "~" is a character that was struck out, "?" ink that is no single character.
LABELS: tuple[str, ...] = tuple("0123456789ABCDEF+-./½✓~?")
#: The last images of MNIST's training set, never trained on: choices and calibration are made on them.
HELD_OUT = 5000
#: How many ½ are written with MNIST's digits, and of the digits held out a tenth of that.
HALVES = 2000
#: Non-characters made of the digits held out, and what the names of their kinds begin with.
NEGATIVES_HELD_OUT = 5500
#: How many have a 1 in them, and of what is held out a tenth of that.
WITH_ONES = 8000
NON_CHARACTERS = "non-character: "

#: How often labels are shown that have few examples beside those they may be mistaken for: letters have a hundred each where
#: digits have thousands, and of leaning strokes there are many more ones than slashes.
_SCARCE = {**dict.fromkeys("ABCDEF", 5), "/": 3}

Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Examples:
    """`images` (n, 28, 28) uint8, white on black; `labels` (n,), indices into LABELS."""

    images: Image
    labels: Labels

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Corpus:
    """`order` lists the training examples of one epoch, scarce ones repeated. Validation data are of every kind."""

    train: Examples
    order: NDArray[np.int64]
    validation_parts: tuple[tuple[str, Examples], ...]  # by where they come from
    sources: tuple[str, ...]

    @property
    def validation(self) -> Examples:
        """All that is held out, together."""
        return _join([examples for _, examples in self.validation_parts])

    @property
    def calibration(self) -> Examples:
        """One half of what is held out: every second example of each kind, to fit the last layer on."""
        return _join([_half(examples, 0) for _, examples in self.validation_parts])

    @property
    def measured_parts(self) -> tuple[tuple[str, Examples], ...]:
        """The other half, by where it comes from, to measure on."""
        return tuple((name, _half(examples, 1)) for name, examples in self.validation_parts)

    @property
    def measured(self) -> Examples:
        """The other half, together."""
        return _join([examples for _, examples in self.measured_parts])

    @cached_property
    def digest(self) -> str:
        """Tells whether two corpora are the same."""
        hasher = hashlib.sha256()
        for array in (self.train.images, self.train.labels, self.order):
            hasher.update(array.tobytes())
        return hasher.hexdigest()

    def epoch(self, rng: np.random.Generator) -> NDArray[np.int64]:
        """The order of one epoch, shuffled."""
        return rng.permutation(self.order)


def load_mnist(folder: Path, part: str) -> Examples:
    """`part` is train or t10k. Raises DataError if the files are missing or damaged."""
    images = _idx(folder, f"{part}-images-idx3-ubyte", 3)
    labels = _idx(folder, f"{part}-labels-idx1-ubyte", 1)
    if images.shape[1:] != (28, 28) or len(images) != len(labels) or labels.max(initial=0) > 9:
        raise DataError(f"the MNIST files in {folder} do not belong together")
    return Examples(images, labels.astype(np.int64))


def load_corpus(folder: Path, seed: int = 0, non_characters: int = 40_000) -> Corpus:
    """Everything in the data folder but test files, and so many non-characters to learn from.

    Raises DataError without MNIST; other sets are optional.
    """
    rng = np.random.default_rng(seed)
    mnist = load_mnist(folder, "train")
    split = len(mnist) - HELD_OUT
    if split < 1:
        raise DataError(f"the MNIST files in {folder} have only {len(mnist):,} images, of which {HELD_OUT:,} are held out")
    parts = [_Part("MNIST", Examples(mnist.images[:split], mnist.labels[:split]), 3, held_out=0.0)]
    validation = [("MNIST", Examples(mnist.images[split:], mnist.labels[split:]))]
    parts.append(_Part("halves", _halves(parts[0].examples, rng, HALVES), 1, held_out=0.0))
    validation.append(("halves", _halves(validation[0][1], rng, HALVES // 10)))
    for name, loader, repeat in _EXTRAS:
        file = folder / "digits" / name
        if file.is_file():
            parts.append(_Part(file.stem, _extra(file, loader, rng), repeat))
    amounts = folder / "strings" / "orand_car_a"
    if (amounts / "labels.csv").is_file():
        parts.append(_Part("orand_car_a", _labelled(*load_amount_digits(amounts)), 2))
    parts.append(_Part("printed digits", _labelled(*make_printed(rng)), 1))
    parts.append(_Part("drawn marks", _labelled(*make_marks(rng)), 1))
    confusing = mnist.images[mnist.labels != 1]
    first_held_out = int((mnist.labels[:split] != 1).sum())
    lookalikes = Lookalikes(mnist.images[:split])
    negatives, kinds = make_negatives(confusing[:first_held_out], rng, non_characters, lookalikes)
    parts.append(_Part("non-characters", _labelled(negatives, _no_digits(kinds)), 1, held_out=0.0))
    negatives, kinds = make_negatives(confusing[first_held_out:], rng, NEGATIVES_HELD_OUT, lookalikes)
    for kind in dict.fromkeys(kinds.tolist()):
        chosen = kinds == kind
        validation.append((f"{NON_CHARACTERS}{kind}", _labelled(negatives[chosen], _no_digits(kinds[chosen]))))

    rng, split_by = np.random.default_rng((seed, 1)), rng
    with_ones, kinds = make_negatives(confusing[:first_held_out], rng, WITH_ONES, lookalikes, KINDS_WITH_ONES)
    parts.append(_Part("non-characters with a 1", _labelled(with_ones, _no_digits(kinds)), 1, held_out=0.0))
    with_ones, kinds = make_negatives(confusing[first_held_out:], rng, WITH_ONES // 10, lookalikes, KINDS_WITH_ONES)
    validation.append((f"{NON_CHARACTERS}{KINDS_WITH_ONES[0][0]}", _labelled(with_ones, _no_digits(kinds))))
    # of drawn characters none is held out: whether letters and digits are read is measured on collected ones
    parts.append(_Part("drawn letters", _labelled(*make_letters(rng)), 2, held_out=0.0, scarce=False))
    parts.append(_Part("drawn digits", _labelled(*make_digits(rng)), 1, held_out=0.0))

    train, order, start = [], [], 0
    for part in parts:
        index = np.arange(len(part.examples))
        chosen = split_by.random(len(index)) < part.held_out
        if chosen.any():
            validation.append((part.name, _take(part.examples, index[chosen])))
        kept = _take(part.examples, index[~chosen])
        train.append(kept)
        often = np.array([_SCARCE.get(label, 1) if part.scarce else 1 for label in LABELS])
        times = part.repeat * often[kept.labels]
        order.append(np.repeat(np.arange(start, start + len(kept)), times))
        start += len(kept)
    names = tuple(f"{part.name} ({len(part.examples)} × {part.repeat})" for part in parts)
    return Corpus(_join(train), np.concatenate(order), tuple(validation), names)


def load_test(folder: Path) -> Iterator[tuple[str, Examples]]:
    """The sets that only measure, never seen in training: MNIST's test set, and ARDIS's and NIST's where they are there."""
    yield "MNIST test", load_mnist(folder, "t10k")
    ardis, nist = folder / "digits" / "ardis_test.npz", folder / "digits" / "nist_300dpi.npz"
    if ardis.is_file():
        yield "ARDIS test", _extra(ardis, _plain, np.random.default_rng(0))
    if nist.is_file():
        yield "NIST 300 dpi", Examples(*load_nist(nist))


def _halves(mnist: Examples, rng: np.random.Generator, n: int) -> Examples:
    ones, twos = (mnist.images[mnist.labels == label] for label in (1, 2))
    return _all("½", make_halves(ones, twos, rng, n))


def _half(examples: Examples, first: int) -> Examples:
    return Examples(examples.images[first::2], examples.labels[first::2])


@dataclass(frozen=True)
class _Part:
    name: str
    examples: Examples
    repeat: int
    held_out: float = 0.1  # share kept for validation
    scarce: bool = True  # labels that have few examples are shown more often


Arrays = dict[str, NDArray[np.generic]]
Loader = Callable[[Arrays, np.random.Generator], Examples]


def _idx(folder: Path, name: str, axes: int) -> Image:
    """An array from the idx format of MNIST's authors, raw or gzipped."""
    for place in (folder, folder / "mnist"):
        for file in (place / name, place / f"{name}.gz"):
            if not file.is_file():
                continue
            try:
                data = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
            except (OSError, EOFError, zlib.error) as error:
                raise DataError(f"{file} can't be read: {error}") from error
            shape = tuple(int.from_bytes(data[4 + 4 * i : 8 + 4 * i], "big") for i in range(axes))
            if data[:4] != bytes((0, 0, 8, axes)) or len(data) != 4 + 4 * axes + math.prod(shape):
                raise DataError(f"{file} is no idx file of {axes} axes, or is cut short")
            return np.frombuffer(data, np.uint8, offset=4 + 4 * axes).reshape(shape)
    raise DataError(f"{name} is not in {folder}")


def _extra(file: Path, loader: Loader, rng: np.random.Generator) -> Examples:
    try:
        with np.load(file, allow_pickle=False) as arrays:
            return loader(dict(arrays), rng)
    except Exception as error:  # a damaged archive, or other arrays than the loader knows, can raise anything
        reason = f"it has no {error}" if isinstance(error, KeyError) else str(error)
        raise DataError(f"{file} can't be used: {reason}", "Get it again, or take it away: it is optional.") from error


def _plain(arrays: Arrays, rng: np.random.Generator) -> Examples:
    return _labelled(_renormalised(arrays["x"]), arrays["y"].astype(str))


def _stretched(arrays: Arrays, rng: np.random.Generator) -> Examples:
    """Sets whose digits fill their box: the width that writers give them is put back, and 1, whose width says all, left out."""
    kept = arrays["y"].astype(str) != "1"
    widths = rng.uniform(0.55, 0.9, int(kept.sum()))
    images = [
        cv2.resize(image, (max(4, round(40 * w)), 40), interpolation=cv2.INTER_CUBIC).astype(np.uint8)
        for image, w in zip(arrays["x"][kept].astype(np.uint8), widths, strict=True)
    ]
    return _labelled(_stack([normalise(i) for i in images]), arrays["y"].astype(str)[kept])


def _symbols(arrays: Arrays, rng: np.random.Generator) -> Examples:
    """BHMSDS: digits, plus and slash, black on white. Its dots and minus signs lost their size, its letters are not read."""
    names = {**{d: d for d in "0123456789"}, "plus": "+", "slash": "/"}
    images = 255 - arrays["x"].astype(np.uint8)
    kept = [i for i, name in enumerate(arrays["y"]) if name in names and (name != "slash" or _leans(images[i]))]
    return _labelled(_renormalised(images[kept]), np.array([names[str(arrays["y"][i])] for i in kept]))


def _leans(image: Image) -> bool:
    """Whether a slash leans further than ones do; those that don't can't be told from them."""
    moments = cv2.moments(image)
    return -moments["mu11"] > _SLASH * moments["mu02"]


#: How far a slash leans, at least, as its shift to the right over its height.
_SLASH = 0.6

#: Letters that nobody can tell from digits, or from A to F, out of context.
_AMBIGUOUS = frozenset("OoQIlijZzSsqgbGTtcefadPpRyYJhLU")


def _letters(key: str) -> Loader:
    def load(arrays: Arrays, rng: np.random.Generator) -> Examples:
        text = arrays["y"].astype(str)
        known = np.isin(text, list("ABCDEF"))
        digits = np.isin(text, list("0123456789"))
        other = ~known & ~digits & ~np.isin(text, list(_AMBIGUOUS))
        images = arrays[key].astype(np.uint8)
        letters = _labelled(_renormalised(images[known]), text[known])
        parts = [letters, _all("?", _renormalised(images[other]))]
        if key == "x":  # CHoiCe's digits are cut too badly to learn from
            parts.append(_labelled(_renormalised(images[digits]), text[digits]))
        return _join(parts)

    return load


#: File → how to load it, and how often an epoch shows it.
_EXTRAS: tuple[tuple[str, Loader, int], ...] = (
    ("ardis_train.npz", _plain, 1),
    ("usps_train.npz", _stretched, 1),
    ("semeion.npz", _stretched, 1),
    ("optdigits_orig32.npz", _stretched, 1),
    ("bhmsds.npz", _symbols, 1),
    ("chars74k_28.npz", _letters("x"), 2),
    ("choice62.npz", _letters("xbin"), 2),
)


def _renormalised(images: NDArray[np.generic]) -> Image:
    """Other people's 28×28 images, cropped and centred as we do it."""
    return _stack([normalise(image) for image in images.astype(np.uint8)])


def _labelled(images: Image, text: NDArray[np.str_]) -> Examples:
    if len(images) != len(text):
        raise ValueError(f"it has {len(images)} images and {len(text)} labels")
    index = {label: i for i, label in enumerate(LABELS)}
    return Examples(images, np.array([index[str(t)] for t in text], np.int64))


def _no_digits(kinds: NDArray[np.str_]) -> NDArray[np.str_]:
    """The labels of non-characters of these kinds."""
    return np.where(kinds == STRUCK_OUT, "~", "?")


def _all(label: str, images: Image) -> Examples:
    return Examples(images, np.full(len(images), LABELS.index(label), np.int64))


def _take(examples: Examples, index: NDArray[np.int64]) -> Examples:
    return Examples(examples.images[index], examples.labels[index])


def _join(parts: list[Examples]) -> Examples:
    return Examples(np.concatenate([p.images for p in parts]), np.concatenate([p.labels for p in parts]))


def _stack(images: list[Image]) -> Image:
    return np.stack(images) if images else np.zeros((0, 28, 28), np.uint8)
