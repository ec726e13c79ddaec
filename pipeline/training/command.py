"""What `pipeline train`, `evaluate` and `model` call: lines and texts come out; files are written only by training."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from pathlib import Path

from pipeline.ann import Model, load_model, save_model
from pipeline.chain import model_file, model_of
from pipeline.files import atomic_files
from pipeline.learned import put_aside
from pipeline.settings import Settings
from pipeline.training.card import card, card_beside, facts_of
from pipeline.training.curve import write_curve
from pipeline.training.datasets import HELD_OUT, Examples, load_mnist
from pipeline.training.download import data_folder
from pipeline.training.evaluate import Evaluation, evaluate, measure, measured_sets, share_read
from pipeline.training.make import Made, make_model
from pipeline.training.output import checked_output, refuse_worse
from pipeline.training.paper import EPOCHS, PaperProgress, save_paper, train_paper
from pipeline.training.scores import as_markdown, targets
from pipeline.training.trainer import Progress, Recipe

_log = logging.getLogger(__name__)

#: Told while it trains: what is being done, and the share of it that is.
Show = Callable[[str, float], None]

#: Where the published network goes unless said otherwise: never in the place of the model in use.
PAPER = Path("paper.pkl")


def train_model(
    settings: Settings,
    data: Path | None,
    epochs: int | None = None,
    output: Path | None = None,
    checkpoint: Path | None = None,
    force: bool = False,
    show: Show | None = None,
) -> Iterator[str]:
    """Trains the production network; yields lines that say what came of it.

    It takes the place of the one in use, unless `output` says otherwise; if that has learned from corrections, a copy is kept.
    Raises DataError without data, ModelError if the new model is worse than the present one: it is kept beside it.
    """
    output = output or model_file(settings)
    recipe = Recipe() if epochs is None else Recipe(legs=(replace(Recipe().legs[0], epochs=epochs),))
    present = checked_output(output, force)
    data = data_folder(data)
    tests = measured_sets(data)  # before the long run: one of them may be damaged
    made = make_model(data, recipe, checkpoint, _EpochLog(recipe.epochs), _tick(recipe.epochs, show))
    for name, value in made.model.facts.items():
        yield f"{name}: {value}"
    if present is not None:
        refuse_worse(made.model, *_read_by(made.corpus.measured, made.model, present), output)
    evaluation = measure(made.model, made.corpus.measured_parts, *tests)
    for target in targets(evaluation):
        yield f"{target.what}: {target.found} ({target.wanted}: {'yes' if target.met else 'NO'})"
    if output == settings.own_model and output.exists() and not settings.model:
        yield f"kept: {put_aside(output)}, to which `pipeline model --rollback` goes back"
        yield "what that has learned from corrections is not in the new one; `pipeline learn` teaches it again"
    yield from _save(made, evaluation, output)


def train_published(
    data: Path | None, epochs: int | None = None, output: Path | None = None, force: bool = False, show: Show | None = None
) -> Iterator[str]:
    """Trains the published network; yields lines that say what came of it.

    Raises DataError without MNIST, ModelError if a model that is there is better: on digits that both were trained on, if it is
    of the same kind.
    """
    output, epochs = output or PAPER, epochs or EPOCHS
    present = checked_output(output, force)
    data = data_folder(data)
    run = train_paper(data, epochs, report=_paper_log(epochs, show))
    for name, value in run.model.facts.items():
        yield f"{name}: {value}"
    if present is not None:
        mnist = load_mnist(data, "train")
        examples = Examples(mnist.images[-HELD_OUT:], mnist.labels[-HELD_OUT:])
        refuse_worse(run.model, *_read_by(examples, run.model, present), output)
    for file in save_paper(run, output):
        yield f"written: {file}"


def evaluate_model(settings: Settings, data: Path | None, as_json: bool = False) -> str:
    """Measures the model of the settings: Markdown, or JSON. Raises DataError without MNIST, ModelError without a model."""
    file, model = model_file(settings), model_of(settings)
    found = evaluate(model, data_folder(data))
    if as_json:
        aims = [asdict(target) for target in targets(found)]
        return json.dumps({"file": str(file), "sha256": model.digest, "targets": aims, **asdict(found)})
    return f"# {file.name}\n\n{as_markdown(found)}"


def describe_model(settings: Settings, as_json: bool = False) -> str:
    """The card of the settings' model, or its facts as JSON. Raises ModelError."""
    file, model = model_file(settings), model_of(settings)
    return json.dumps(facts_of(file, model)) if as_json else card_beside(file, model).rstrip("\n")


def _read_by(examples: Examples, new: Model, present: Model) -> tuple[float, float]:
    return share_read(new, examples), share_read(present, examples)


def _save(made: Made, evaluation: Evaluation, output: Path) -> Iterator[str]:
    """The model, its card and its learning curve, side by side."""
    table, picture, text = (output.with_suffix(suffix) for suffix in (".csv", ".png", ".md"))
    columns = {
        "validation, digits": [progress.digits for progress in made.history],
        "validation, all kinds": [progress.validation for progress in made.history],
        "training loss": [progress.loss for progress in made.history],
    }
    content = save_model(made.model)
    about = card(load_model(content), output.name, evaluation, picture.name)
    write_curve(table, picture, columns, f"Learning curve of {output.name}")
    with atomic_files([text, output]) as [card_file, model_file]:
        card_file.write(about.encode())
        model_file.write(content)
    for file in (output, text, table, picture):
        yield f"written: {file}"


def _tick(epochs: int, show: Show | None) -> Callable[[int, float], None] | None:
    return (lambda epoch, share: show(f"epoch {epoch} of {epochs}", share)) if show else None


class _EpochLog:
    """Logs each epoch, with the time that is left."""

    def __init__(self, epochs: int) -> None:
        self._epochs = epochs
        self._seconds: list[float] = []

    def __call__(self, progress: Progress) -> None:
        self._seconds.append(progress.seconds)
        left = sum(self._seconds) / len(self._seconds) * (self._epochs - progress.epoch) / 60
        _log.info(
            "epoch %d of %d: loss %.4f, validation %.2f%%, its digits %.2f%%, about %.0f minutes left",
            *(progress.epoch, self._epochs, progress.loss, 100 * progress.validation, 100 * progress.digits, left),
        )


def _paper_log(epochs: int, show: Show | None) -> Callable[[PaperProgress], None]:
    """Half a second is too short an epoch for a bar of its own, and 350 are too many lines."""

    def told(progress: PaperProgress) -> None:
        if show:
            show(f"{epochs} epochs", progress.epoch / epochs)
        if progress.epoch in (1, epochs) or progress.epoch % 10 == 0:
            _log.info(
                "epoch %d of %d: loss %.4f, training set %.2f%%, test set %.2f%%",
                *(progress.epoch, epochs, progress.loss, 100 * progress.train, 100 * progress.test),
            )

    return told
