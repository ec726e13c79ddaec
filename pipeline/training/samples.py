"""The sample scans that ship with the package: one of each kind of file that offices send, with the truth beside them.

    python -m pipeline.training.samples MNIST_FOLDER [SAMPLES_FOLDER]

writes them anew, in handwriting that the network was not trained on.
"""

from __future__ import annotations

import csv
import struct
import sys
import zlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np

from pipeline.records import Image
from pipeline.training.datasets import HELD_OUT, load_mnist
from pipeline.training.defects import Defects, age
from pipeline.training.download import data_folder
from pipeline.training.handwriting import Handwriting
from pipeline.training.pages import RenderedSheet, SheetSpec, render_sheet
from pipeline.training.pdffile import pdf_of_jpegs
from pipeline.training.sheets import ledger, mark_sheet

_SEED = 2
_DPI = 200


def write_samples(folder: Path, handwriting: Handwriting, seed: int = _SEED) -> None:
    """Write the scans, truth.csv (page,row,col,value,table: rows and columns from 0, header included) and nothing else.

    Every file has a generator of its own, so that a change to one leaves the others as they are.
    """
    folder.mkdir(parents=True, exist_ok=True)
    truth: list[tuple[str, int, int, str, str]] = []
    for index, (name, draw) in enumerate(_SAMPLES):
        data, sheets = draw(handwriting, np.random.default_rng([seed, index]))
        (folder / name).write_bytes(data)
        for page, sheet in enumerate(sheets):
            table = str(page) if len(sheets) > 1 else ""  # a file of one page has one table
            truth += [(name, row, column, value, table) for row, column, value in sheet.truth]
    with (folder / "truth.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("page", "row", "col", "value", "table"))
        writer.writerows(truth)


Drawn = tuple[bytes, Sequence[RenderedSheet]]


def _marks_9a(handwriting: Handwriting, rng: np.random.Generator) -> Drawn:
    """A clean flat-bed scan, grey, laid straight: a pupil who was away."""
    sheet = _sheet(mark_sheet(rng, "Mark sheet 9A", blank_rows=(7,)), handwriting, rng)
    return _encoded(".png", age(sheet, Defects(grey=True), rng).image, cv2.IMWRITE_PNG_COMPRESSION, 9), [sheet]


def _marks_9b(handwriting: Handwriting, rng: np.random.Generator) -> Drawn:
    """Skewed and noisy: a question that nobody was asked."""
    sheet = _sheet(mark_sheet(rng, "Mark sheet 9B", blank_columns=(3,)), handwriting, rng)
    return _jpeg(age(sheet, Defects(skew=2.4, noise=4, light=0.12, stains=1), rng).image, 55), [sheet]


def _marks_9c(handwriting: Handwriting, rng: np.random.Generator) -> Drawn:
    """Two pages from a feeder, black and white."""
    specs = [mark_sheet(rng, f"Mark sheet 9C, page {page}", blank_share=0.05) for page in (1, 2)]
    sheets = [_sheet(spec, handwriting, rng) for spec in specs]
    pages = [
        age(sheet, Defects(skew=skew, noise=6, bilevel=True), rng).image
        for sheet, skew in zip(sheets, (-0.8, 0.5), strict=True)
    ]
    return _bilevel_tiff(pages), sheets


def _marks_9d(handwriting: Handwriting, rng: np.random.Generator) -> Drawn:
    """Photographed with the phone held upright: stored sideways, with a note to turn it."""
    sheet = _sheet(mark_sheet(rng, "Mark sheet 9D", rows=18), handwriting, rng)
    image = age(sheet, Defects(skew=-0.7, perspective=0.015, light=0.25, blur=0.6, noise=3), rng).image
    return _turned(_jpeg(np.rot90(image), 60)), [sheet]


def _ledger_march(handwriting: Handwriting, rng: np.random.Generator) -> Drawn:
    """Two pages as a copier mails them: JPEGs in a PDF. The second page carries the balance on."""
    one = ledger(rng, "Cash book March, page 1", days=(1, 15))
    carried = round(100 * float(one.rows[-1][-1]))
    two = ledger(rng, "Cash book March, page 2", blank_rows=(22, 23), opening=carried, first=25, days=(16, 31))
    sheets = [_sheet(spec, handwriting, rng) for spec in (one, two)]
    jpegs = []
    for sheet, skew in zip(sheets, (1.1, -0.6), strict=True):
        image = age(sheet, Defects(skew=skew, noise=2, grey=True), rng).image
        jpegs.append((_jpeg(image, 45), image.shape[1], image.shape[0]))
    return pdf_of_jpegs(jpegs, _DPI), sheets


def _ledger_april(handwriting: Handwriting, rng: np.random.Generator) -> Drawn:
    """A photo: perspective, uneven light, a coffee ring."""
    sheet = _sheet(ledger(rng, "Cash book April", days=(1, 30)), handwriting, rng)
    image = age(sheet, Defects(skew=1.5, perspective=0.02, light=0.3, blur=0.5, noise=4, stains=1), rng).image
    return _jpeg(image, 60), [sheet]


_SAMPLES = (
    ("marks-9A.png", _marks_9a),
    ("marks-9B.jpg", _marks_9b),
    ("marks-9C.tif", _marks_9c),
    ("marks-9D.jpg", _marks_9d),
    ("ledger-march.pdf", _ledger_march),
    ("ledger-april.jpg", _ledger_april),
)


def _sheet(spec: SheetSpec, handwriting: Handwriting, rng: np.random.Generator) -> RenderedSheet:
    return render_sheet(replace(spec, dpi=_DPI), handwriting, rng)


def _encoded(kind: str, image: Image, *options: int) -> bytes:
    return cv2.imencode(kind, image, options)[1].tobytes()


def _jpeg(image: Image, quality: int) -> bytes:
    return _encoded(".jpg", image, cv2.IMWRITE_JPEG_QUALITY, quality)


def _turned(jpeg: bytes) -> bytes:
    """Say in the EXIF of a JPEG that it is to be turned right by 90° (orientation 6)."""
    exif = b"Exif\0\0MM\0*" + struct.pack(">IHHHIHHI", 8, 1, 274, 3, 1, 6, 0, 0)
    return jpeg[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + jpeg[2:]


def _bilevel_tiff(images: Sequence[Image]) -> bytes:
    """A TIFF with a page an image, one bit a pixel, Deflate: OpenCV writes no such thing."""
    data = bytearray(struct.pack("<2sHI", b"II", 42, 0))
    link = 4  # where the offset of the next directory goes
    for image in images:
        height, width = image.shape
        pixels = zlib.compress(np.packbits(image > 127, axis=1).tobytes(), 9)
        start = len(data)
        data += pixels + bytes(len(pixels) % 2) + struct.pack("<II", _DPI, 1)
        resolution, directory = len(data) - 8, len(data)
        struct.pack_into("<I", data, link, directory)
        short, long, rational = 3, 4, 5
        fields = [(256, short, width), (257, short, height), (258, short, 1), (259, short, 8), (262, short, 1)]
        fields += [(273, long, start), (277, short, 1), (278, short, height), (279, long, len(pixels))]
        fields += [(282, rational, resolution), (283, rational, resolution), (296, short, 2)]
        data += struct.pack("<H", len(fields)) + b"".join(struct.pack("<HHII", tag, kind, 1, v) for tag, kind, v in fields)
        link = len(data)
        data += bytes(4)
    return bytes(data)


def main(arguments: Sequence[str]) -> None:
    """Write the samples: optionally, the folder with MNIST, then where to."""
    mnist = load_mnist(data_folder(Path(arguments[0]) if arguments else None), "train")
    folder = Path(arguments[1]) if len(arguments) > 1 else Path(__file__).parents[1] / "samples"
    write_samples(folder, Handwriting(mnist.images[-HELD_OUT:], mnist.labels[-HELD_OUT:]))


if __name__ == "__main__":
    main(sys.argv[1:])
