"""Pages of a PDF, rendered by PDFium in a process of its own: it is not safe under threads, and hostile files crash it."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import suppress
from pathlib import Path
from threading import Timer
from typing import IO, Any, cast

import numpy as np

from pipeline.errors import CorruptScan, EmptyScan, EncryptedScan, OversizedScan, ScanError
from pipeline.records import Image
from pipeline.settings import Settings

# Started by path, not as a module: the package's own imports would cost more time than a page
_RENDERER = Path(__file__).with_name("pdf_renderer.py")
_ERRORS = {error.__name__: error for error in (CorruptScan, EmptyScan, EncryptedScan, OversizedScan)}
# Starting Python and handing the document over comes on top of the time for the first page
_START_SECONDS = 10.0


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
    process = subprocess.Popen(
        [sys.executable, "-P", str(_RENDERER), json.dumps(limits)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C in the terminal is for us: the page in hand is finished
    )
    with process:
        try:
            yield from _received(process, data, settings)
        finally:
            process.kill()


def _received(process: subprocess.Popen[bytes], data: bytes, settings: Settings) -> Generator[Image]:
    sender, receiver = cast(IO[bytes], process.stdin), cast(IO[bytes], process.stdout)
    with _Deadline(process, _START_SECONDS + settings.pdf_seconds) as deadline:
        with suppress(OSError):  # it is gone already: reading tells why
            sender.write(data)
            sender.close()
        message = _message(receiver, deadline)
    while not message.get("done"):
        with _Deadline(process, settings.pdf_seconds) as deadline:
            message = _message(receiver, deadline)
            image = None if message.get("done") else _pixels(receiver, message, settings, deadline)
        if image is not None:
            yield image


class _Deadline:
    """Kills the process if the block takes longer than `seconds`."""

    def __init__(self, process: subprocess.Popen[bytes], seconds: float) -> None:
        self._timer = Timer(seconds, process.kill)
        self._end = time.monotonic() + seconds
        self.seconds = seconds

    def __enter__(self) -> _Deadline:
        self._timer.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._timer.cancel()

    def failure(self) -> ScanError:
        """Why nothing more comes from the renderer."""
        if time.monotonic() >= self._end:
            return CorruptScan(f"the PDF took longer than {self.seconds:g} s")
        return CorruptScan("the PDF breaks the renderer")


def _message(receiver: IO[bytes], deadline: _Deadline) -> dict[str, Any]:
    """The next line of JSON from the renderer; raises the error that it may be."""
    line = receiver.readline(10_000)
    if not line.endswith(b"\n"):
        raise deadline.failure()
    message: dict[str, Any] = json.loads(line)
    if "error" in message:
        raise _ERRORS[message["error"]](message["message"])
    return message


def _pixels(receiver: IO[bytes], message: dict[str, Any], settings: Settings, deadline: _Deadline) -> Image:
    width, height, stride = message["width"], message["height"], message["stride"]
    if width * height > settings.max_pixels or stride > 4 * width + 64:
        raise CorruptScan("the PDF breaks the renderer")
    rows = np.empty((height, stride), np.uint8)
    if cast(Any, receiver).readinto(rows) != rows.size:
        raise deadline.failure()
    return rows[:, : 3 * width].reshape(height, width, 3)
