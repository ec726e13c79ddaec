"""Scan files made byte by byte: the kinds that OpenCV can't write, and the broken ones."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from typing import Literal

import cv2
import numpy as np

from pipeline.records import Image
from pipeline.training.pdffile import pdf_file, stream


def drawing() -> Image:
    """40 × 60 grey: a black block top left on white paper, a grey one lower right. No turn or mirror image of it is like it.

    The files in tests/data/scans show the same, the 1-bit ones without the grey block.
    """
    image = np.full((40, 60), 255, np.uint8)
    image[4:11, 4:21] = 0
    image[20:37, 30:35] = 128
    return image


def encode(kind: str, image: Image, *options: int) -> bytes:
    return cv2.imencode(kind, image, options)[1].tobytes()


def png_chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png(width: int, height: int, depth: int, colour: int, rows: bytes, *chunks: bytes) -> bytes:
    """A PNG of raw rows without filter, with more chunks between header and pixels."""
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    pixels = png_chunk(b"IDAT", zlib.compress(rows))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + pixels + png_chunk(b"IEND", b"")


def exif(orientation: int, order: str = "<") -> bytes:
    """An EXIF block, which is a TIFF without an image."""
    magic = b"II*\0" if order == "<" else b"MM\0*"
    return magic + struct.pack(order + "IHHHIHHI", 8, 1, 274, 3, 1, orientation, 0, 0)


def oriented(kind: str, image: Image, orientation: int) -> bytes:
    """A file that says by its orientation tag how to turn `image`."""
    if kind == ".tif":
        return tiff([image], tags={274: orientation})
    if kind == ".png":
        data = encode(".png", image)
        return data[:33] + png_chunk(b"eXIf", exif(orientation)) + data[33:]
    data = encode(".jpg", image, cv2.IMWRITE_JPEG_QUALITY, 95)
    content = b"Exif\0\0" + exif(orientation, ">")
    return data[:2] + b"\xff\xe1" + struct.pack(">H", len(content) + 2) + content + data[2:]


def tiff(
    images: Sequence[Image | np.ndarray[tuple[int, ...], np.dtype[np.uint16]]],
    order: Literal["<", ">"] = "<",
    big: bool = False,
    tags: dict[int, int] | None = None,
    bits: int = 0,
) -> bytes:
    """An uncompressed TIFF, one strip a page; `bits` packs a uint8 image into fewer. `tags` replace those of every page."""
    magic = (b"II" if order == "<" else b"MM") + struct.pack(order + "H", 43 if big else 42)
    data = bytearray(magic + (struct.pack(order + "HHQ", 8, 0, 16) if big else struct.pack(order + "I", 8)))
    offset, count = ("Q", "Q") if big else ("I", "H")
    for number, image in enumerate(images):
        height, width = image.shape[:2]
        samples = 1 if image.ndim == 2 else image.shape[2]
        depth = bits or 8 * image.itemsize
        pixels = (
            np.packbits(image > 127, axis=1).tobytes()
            if depth == 1
            else image.astype(image.dtype.newbyteorder(order)).tobytes()
        )
        colour = 2 if samples >= 3 else 1
        values = {256: width, 257: height, 258: depth, 259: 1, 262: colour, 273: 0, 277: samples, 278: height, 279: len(pixels)}
        if samples == 4:
            values[338] = 2
        values |= tags or {}
        size = struct.calcsize(order + count) + len(values) * (20 if big else 12) + struct.calcsize(order + offset)
        start = len(data)
        values[273] = start + size
        data += struct.pack(order + count, len(values))
        for tag, value in sorted(values.items()):
            data += struct.pack(order + "HH" + offset, tag, 16 if big else 4, 1) + struct.pack(order + offset, value)
        following = start + size + len(pixels) if number + 1 < len(images) else 0
        data += struct.pack(order + offset, following) + pixels
    return bytes(data)


def pdf(contents: Sequence[bytes], size: tuple[int, int] = (60, 40), rotate: int = 0, annotation: bytes = b"") -> bytes:
    """A PDF with a page for each content stream, `size` in points."""
    kids = b" ".join(b"%d 0 R" % (3 + 2 * i) for i in range(len(contents)))
    objects = [b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[%s]/Count %d>>" % (kids, len(contents))]
    for i, content in enumerate(contents):
        page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 %d %d]/Rotate %d/Contents %d 0 R%s>>"
        objects.append(page % (*size, rotate, 4 + 2 * i, annotation))
        objects.append(stream(content))
    return pdf_file(objects)


#: The drawing as PDF: y upwards, in points.
PDF_DRAWING = b"0 g 4 29 17 7 re f 0.5 g 30 3 5 17 re f"
