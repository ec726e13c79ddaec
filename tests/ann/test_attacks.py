"""Pickles that do something when loaded, with a valid digest: refused, and nothing of it happens.

Each is shown to be live: the same bytes, given to pickle.loads, do make the marker.
"""

from __future__ import annotations

import os
import pickle
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.ann import Model, Network, load_model, save_model
from pipeline.errors import ModelError
from tests.ann.opcodes import as_global, call, signed, text

DATA = save_model(Model(Network((("dense", 2),)), ("0", "1")))
LOADED: dict[str, object] = {
    "version": 1,
    "architecture": (("dense", 2),),
    "labels": ("0", "1"),
    "arrays": Network((("dense", 2),)).arrays(),
    "calibration": {},
    "facts": {},
}


class Call:
    """Pickles as a call of anything."""

    def __init__(self, function: Callable[..., object], *arguments: object) -> None:
        self.reduced = (function, arguments)

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return self.reduced


class Armed:
    """Goes off when its state is set."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __getstate__(self) -> str:
        return str(self.marker)

    def __setstate__(self, marker: str) -> None:
        Path(marker).touch()


class ArmedArray(np.ndarray[Any, np.dtype[np.float32]]):
    """An array that does, too, made as all arrays are."""

    marker: Path

    def __reduce__(self) -> tuple[Any, ...]:
        return (np.zeros(1).__reduce__()[0], (ArmedArray, (0,), b"b"), str(self.marker))

    def __setstate__(self, marker: str) -> None:  # type: ignore[override]
        Path(marker).touch()


class Listed(list[object]):
    """Goes off when its items are put in."""

    def append(self, item: object) -> None:
        Path(str(item)).touch()

    def extend(self, items: Any) -> None:  # noqa: ANN401
        self.append(next(iter(items)))


def go_off(_: object, marker: str) -> None:
    """A setter of state."""
    Path(marker).touch()


class SetByOthers:
    """Has its state set by a function."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return (object, (), str(self.marker), None, None, go_off)


def shell(marker: Path) -> str:
    return f'echo 1 > "{marker}"'


def code(marker: Path) -> str:
    """An expression, and a number, as some gadgets want."""
    return f"open({str(marker)!r}, 'w').close() or 1"


def in_model(marker: Path, **changes: object) -> bytes:
    return pickle.dumps({**LOADED, **changes}, protocol=4)


def boxed(item: object) -> object:
    """An array of objects."""
    held = np.empty(1, object)
    held[0] = item
    return held


def armed_array(marker: Path) -> ArmedArray:
    made = np.zeros(2, np.float32).view(ArmedArray)
    made.marker = marker
    return made


def through_a_file(marker: Path) -> bytes:
    """Has NumPy load a second pickle."""
    bait = marker.with_name("bait.npy")
    np.save(bait, np.array([Call(os.system, shell(marker))], object), allow_pickle=True)
    return by_hand(call(as_global("numpy", "load"), text(str(bait)), b"N", b"\x88"))


def by_import(marker: Path) -> bytes:
    """The import of a module is all it takes."""
    name = f"bait_{marker.parent.name}"
    marker.with_name(f"{name}.py").write_text(code(marker), encoding="utf-8")
    return by_hand(as_global(name, "anything"))


def by_hand(opcodes: bytes) -> bytes:
    return b"\x80\x04" + opcodes + b"."


def getattr_chain(marker: Path) -> bytes:
    getter = as_global("builtins", "getattr")
    module = call(as_global("builtins", "__import__"), text("os"))
    return by_hand(call(call(getter, module, text("system")), text(shell(marker))))


SYSTEM = as_global("os", "system")
ATTACKS: dict[str, Callable[[Path], bytes]] = {
    "os.system, protocol 0": lambda marker: pickle.dumps(Call(os.system, shell(marker)), 0),
    "os.system, protocol 2": lambda marker: pickle.dumps(Call(os.system, shell(marker)), 2),
    "os.system, protocol 4": lambda marker: pickle.dumps(Call(os.system, shell(marker)), 4),
    "os.system, protocol 5": lambda marker: pickle.dumps(Call(os.system, shell(marker)), 5),
    "eval": lambda marker: pickle.dumps(Call(eval, code(marker)), 4),
    "exec": lambda marker: pickle.dumps(Call(exec, code(marker)), 4),
    "a call within calls": lambda marker: pickle.dumps(Call(print, Call(len, Call(str, Call(eval, code(marker))))), 4),
    "a chain of getattr": getattr_chain,
    "a dotted name": lambda marker: by_hand(call(as_global("numpy.f2py.crackfortran", "os.system"), text(shell(marker)))),
    "an instance, old style": lambda marker: b"(" + text(shell(marker)) + b"ios\nsystem\n.",
    "an object, old style": lambda marker: b"(cos\nsystem\n" + text(shell(marker)) + b"o.",
    "a class with __setstate__": lambda marker: pickle.dumps(Armed(marker), 4),
    "a class with __setstate__, by copyreg": lambda marker: pickle.dumps(Armed(marker), 0),
    "a list with an append of its own": lambda marker: pickle.dumps(Listed([str(marker)]), 4),
    "a setter of state": lambda marker: pickle.dumps(SetByOthers(marker), 4),
    "an array with __setstate__": lambda marker: pickle.dumps(armed_array(marker), 4),
    "an array of objects": lambda marker: pickle.dumps(boxed(Call(os.system, shell(marker))), 4),
    "numpy.testing": lambda marker: by_hand(
        call(as_global("numpy.testing._private.utils", "runstring"), text(code(marker)), b"}")
    ),
    "numpy.f2py": lambda marker: by_hand(call(as_global("numpy.f2py.crackfortran", "myeval"), text(code(marker)))),
    "numpy.load": through_a_file,
    "an import": by_import,
    "after the end of a model": lambda marker: in_model(marker)[:-1] + b"0" + call(SYSTEM, text(shell(marker))) + b".",
    "as a fact": lambda marker: in_model(marker, facts={"x": Call(os.system, shell(marker))}),
    "as a fact's name": lambda marker: in_model(marker, facts={Call(eval, code(marker)): 1}),
    "as the version": lambda marker: in_model(marker, version=Call(eval, code(marker))),
    "as a label": lambda marker: in_model(marker, labels=("0", Call(eval, code(marker)))),
    "as a layer": lambda marker: in_model(marker, architecture=(("dense", Call(eval, code(marker))),)),
    "as the temperature": lambda marker: in_model(marker, calibration={"temperature": Call(eval, code(marker))}),
    "as a weight": lambda marker: in_model(marker, arrays=[Call(eval, code(marker)), np.zeros((2, 1), np.float32)]),
    "as a weight of objects": lambda marker: in_model(marker, arrays=[boxed(Call(eval, code(marker)))]),
}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_an_attack_is_refused_and_nothing_of_it_happens(
    attack: Callable[[Path], bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    marker = tmp_path / "marker"
    payload, modules = attack(marker), set(sys.modules)
    for data in (payload, signed(payload)):
        with pytest.raises(ModelError):
            load_model(data)
    assert not marker.exists()
    assert set(sys.modules) == modules  # not even imported
    with suppress(Exception):
        pickle.loads(payload)
    assert marker.exists(), "this was no attack"


def test_an_attack_is_called_one() -> None:
    with pytest.raises(ModelError, match=r"here\.pkl .* may be an attack\. Delete the file\."):
        load_model(signed(by_hand(call(SYSTEM, text("true")))), "here.pkl")


#: The names that arrays need, put to other uses.
MISUSES: dict[str, bytes] = {
    "dtype of objects": call(as_global("numpy", "dtype"), text("O"), b"\x89", b"\x88"),
    "dtype of expressions": call(as_global("numpy", "dtype"), text("(2,3)f4, O"), b"\x89", b"\x88"),
    "dtype without arguments": call(as_global("numpy", "dtype")),
    "dtype with another state": call(as_global("numpy", "dtype"), text("f4"), b"\x89", b"\x88") + b"}b",
    "dtype itself changed": as_global("numpy", "dtype") + b"}" + text("__init__") + b"Nsb",
    "dtype itself changed by slots": as_global("numpy", "dtype") + b"N}" + text("__init__") + b"Ns\x86b",
    "builder itself changed": as_global("numpy.core.multiarray", "_reconstruct") + b"N}" + text("__init__") + b"Ns\x86b",
    "ndarray itself changed": as_global("numpy", "ndarray") + b"N}" + text("x") + b"Ns\x86b",
    "ndarray called": call(as_global("numpy", "ndarray"), b"K\x05\x85"),
    "an array without content": call(
        as_global("numpy._core.multiarray", "_reconstruct"), as_global("numpy", "ndarray"), b"K\x00\x85", b"C\x01b"
    ),
    "an array of another kind": call(
        as_global("numpy._core.multiarray", "_reconstruct"), as_global("numpy", "dtype"), b"K\x00\x85", b"C\x01b"
    ),
    "an array of a size": call(
        as_global("numpy._core.multiarray", "_reconstruct"), as_global("numpy", "ndarray"), b"M\xff\xff\x85", b"C\x01b"
    ),
}


@pytest.mark.parametrize("opcodes", MISUSES.values(), ids=MISUSES)
def test_the_few_names_that_are_allowed_cannot_be_misused(opcodes: bytes) -> None:
    with pytest.raises(ModelError):
        load_model(signed(by_hand(opcodes)))
    assert load_model(DATA).labels == ("0", "1")  # and the reader is as it was
