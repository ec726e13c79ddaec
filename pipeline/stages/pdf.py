"""Pages of a PDF, rendered by PDFium in a process of its own: it is not safe under threads, and hostile files crash it."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from typing import Any

from pipeline.errors import CorruptScan
from pipeline.records import Image
from pipeline.settings import Settings
from pipeline.stages.child import START_SECONDS, Child, Deadline


def pdf_images(data: bytes, settings: Settings) -> Generator[Image]:
    """Yield each page as BGR, or grey (height, width) if it has no colour, at settings.pdf_dpi.

    Closing the generator ends the renderer. Raises EmptyScan, EncryptedScan, OversizedScan, or CorruptScan for a document that
    is damaged, crashes the renderer or takes it longer than settings.pdf_seconds a page.
    """
    if b"%%EOF" not in data.rstrip(b"\0\r\n\t ")[-2048:]:  # PDFium repairs what was cut off by leaving pages empty
        raise CorruptScan("a PDF that is cut short")
    limits = {
        "dpi": settings.pdf_dpi,
        "pixels": settings.max_pixels,
        "pages": settings.max_pages,
        "seconds": settings.pdf_seconds,
    }
    with closing(Child("pdf_renderer.py", "the PDF", limits)) as child:
        with child.deadline(START_SECONDS + settings.pdf_seconds) as deadline:
            child.tell(data=data, is_all=True)
            message = child.hear(deadline)
        while not message.get("done"):
            with child.deadline(settings.pdf_seconds) as deadline:
                message = child.hear(deadline)
                image = None if message.get("done") else _page(child, message, settings, deadline)
            if image is not None:
                yield image


def _page(child: Child, message: dict[str, Any], settings: Settings, deadline: Deadline) -> Image:
    width, height, stride = message["width"], message["height"], message["stride"]
    if width * height > settings.max_pixels or stride > 4 * width + 64:
        raise CorruptScan("the PDF breaks the renderer")
    rows = child.pixels(height, stride, deadline)
    return rows[:, : 3 * width].reshape(height, width, 3)
