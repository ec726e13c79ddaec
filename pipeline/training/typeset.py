"""Print, set in the fonts that every PDF renderer brings: what is on a form before anybody writes on it.

OpenCV's own text will not do: up to version 4 it is drawn with a plotter's strokes, from 5 on all its zeros are slashed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pypdfium2

from pipeline.records import Image
from pipeline.training.pdffile import pdf_file, stream

REGULAR = ("Helvetica", "Times-Roman", "Courier")
FONTS = (*REGULAR, "Helvetica-Bold", "Times-Bold", "Courier-Bold")

# height of capitals and figures in ems
_CAPITALS = {"Courier": 0.57, "Courier-Bold": 0.57}
_USUAL_CAPITALS = 0.69


@dataclass(frozen=True, slots=True)
class Line:
    """Text with its left end and baseline, and the height of its capitals, in pixels."""

    text: str
    x: float
    y: float
    height: float


def typeset(lines: Sequence[Line], width: int, height: int, font: str = FONTS[0]) -> Image:
    """Set lines of Latin-1 text on a page of `width` × `height` pixels: (height, width), 255 where there is print."""
    content = b"\n".join(_shown(line, height, font) for line in lines)
    document = pypdfium2.PdfDocument(
        pdf_file(
            [
                b"<</Type/Catalog/Pages 2 0 R>>",
                b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
                b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 %d %d]/Contents 4 0 R/Resources<</Font<</F 5 0 R>>>>>>"
                % (width, height),
                stream(content),
                b"<</Type/Font/Subtype/Type1/Encoding/WinAnsiEncoding/BaseFont/%s>>" % font.encode("ascii"),
            ]
        )
    )
    try:
        page = document[0].render(scale=1, grayscale=True)
        return np.array(255 - page.to_numpy().reshape(height, width), np.uint8)
    finally:
        document.close()


def _shown(line: Line, height: int, font: str) -> bytes:
    text = line.text.encode("latin-1", "replace")
    for special in (b"\\", b"(", b")"):
        text = text.replace(special, b"\\" + special)
    size = line.height / _CAPITALS.get(font, _USUAL_CAPITALS)
    return b"BT /F %.2f Tf %.2f %.2f Td (%s) Tj ET" % (size, line.x, height - line.y, text)
