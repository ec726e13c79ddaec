"""PDF files written by hand: just enough for our own pages (ISO 32000-1, 7.5)."""

from __future__ import annotations

from collections.abc import Sequence


def pdf_file(objects: Sequence[bytes]) -> bytes:
    """A PDF of these objects, numbered from 1; the first is the catalogue."""
    data = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
    offsets = []
    for number, content in enumerate(objects, start=1):
        offsets.append(len(data))
        data += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    head = b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    tail = b"trailer\n<</Size %d/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF\n" % (len(objects) + 1, len(data))
    return bytes(data + head + table + tail)


def stream(content: bytes, entries: bytes = b"") -> bytes:
    """A stream object with its length and other dictionary entries."""
    return b"<</Length %d%s>>stream\n%s\nendstream" % (len(content), entries, content)


def pdf_of_jpegs(jpegs: Sequence[tuple[bytes, int, int]], dpi: int) -> bytes:
    """A PDF as scanners write it: one JPEG a page, given with its width and height in pixels, colour or grey by its header."""
    kids = b" ".join(b"%d 0 R" % (3 + 3 * i) for i in range(len(jpegs)))
    objects = [b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[%s]/Count %d>>" % (kids, len(jpegs))]
    for i, (jpeg, width, height) in enumerate(jpegs):
        wide, high = 72 * width / dpi, 72 * height / dpi
        colours = b"DeviceGray" if _components(jpeg) == 1 else b"DeviceRGB"
        page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 %.3f %.3f]/Contents %d 0 R/Resources<</XObject<</I %d 0 R>>>>>>"
        image = b"/Type/XObject/Subtype/Image/Width %d/Height %d/ColorSpace/%s/BitsPerComponent 8/Filter/DCTDecode"
        objects.append(page % (wide, high, 4 + 3 * i, 5 + 3 * i))
        objects.append(stream(b"%.3f 0 0 %.3f 0 0 cm /I Do" % (wide, high)))
        objects.append(stream(jpeg, image % (width, height, colours)))
    return pdf_file(objects)


def _components(jpeg: bytes) -> int:
    """How many components a baseline JPEG of our own has, by its frame header."""
    return jpeg[jpeg.index(b"\xff\xc0") + 9]
