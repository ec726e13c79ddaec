"""MNIST from a public mirror, once, into the user's cache: for those who train or measure and have no copy of it yet.

The only module that uses the network; nothing that reads scans imports it. A mirror is trusted with nothing: what it sends is
bounded in time and size, and kept only if it unpacks to the very bytes that the digests are of.
"""

from __future__ import annotations

import hashlib
import http.client
import logging
import os
import sys
import time
import urllib.error
import urllib.request
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import DataError
from pipeline.files import reported, write_atomically

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RawFile:
    """A file to have: its name, its length in bytes and SHA-256, all three of the unpacked file."""

    name: str
    size: int
    sha256: str


#: The four files of Y. LeCun, C. Cortes and C. Burges.
MNIST: tuple[RawFile, ...] = (
    RawFile("train-images-idx3-ubyte", 47_040_016, "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"),
    RawFile("train-labels-idx1-ubyte", 60_008, "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"),
    RawFile("t10k-images-idx3-ubyte", 7_840_016, "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"),
    RawFile("t10k-labels-idx1-ubyte", 10_008, "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"),
)
#: Tried in this order; each has NAME.gz for every name.
MIRRORS: tuple[str, ...] = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)

_GZIP = b"\x1f\x8b"
#: What a packed file may be longer than an unpacked one: its header and trailer, and room for data that don't compress.
_SLACK = 64 * 1024


@dataclass(frozen=True)
class Patience:
    """Seconds that a mirror may be silent, and that one file may take in all."""

    silence: float = 20.0
    file: float = 600.0


def data_folder(given: Path | None) -> Path:
    """The folder with the training data: the one that was given, else the cache, filled from a mirror if it has to be.

    Raises DataError if the folder is not there, or MNIST can't be had.
    """
    if given is None:
        return fetch(cache_folder(), MNIST, MIRRORS, Patience())
    if not given.is_dir():
        raise DataError(f"there is no folder {given}")
    return given


def cache_folder() -> Path:
    """Where the platform keeps what programs can fetch again. Raises DataError for a user without a home."""
    try:
        if sys.platform == "win32":
            base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
        elif sys.platform == "darwin":
            base = Path.home() / "Library" / "Caches"
        else:
            base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
            base = base if base.is_absolute() else Path.home() / ".cache"  # as the XDG specification has it
    except RuntimeError as error:
        raise DataError("there is no home folder to keep MNIST in") from error
    return base / "pipeline"


def fetch(folder: Path, files: Sequence[RawFile], mirrors: Sequence[str], patience: Patience) -> Path:
    """`folder`, with all the files in its mnist/. Those that are there and whole are not fetched again.

    Raises DataError if a file can't be had, OutputError if it can't be written.
    """
    place = folder / "mnist"
    missing = [file for file in files if not _is_whole(place / file.name, file)]
    if missing:
        with reported(place):
            place.mkdir(parents=True, exist_ok=True)
        _log.info("downloading MNIST into %s, this once", place)
    for file in missing:
        write_atomically(place / file.name, _from_mirrors(file, files, mirrors, patience))
    return folder


def _is_whole(path: Path, file: RawFile) -> bool:
    try:
        return path.stat().st_size == file.size and hashlib.sha256(path.read_bytes()).hexdigest() == file.sha256
    except OSError:
        return False


def _from_mirrors(file: RawFile, files: Sequence[RawFile], mirrors: Sequence[str], patience: Patience) -> bytes:
    reasons = []
    for mirror in mirrors:
        try:
            return _checked(_download(f"{mirror}{file.name}.gz", file.size + _SLACK, patience), file)
        # OSError: no network, no such host or page, silence; the others: no HTTP, no URL, no gzip, other content
        except (OSError, http.client.HTTPException, ValueError, zlib.error) as error:
            reasons.append(f"{mirror}: {error.reason if type(error) is urllib.error.URLError else error}")
            _log.debug("%s.gz could not be had from %s", file.name, reasons[-1])
    names = ", ".join(f"{other.name}.gz" for other in files)
    raise DataError(
        f"{file.name}.gz could not be downloaded ({'; '.join(reasons)})",
        f"Is there a network? Without one, copy {names} into a folder and point --data or PIPELINE_DATA at it.",
    )


def _download(url: str, most: int, patience: Patience) -> bytes:
    """The page at `url`. Raises OSError or ValueError if it is too slow or longer than `most` bytes."""
    end = time.monotonic() + patience.file
    data = bytearray()
    with urllib.request.urlopen(url, timeout=patience.silence) as response:
        while piece := response.read1(1 << 16):
            data += piece
            if len(data) > most:
                raise ValueError("it is too large")
            if time.monotonic() > end:
                raise TimeoutError("it is too slow")
    return bytes(data)


def _checked(data: bytes, file: RawFile) -> bytes:
    """What was sent, unpacked, if it is what was wanted; raises ValueError or zlib.error. Never makes more than that much."""
    if data.startswith(_GZIP):  # else a server has unpacked it on the way, as some do
        data = zlib.decompressobj(16 + zlib.MAX_WBITS).decompress(data, file.size + 1)
    if len(data) != file.size or hashlib.sha256(data).hexdigest() != file.sha256:
        raise ValueError("it is damaged, or something else")
    return data
