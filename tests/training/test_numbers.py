"""`pipeline train --profile numbers`: what is written, what is told, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from pipeline import cli
from pipeline.ann import Model, load_model, save_model
from pipeline.errors import DataError, ModelError
from pipeline.settings import Settings
from pipeline.training import numbers, stringglyphs
from pipeline.training.curve import read_curve
from pipeline.training.handwriting import Handwriting
from pipeline.training.numbers import train_numbers, validation_sets
from pipeline.training.reader import READER_LABELS, ReaderRecipe
from tests.training.amountsfolder import write_amounts
from tests.training.datafolder import HELD_OUT, write_mnist

SMALL = (
    *(("conv", 4, 5, 2), ("pool",), ("norm",), ("relu",), ("conv", 6, 3, 1), ("pool",), ("relu",)),
    *(("pool", "rows"), ("pool", "rows"), ("pool", "rows"), ("conv", len(READER_LABELS), 1, 0)),
)


@pytest.fixture(scope="module", autouse=True)
def small_and_quick() -> Iterator[None]:
    """A small network, few batches, and no drawn sheets."""

    def calibrated(reader: Model, digits: Model, handwriting: Handwriting) -> Model:
        return replace(reader, calibration={"weight_strip": 0.5})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stringglyphs, "HELD_OUT", HELD_OUT)
        patch.setattr("pipeline.training.make.HELD_OUT", HELD_OUT)
        patch.setattr(numbers, "calibrated_reader", calibrated)
        patch.setattr(numbers, "ReaderRecipe", lambda rounds=2: ReaderRecipe(SMALL, rounds=rounds, batches=8, batch=2))
        # what draws in another process can't be told to hold out fewer: here it is drawn in this one
        patch.setattr("pipeline.training.reader.Ahead", Here)
        yield


class Here:
    """Does the work when it is asked for."""

    def __init__(self, work: object) -> None:
        self._work = work

    def __enter__(self) -> Here:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def each(self, jobs: Iterator[object]) -> Iterator[object]:
        assert callable(self._work)
        return map(self._work, jobs)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    write_mnist(folder)
    write_amounts(folder / "strings" / "orand_car_a")
    return folder


@pytest.fixture(scope="module")
def trained(data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str], list[tuple[str, float]]]:
    """A folder with what a run left, the lines it told, and what it showed on the way."""
    folder, shown = tmp_path_factory.mktemp("trained"), list[tuple[str, float]]()
    lines = list(
        train_numbers(Settings(), data, None, folder / "mine.pkl", show=lambda what, share: shown.append((what, share)))
    )
    return folder, lines, shown


def test_the_reader_its_card_and_its_curve_are_written(trained: tuple[Path, list[str], list[tuple[str, float]]]) -> None:
    folder, lines, shown = trained
    model = load_model((folder / "mine.pkl").read_bytes())
    assert model.labels == READER_LABELS
    assert model.calibration == {"weight_strip": 0.5}
    assert model.facts["rounds"] == 2 and model.facts["seed"] == 1
    assert 0 <= float(model.facts["real amounts, exact"]) <= 1
    text = (folder / "mine.md").read_text(encoding="utf-8")
    assert model.digest in text and "mine.png" in text and "weight_strip" in text
    curve = read_curve(folder / "mine.csv")
    assert {len(values) for values in curve.values()} == {2}
    assert "training loss" in curve and "exact, real amounts" in curve
    assert (folder / "mine.png").read_bytes().startswith(b"\x89PNG")
    assert {line.split(": ")[1] for line in lines if line.startswith("written: ")} == {
        str(folder / f"mine{suffix}") for suffix in (".pkl", ".md", ".csv", ".png")
    }
    assert shown[-1] == ("round 2 of 2", 1.0)


def test_real_amounts_are_measured_only_where_there_are_some(data: Path, tmp_path: Path) -> None:
    assert [name for name, _ in validation_sets(data)] == ["real amounts"]
    assert validation_sets(tmp_path) == []


def test_a_worse_reader_does_not_take_the_place_of_a_better_one(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trained: tuple[Path, list[str], list[tuple[str, float]]]
) -> None:
    present = (trained[0] / "mine.pkl").read_bytes()
    output = tmp_path / "numbers.pkl"
    output.write_bytes(present)
    better = load_model(present).digest
    monkeypatch.setattr(numbers, "_mean_exact", lambda model, sets: 1.0 if model.digest == better else 0.5)
    with pytest.raises(ModelError, match=r"50\.00% of the validation data, the present one 100\.00%"):
        list(train_numbers(Settings(), data, 1, output))
    assert output.read_bytes() == present
    assert load_model((tmp_path / "numbers.worse.pkl").read_bytes()).labels == READER_LABELS
    list(train_numbers(Settings(), data, 1, output, force=True))
    assert load_model(output.read_bytes()).facts["rounds"] == 1


def test_without_data_nothing_is_trained(tmp_path: Path) -> None:
    with pytest.raises(DataError):
        list(train_numbers(Settings(), tmp_path, 1, tmp_path / "numbers.pkl"))
    assert not (tmp_path / "numbers.pkl").exists()


def test_the_command_trains_it(data: Path, tmp_path: Path) -> None:
    output = tmp_path / "reader.pkl"
    arguments = ["train", "--profile", "numbers", "--data", str(data), "--epochs", "1", "--output", str(output)]
    result = CliRunner().invoke(cli.cli, arguments)
    assert result.exit_code == 0, result.output
    assert f"written: {output}" in result.output
    assert save_model(load_model(output.read_bytes())) == output.read_bytes()
