"""Damaged files of every kind that is decoded: cut, flipped, lying, mixed, swollen. Used by tests and by a bench."""

from __future__ import annotations

import random
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from pipeline.training.pdffile import pdf_of_jpegs
from tests.stages.scanfiles import PDF_DRAWING, drawing, encode, oriented, pdf, png, tiff

SCANS = Path(__file__).parent / "data" / "scans"


def seeds() -> dict[str, bytes]:
    """Whole files: every format and encoding, by kind and name."""
    found = {file.name: file.read_bytes() for file in sorted(SCANS.iterdir()) if file.suffix != ".md"}
    deep = drawing().astype(np.uint16) * 257
    ink = np.dstack([drawing()] * 3 + [255 - drawing()])
    found |= {
        "grey.jpg": encode(".jpg", drawing()),
        "turned.jpg": oriented(".jpg", drawing(), 6),
        "grey.png": encode(".png", drawing()),
        "deep.png": encode(".png", deep),  # type: ignore[arg-type]
        "alpha.png": encode(".png", ink),
        "pages.tif": tiff([drawing()] * 3),
        "deep.tif": tiff([deep], ">"),
        "big.tif": tiff([drawing(), drawing()], ">", big=True),
        "drawn.pdf": pdf([PDF_DRAWING, b"1 0 0 rg 0 0 60 40 re f"]),
        "scanned.pdf": pdf_of_jpegs([(encode(".jpg", drawing()), 60, 40)], dpi=72),
    }
    return found


class Mutator:
    """Makes damaged files out of whole ones, the same ones for the same seed."""

    def __init__(self, seed: int, pdf_share: float = 0.05) -> None:
        """A PDF takes a process of its own: `pdf_share` of the files are PDFs."""
        self._chance = random.Random(seed)
        self._seeds = seeds()
        self._pdfs = [name for name in self._seeds if name.endswith(".pdf")]
        self._images = [name for name in self._seeds if not name.endswith(".pdf")]
        self._pdf_share = pdf_share

    def next(self) -> tuple[str, bytes]:
        """What was done to which file, and the outcome."""
        names = self._pdfs if self._chance.random() < self._pdf_share else self._images
        name = self._chance.choice(names)
        ways: list[Callable[[str, bytes], bytes]] = [
            *(self._flipped, self._flipped, self._cut, self._lying, self._lying, self._repeated, self._mixed, self._swollen),
            *(self._zeroed, self._bomb, self._noise),
        ]
        way = self._chance.choice(ways)
        return f"{name} {way.__name__.strip('_')}", way(name, self._seeds[name])

    def _flipped(self, name: str, data: bytes) -> bytes:
        out = bytearray(data)
        for _ in range(self._chance.choice([1, 1, 2, 8, 64])):
            out[self._chance.randrange(len(out))] ^= 1 << self._chance.randrange(8)
        return self._mended(name, bytes(out))

    def _cut(self, name: str, data: bytes) -> bytes:
        start = self._chance.randrange(len(data)) if self._chance.random() < 0.1 else 0
        return data[start : self._chance.randrange(start, len(data) + 1)]

    def _lying(self, name: str, data: bytes) -> bytes:
        """Some field of the front says something else: sizes, counts and offsets stand there."""
        out = bytearray(data)
        at = self._chance.randrange(min(len(out), 400)) if self._chance.random() < 0.7 else self._chance.randrange(len(out))
        value = self._chance.choice([0, 1, 2, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, len(data), 65500, 30000])
        order = self._chance.choice("<>")
        field = struct.pack(f"{order}Q", value)
        width = self._chance.choice([1, 2, 4, 8])
        out[at : at + width] = field[:width] if order == "<" else field[-width:]
        return self._mended(name, bytes(out))

    def _repeated(self, name: str, data: bytes) -> bytes:
        start = self._chance.randrange(len(data))
        piece = data[start : start + self._chance.choice([4, 40, 400])]
        return data[:start] + piece * self._chance.choice([2, 10, 1000]) + data[start:]

    def _mixed(self, name: str, data: bytes) -> bytes:
        """The front of one file and the rest of another."""
        other = self._seeds[self._chance.choice(list(self._seeds))]
        return data[: self._chance.randrange(len(data))] + other[self._chance.randrange(len(other)) :]

    def _swollen(self, name: str, data: bytes) -> bytes:
        at = self._chance.randrange(len(data))
        return data[:at] + bytes([self._chance.randrange(256)]) * self._chance.choice([1, 100, 100_000]) + data[at:]

    def _zeroed(self, name: str, data: bytes) -> bytes:
        at = self._chance.randrange(len(data))
        length = self._chance.choice([1, 16, 512])
        return data[:at] + bytes(len(data[at : at + length])) + data[at + length :]

    def _noise(self, name: str, data: bytes) -> bytes:
        keep = self._chance.choice([4, 8, 16, 64])
        return data[:keep] + self._chance.randbytes(self._chance.choice([0, 100, 5000]))

    def _bomb(self, name: str, data: bytes) -> bytes:
        """Small on the disk, huge in memory, as the header says, or as it does not say."""
        if name.endswith(".pdf"):
            endless = b"q " * 50_000 if self._chance.random() < 0.5 else b"/X Do " * 100
            loop = pdf([endless], size=(self._chance.choice([60, 14_000]), 40))
            return loop.replace(b"/Count", b"/Kids[1 0 R]/Count") if self._chance.random() < 0.5 else loop
        side = self._chance.choice([3000, 20_000, 60_000])
        if self._chance.random() < 0.5:
            return png(side, side, 8, 0, bytes(5_000_000))
        return tiff([drawing()], tags={256: side, 257: side})

    def _mended(self, name: str, data: bytes) -> bytes:
        """With the sums of a PNG's chunks put right, so that damage comes further than the first check."""
        if not name.endswith(".png") or self._chance.random() < 0.3:
            return data
        out, at = bytearray(data[:8]), 8
        while at + 12 <= len(data):
            length = int.from_bytes(data[at : at + 4], "big")
            if length > len(data):
                break
            body = data[at + 4 : at + 8 + length]
            out += data[at : at + 4] + body + struct.pack(">I", zlib.crc32(body))
            at += 12 + length
        return bytes(out + data[at:])
