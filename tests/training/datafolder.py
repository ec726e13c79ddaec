"""A small data folder as `pipeline train` wants it, made of the contact sheet's digits. Used by several tests."""

from __future__ import annotations

import gzip
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.records import Image
from tests.handwriting import sheet_digits

#: How many of the digits are held out from training, in place of 5,000 of MNIST's 60,000.
HELD_OUT = 200
TRAINED = 700
TESTED = 100


@cache
def digits() -> tuple[Image, NDArray[np.int64]]:
    """The contact sheet, shuffled: 700 to train on, 200 held out, 100 to test with."""
    images, labels = sheet_digits()
    order = np.random.default_rng(0).permutation(len(images))
    return images[order], labels[order]


def idx(array: NDArray[np.uint8]) -> bytes:
    """The format of MNIST's authors."""
    return bytes((0, 0, 8, array.ndim)) + b"".join(n.to_bytes(4, "big") for n in array.shape) + array.tobytes()


def write_mnist(folder: Path, zipped: bool = False) -> None:
    """The four files of MNIST, by their names."""
    images, labels = digits()
    folder.mkdir(parents=True, exist_ok=True)
    for part, chosen in (("train", slice(None, -TESTED)), ("t10k", slice(-TESTED, None))):
        for name, array in ((f"{part}-images-idx3-ubyte", images), (f"{part}-labels-idx1-ubyte", labels.astype(np.uint8))):
            data = idx(array[chosen])
            folder.joinpath(f"{name}.gz" if zipped else name).write_bytes(gzip.compress(data, 1) if zipped else data)


def cropped(images: Image) -> list[Image]:
    """Digits without their margins."""
    found = []
    for image in images:
        rows, columns = np.flatnonzero(image.max(axis=1) > 32), np.flatnonzero(image.max(axis=0) > 32)
        found.append(image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1])
    return found
