"""The process that renders one PDF: document in on stdin, pages out on stdout, one at a time. Run by pdf.py, imports little.

Each message is a line of JSON: the number of pages; then for each page its size, followed by that many bytes (rows of BGR
pixels, `stride` bytes each); then {"done": true}. Or {"error": class of ScanError, "message": …}, which ends it.
"""

from __future__ import annotations

import json
import math
import signal
import sys
import time
from contextlib import suppress
from typing import Any

import pypdfium2
from pypdfium2 import raw

try:
    import resource
except ImportError:  # Windows has no limits to set
    resource = None  # type: ignore[assignment]

# Python with PDFium, and room for a page's fonts and embedded images
_BASE_MEMORY = 1 << 30
_NEEDS_PASSWORD = (4, 5)  # FPDF_ERR_PASSWORD, FPDF_ERR_SECURITY


class _RefusedError(Exception):
    """Ends the rendering; args are the class name of a ScanError and the message."""


def main() -> None:
    """Serve one document: what pdf.py starts."""
    limits = json.loads(sys.argv[1])
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):  # when to end is the parent's business
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    try:
        _limit_memory(_BASE_MEMORY + 8 * limits["pixels"])
        data = sys.stdin.buffer.read()
        document = _opened(data, limits["pages"])
        _send({"pages": len(document)})
        for number in range(1, len(document) + 1):
            _limit_time(limits["seconds"])
            _render(document, number, limits)
        _send({"done": True})
    except _RefusedError as error:
        _send({"error": error.args[0], "message": error.args[1]})


def _opened(data: bytes, most: int) -> Any:  # noqa: ANN401 (pypdfium2 has no types)
    try:
        document = pypdfium2.PdfDocument(data)
        pages = len(document)
    except pypdfium2.PdfiumError as error:
        code = raw.FPDF_GetLastError()
        if code in _NEEDS_PASSWORD:
            raise _RefusedError("EncryptedScan", "the PDF is encrypted") from error
        if code == raw.FPDF_ERR_SUCCESS:
            raise _RefusedError("EmptyScan", "the PDF has no pages") from error
        raise _RefusedError("CorruptScan", "the PDF can't be opened") from error
    if not pages:
        raise _RefusedError("EmptyScan", "the PDF has no pages")
    if pages > most:
        raise _RefusedError("OversizedScan", f"a PDF of {pages} pages")
    with suppress(pypdfium2.PdfiumError):  # XFA and the like: the page without it is better than none
        document.init_forms()  # so that filled-in form fields are drawn
    return document


def _render(document: Any, number: int, limits: dict[str, Any]) -> None:  # noqa: ANN401
    """Send one page, turned as its /Rotate says, with annotations and form fields."""
    scale = limits["dpi"] / 72
    try:
        page = document[number - 1]
        width, height = (math.ceil(side * scale) for side in page.get_size())
        if width * height > limits["pixels"]:
            raise _RefusedError("OversizedScan", f"page {number} has {width} × {height} pixels at {limits['dpi']} dpi")
        bitmap = page.render(scale=scale)
    except (pypdfium2.PdfiumError, ValueError, MemoryError, OSError) as error:
        raise _RefusedError("CorruptScan", f"page {number} of the PDF can't be rendered") from error
    _send({"width": bitmap.width, "height": bitmap.height, "stride": bitmap.stride})
    sys.stdout.buffer.write(bitmap.buffer)
    sys.stdout.buffer.flush()
    bitmap.close()
    page.close()


def _send(message: dict[str, Any]) -> None:
    sys.stdout.buffer.write(json.dumps(message).encode() + b"\n")
    sys.stdout.buffer.flush()


def _limit_memory(size: int) -> None:
    if resource is not None:
        _, hard = resource.getrlimit(resource.RLIMIT_AS)
        wanted = size if hard == resource.RLIM_INFINITY else min(size, hard)
        with suppress(ValueError, OSError):  # macOS has the limit in name only
            resource.setrlimit(resource.RLIMIT_AS, (wanted, hard))


def _limit_time(seconds: float) -> None:
    """End this process if the next page takes it longer, even if nobody is left to kill it."""
    if resource is not None:
        _, hard = resource.getrlimit(resource.RLIMIT_CPU)
        wanted = math.ceil(time.process_time() + seconds) + 1
        resource.setrlimit(resource.RLIMIT_CPU, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))


if __name__ == "__main__":
    main()
