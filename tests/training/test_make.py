"""From a data folder to a model and its card: facts that are measured on the right data, and told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pipeline.ann import Model, Network, load_model, save_model
from pipeline.errors import DataError
from pipeline.training import datasets, make
from pipeline.training.datasets import LABELS
from pipeline.training.handwriting import Handwriting
from pipeline.training.make import Made, digit_accuracy, held_out_handwriting, make_model
from pipeline.training.negatives import make_negatives
from pipeline.training.printed import make_printed
from pipeline.training.trainer import Leg, Recipe, accuracy
from tests.training.datafolder import HELD_OUT, TESTED, TRAINED, digits, write_mnist

RECIPE = Recipe(
    (("pool",), ("conv", 4, 5, 0), ("pool",), ("relu",), ("dense", len(LABELS))),
    legs=(Leg(1, 1e-2, 0.4),),
    batch=32,
    seed=5,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("data")
    write_mnist(data)
    return data


@pytest.fixture(scope="module")
def written_with() -> list[Handwriting]:
    """The handwriting that the calibration was given."""
    return []


@pytest.fixture(scope="module")
def made(folder: Path, written_with: list[Handwriting]) -> Made:
    """A model made in a moment: few examples, and a calibration that draws no sheets."""

    def calibrated(model: Model, handwriting: Handwriting) -> Model:
        written_with.append(handwriting)
        return Model(model.network, model.labels, {**model.calibration, "reading_bias": 0.5})

    with pytest.MonkeyPatch.context() as patch:
        for module in (datasets, make):
            patch.setattr(module, "HELD_OUT", HELD_OUT)
        patch.setattr(datasets, "make_printed", lambda rng: make_printed(rng, each=6))
        patch.setattr(datasets, "NEGATIVES_HELD_OUT", 45)
        patch.setattr(
            datasets,
            "make_negatives",
            lambda images, rng, n=100, is_digit=None, kinds=None: make_negatives(images, rng, n, kinds=kinds),
        )
        patch.setattr(make, "calibrated", calibrated)
        return make_model(folder, RECIPE)


def test_a_made_model_can_be_saved_and_loaded(made: Made) -> None:
    again = load_model(save_model(made.model))
    assert again.facts == made.model.facts
    assert again.calibration == made.model.calibration
    assert again.labels == LABELS


def test_the_facts_are_those_of_the_run(made: Made) -> None:
    facts = made.model.facts
    assert facts["trained on"] == "; ".join(made.corpus.sources)
    assert str(facts["trained on"]).startswith(f"MNIST ({TRAINED} × 3); ")
    assert (facts["epochs"], facts["seed"]) == (1, 5)
    assert facts["examples an epoch"] == len(made.corpus.order)
    assert facts["validation accuracy"] == round(accuracy(made.model.network, made.corpus.measured), 5)
    images, labels = digits()
    assert facts["MNIST test accuracy"] == round(digit_accuracy(made.model.network, images[-TESTED:], labels[-TESTED:]), 5)
    assert "ARDIS test accuracy" not in facts


def test_calibration_writes_with_held_out_digits_only(made: Made, written_with: list[Handwriting]) -> None:
    images, labels = digits()
    held_out = {image.tobytes() for image in images[TRAINED : TRAINED + HELD_OUT]}
    used = [image.tobytes() for examples in written_with[0].digits for image in examples]
    assert set(used) == held_out
    assert [len(examples) for examples in written_with[0].digits] == np.bincount(labels[TRAINED:-TESTED]).tolist()
    assert made.model.calibration["reading_bias"] == 0.5


def test_without_data_nothing_is_made(tmp_path: Path) -> None:
    with pytest.raises(DataError):
        make_model(tmp_path, RECIPE)
    with pytest.raises(DataError):
        held_out_handwriting(tmp_path)


def test_digit_accuracy_is_that_of_a_reader_who_knows_it_is_a_digit() -> None:
    """The labels behind the ten digits do not count, however probable."""
    network = Network((("dense", len(LABELS)),))
    network.parameters[1].value[10:] = 1e6
    images, _ = digits()
    best = network.logits(images)[:, :10].argmax(axis=1).astype(np.int64)
    assert digit_accuracy(network, images, best) == 1.0
    assert (network.logits(images).argmax(axis=1) >= 10).all()
