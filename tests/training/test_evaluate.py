"""`pipeline evaluate`: numbers that can be worked out by hand, from a network that says what its images tell it to say."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.ann import Model, Network
from pipeline.errors import DataError, ModelError
from pipeline.records import Image
from pipeline.stages.glyph import normalise
from pipeline.training import evaluate as evaluating
from pipeline.training.datasets import LABELS, NON_CHARACTERS, Examples
from pipeline.training.evaluate import Evaluation, measure, measured_sets
from pipeline.training.markdown import table
from pipeline.training.nist import load_nist
from pipeline.training.reliability import calibration_error, error_by_chance
from pipeline.training.scores import as_markdown, targets
from pipeline.training.speed import Speed, speed_of
from tests.training.datafolder import TESTED, digits, write_mnist

DIGITS = "0123456789"
PAPER = tuple(DIGITS)
Array = NDArray[np.generic]


def obedient(labels: tuple[str, ...] = LABELS) -> Model:
    """A model that finds label i as probable as pixel i is bright: logit 20 for white, 0 for black."""
    network = Network((("dense", len(labels)),))
    weight, bias = network.parameters
    weight.value[...], bias.value[...] = 0, 0
    weight.value[np.arange(len(labels)), np.arange(len(labels))] = 20
    return Model(network, labels)


def told(said: str, wanted: str, labels: tuple[str, ...] = LABELS, level: int = 255) -> Examples:
    """Examples of `wanted` whose images tell an obedient model to say `said`, surely or, at a low level, less so."""
    images = np.zeros((len(said), 28, 28), np.uint8)
    for image, character in zip(images, said, strict=True):
        image[0, labels.index(character)] = level
    return Examples(images, np.array([LABELS.index(character) for character in wanted], np.int64))


def joined(*parts: Examples) -> Examples:
    return Examples(np.concatenate([p.images for p in parts]), np.concatenate([p.labels for p in parts]))


@pytest.fixture(autouse=True)
def no_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluating, "speed_of", lambda _: Speed(1_500_000, 0.01, 2345.6))


# what is counted


def test_a_digit_may_be_known_to_be_one_or_not() -> None:
    """The second is read as a letter at first, but 8 is its most probable digit."""
    examples = told("08F7", "0887")
    examples.images[2, 0, 8] = 200
    examples.images[1, 0, 8] = 0
    examples.images[1, 0, 3] = 255
    [score] = measure(obedient(), [("x", examples)], [("MNIST test", examples)]).tests
    assert (score.name, score.examples, score.digits, score.open) == ("MNIST test", 4, 0.75, 0.5)


def test_sets_keep_their_names_and_order() -> None:
    held_out = [("MNIST", told("1", "1")), ("letters", told("AB", "AC")), ("nothing", told("", ""))]
    found = measure(obedient(), held_out, [("one", told("1", "1")), ("two", told("12", "11"))], [("again", told("1", "1"))])
    assert [(s.name, s.examples, s.digits, s.open) for s in found.held_out] == [("MNIST", 1, 1, 1), ("letters", 2, None, 0.5)]
    assert [(s.name, s.open) for s in found.tests] == [("one", 1), ("two", 0.5), ("again", 1)]
    assert found.test_calibration.examples == 3  # a second look is no second example
    assert found.held_out_calibration.examples == 3


HELD_OUT = [
    ("MNIST", told("0127", "0121")),
    ("letters", told("AB8?", "ABB?")),
    ("marks", told(".-/.", ".-/-")),
    (f"{NON_CHARACTERS}specks", joined(told("???", "???"), told("4", "?", level=30))),
    (f"{NON_CHARACTERS}two digits", told("?6", "??")),
]


def test_non_digits_that_are_taken_for_digits_are_counted_by_kind() -> None:
    found = measure(obedient(), HELD_OUT, [("t", told("1", "1"))])
    assert [(k.kind, k.examples, k.taken, k.surely_taken) for k in found.non_digits] == [
        ("A to F", 3, pytest.approx(1 / 3), pytest.approx(1 / 3)),
        ("? in letters", 1, 0, 0),
        (".", 1, 0, 0),
        ("-", 2, 0, 0),
        ("/", 1, 0, 0),
        ("? specks", 4, 0.25, 0),  # it was not sure of it
        ("? two digits", 2, 0.5, 0.5),
        ("all", 14, pytest.approx(3 / 14), pytest.approx(2 / 14)),
    ]


def test_the_confusion_table_has_every_held_out_example_once() -> None:
    confusion = measure(obedient(), HELD_OUT, [("t", told("1", "1"))]).confusion
    assert confusion.labels == LABELS
    assert confusion.truths == ("0", "1", "2", "A", "B", "-", ".", "/", "? in letters", "? specks", "? two digits")
    counts = np.array(confusion.counts)
    assert counts.sum() == sum(len(examples) for _, examples in HELD_OUT)
    told_of = {(confusion.truths[i], LABELS[j]): int(counts[i, j]) for i, j in np.argwhere(counts)}
    assert told_of[("1", "7")] == told_of[("1", "1")] == 1
    assert told_of[("B", "8")] == told_of[("B", "B")] == told_of[("-", ".")] == 1
    assert told_of[("? specks", "?")] == 3 and told_of[("? specks", "4")] == 1


def test_a_model_that_knows_digits_only_takes_everything_for_one() -> None:
    held_out = [("MNIST", told("12", "12", PAPER)), ("letters", told("85", "BA", PAPER))]
    found = measure(obedient(PAPER), held_out, [("t", told("71", "77", PAPER))])
    assert [(s.digits, s.open) for s in (*found.tests, *found.held_out)] == [(0.5, 0.5), (1, 1), (None, 0)]
    assert found.non_digits[-1].surely_taken == 1
    assert found.confusion.labels == PAPER
    assert found.confusion.truths == ("1", "2", "A", "B")


def test_test_sets_may_be_all_there_is() -> None:
    found = measure(obedient(), [], [("t", told("1", "1"))])
    assert (found.held_out, found.non_digits, found.confusion.counts) == ((), (), ())
    assert found.held_out_calibration.examples == 0
    assert "What is no digit" not in as_markdown(found)


def test_a_model_without_digits_is_refused() -> None:
    with pytest.raises(ModelError, match="ten digits"):
        measure(obedient(tuple("ABC")), [], [("t", told("1", "1"))])


def test_everything_goes_into_json() -> None:
    found = measure(obedient(), HELD_OUT, [("t", told("1", "1"))])
    again = json.loads(json.dumps(asdict(found)))
    assert again["speed"] == {"pickle_bytes": 1_500_000, "load_seconds": 0.01, "digits_a_second": 2345.6}
    assert again["confusion"]["truths"] == list(found.confusion.truths)


# what is measured on


def nist(folder: Path, **changed: Array) -> Path:
    """Speckled boxes, in the format of the set."""
    rng, shapes = np.random.default_rng(0), [(45, 30), (40, 41), (12, 9)]
    pixels = np.concatenate([(rng.random(h * w) < 0.6).astype(np.uint8) * 255 for h, w in shapes])
    arrays = {"pixels": pixels, "shapes": np.array(shapes, np.int16), "y": np.arange(len(shapes)), **changed}
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(folder / "nist_300dpi.npz", **arrays)  # type: ignore[arg-type]
    return folder / "nist_300dpi.npz"


def test_the_test_sets_of_a_folder_are_all_measured(tmp_path: Path) -> None:
    write_mnist(tmp_path)
    held_out = [("MNIST", told("1", "1"))]
    assert [s.name for s in measure(obedient(), held_out, *measured_sets(tmp_path)).tests] == ["MNIST test"]
    nist(tmp_path / "digits")
    found = measure(obedient(), held_out, *measured_sets(tmp_path))
    assert [s.name for s in found.tests] == ["MNIST test", "NIST 300 dpi", "NIST 200 dpi", "NIST 150 dpi"]
    assert [s.examples for s in found.tests] == [TESTED, 3, 3, 3]
    assert found.test_calibration.examples == TESTED + 3


def test_nist_digits_come_as_the_reader_sees_them(tmp_path: Path) -> None:
    file = nist(tmp_path)
    with np.load(file) as arrays:
        first = arrays["pixels"][: 45 * 30].reshape(45, 30)
    images, labels = load_nist(file)
    assert (images.shape, str(images.dtype), labels.tolist()) == ((3, 28, 28), "uint8", [0, 1, 2])
    np.testing.assert_array_equal(images[0], normalise(first))
    coarse, _ = load_nist(file, 150)
    assert coarse.any(axis=(1, 2)).all()
    assert np.abs(coarse[0].astype(int) - images[0]).max() > 20  # less of it is left


@pytest.mark.parametrize(
    "changed", [{"y": np.arange(2)}, {"y": np.array([1, 2, 10])}, {"pixels": np.zeros(5)}, {"shapes": np.zeros(3)}]
)
def test_a_damaged_nist_file_is_named(tmp_path: Path, changed: dict[str, Array]) -> None:
    with pytest.raises(DataError, match=r"nist_300dpi\.npz can't be used.*optional"):
        load_nist(nist(tmp_path, **changed))


# how honest


def test_the_calibration_error_is_the_gap_between_sure_and_right() -> None:
    confidence = np.array([0.8] * 10 + [0.6] * 10)
    right = np.array([True] * 8 + [False] * 2 + [True] * 3 + [False] * 7)
    assert calibration_error(confidence, right) == pytest.approx(0.15)
    assert calibration_error(confidence, right, bins=2, adaptive=True) == pytest.approx(0.15)
    assert calibration_error(confidence, right, bins=1) == pytest.approx(0.15)  # together: 0.7 sure, 0.55 right


def test_equal_bins_hide_what_adaptive_ones_show() -> None:
    """Both halves in one bin of the first kind: too sure and not sure enough, which make up for one another."""
    confidence = np.array([0.95] * 50 + [0.99] * 50)
    right = np.array([True] * 50 + [True] * 47 + [False] * 3)
    assert calibration_error(confidence, right) == pytest.approx(0.0, abs=1e-9)
    assert calibration_error(confidence, right, bins=2, adaptive=True) == pytest.approx(0.05)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.floats(0, 1), st.booleans())), st.booleans(), st.integers(1, 20))
def test_whatever_the_examples_the_calibration_error_is_a_share(
    examples: list[tuple[float, bool]], adaptive: bool, bins: int
) -> None:
    confidence, right = np.array([c for c, _ in examples]), np.array([r for _, r in examples], bool)
    assert 0 <= calibration_error(confidence, right, bins, adaptive) <= 1


def test_honest_confidence_has_almost_no_error() -> None:
    rng = np.random.default_rng(0)
    confidence = rng.uniform(0.3, 1, 100_000)
    right = rng.random(100_000) < confidence
    assert max(calibration_error(confidence, right, adaptive=a) for a in (False, True)) < 0.006


def test_few_examples_show_an_error_by_chance() -> None:
    confidence = np.random.default_rng(0).uniform(0.5, 1, 20_000)
    few, many = error_by_chance(confidence[:200], draws=50), error_by_chance(confidence, draws=50)
    assert 0.03 < few < 0.1 and few / many == pytest.approx(10, rel=0.3)  # as the root of how many there are
    right = np.random.default_rng(1).random(20_000) < confidence
    assert calibration_error(confidence, right) == pytest.approx(many, rel=0.6)
    assert error_by_chance(np.ones(100)) == 0


# how fast


def test_a_model_is_loaded_and_timed_in_a_process_of_its_own() -> None:
    model = obedient()
    found = speed_of(model)
    assert 784 * len(LABELS) * 4 < found.pickle_bytes < 784 * len(LABELS) * 4 + 5000
    assert 0 < found.load_seconds < 5
    assert found.digits_a_second > 10


# how it is told


def whole() -> Evaluation:
    read: Image = digits()[0][:3]
    nist_set = ("NIST 300 dpi", Examples(read, np.full(3, 5)))
    return measure(obedient(), HELD_OUT, [("MNIST test", told("1234", "1234")), nist_set])


def test_every_number_is_in_the_markdown() -> None:
    found = whole()
    text = as_markdown(found)
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]
    for score in (*found.tests, *found.held_out):
        [row] = [row for row in rows if row[0] in (score.name, f"held out: {score.name}")]
        assert row[1] == str(score.examples) and row[3] == f"{score.open:.2%}"
    assert ["? specks", "4", "25.00%", "0.00%"] in rows
    assert ["1", "", "[1]", "", "", "", "", "", "1"] in [row[:9] for row in rows]
    assert "[3]" in next(row for row in rows if row[0] == "? specks" and len(row) > 4)[-1]
    assert "1.50 MB" in text and "2,346" in text


def test_targets_are_met_or_missed() -> None:
    found = {target.what: target for target in targets(whole())}
    assert found["MNIST test, digits"].met and found["MNIST test, digits"].found == "100.00%"
    assert not found["NIST 300 dpi, digits"].met
    assert not found["non-digits taken for digits with confidence over 0.9"].met
    assert found["pickle"].met and found["loading it"].met
    assert "ARDIS test, digits" not in found


def test_a_table_is_aligned_and_its_numbers_end_at_the_right() -> None:
    assert table(("", "n"), [("a", "1"), ("bcd", "1,000")]).splitlines() == [
        "|     |     n |",
        "|-----|------:|",
        "| a   |     1 |",
        "| bcd | 1,000 |",
    ]
    assert table(("a", "b"), []) == "| a | b |\n|---|--:|"
