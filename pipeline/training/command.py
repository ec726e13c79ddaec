"""`pipeline train`: makes a model, and puts it in place if it is no worse than the one that is there."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from pathlib import Path

from pipeline.ann import Model, save_model
from pipeline.chain import SHIPPED_MODEL, read_model
from pipeline.errors import DataError, ModelError
from pipeline.files import write_atomically
from pipeline.settings import Settings
from pipeline.training.make import Made, card, make_model
from pipeline.training.trainer import Progress, Recipe, accuracy

_log = logging.getLogger(__name__)


def train_model(
    settings: Settings,
    data: Path | None,
    epochs: int | None = None,
    output: Path | None = None,
    checkpoint: Path | None = None,
    force: bool = False,
) -> Iterator[str]:
    """Trains on the data folder; yields lines that say what came of it.

    Raises DataError without data, ModelError if the new model is worse than the present one: it is kept beside it.
    """
    if data is None:
        raise DataError("training needs data, and neither --data nor PIPELINE_DATA says where they are")
    output = output or settings.model or SHIPPED_MODEL
    recipe = Recipe(epochs=epochs) if epochs else Recipe()
    present = read_model(output) if output.exists() and not force else None  # before the long run: it may be damaged
    made = make_model(data, recipe, checkpoint, _Reporter(recipe.epochs))
    for name, value in made.model.facts.items():
        yield f"{name}: {value}"
    if present is not None and present.labels == made.model.labels:
        _refuse_worse(made, present, output)
    write_atomically(output, save_model(made.model))
    write_atomically(output.with_suffix(".md"), card(made.model).encode())
    yield f"written: {output}"


def _refuse_worse(made: Made, present: Model, output: Path) -> None:
    old, new = (accuracy(m.network, made.corpus.validation) for m in (present, made.model))
    if new < old:
        kept = output.with_suffix(".worse.pkl")
        write_atomically(kept, save_model(made.model))
        raise ModelError(
            f"the new model reads {new:.2%} of the validation data, the present one {old:.2%}",
            f"It was written to {kept} instead; --force replaces the present one.",
        )


class _Reporter:
    """Logs each epoch, with the time that is left."""

    def __init__(self, epochs: int) -> None:
        self.epochs = epochs
        self.started = time.monotonic()
        self.first: int | None = None

    def __call__(self, progress: Progress) -> None:
        self.first = progress.epoch if self.first is None else self.first
        each = (time.monotonic() - self.started) / (progress.epoch - self.first + 1)
        left = each * (self.epochs - progress.epoch) / 60
        _log.info(
            "epoch %d of %d: loss %.4f, validation %.2f%%, about %.0f minutes left",
            progress.epoch,
            self.epochs,
            progress.loss,
            100 * progress.validation,
            left,
        )
