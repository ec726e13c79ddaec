"""`pipeline train`, `evaluate` and `model`: what is written where, what is refused, and what is told."""

from __future__ import annotations

import json
import logging
import shutil
import socket
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from pipeline import chain, cli
from pipeline.ann import Model, Network, load_model, save_model
from pipeline.errors import DataError, ModelError, OutputError
from pipeline.learned import roll_back
from pipeline.settings import Settings
from pipeline.training import command, datasets, download, evaluate, make
from pipeline.training.card import card, card_beside
from pipeline.training.command import describe_model, train_model, train_published
from pipeline.training.curve import read_curve
from pipeline.training.datasets import LABELS, Corpus
from pipeline.training.download import Patience
from pipeline.training.handwriting import Handwriting
from pipeline.training.make import Made
from pipeline.training.negatives import make_negatives
from pipeline.training.paper import EPOCHS, PaperRun
from pipeline.training.printed import make_printed
from pipeline.training.reader import ReaderRecipe
from pipeline.training.speed import Speed
from pipeline.training.trainer import Leg, Progress, Recipe
from tests.training.datafolder import HELD_OUT, TRAINED, digits, write_mnist

SMALL = (("pool",), ("conv", 4, 5, 0), ("pool",), ("relu",), ("dense", len(LABELS)))
THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


def small_recipe(epochs: int = 2) -> Recipe:
    return Recipe(SMALL, legs=(Leg(epochs, 1e-2, 0.4),), batch=32)


@pytest.fixture(scope="module", autouse=True)
def small_and_quick() -> Iterator[None]:
    """Few examples, a small network, and no drawn sheets."""

    def calibrated(model: Model, handwriting: Handwriting) -> Model:
        return replace(model, calibration={**model.calibration, "reading_bias": 0.5})

    with pytest.MonkeyPatch.context() as patch:
        for module in (datasets, make, command):
            patch.setattr(module, "HELD_OUT", HELD_OUT)
        patch.setattr(datasets, "NEGATIVES_HELD_OUT", 45)
        patch.setattr(datasets, "make_printed", lambda rng: make_printed(rng, each=6))
        patch.setattr(
            datasets,
            "make_negatives",
            lambda images, rng, n, is_digit, kinds=None: make_negatives(images, rng, min(n, 100), kinds=kinds),
        )
        patch.setattr(make, "calibrated", calibrated)
        patch.setattr(evaluate, "speed_of", lambda _: Speed(1000, 0.001, 1000.0))
        patch.setattr(command, "Recipe", small_recipe)
        yield


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    write_mnist(folder)
    return folder


@pytest.fixture(scope="module")
def trained(data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str], list[tuple[str, float]]]:
    """A folder with what a run left, the lines it told, and what it showed on the way."""
    folder, shown = tmp_path_factory.mktemp("trained"), list[tuple[str, float]]()
    lines = list(train_model(Settings(), data, None, folder / "mine.pkl", show=lambda what, share: shown.append((what, share))))
    return folder, lines, shown


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test works in an empty folder, with nothing of the user's."""
    monkeypatch.chdir(tmp_path)
    for name in ("PIPELINE_DATA", "PIPELINE_MODEL", "PIPELINE_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    for name in THREADS:
        monkeypatch.setenv(name, "1")


def call(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli.cli, [str(argument) for argument in arguments])


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def constant(digit: int, labels: tuple[str, ...] = LABELS, seed: int = 0) -> Model:
    """A model that always says the same."""
    network = Network((("dense", len(labels)),), seed=seed)
    network.parameters[0].value[...] = 0
    network.parameters[1].value[digit] = 5
    return Model(network, labels)


@cache
def corpus_of(data: Path) -> Corpus:
    return datasets.load_corpus(data)


def instead(monkeypatch: pytest.MonkeyPatch, model: Model, data: Path) -> None:
    """Training comes to this model, at once."""
    monkeypatch.setattr(command, "make_model", lambda *_: Made(model, corpus_of(data), HISTORY))


HISTORY = (Progress(1, 1.5, 0.5, 0.6, 1.0),)


# what comes of a run


def test_model_card_and_curve_lie_side_by_side(trained: tuple[Path, list[str], list[tuple[str, float]]]) -> None:
    folder, lines, _ = trained
    assert names(folder) == ["mine.csv", "mine.md", "mine.pkl", "mine.png"]
    assert [line for line in lines if line.startswith("written: ")] == [
        f"written: {folder / 'mine'}{suffix}" for suffix in (".pkl", ".md", ".csv", ".png")
    ]
    model = load_model((folder / "mine.pkl").read_bytes())
    assert [f"{name}: {value}" for name, value in model.facts.items()] == lines[: len(model.facts)]
    assert any(line.startswith("MNIST test, digits: ") for line in lines)
    assert {len(values) for values in read_curve(folder / "mine.csv").values()} == {2}
    assert (folder / "mine.png").read_bytes().startswith(b"\x89PNG")


def test_the_card_has_facts_and_measurements(trained: tuple[Path, list[str], list[tuple[str, float]]]) -> None:
    folder, _, _ = trained
    model, text = load_model((folder / "mine.pkl").read_bytes()), (folder / "mine.md").read_text()
    words = " ".join(text.split())
    assert all(" ".join(f"- {name}: {value}".split()) in words for name, value in model.facts.items())
    assert all(f"{value:.4f}" in text for value in model.calibration.values())
    assert model.digest in text and " ".join(LABELS) in text and "# mine.pkl" in text
    assert f"Parameters: {sum(p.value.size for p in model.network.parameters):,}" in text
    assert "| MNIST test " in text and "| ? half a digit " in text and "(mine.png)" in text
    assert "held out" in text and "MNIST (Y. LeCun" in text


def test_progress_is_shown_epoch_by_epoch(trained: tuple[Path, list[str], list[tuple[str, float]]]) -> None:
    _, _, shown = trained
    assert list(dict.fromkeys(what for what, _ in shown)) == ["epoch 1 of 2", "epoch 2 of 2"]
    for epoch in ("epoch 1 of 2", "epoch 2 of 2"):
        shares = [share for what, share in shown if what == epoch]
        assert shares == sorted(shares) and shares[0] > 0 and shares[-1] == 1


def test_every_epoch_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "pipeline"):
        log = command._EpochLog(3)
        for epoch in (2, 3):  # a run that went on from a checkpoint
            log(Progress(epoch, 0.5, 0.75, 0.875, 120.0))
    assert [record.message for record in caplog.records] == [
        "epoch 2 of 3: loss 0.5000, validation 75.00%, its digits 87.50%, about 2 minutes left",
        "epoch 3 of 3: loss 0.5000, validation 75.00%, its digits 87.50%, about 0 minutes left",
    ]


# what is not replaced


def test_a_worse_model_is_kept_beside_the_present_one(
    data: Path, trained: tuple[Path, list[str], list[tuple[str, float]]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(trained[0], tmp_path, dirs_exist_ok=True)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    worse = constant(1)
    instead(monkeypatch, worse, data)
    with pytest.raises(ModelError, match=r"new model reads .*%.*present one .*%.*mine\.worse\.pkl.*--force"):
        list(train_model(Settings(model=tmp_path / "mine.pkl"), data))
    assert load_model((tmp_path / "mine.worse.pkl").read_bytes()).digest == load_model(save_model(worse)).digest
    (tmp_path / "mine.worse.pkl").unlink()
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before

    list(train_model(Settings(model=tmp_path / "mine.pkl"), data, force=True))
    assert (tmp_path / "mine.pkl").read_bytes() == save_model(worse)
    assert "mine.worse.pkl" not in names(tmp_path)


def test_a_model_that_is_no_worse_takes_the_place(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    output = tmp_path / "m.pkl"
    output.write_bytes(save_model(constant(1)))
    same = constant(1, seed=2)
    instead(monkeypatch, replace(same, facts={"epochs": 1}), data)
    list(train_model(Settings(), data, output=output))
    assert load_model(output.read_bytes()).facts == {"epochs": 1}


def test_models_with_other_labels_are_compared_too(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By what they say, not by the number of the label."""
    output = tmp_path / "m.pkl"
    output.write_bytes(save_model(constant(0, ("1", "0", *LABELS[2:-1]))))  # says "1"
    instead(monkeypatch, constant(LABELS.index("E")), data)
    with pytest.raises(ModelError, match="present one"):
        list(train_model(Settings(), data, output=output))


def test_a_damaged_model_is_seen_before_the_long_run(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    output = tmp_path / "m.pkl"
    output.write_bytes(save_model(constant(1))[:-1])
    monkeypatch.setattr(command, "make_model", None)
    with pytest.raises(ModelError, match=r"m\.pkl.*--force"):
        list(train_model(Settings(), data, output=output))
    instead(monkeypatch, constant(2), data)
    list(train_model(Settings(), data, output=output, force=True))
    assert output.read_bytes() == save_model(constant(2))


def test_damaged_test_sets_are_seen_before_the_long_run(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(data, tmp_path / "data")
    (tmp_path / "data" / "t10k-images-idx3-ubyte").write_bytes(b"damaged")
    monkeypatch.setattr(command, "make_model", None)
    with pytest.raises(DataError, match="t10k-images"):
        list(train_model(Settings(), tmp_path / "data", output=tmp_path / "m.pkl"))


def test_a_place_that_cannot_be_written_is_seen_before_the_long_run(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "make_model", None)
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="file"):
        list(train_model(Settings(), data, output=tmp_path / "file" / "m.pkl"))
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(OutputError, match=r"--output"):
        list(train_model(Settings(), data, output=tmp_path / "m.pkl"))


def test_a_new_network_takes_the_place_of_the_learned_one_which_is_kept(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else it would go into the package, and the learned one would go on reading."""
    settings, shipped = Settings(), chain.SHIPPED_MODEL.read_bytes()
    learned, new = save_model(constant(1)), constant(2)
    settings.own_model.parent.mkdir(parents=True)
    settings.own_model.write_bytes(learned)
    instead(monkeypatch, new, data)
    lines = list(train_model(settings, data, force=True))
    assert chain.SHIPPED_MODEL.read_bytes() == shipped
    assert settings.own_model.read_bytes() == save_model(new)
    assert settings.own_model.with_suffix(".1.pkl").read_bytes() == learned
    assert any("--rollback" in line for line in lines)
    roll_back(settings)
    assert settings.own_model.read_bytes() == learned


# the published network


def test_anyone_can_run_the_published_network(data: Path, tmp_path: Path) -> None:
    """The smoke test of the README."""
    shipped = chain.SHIPPED_MODEL.read_bytes()
    result = call("train", "--profile", "paper", "--epochs", "1", "--data", data)
    assert result.exit_code == 0, result.stderr
    assert names(tmp_path) == ["paper.csv", "paper.md", "paper.pkl", "paper.png"]
    assert result.stdout.splitlines()[-4:] == [f"written: paper{suffix}" for suffix in (".pkl", ".csv", ".png", ".md")]
    assert chain.SHIPPED_MODEL.read_bytes() == shipped
    model = load_model(Path("paper.pkl").read_bytes())
    assert (model.facts["epochs"], model.labels) == (1, tuple("0123456789"))
    assert {len(values) for values in read_curve(Path("paper.csv")).values()} == {1}


def test_the_published_network_does_not_replace_a_better_one(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both were trained on the digits that they are compared on."""
    often = np.bincount(digits()[1][TRAINED : TRAINED + HELD_OUT], minlength=10)
    better, worse = (constant(int(digit), tuple("0123456789")) for digit in (often.argmax(), often.argmin()))
    (tmp_path / "p.pkl").write_bytes(save_model(better))
    monkeypatch.setattr(command, "train_paper", lambda *_, **__: PaperRun(worse, ()))
    with pytest.raises(ModelError, match=r"p\.worse\.pkl"):
        list(train_published(data, 5, tmp_path / "p.pkl"))
    assert (tmp_path / "p.pkl").read_bytes() == save_model(better)


def test_the_published_network_shows_one_bar_and_logs_now_and_then(
    data: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    shown: list[tuple[str, float]] = []
    with caplog.at_level(logging.INFO, "pipeline"):
        list(train_published(data, 12, tmp_path / "p.pkl", show=lambda what, share: shown.append((what, share))))
    assert shown == [("12 epochs", epoch / 12) for epoch in range(1, 13)]
    assert [record.message.split(":")[0] for record in caplog.records] == [f"epoch {n} of 12" for n in (1, 10, 12)]


def test_the_published_network_takes_no_checkpoint() -> None:
    assert call("train", "--profile", "paper", "--checkpoint", "c.npz").exit_code == 2


# data


@pytest.mark.parametrize("arguments", [["train"], ["train", "--profile", "paper"], ["evaluate"]], ids=" ".join)
def test_missing_data_are_named_with_what_to_do(arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "digits.pkl").write_bytes(save_model(constant(1)))
    monkeypatch.setenv("PIPELINE_MODEL", "digits.pkl")
    for folder, told in ((tmp_path / "nowhere", "there is no folder"), (tmp_path, "-images-idx3-ubyte is not in")):
        result = call(*arguments, "--data", folder)
        assert (result.exit_code, result.stdout) == (7, "")
        assert told in result.stderr and "--data or PIPELINE_DATA" in result.stderr
    monkeypatch.setenv("PIPELINE_DATA", "nowhere")
    assert "there is no folder nowhere" in call(*arguments).stderr


def test_without_data_and_without_network_the_error_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        nobody = f"http://127.0.0.1:{free.getsockname()[1]}/"
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(download, "MIRRORS", (nobody,))
    monkeypatch.setattr(download, "Patience", lambda: Patience(0.2, 0.5))
    monkeypatch.setattr(download, "cache_folder", lambda: tmp_path / "cache")
    with pytest.raises(DataError, match=r"could not be downloaded.*point --data or PIPELINE_DATA"):
        list(train_published(None, 1))


def test_the_published_network_needs_no_more_than_what_is_downloaded(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "data_folder", lambda given: given or data)
    assert call("train", "--profile", "paper", "--epochs", "1").exit_code == 0


# pipeline evaluate


def test_a_model_is_measured(data: Path, trained: tuple[Path, list[str], list[tuple[str, float]]]) -> None:
    file = trained[0] / "mine.pkl"
    result = call("evaluate", "--data", data, "--model", file)
    assert result.exit_code == 0, result.stderr
    measured = result.stdout[result.stdout.index("## Measured") :].strip()
    assert measured in (trained[0] / "mine.md").read_text()  # the same as after training

    found = json.loads(call("evaluate", "--data", data, "--model", file, "--json").stdout)
    assert found["file"] == str(file)
    assert found["tests"][0]["digits"] == pytest.approx(load_model(file.read_bytes()).facts["MNIST test accuracy"], abs=1e-5)
    assert sum(map(sum, found["confusion"]["counts"])) == found["held_out_calibration"]["examples"]
    assert {target["what"] for target in found["targets"]} > {"MNIST test, digits", "pickle"}


def test_a_model_that_cannot_be_read_is_not_measured(data: Path) -> None:
    for name in ("evaluate", "model"):
        result = call(name, "--model", "none.pkl")
        assert (result.exit_code, result.stdout) == (4, "")
        assert "none.pkl" in result.stderr


# pipeline model


def test_the_card_beside_the_model_is_printed(trained: tuple[Path, list[str], list[tuple[str, float]]]) -> None:
    result = call("model", "--model", trained[0] / "mine.pkl")
    assert (result.exit_code, result.stdout) == (0, (trained[0] / "mine.md").read_text())


def test_the_model_that_ships_has_a_card() -> None:
    assert chain.SHIPPED_MODEL.with_suffix(".md").read_text().startswith("# digits.pkl\n")


def test_without_a_card_one_is_made_of_the_facts(tmp_path: Path) -> None:
    file = tmp_path / "m.pkl"
    file.write_bytes(save_model(replace(constant(1), facts={"epochs": 3}, calibration={"temperature": 1.25})))
    text = describe_model(Settings(model=file))
    assert text.startswith("# m.pkl\n") and "- epochs: 3" in text and "1.2500" in text
    assert "## Measured" not in text


def test_the_card_of_another_model_is_not_passed_off_as_this_ones(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "m.pkl"
    one, two = (load_model(save_model(constant(digit))) for digit in (1, 2))
    file.with_suffix(".md").write_text(card(one, "m.pkl") + "edited")
    assert "edited" in card_beside(file, one)
    assert "edited" not in card_beside(file, two)
    assert "another model" in caplog.text
    file.with_suffix(".md").write_text("a card without a digest")
    assert card_beside(file, two) == "a card without a digest"


def test_a_card_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "m.md").write_bytes(b"\xff\xfe\xfd")
    with pytest.raises(ModelError, match=r"m\.md"):
        card_beside(tmp_path / "m.pkl", constant(1))


def test_facts_are_plain_values(tmp_path: Path) -> None:
    file = tmp_path / "m.pkl"
    file.write_bytes(save_model(replace(constant(1), facts={"epochs": 3})))
    found = json.loads(call("model", "--model", file, "--json").stdout)
    assert found["labels"] == list(LABELS)
    assert found["architecture"] == [["dense", len(LABELS)]]
    assert (found["parameters"], found["facts"], found["file"]) == (785 * len(LABELS), {"epochs": 3}, str(file))
    assert found["sha256"] == load_model(file.read_bytes()).digest


def test_the_help_knows_how_many_epochs_there_are() -> None:
    assert f"[default: {Recipe().epochs}; numbers: {ReaderRecipe().rounds} rounds; paper: {EPOCHS}]" in " ".join(
        call("train", "--help").stdout.split()
    )


def test_constant_models_are_constant() -> None:
    images = np.random.default_rng(0).integers(0, 256, (5, 28, 28), np.uint8)
    assert set(constant(3).network.logits(images).argmax(axis=1)) == {3}
