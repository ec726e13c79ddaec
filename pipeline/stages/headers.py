"""What the headers of a JPEG or PNG say before anything is decoded: size and orientation, and whether the file is whole.

Written for files that lie: every length is checked against the bytes that are there. TIFF has a module of its own.
"""

from __future__ import annotations

import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from pipeline.errors import CorruptScan, UnsupportedScan
from pipeline.stages.tiff import exif_orientation

PNG_MAGIC = b"\x89PNG\r\n\x1a\n"

# A marker within entropy-coded data: not a stuffed FF00, a restart mark or a fill byte (ITU T.81, B.1.1)
_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
_START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_NO_CONTENT = frozenset({0x01, *range(0xD0, 0xD8)})
# A progressive JPEG has about ten scans; each costs a pass over the whole image, so thousands of them are a bomb
_MOST_SCANS = 100


@dataclass(frozen=True, slots=True)
class Header:
    """Size in pixels as stored, the EXIF orientation, 1 to 8, that turns it upright, and the bytes that a decoded pixel has."""

    width: int
    height: int
    orientation: int = 1
    pixel_bytes: int = 1

    @property
    def size(self) -> int:
        """Bytes of all pixels."""
        return self.width * self.height * self.pixel_bytes


def png_header(data: bytes) -> Header:
    """Read the header of a PNG and check every chunk's sum (ISO/IEC 15948).

    Raises CorruptScan if the PNG is cut short or damaged.
    """
    chunks = _png_chunks(data)
    name, content = next(chunks)
    if name != b"IHDR" or len(content) != 13:
        raise CorruptScan("a PNG that does not start with its header")
    width, height, depth, colour = struct.unpack_from(">IIBB", content)
    pixel_bytes = {0: 1, 2: 3}.get(colour, 4) * (2 if depth == 16 else 1)  # palettes and alpha become four channels
    orientation = 1
    for name, content in chunks:
        if name == b"eXIf":
            orientation = exif_orientation(content)
    return Header(width, height, orientation, pixel_bytes)


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Name and content of every chunk up to IEND."""
    position = len(PNG_MAGIC)
    name = b""
    while name != b"IEND":
        if position + 12 > len(data):
            raise CorruptScan("a PNG that is cut short")
        (length,) = struct.unpack_from(">I", data, position)
        name = data[position + 4 : position + 8]
        end = position + 8 + length
        if end + 4 > len(data):
            raise CorruptScan("a PNG that is cut short")
        if zlib.crc32(memoryview(data)[position + 4 : end]) != int.from_bytes(data[end : end + 4], "big"):
            raise CorruptScan("a PNG with a damaged chunk")
        yield name, data[position + 8 : end]
        position = end + 4


def jpeg_header(data: bytes) -> Header:
    """Read the header of a JPEG and walk it to its end (ITU T.81, annex B; Exif in APP1).

    The walk matters: decoders paint the missing part of a truncated JPEG grey and say nothing.

    Raises CorruptScan if the JPEG is cut short or has no usable header, UnsupportedScan if it has not 8 bits a sample.
    """
    size: tuple[int, int] | None = None
    samples = 1
    orientation, scans = 1, 0
    for marker, content in _jpeg_segments(data):
        if marker in _START_OF_FRAME and size is None:
            if len(content) < 6:
                raise CorruptScan("a JPEG with a damaged header")
            precision, height, width = struct.unpack_from(">BHH", content)
            if precision != 8:
                raise UnsupportedScan(f"a JPEG with {precision} bits a sample")
            size = width, height
            samples = 1 if content[5] == 1 else 3
        elif marker == 0xE1 and content.startswith(b"Exif\0\0") and orientation == 1:
            orientation = exif_orientation(content[6:])
        elif marker == 0xDA:
            scans += 1
            if scans > _MOST_SCANS:
                raise CorruptScan(f"a JPEG with more than {_MOST_SCANS} scans")
    if size is None or not scans:
        raise CorruptScan("a JPEG without an image")
    return Header(*size, orientation, samples)


def _jpeg_segments(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Marker and content of every segment up to the end-of-image marker, which must be there."""
    position = 2
    while True:
        match = _MARKER.search(data, position)
        if match is None:
            raise CorruptScan("a JPEG that is cut short")
        marker, position = data[match.end() - 1], match.end()
        if marker == 0xD9:
            return
        if marker in _NO_CONTENT or marker == 0xD8:
            continue
        length = int.from_bytes(data[position : position + 2], "big")
        if length < 2 or position + length > len(data):
            raise CorruptScan("a JPEG that is cut short")
        yield marker, data[position + 2 : position + length]
        position += length
