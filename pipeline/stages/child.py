"""A process that decodes, from its parent's side: hostile files crash decoders, hang them and fill the memory."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from threading import Timer
from typing import IO, Any, cast

import numpy as np

from pipeline.errors import CorruptScan, EmptyScan, EncryptedScan, OversizedScan, ScanError
from pipeline.records import Image

#: Starting Python, and handing the file over, come on top of the time for the first page.
START_SECONDS = 10.0

_ERRORS = {error.__name__: error for error in (CorruptScan, EmptyScan, EncryptedScan, OversizedScan)}


class Child:
    """Runs a script beside this module, which is told things in lines of JSON and bytes, and answers in the same way.

    It is started by path, not as a module: the package's own imports would cost more time than a page. It hears nothing of the
    signals of a terminal, and ends when its parent does.
    """

    def __init__(self, script: str, what: str, limits: dict[str, float]) -> None:
        """`what` is what it decodes, for messages: "the PDF"."""
        self._what = what
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(Path(__file__).with_name(script)), json.dumps(limits)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C in the terminal is for us: the page in hand is finished
        )
        self._sender, self._receiver = cast(IO[bytes], self._process.stdin), cast(IO[bytes], self._process.stdout)

    def close(self) -> None:
        """End it at once."""
        self._process.kill()
        for stream in (self._sender, self._receiver):
            with suppress(OSError):
                stream.close()
        self._process.wait()

    def deadline(self, seconds: float) -> Deadline:
        """For a with statement: it is killed if the block takes longer than so many seconds."""
        return Deadline(self._process, self._what, seconds)

    def tell(self, message: dict[str, Any] | None = None, data: bytes | bytearray = b"", is_all: bool = False) -> None:
        """Send a line, and bytes after it. If the child is gone, what it says next, nothing, tells why."""
        with suppress(OSError):
            if message is not None:
                self._sender.write(json.dumps(message).encode() + b"\n")
            self._sender.write(data)
            self._sender.flush()
            if is_all:
                self._sender.close()

    def hear(self, deadline: Deadline) -> dict[str, Any]:
        """The next line of JSON; raises the error that it may be."""
        line = self._receiver.readline(10_000)
        if not line.endswith(b"\n"):
            raise deadline.failure()
        message: dict[str, Any] = json.loads(line)
        if "error" in message:
            raise _ERRORS[message["error"]](message["message"])
        return message

    def pixels(self, rows: int, stride: int, deadline: Deadline) -> Image:
        """The next rows × stride bytes."""
        found = np.empty((rows, stride), np.uint8)
        if cast(Any, self._receiver).readinto(found) != found.size:
            raise deadline.failure()
        return found


class Deadline:
    """Kills a process if the block takes longer than `seconds`."""

    def __init__(self, process: subprocess.Popen[bytes], what: str, seconds: float) -> None:
        self._timer = Timer(seconds, process.kill)
        self._timer.daemon = True
        self._end = time.monotonic() + seconds
        self._what, self._seconds = what, seconds

    def __enter__(self) -> Deadline:
        self._timer.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._timer.cancel()

    def failure(self) -> ScanError:
        """Why nothing more comes from the process."""
        if time.monotonic() >= self._end:
            return CorruptScan(f"{self._what} took longer than {self._seconds:g} s")
        return CorruptScan(f"{self._what} breaks the decoder, or needs more memory than it says")
