"""The process that decodes images: files in on stdin, pixels out on stdout. Run by images.py, imports little.

It is sent lines of JSON. {"load": n}: a file of n bytes follows. {"at", "bytes", "height", "width", "size", "seconds"}: put
these bytes (hexadecimal) there in the file, then decode it; it should have that height and width, and take `size` bytes. The
second kind is answered with a line of JSON, {"height", "width", "channels", "type"}, and the pixels; or with {"channels": 0},
if the file can't be decoded or is of another size.
"""

from __future__ import annotations

import json
import math
import os
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import cv2
import numpy as np

try:
    import resource
except ImportError:  # Windows has no limits to set
    resource = None  # type: ignore[assignment]

# What a decoder may take beside the file: buffers of its own, and its image some times over (a progressive JPEG keeps two bytes
# a sample until its last scan has come, a PNG of 16 bits is turned, and then there is the result)
_ROOM = 256 << 20
_TIMES = 6


def main() -> None:
    """Serve until there is nothing more to read."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):  # when to end is the parent's business
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    cv2.setNumThreads(1)
    base = _memory_now()
    data = bytearray()
    for line in sys.stdin.buffer:
        order = json.loads(line)
        if "load" in order:
            data = bytearray()  # before the next is read, so that there is only one
            data = bytearray(sys.stdin.buffer.read(order["load"]))
            continue
        patch = bytes.fromhex(order["bytes"])
        data[order["at"] : order["at"] + len(patch)] = patch
        if base:
            _limit("RLIMIT_AS", base + len(data) + _ROOM + _TIMES * order["size"])
        _limit("RLIMIT_CPU", math.ceil(time.process_time() + order["seconds"]) + 1)
        _send(_decoded(data, (order["height"], order["width"])))


def _decoded(data: bytearray, shape: tuple[int, int]) -> np.ndarray[Any, Any] | None:
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    except (cv2.error, MemoryError):
        return None
    return np.ascontiguousarray(image) if image is not None and image.shape[:2] == shape else None


def _send(image: np.ndarray[Any, Any] | None) -> None:
    if image is None:
        answer: dict[str, object] = {"channels": 0}
    else:
        channels = 1 if image.ndim == 2 else image.shape[2]
        answer = {"height": image.shape[0], "width": image.shape[1], "channels": channels, "type": image.dtype.str}
    out = sys.stdout.buffer
    out.write(json.dumps(answer).encode() + b"\n")
    if image is not None:
        out.write(image.tobytes())
    out.flush()


def _memory_now() -> int:
    """The size of this process' address space in bytes; 0 if the system does not tell."""
    with suppress(OSError, ValueError, AttributeError):
        return int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    return 0


def _limit(name: str, value: int) -> None:
    if resource is not None and hasattr(resource, name):
        kind = getattr(resource, name)
        _, hard = resource.getrlimit(kind)
        with suppress(ValueError, OSError):
            resource.setrlimit(kind, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))


if __name__ == "__main__":
    main()
