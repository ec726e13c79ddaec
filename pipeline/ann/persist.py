"""The pickle of a trained network, written plainly and read with suspicion.

The file is a pickle (protocol 4) of one dict of plain values and NumPy arrays, followed by a trailer with its SHA-256. It is
read in this order: trailer, digest, unpickling through an allow-list of NumPy's array reconstruction and nothing else, then
version, shapes, dtypes and finiteness.
"""

from __future__ import annotations

import hashlib
import io
import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pipeline.ann.network import Architecture, Network
from pipeline.errors import ModelError

FORMAT = 1
_TRAILER = b"\nsha256:"
_DIGEST_LENGTH = 64
_MOST_BYTES = 64 * 1024 * 1024
_KEYS = {"version", "architecture", "labels", "arrays", "calibration", "facts"}


@dataclass(frozen=True)
class Model:
    """A network, what its outputs mean, how to make its confidence honest, and how it came about."""

    network: Network
    labels: tuple[str, ...]
    calibration: Mapping[str, float] = field(default_factory=dict)
    facts: Mapping[str, str | int | float] = field(default_factory=dict)
    digest: str = ""


def save_model(model: Model) -> bytes:
    """The bytes of the pickle file."""
    content = {
        "version": FORMAT,
        "architecture": model.network.architecture,
        "labels": model.labels,
        "arrays": model.network.arrays(),
        "calibration": dict(model.calibration),
        "facts": dict(model.facts),
    }
    body = pickle.dumps(content, protocol=4)
    return body + _TRAILER + hashlib.sha256(body).hexdigest().encode()


def load_model(data: bytes, name: str = "the model") -> Model:
    """A model from the bytes of its file.

    Raises ModelError for a file that is foreign, damaged, tampered with, from a newer version, or that holds anything but
    plain values and finite float32 arrays of the right shapes. Nothing in it is ever executed.
    """
    body, digest = _verified(data, name)
    try:
        content = _AllowListed(io.BytesIO(body)).load()
    except ModelError:
        raise
    except Exception as error:  # a damaged pickle can raise anything
        raise ModelError(f"{name} is damaged: {error}") from error
    if not isinstance(content, dict) or not isinstance(content.get("version"), int):
        raise ModelError(f"{name} is not a model of this program")
    if content["version"] > FORMAT:
        raise ModelError(f"{name} was made by a newer version", "Upgrade pipeline.")
    if set(content) != _KEYS:
        raise ModelError(f"{name} does not hold what a model holds")
    return _checked(content, digest, name)


def _verified(data: bytes, name: str) -> tuple[bytes, str]:
    if len(data) > _MOST_BYTES:
        raise ModelError(f"{name} is too large to be a model")
    body, trailer = data[: -len(_TRAILER) - _DIGEST_LENGTH], data[-len(_TRAILER) - _DIGEST_LENGTH :]
    if not trailer.startswith(_TRAILER):
        raise ModelError(f"{name} is cut short, or not a model of this program")
    digest = hashlib.sha256(body).hexdigest()
    if trailer[len(_TRAILER) :] != digest.encode():
        raise ModelError(f"{name} was changed after it was written: its digest does not match")
    return body, digest


class _AllowListed(pickle.Unpickler):
    """Builds arrays and built-in containers; refuses every other global before it is imported."""

    def find_class(self, module: str, name: str) -> Any:  # noqa: ANN401
        if name == "_reconstruct" and module in ("numpy.core.multiarray", "numpy._core.multiarray"):
            return _reconstruct()
        if module == "numpy" and name in ("ndarray", "dtype"):
            return getattr(np, name)
        raise ModelError(f"the model asks for {module}.{name}, which no model needs: it may be an attack", "Delete the file.")


def _reconstruct() -> Callable[..., Any]:
    """NumPy's own array builder, wherever this NumPy keeps it."""
    return np.empty(0).__reduce__()[0]  # type: ignore[return-value]


def _checked(content: dict[str, Any], digest: str, name: str) -> Model:
    try:
        architecture: Architecture = tuple(tuple(layer) for layer in content["architecture"])
        network = Network(architecture)
        arrays = list(content["arrays"])
        for array in arrays:
            if type(array) is not np.ndarray or array.dtype != np.float32 or not np.isfinite(array).all():
                raise ValueError("a weight is no finite float32 array")
        network.set_arrays(arrays)
        labels = tuple(content["labels"])
        if len(labels) != network.classes or not all(isinstance(label, str) for label in labels):
            raise ValueError("labels and outputs differ in number")
        calibration = {str(k): float(v) for k, v in content["calibration"].items()}
        if not all(np.isfinite(v) for v in calibration.values()):
            raise ValueError("calibration is not finite")
        facts = {str(k): v for k, v in content["facts"].items() if isinstance(v, str | int | float)}
    except (ValueError, TypeError, AttributeError, IndexError, MemoryError) as error:
        raise ModelError(f"{name} does not hold what a model holds: {error}") from error
    return Model(network, labels, calibration, facts, digest)
