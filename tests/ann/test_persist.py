"""The pickle of a network: the same bits back, and nothing but a clear error from a file that is damaged or foreign."""

from __future__ import annotations

import hashlib
import pickle
import pickletools
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.ann import Architecture, Model, Network, load_model, save_model
from pipeline.ann.persist import FORMAT
from pipeline.errors import ModelError
from tests.ann.opcodes import array_of, as_global, signed, text

ARCHITECTURE: Architecture = (
    ("conv", 2, 5, 0),
    ("pool",),
    ("norm",),
    ("relu",),
    ("pool",),
    ("dense", 4),
    ("dropout", 0.1),
    ("dense", 3),
)
LABELS = ("7", "é", "?")


def model() -> Model:
    return Model(
        Network(ARCHITECTURE, seed=4), LABELS, {"temperature": 1.25}, {"trained on": "MNIST (60000)", "epochs": 3, "loss": 0.1}
    )


def content(**changes: object) -> dict[str, object]:
    """What a file holds, with changes."""
    whole: dict[str, object] = {
        "version": FORMAT,
        "architecture": ARCHITECTURE,
        "size": (28, 28),
        "labels": LABELS,
        "arrays": model().network.arrays(),
        "calibration": {"temperature": 1.25},
        "facts": {},
    }
    return {**whole, **changes}


def packed(what: object, protocol: int = 4) -> bytes:
    return signed(pickle.dumps(what, protocol=protocol))


DATA = save_model(model())
BODY = DATA[:-72]


# what is written comes back


def test_a_model_comes_back_bit_for_bit() -> None:
    before, after = model(), load_model(DATA)
    for mine, its in zip(before.network.arrays(), after.network.arrays(), strict=True):
        assert mine.dtype == its.dtype == np.float32
        assert mine.tobytes() == its.tobytes()
    assert after.network.architecture == ARCHITECTURE
    assert (after.labels, after.calibration, after.facts) == (LABELS, before.calibration, before.facts)
    assert after.digest == hashlib.sha256(BODY).hexdigest()
    assert save_model(after) == DATA


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_every_finite_weight_comes_back(seed: int) -> None:
    before = model()
    for parameter in before.network.parameters:
        bits = np.random.default_rng(seed).integers(0, 2**32, parameter.value.shape, np.uint32).view(np.float32)
        parameter.value[...] = np.where(np.isfinite(bits), bits, 0)
    for mine, its in zip(before.network.arrays(), load_model(save_model(before)).network.arrays(), strict=True):
        assert mine.tobytes() == its.tobytes()


def test_a_loaded_network_can_be_trained_on() -> None:
    network = load_model(DATA).network
    for parameter in network.parameters:
        parameter.value += 1


def test_numbers_of_numpy_are_written_as_plain_ones() -> None:
    odd = Model(model().network, LABELS, {"temperature": np.float64(2)}, {"loss": np.float64(0.5), "epochs": np.int64(3)})  # type: ignore[dict-item]
    again = load_model(save_model(odd))
    assert again.calibration == {"temperature": 2.0}
    assert again.facts == {"loss": 0.5, "epochs": 3}
    assert type(again.facts["loss"]) is float


@pytest.mark.parametrize("module", ["numpy.core.multiarray", "numpy._core.multiarray"])
def test_files_of_numpy_1_and_2_are_read_by_both(module: str) -> None:
    parts, operations = [], list(pickletools.genops(BODY))
    ends = [position or 0 for _, _, position in operations[1:]] + [len(BODY)]
    for (operation, argument, start), end in zip(operations, ends, strict=True):
        if isinstance(argument, str) and argument.endswith("core.multiarray"):
            parts.append(text(module))
        elif operation.name != "FRAME":  # frames would have to be measured anew
            parts.append(BODY[start:end])
    assert module.encode() in b"".join(parts)
    again = load_model(signed(b"".join(parts)))
    assert [a.tobytes() for a in again.network.arrays()] == [a.tobytes() for a in model().network.arrays()]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_could_not_be_read_again_is_not_written(value: float) -> None:
    broken = model()
    broken.network.parameters[0].value[0, 0] = value
    with pytest.raises(ModelError, match="not finite"):
        save_model(broken)
    with pytest.raises(ModelError, match="number"):
        save_model(Model(model().network, ("too", "few")))


# damage


@pytest.mark.parametrize("lengths", [range(100), range(0, len(DATA), 61), range(len(DATA) - 100, len(DATA))])
def test_a_file_cut_short_is_refused_at_any_length(lengths: range) -> None:
    for length in lengths:
        with pytest.raises(ModelError, match=r"cut short|digest"):
            load_model(DATA[:length])
        with pytest.raises(ModelError, match=r"does not hold|can't be used"):
            load_model(signed(BODY[: min(length, len(BODY) - 1)]))


@settings(max_examples=200, deadline=None)
@given(st.integers(0, len(DATA) - 1), st.integers(1, 255))
def test_a_single_changed_byte_is_noticed(position: int, change: int) -> None:
    changed = bytearray(DATA)
    changed[position] ^= change
    with pytest.raises(ModelError):
        load_model(bytes(changed))


#: The pickle without the bytes of its large arrays, where a change is just another weight.
_FEW: Architecture = (("pool",), ("pool",), ("conv", 1, 7, 0), ("dense", 2))
_BARE = save_model(Model(Network(_FEW), ("1", "7"), {"temperature": 1.0}, {"epochs": 1}))[:-72]


@settings(max_examples=1500, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(_BARE) - 1), st.integers(0, 255)), min_size=1, max_size=4))
def test_changes_with_a_new_digest_give_a_sound_model_or_an_error(changes: list[tuple[int, int]]) -> None:
    changed = bytearray(_BARE)
    for position, value in changes:
        changed[position] = value
    try:
        loaded = load_model(signed(bytes(changed)))
    except ModelError:
        return
    assert loaded.network.logits(np.zeros((1, 28, 28), np.uint8)).shape == (1, 2)
    assert all(np.isfinite(array).all() for array in loaded.network.arrays())


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_at_all_are_refused_in_the_same_way(noise: bytes) -> None:
    for data in (noise, signed(noise), signed(b"\x80\x04" + noise + b".")):
        with pytest.raises(ModelError):
            load_model(data)


# foreign files


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\n",
        pickle.dumps(content(), protocol=4),
        b"\x89PNG\r\n\x1a\n" + bytes(200),
        b"PK\x03\x04" + bytes(200),
        BODY,
        DATA + b"\n",
    ],
    ids=["empty", "newline", "plain pickle", "png", "zip", "without trailer", "newline at the end"],
)
def test_other_files_are_no_models(data: bytes) -> None:
    with pytest.raises(
        ModelError, match=r"here\.pkl can't be used: it is cut short, or not a model of this program.*pipeline train"
    ):
        load_model(data, "here.pkl")


def test_a_file_of_any_size_is_not_even_looked_at() -> None:
    with pytest.raises(ModelError, match="too large"):
        load_model(bytes(64 * 1024 * 1024 + 1))


def test_a_newer_version_says_what_to_do() -> None:
    with pytest.raises(ModelError, match=r"newer version\. Upgrade"):
        load_model(packed({"version": FORMAT + 1, "something": "else"}))


def test_an_older_version_says_what_to_do() -> None:
    with pytest.raises(ModelError, match=r"older version\. Train it anew"):
        load_model(packed({"version": FORMAT - 1, "something": "else"}))


def without(key: str) -> dict[str, object]:
    return {name: value for name, value in content().items() if name != key}


def arrays(position: int, replacement: object) -> list[object]:
    changed: list[object] = list(model().network.arrays())
    changed[position] = replacement
    return changed


WRONG: dict[str, object] = {
    "nothing": None,
    "a list": [1, 2],
    "no version": without("version"),
    "version 0": content(version=0),
    "version true": content(version=True),
    "version text": content(version="1"),
    "no arrays": without("arrays"),
    "one more part": content(extra=1),
    "architecture is a number": content(architecture=5),
    "architecture is empty": content(architecture=()),
    "no size": without("size"),
    "size is a number": content(size=28),
    "size of three": content(size=(28, 28, 1)),
    "size of fractions": content(size=(28.0, 28.0)),
    "size zero": content(size=(0, 28)),
    "size of another": content(size=(28, 36)),
    "enormous size": content(size=(10**9, 10**9)),
    "unknown layer": content(architecture=(("lstm", 4),)),
    "layer in a layer": content(architecture=((("dense", 3),),)),
    "layer without end": content(architecture=(*ARCHITECTURE[:-1], ("dense", 2**400))),
    "negative layer": content(architecture=(*ARCHITECTURE[:-1], ("dense", -3))),
    "ends in images": content(architecture=ARCHITECTURE[:4], arrays=model().network.arrays()[:2]),
    "too few arrays": content(arrays=model().network.arrays()[:-1]),
    "too many arrays": content(arrays=[*model().network.arrays(), np.zeros(1, np.float32)]),
    "nan": content(arrays=arrays(1, np.full((2, 1), np.nan, np.float32))),
    "infinity": content(arrays=arrays(0, np.full((2, 25), np.inf, np.float32))),
    "float64": content(arrays=arrays(1, np.zeros((2, 1)))),
    "float16": content(arrays=arrays(1, np.zeros((2, 1), np.float16))),
    "integers": content(arrays=arrays(1, np.zeros((2, 1), np.int32))),
    "big-endian": content(arrays=arrays(1, np.zeros((2, 1), ">f4"))),
    "records": content(arrays=arrays(1, np.zeros((2, 1), [("a", "f4")]))),
    "objects": content(arrays=arrays(1, np.array([[1], ["a"]], object))),
    "text": content(arrays=arrays(1, np.array([["1"], ["2"]]))),
    "array turned": content(arrays=arrays(1, np.zeros((1, 2), np.float32))),
    "array flat": content(arrays=arrays(0, np.zeros(50, np.float32))),
    "array in Fortran's order": content(arrays=arrays(0, np.asfortranarray(model().network.arrays()[0]))),
    "arrays are lists": content(arrays=[a.tolist() for a in model().network.arrays()]),
    "arrays are a number": content(arrays=5),
    "masked array": content(arrays=arrays(1, np.ma.zeros((2, 1), np.float32))),
    "numpy scalar": content(calibration={"temperature": np.float32(1)}),
    "too few labels": content(labels=LABELS[:2]),
    "too many labels": content(labels=(*LABELS, "x")),
    "labels are numbers": content(labels=(0, 1, 2)),
    "labels are nothing": content(labels=None),
    "calibration nan": content(calibration={"temperature": float("nan")}),
    "calibration infinite": content(calibration={"temperature": float("inf")}),
    "calibration too large": content(calibration={"temperature": 10**400}),
    "calibration text": content(calibration={"temperature": "warm"}),
    "calibration is a list": content(calibration=[1.0]),
    "facts are a list": content(facts=["x"]),
}


@pytest.mark.parametrize("what", WRONG.values(), ids=WRONG)
def test_what_no_model_holds_is_refused(what: object) -> None:
    with pytest.raises(ModelError, match=r"here\.pkl (does not hold what a model holds|can't be used)"):
        load_model(packed(what), "here.pkl")


def test_the_same_content_unchanged_is_a_model() -> None:
    """Or the test above would prove nothing."""
    assert load_model(packed(content())).labels == LABELS


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 5])
def test_other_protocols_are_not_read(protocol: int) -> None:
    with pytest.raises(ModelError):
        load_model(packed(content(), protocol))


# memory


BOMBS: dict[str, bytes] = {
    "a layer that no memory holds": packed(content(architecture=(("dense", 10**12),), arrays=[])),
    "a layer that would fill the memory": packed(content(architecture=(("dense", 50_000), ("dense", 3)))),
    "a thousand layers": packed(content(architecture=(*[("dense", 1000)] * 1000, ("dense", 3)))),
    "half a million layers": packed(content(architecture=(("relu",),) * 500_000)),
    "an array larger than its bytes": signed(b"\x80\x04]" + array_of(b"J\x00\x00\x00\x10K\x10\x86", bytes(8)) + b"a."),
    "an array of negative size": signed(b"\x80\x04]" + array_of(b"J\xff\xff\xff\xffK\x02\x86", bytes(8)) + b"a."),
    "an empty array of great length": signed(b"\x80\x04]" + array_of(b"K\x00J\x00\x00\x00\x10\x86", b"") + b"a."),
    "a call of numpy.ndarray": signed(b"\x80\x04" + as_global("numpy", "ndarray") + b"J\x00\x00\x00\x10\x85\x85R."),
    "a high place in the memo": signed(b"\x80\x04Nr\x00\x00\x00\x02."),
    "bytes that are not there": signed(b"\x80\x04\x8e\x00\x00\x00\x10\x00\x00\x00\x00."),
    "text that is not there": signed(b"\x80\x04X\x00\x00\x00\x7f."),
    "a frame that is not there": signed(b"\x80\x04\x95\x00\x00\x00\x10\x00\x00\x00\x00N."),
}


@pytest.mark.parametrize("data", BOMBS.values(), ids=BOMBS)
def test_a_small_file_takes_no_great_memory(data: bytes) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(ModelError):
            load_model(data)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 20_000_000 + 4 * len(data)


def test_a_file_of_many_small_parts_is_refused_before_they_are_made() -> None:
    with pytest.raises(ModelError, match="too many parts"):
        load_model(packed(content(facts={str(i): i for i in range(20_000)})))
