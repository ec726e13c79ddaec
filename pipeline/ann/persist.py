"""The pickle of a trained network, written plainly and read with suspicion.

The file is a pickle (protocol 4) of one dict of plain values and NumPy arrays, followed by a trailer with its SHA-256. It is
read in this order: trailer, digest, the list of its opcodes, unpickling with stand-ins for the three names of NumPy's array
reconstruction and no other, then version, dtypes, finiteness and shapes, and only then is a network made.
"""

from __future__ import annotations

import hashlib
import io
import pickle
import pickletools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pipeline.ann.layers import Floats
from pipeline.ann.network import Architecture, Network, array_shapes
from pipeline.errors import ModelError

FORMAT = 2
_TRAILER = b"\nsha256:"
_DIGEST_LENGTH = 64
_MOST_BYTES = 64 * 1024 * 1024
_MOST_OPCODES = 10_000
_MOST_SIDE = 4096
_KEYS = {"version", "architecture", "size", "labels", "arrays", "calibration", "facts"}
_ATTACK = "Delete the file."
_NDARRAY = "numpy.ndarray"
_OPCODES = frozenset(
    (
        *("PROTO", "FRAME", "STOP", "MARK", "MEMOIZE", "BINGET", "LONG_BINGET", "NONE", "NEWTRUE", "NEWFALSE"),
        *("BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT", "SHORT_BINUNICODE", "BINUNICODE", "SHORT_BINBYTES", "BINBYTES"),
        *("EMPTY_TUPLE", "TUPLE1", "TUPLE2", "TUPLE3", "TUPLE", "EMPTY_LIST", "APPEND", "APPENDS"),
        *("EMPTY_DICT", "SETITEM", "SETITEMS", "STACK_GLOBAL", "REDUCE", "BUILD"),
    )
)


@dataclass(frozen=True)
class Model:
    """A network, what its outputs mean, how to make its confidence honest, and how it came about."""

    network: Network
    labels: tuple[str, ...]
    calibration: Mapping[str, float] = field(default_factory=dict)
    facts: Mapping[str, str | int | float] = field(default_factory=dict)
    digest: str = ""


def save_model(model: Model) -> bytes:
    """The bytes of the pickle file. Raises ModelError for what could not be loaded again: weights that are not finite, say."""
    content = {
        "version": FORMAT,
        "architecture": model.network.architecture,
        "size": model.network.size,
        "labels": model.labels,
        "arrays": [array.astype("<f4") for array in model.network.arrays()],
        "calibration": {name: float(value) for name, value in model.calibration.items()},
        "facts": {name: _plain(value) for name, value in model.facts.items()},
    }
    body = pickle.dumps(content, protocol=4)
    data = body + _TRAILER + hashlib.sha256(body).hexdigest().encode()
    load_model(data)
    return data


def load_model(data: bytes, name: str = "the model") -> Model:
    """A model from the bytes of its file.

    Raises ModelError for a file that is foreign, damaged, tampered with, from a newer version, or that holds anything but
    plain values and finite float32 arrays of the right shapes. Nothing in it is ever executed.
    """
    try:
        body, digest = _verified(data)
        _refuse_odd_opcodes(body)
        return _checked(_AllowListed(io.BytesIO(body)).load(), digest)
    except ModelError as error:
        raise ModelError(f"{name} can't be used: {error.message}", error.remedy) from error
    except Exception as error:  # a damaged pickle can raise anything
        raise ModelError(f"{name} does not hold what a model holds: {error}") from error


def _verified(data: bytes) -> tuple[bytes, str]:
    if len(data) > _MOST_BYTES:
        raise ModelError("it is too large for a model")
    body, trailer = data[: -len(_TRAILER) - _DIGEST_LENGTH], data[-len(_TRAILER) - _DIGEST_LENGTH :]
    if not trailer.startswith(_TRAILER):
        raise ModelError("it is cut short, or not a model of this program")
    digest = hashlib.sha256(body).hexdigest()
    if trailer[len(_TRAILER) :] != digest.encode():
        raise ModelError("it was changed after it was written: its digest does not match")
    return body, digest


def _refuse_odd_opcodes(body: bytes) -> None:
    """Lets nothing through but what protocol 4 writes for a model: no calls by other roads, and no large promises.

    The unpickler itself is no safe place for the rest: nine bytes with a high memo index make it take gigabytes.
    """
    for count, (opcode, _, _) in enumerate(pickletools.genops(body)):
        if opcode.name not in _OPCODES:
            raise ModelError(f"it has the opcode {opcode.name}, which no model needs: it may be an attack", _ATTACK)
        if count > _MOST_OPCODES:
            raise ValueError("it has too many parts")


class _AllowListed(pickle.Unpickler):
    """Builds containers and stand-ins for arrays; refuses every global that an array does not need. Imports none."""

    def find_class(self, module: str, name: str) -> object:
        if name == "_reconstruct" and module in ("numpy.core.multiarray", "numpy._core.multiarray"):
            return _Weights
        if (module, name) == ("numpy", "dtype"):
            return _Kind
        if (module, name) == ("numpy", "ndarray"):
            return _NDARRAY
        raise ModelError(f"it asks for {module}.{name}, which no model needs: it may be an attack", _ATTACK)


class _Kind:
    """Stands for numpy.dtype: of the one kind that weights are, so that NumPy never meets a hostile description of types."""

    def __init__(self, *arguments: object) -> None:
        if arguments != ("f4", False, True):
            raise ValueError("an array is not float32")

    def __setstate__(self, state: object) -> None:
        if state != (3, "<", None, None, None, -1, -1, 0):
            raise ValueError("an array is not plain float32")


class _Weights:
    """Stands for numpy.ndarray: `array`, read-only, over the bytes in the file."""

    def __init__(self, *arguments: object) -> None:
        if arguments != (_NDARRAY, (0,), b"b"):
            raise ValueError("an array is made in an odd way")
        self.array: Floats | None = None

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        version, shape, kind, fortran, data = state
        if version != 1 or type(kind) is not _Kind or fortran is not False or type(data) is not bytes:
            raise ValueError("an array is kept in an odd way")
        self.array = np.frombuffer(data, "<f4").reshape(shape)


def _checked(content: object, digest: str) -> Model:
    if not isinstance(content, dict) or type(content.get("version")) is not int:
        raise ValueError("it is something else")
    if content["version"] > FORMAT:
        raise ModelError("it was made by a newer version", "Upgrade pipeline.")
    if content["version"] < FORMAT:
        raise ModelError("it was made by an older version", "Train it anew with `pipeline train`.")
    if set(content) != _KEYS:
        raise ValueError("its parts have other names")
    architecture: Architecture = tuple(tuple(layer) for layer in content["architecture"])
    if not all(type(part) in (str, int, float) for layer in architecture for part in layer):
        raise ValueError("its layers are not plainly written")
    size = tuple(content["size"])
    if len(size) != 2 or not all(type(side) is int and 0 < side <= _MOST_SIDE for side in size):
        raise ValueError("the size of its images is odd")
    arrays = [_finite(stand_in) for stand_in in content["arrays"]]
    if [array.shape for array in arrays] != array_shapes(architecture, size):  # before anything of that size is made
        raise ValueError("weights and architecture differ in shape")
    network = Network(architecture, size)
    network.set_arrays(arrays)
    labels = tuple(content["labels"])
    if len(labels) != network.classes or not all(type(label) is str for label in labels):
        raise ValueError("labels and outputs differ in number")
    calibration = {str(k): float(v) for k, v in content["calibration"].items()}
    if not all(np.isfinite(v) for v in calibration.values()):
        raise ValueError("calibration is not finite")
    facts = {str(k): v for k, v in content["facts"].items() if isinstance(v, str | int | float)}
    return Model(network, labels, calibration, facts, digest)


def _finite(stand_in: object) -> Floats:
    if not isinstance(stand_in, _Weights) or stand_in.array is None:
        raise ValueError("a weight is no array")
    if not np.isfinite(stand_in.array).all():
        raise ValueError("a weight is not finite")
    return stand_in.array


def _plain(value: Any) -> Any:  # noqa: ANN401
    """NumPy's own numbers as Python's."""
    return value.item() if isinstance(value, np.generic) else value
