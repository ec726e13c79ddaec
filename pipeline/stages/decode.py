"""Bytes of a scan → its pages, one at a time. Every file is hostile until decoded."""

from __future__ import annotations

import re
from collections.abc import Callable, Generator, Iterator
from contextlib import closing

import cv2
import numpy as np

from pipeline.errors import CorruptScan, EmptyScan, OversizedScan, UnsupportedScan
from pipeline.records import Image, Page
from pipeline.settings import Settings
from pipeline.stages import tiff
from pipeline.stages.headers import PNG_MAGIC, Header, jpeg_header, png_header
from pipeline.stages.images import DECODER
from pipeline.stages.pdf import pdf_images

#: A PDF's header may stand anywhere within this many bytes (ISO 32000-1, implementation note 13); all others start the file.
HEAD = 1024

# What other files people drop, by their first bytes; the longest remedy is for the commonest: phones save HEIC
_HEIC_REMEDY = 'Set the phone\'s camera to "Most compatible" (JPEG), or save the photo as JPEG.'
_OTHERS: tuple[tuple[bytes, str, str], ...] = (
    (rb"....ftyp(hei|hev|mif1|msf1)", "an HEIC photo", _HEIC_REMEDY),
    (rb"....ftypavif", "an AVIF photo", ""),
    (rb"....ftyp", "a video", "Take a photo instead, or scan the paper."),
    (rb"RIFF....WEBP", "a WebP image", ""),
    (rb"GIF8", "a GIF image", ""),
    (rb"BM.{4}\0\0\0\0", "a BMP image", ""),
    (rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51", "a JPEG 2000 image", ""),
    (rb"AT&TFORM", "a DjVu document", ""),
    (rb"PK\x03\x04|PK\x05\x06", "a ZIP archive or an Office document", "Unpack it, or export it as PDF."),
    (rb"\xd0\xcf\x11\xe0", "an old Word or Excel document", "Export it as PDF."),
    (rb"\{\\rtf|%!PS", "a document", "Export it as PDF."),
    (rb"\0{16}", "nothing but zeros", "The copy was interrupted: copy it again."),
    (rb"[\t\n\r\x20-\x7e\x80-\xff]+\Z", "text", "Scan the paper: numbers that are text already need no reading."),
)


def is_scan(head: bytes) -> bool:
    """Whether a file whose first bytes are `head` (1 KB is enough) is a JPEG, PNG, TIFF or PDF."""
    return _reader(head) is not None


def decode(data: bytes, settings: Settings) -> Iterator[Page]:
    """Yield the pages of a scan: grey (height, width) or BGR (height, width, 3), upright by EXIF, alpha laid on white paper.

    Pages before a damaged one are yielded before its error is raised. A long document is never in memory at once.

    Raises EmptyScan, UnsupportedScan, CorruptScan, EncryptedScan or OversizedScan.
    """
    if not data:
        raise EmptyScan("the file is empty")
    reader = _reader(data[:HEAD])
    if reader is None:
        raise _unsupported(data[:HEAD])
    with closing(reader(data, settings)) as images:
        for number, image in enumerate(images, start=1):
            yield Page(number, _grey_if_grey(image))


def _reader(head: bytes) -> Callable[[bytes, Settings], Generator[Image]] | None:
    if head.startswith(b"\xff\xd8\xff"):
        return _jpeg_images
    if head.startswith(PNG_MAGIC):
        return _png_images
    if head.startswith(tiff.MAGICS):
        return _tiff_images
    if b"%PDF-" in head[:HEAD]:
        return pdf_images
    return None


def _unsupported(head: bytes) -> UnsupportedScan:
    for pattern, name, remedy in _OTHERS:
        if re.match(pattern, head, re.DOTALL):
            return UnsupportedScan(f"the file is {name}", remedy)
    return UnsupportedScan("the file is no image and no PDF")


def _jpeg_images(data: bytes, settings: Settings) -> Generator[Image]:
    header = jpeg_header(data)
    _check_size(header, settings)
    yield _upright(_decoded(data, header, settings), header.orientation)


def _png_images(data: bytes, settings: Settings) -> Generator[Image]:
    header = png_header(data)
    _check_size(header, settings)
    yield _upright(_decoded(data, header, settings), header.orientation)


def _tiff_images(data: bytes, settings: Settings) -> Generator[Image]:
    pages, error = tiff.tiff_pages(data, settings.max_pages)
    if len(pages) > settings.max_pages:
        raise OversizedScan(f"more than {settings.max_pages} pages")
    for page in pages:
        # the decoder turns the pages of a TIFF upright by itself, though it leaves JPEG and PNG as they are stored
        width, height = (page.height, page.width) if page.orientation in (5, 6, 7, 8) else (page.width, page.height)
        header = Header(width, height, pixel_bytes=page.pixel_bytes)
        _check_size(header, settings)
        tiff.check_page(data, page)
        image = _decoded(data, header, settings, page.premultiplied, *tiff.select_page(data, page))
        yield ~image if page.inverted else image
    if error is not None:
        raise error
    if not pages:
        raise EmptyScan("a TIFF without a page")


def _check_size(header: Header, settings: Settings) -> None:
    if header.width < 1 or header.height < 1:
        raise CorruptScan("an image without pixels")
    if header.width * header.height > settings.max_pixels:
        raise OversizedScan(f"a page of {header.width} × {header.height} pixels")
    if header.size > settings.max_page_bytes:
        raise OversizedScan(f"a page of {header.size / 1e6:.0f} MB")


def _decoded(
    data: bytes, header: Header, settings: Settings, premultiplied: bool = False, at: int = 0, patch: bytes = b""
) -> Image:
    """The image as stored, in 8 bits without alpha."""
    image = DECODER.decode(data, header, settings.image_seconds, at, patch)
    if image.dtype == np.uint16:
        image = cv2.convertScaleAbs(image, alpha=1 / 257)
    if image.dtype != np.uint8:
        raise UnsupportedScan(f"an image of {image.dtype} samples")
    if image.ndim == 3 and image.shape[2] == 4:
        image = _on_paper(image, premultiplied)
    return image


def _on_paper(image: Image, premultiplied: bool) -> Image:
    """Lay a BGRA image on white paper."""
    *colours, alpha = cv2.split(image)
    if not premultiplied:
        colours = [cv2.multiply(colour, alpha, scale=1 / 255) for colour in colours]
    paper = cv2.bitwise_not(alpha)
    return np.asarray(cv2.merge([cv2.add(colour, paper) for colour in colours]), np.uint8)


def _grey_if_grey(image: Image) -> Image:
    """One channel if all three are the same: palettes and grey with alpha are decoded to three."""
    if image.ndim == 2:
        return image
    for part in (image[::16, ::16], image):  # a coloured page is seen on a few pixels
        blue, green, red = cv2.split(part)
        if not (np.array_equal(blue, green) and np.array_equal(green, red)):
            return image
    return np.asarray(blue, np.uint8)


def _upright(image: Image, orientation: int) -> Image:
    """Undo an EXIF orientation (Exif 2.32, tag 274)."""
    if orientation >= 5:
        image = np.asarray(cv2.transpose(image), np.uint8)
    # after the transpose: 5 is done, 6 is turned right, 7 both, 8 turned left
    flip = {2: 1, 3: -1, 4: 0, 6: 1, 7: -1, 8: 0}.get(orientation)
    return image if flip is None else np.asarray(cv2.flip(image, flip), np.uint8)
