"""From a folder of data to a model file and its card."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipeline.ann import Model, Network
from pipeline.records import Image
from pipeline.training.calibrate import calibrated
from pipeline.training.datasets import HELD_OUT, LABELS, Corpus, Labels, load_corpus, load_mnist, load_test
from pipeline.training.handwriting import Handwriting
from pipeline.training.lastlayer import refitted
from pipeline.training.trainer import Progress, Recipe, Report, Tick, accuracy, train


@dataclass(frozen=True)
class Made:
    """A trained model and the data that it can be compared on with another."""

    model: Model
    corpus: Corpus
    history: tuple[Progress, ...]


def make_model(
    data: Path, recipe: Recipe, checkpoint: Path | None = None, report: Report | None = None, tick: Tick | None = None
) -> Made:
    """Trains, calibrates on what was held out, and measures on the test sets. Raises DataError without MNIST."""
    corpus = load_corpus(data, recipe.seed)
    trained = train(corpus, recipe, checkpoint, report, tick)
    network = refitted(trained.network, corpus.calibration)
    model = calibrated(Model(network, LABELS), held_out_handwriting(data))
    facts: dict[str, str | int | float] = {
        "trained on": "; ".join(corpus.sources),
        "data": corpus.digest[:16],
        "examples an epoch": len(corpus.order),
        "epochs": recipe.epochs,
        "seed": recipe.seed,
        "training minutes": round(sum(progress.seconds for progress in trained.history) / 60, 1),
        "validation accuracy": round(accuracy(network, corpus.measured), 5),
    }
    for name, examples in load_test(data):
        facts[f"{name} accuracy"] = round(digit_accuracy(network, examples.images, examples.labels), 5)
    return Made(Model(network, LABELS, model.calibration, facts), corpus, trained.history)


def held_out_handwriting(data: Path) -> Handwriting:
    """The digits that no training run sees, to write with."""
    mnist = load_mnist(data, "train")
    return Handwriting(mnist.images[-HELD_OUT:], mnist.labels[-HELD_OUT:])


def digit_accuracy(network: Network, images: Image, labels: Labels) -> float:
    """Share of digits read right by a reader that knows it looks at a digit: the most probable of 0 to 9."""
    return float((network.logits(images)[:, :10].argmax(axis=1) == labels).mean())
