"""The directories of a TIFF: how many pages it has, their size, and one page at a time.

TIFF 6.0 and BigTIFF, both byte orders. Offsets come from the file and are never trusted.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

from pipeline.errors import CorruptScan, OversizedScan, ScanError, UnsupportedScan

MAGICS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")

_SUBFILE, _WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 254, 256, 257, 258, 259, 262
_STRIP_OFFSETS, _ORIENTATION, _SAMPLES, _STRIP_COUNTS = 273, 274, 277, 279
_TILE_OFFSETS, _TILE_COUNTS, _EXTRA_SAMPLES, _SAMPLE_FORMAT = 324, 325, 338, 339
_WANTED = frozenset(
    {_SUBFILE, _WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _STRIP_OFFSETS, _ORIENTATION, _SAMPLES, _STRIP_COUNTS}
    | {_TILE_OFFSETS, _TILE_COUNTS, _EXTRA_SAMPLES, _SAMPLE_FORMAT}
)
# struct codes of the whole-number field types: BYTE SHORT LONG, SBYTE SSHORT SLONG, IFD, LONG8 SLONG8 IFD8
_CODES = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 13: "I", 16: "Q", 17: "q", 18: "Q"}
# none, CCITT, G3, G4, LZW, JPEG, Deflate (twice), PackBits: what the decoder can undo
_COMPRESSIONS = frozenset({1, 2, 3, 4, 5, 7, 8, 32946, 32773})
# A real directory has some twenty entries; more than this is an attack on our time
_MOST_ENTRIES = 1000


@dataclass(frozen=True, slots=True)
class Layout:
    """How this file writes its directories: byte order, where the first offset stands, and the sizes of its parts."""

    order: str
    first: int  # where the offset of the first directory stands
    offset: str  # struct code of an offset
    count: str  # struct code of the number of entries
    entry: int  # bytes of an entry


@dataclass(frozen=True, slots=True)
class Directory:
    """One image of the file; `tags` holds the fields that we look at."""

    start: int
    tags: dict[int, tuple[int, ...]]

    def number(self, tag: int, default: int) -> int:
        values = self.tags.get(tag)
        return values[0] if values else default

    @property
    def width(self) -> int:
        return self.number(_WIDTH, 0)

    @property
    def height(self) -> int:
        return self.number(_HEIGHT, 0)

    @property
    def orientation(self) -> int:
        return self.number(_ORIENTATION, 1)

    @property
    def pixel_bytes(self) -> int:
        """How many bytes a pixel is decoded to; palettes become three channels."""
        samples = 3 if self.number(_PHOTOMETRIC, 1) == 3 else self.number(_SAMPLES, 1)
        return samples * (2 if self.number(_BITS, 1) > 8 else 1)

    @property
    def inverted(self) -> bool:
        """Whether 0 is white, and the decoder leaves it so: it turns only samples of up to 8 bits."""
        return self.number(_PHOTOMETRIC, 1) == 0 and self.number(_BITS, 1) == 16

    @property
    def premultiplied(self) -> bool:
        """Whether decoded colours are multiplied with alpha already: the decoder does so for samples of up to 8 bits."""
        return self.number(_BITS, 1) <= 8 or self.number(_EXTRA_SAMPLES, 0) == 1


def tiff_pages(data: bytes, most: int) -> tuple[list[Directory], ScanError | None]:
    """The pages of a TIFF, without thumbnails and masks, and what is wrong after the last good one, if anything is.

    Stops after `most` + 1 pages, so that the caller can tell that there are too many.
    """
    layout = _layout(data)
    pages: list[Directory] = []
    seen: set[int] = set()
    try:
        (start,) = _unpack(data, layout.order + layout.offset, layout.first)
        while start:
            if start in seen:
                raise CorruptScan("a TIFF whose pages go round in a circle")
            seen.add(start)
            directory, start = _directory(data, layout, start)
            if not directory.number(_SUBFILE, 0) & 0b101:  # reduced image, transparency mask
                pages.append(directory)
            if len(pages) > most:
                break
            if len(seen) > 4 * most:  # thumbnails and masks that belong to no page
                raise OversizedScan(f"a TIFF of more than {4 * most} images")
    except ScanError as error:
        return pages, error
    return pages, None


def check_page(data: bytes, page: Directory) -> None:
    """Raise UnsupportedScan for a page that the decoder can't read, CorruptScan for one whose pixels are not all there."""
    bits, samples = page.number(_BITS, 1), page.number(_SAMPLES, 1)
    if bits not in (1, 2, 4, 8, 16) or page.number(_SAMPLE_FORMAT, 1) != 1:
        raise UnsupportedScan(f"a TIFF with samples of {bits} bits")
    if samples not in (1, 3, 4):
        raise UnsupportedScan(f"a TIFF with {samples} samples a pixel")
    compression = page.number(_COMPRESSION, 1)
    if compression not in _COMPRESSIONS:
        raise UnsupportedScan(f"a TIFF with compression {compression}")
    offsets = page.tags.get(_STRIP_OFFSETS) or page.tags.get(_TILE_OFFSETS) or ()
    counts = page.tags.get(_STRIP_COUNTS) or page.tags.get(_TILE_COUNTS) or ()
    if not offsets:
        raise CorruptScan("a TIFF page without pixels")
    if max(offsets) >= len(data) or any(o + n > len(data) for o, n in zip(offsets, counts, strict=False)):
        raise CorruptScan("a TIFF that is cut short")


def select_page(data: bytes, page: Directory) -> tuple[int, bytes]:
    """Where to put which bytes to make `page` the first page of the file, so that a decoder of single images finds it at once.

    Cheaper than asking the decoder for page n: it does not walk there, and nothing but the page is in memory.
    """
    layout = _layout(data)
    return layout.first, struct.pack(layout.order + layout.offset, page.start)


def exif_orientation(data: bytes) -> int:
    """Orientation, 1 to 8, from an EXIF block, which is a small TIFF; 1 if it says nothing usable."""
    try:
        layout = _layout(data)
        (start,) = _unpack(data, layout.order + layout.offset, layout.first)
        orientation = _directory(data, layout, start)[0].orientation
    except ScanError:
        return 1
    return orientation if 1 <= orientation <= 8 else 1


def _layout(data: bytes) -> Layout:
    magic = bytes(data[:4])
    if magic not in MAGICS:
        raise CorruptScan("a TIFF without its header")
    order = "<" if magic[:2] == b"II" else ">"
    if b"*" in magic:
        return Layout(order, 4, "I", "H", 12)
    return Layout(order, 8, "Q", "Q", 20)


def _directory(data: bytes, layout: Layout, start: int) -> tuple[Directory, int]:
    """The directory at `start` and the offset of the next one."""
    (count,) = _unpack(data, layout.order + layout.count, start)
    if count > _MOST_ENTRIES:
        raise CorruptScan("a TIFF with a damaged directory")
    position = start + struct.calcsize(layout.order + layout.count)
    tags: dict[int, tuple[int, ...]] = {}
    for at in range(position, position + count * layout.entry, layout.entry):
        tag, kind, values = _unpack(data, layout.order + "HH" + layout.offset, at)
        if tag in _WANTED and kind in _CODES:
            tags.setdefault(tag, _values(data, layout, at, _CODES[kind], values))
    (following,) = _unpack(data, layout.order + layout.offset, position + count * layout.entry)
    return Directory(start, tags), following


def _values(data: bytes, layout: Layout, entry: int, code: str, count: int) -> tuple[int, ...]:
    """The values of a field: within its entry if they fit, else where the entry points."""
    size = struct.calcsize(layout.order + code) * count
    room = struct.calcsize(layout.order + layout.offset)
    at = entry + layout.entry - room
    if size > room:
        (at,) = _unpack(data, layout.order + layout.offset, at)
    if size > len(data):
        raise CorruptScan("a TIFF with a damaged directory")
    return _unpack(data, f"{layout.order}{count}{code}", at)


def _unpack(data: bytes, form: str, at: int) -> tuple[int, ...]:
    try:
        return struct.unpack_from(form, data, at)
    except (struct.error, OverflowError) as error:  # beyond the end of the data, or of any data
        raise CorruptScan("a TIFF that is cut short") from error
