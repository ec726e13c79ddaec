"""Pickles made by hand, opcode by opcode, for what no honest pickler would write."""

from __future__ import annotations

import hashlib


def signed(body: bytes) -> bytes:
    """A model file with a valid trailer: the digest guards against damage, not against malice."""
    return body + b"\nsha256:" + hashlib.sha256(body).hexdigest().encode()


def text(value: str) -> bytes:
    """A text."""
    data = value.encode()
    return b"X" + len(data).to_bytes(4, "little") + data


def as_global(module: str, name: str) -> bytes:
    """Whatever has that name in that module."""
    return text(module) + text(name) + b"\x93"


def call(function: bytes, *arguments: bytes) -> bytes:
    """What the function returns."""
    return function + b"(" + b"".join(arguments) + b"tR"


def array_of(shape: bytes, data: bytes) -> bytes:
    """A float32 array of any shape over any bytes."""
    made = call(as_global("numpy._core.multiarray", "_reconstruct"), as_global("numpy", "ndarray"), b"K\x00\x85", b"C\x01b")
    kind = call(as_global("numpy", "dtype"), text("f4"), b"\x89", b"\x88")
    kind += b"(K\x03" + text("<") + b"NNN" + 2 * b"J\xff\xff\xff\xff" + b"K\x00tb"
    return made + b"(K\x01" + shape + kind + b"\x89C" + bytes([len(data)]) + data + b"tb"
