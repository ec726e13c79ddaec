"""Images decoded by OpenCV in a process of its own, that serves many files and is replaced when one of them breaks it."""

from __future__ import annotations

import atexit
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import CorruptScan
from pipeline.stages.child import START_SECONDS, Child
from pipeline.stages.headers import Header

_MOST_IMAGES = 1000  # of one process, so that what decoders leak does not add up
_NOTHING = b""


class ImageDecoder:
    """Decodes images one at a time; may be used from several threads."""

    def __init__(self) -> None:
        self._child: Child | None = None
        self._loaded: bytes = _NOTHING  # what the child has, to be told by identity
        self._images = 0
        self._lock = Lock()

    def decode(self, data: bytes, header: Header, seconds: float, at: int = 0, patch: bytes = b"") -> NDArray[Any]:
        """The pixels as stored, (height, width) or (height, width, channels), of `data` with `patch` put in `at` that place.

        Raises CorruptScan if they can't be decoded, are not what the header says, break the decoder, or take it longer than
        `seconds` or far more memory than the pixels have bytes.
        """
        with self._lock:
            try:
                image = self._decode(data, header, seconds, at, patch)
            except BaseException:  # whatever it was: nobody knows what the child says next
                self._end()
                raise
        if image is None:
            raise CorruptScan("the image can't be decoded")
        return image

    def close(self) -> None:
        """End the process; another is started when there is something to decode again."""
        with self._lock:
            self._end()

    def _decode(self, data: bytes, header: Header, seconds: float, at: int, patch: bytes) -> NDArray[Any] | None:
        if self._images >= _MOST_IMAGES:
            self._end()
        extra = 0.0 if self._child else START_SECONDS
        if self._child is None:
            self._child, self._images = Child("image_decoder.py", "the image", {}), 0
        child = self._child
        with child.deadline(seconds + extra) as deadline:
            if self._loaded is not data:
                child.tell({"load": len(data)}, data)
                self._loaded = data
            wanted = {"height": header.height, "width": header.width, "size": header.size}
            child.tell({"at": at, "bytes": patch.hex(), "seconds": seconds, **wanted})
            self._images += 1
            said = child.hear(deadline)
            if not said["channels"]:
                return None
            shape, kind = (said["height"], said["width"], said["channels"]), np.dtype(said["type"])
            if shape[:2] != (header.height, header.width) or not 1 <= shape[2] <= 4:
                raise CorruptScan("the image is not what its header says")
            rows: NDArray[Any] = child.pixels(shape[0], shape[1] * shape[2] * kind.itemsize, deadline).view(kind)
        return rows if shape[2] == 1 else rows.reshape(shape)

    def _end(self) -> None:
        if self._child is not None:
            self._child.close()
        self._child, self._loaded = None, _NOTHING


#: The decoder of this process.
DECODER = ImageDecoder()
atexit.register(DECODER.close)
