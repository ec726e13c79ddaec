"""`pipeline train --profile numbers`: trains the reader of whole numbers, fits how far it is to be believed, and writes it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from pipeline.ann import Model, load_model, save_model
from pipeline.chain import SHIPPED_READER, model_of
from pipeline.files import atomic_files
from pipeline.settings import Settings
from pipeline.training.calibrate import calibrated_reader
from pipeline.training.curve import write_curve
from pipeline.training.download import data_folder
from pipeline.training.make import held_out_handwriting
from pipeline.training.markdown import table
from pipeline.training.output import checked_output, refuse_worse
from pipeline.training.reader import READER_LABELS, ReaderProgress, ReaderRecipe, TrainedReader, collate, exactly, train_reader
from pipeline.training.strings import StringExample, StringSource
from pipeline.training.stringsets import amount_strings, validation_strings

_log = logging.getLogger(__name__)

#: Strings of digits that nothing is trained on, to watch a run by; the benchmark draws others.
_STRINGS, _SEED = 400, 99

Sets = Sequence[tuple[str, list[StringExample]]]


def train_numbers(
    settings: Settings,
    data: Path | None,
    rounds: int | None = None,
    output: Path | None = None,
    checkpoint: Path | None = None,
    force: bool = False,
    show: Callable[[str, float], None] | None = None,
) -> Iterator[str]:
    """Trains the reader of whole numbers; yields lines that say what came of it.

    How far its word counts beside that of the settings' model, digit by digit, is fitted on drawn sheets. Raises DataError
    without data, ModelError if it is worse than the present one: it is kept beside it.
    """
    output = output or SHIPPED_READER
    recipe = ReaderRecipe() if rounds is None else ReaderRecipe(rounds=rounds)
    present, digits = checked_output(output, force), model_of(settings)
    data = data_folder(data)
    sets = validation_sets(data)
    tick = (lambda number, share: show(f"round {number} of {recipe.rounds}", share)) if show else None
    trained = train_reader(data, recipe, [strings for _, strings in sets], checkpoint, _RoundLog(recipe.rounds), tick)
    model = calibrated_reader(Model(trained.network, READER_LABELS), digits, held_out_handwriting(data))
    facts = _facts(data, recipe, trained, sets, digits)
    model = Model(model.network, model.labels, model.calibration, facts)
    for name, value in facts.items():
        yield f"{name}: {value}"
    if present is not None:
        refuse_worse(model, _mean_exact(model, sets), _mean_exact(present, sets), output)
    yield from _save(model, trained, sets, output)


def validation_sets(data: Path) -> Sets:
    """Strings that no run sees, as far as there are data for them: NIST's digits, and the real amounts that are held out."""
    sets: list[tuple[str, list[StringExample]]] = []
    amounts = data / "strings" / "orand_car_a"
    if (amounts / "labels.csv").is_file():
        sets.append(("real amounts", amount_strings(amounts, held_out=True)))
    if (data / "digits" / "nist_300dpi.npz").is_file():
        drawn = validation_strings(data, _STRINGS, _SEED)
        sets.append(("NIST strings", [StringExample(string.strip, string.text, False) for string in drawn]))
    return sets


def _mean_exact(model: Model, sets: Sets) -> float:
    """Share of the strings that a reader reads exactly; without any, nothing is worse than anything."""
    shares = [exactly(model.network, [collate([example]) for example in strings]) for _, strings in sets]
    return float(np.mean(shares)) if shares else 0.0


def _facts(data: Path, recipe: ReaderRecipe, trained: TrainedReader, sets: Sets, digits: Model) -> dict[str, str | int | float]:
    source = StringSource(data)
    facts: dict[str, str | int | float] = {
        "written with": "; ".join(source.names),
        "data": source.digest[:16],
        "rounds": recipe.rounds,
        "strings a round": recipe.batches * recipe.batch,
        "seed": recipe.seed,
        "training minutes": round(sum(progress.seconds for progress in trained.history) / 60, 1),
        "calibrated beside": digits.digest[:16],
    }
    last = trained.history[-1].exact if trained.history else ()
    return facts | {f"{name}, exact": round(share, 5) for (name, _), share in zip(sets, last, strict=True)}


def _save(model: Model, trained: TrainedReader, sets: Sets, output: Path) -> Iterator[str]:
    picture, lines, text = (output.with_suffix(suffix) for suffix in (".png", ".csv", ".md"))
    columns = {f"exact, {name}": [done.exact[i] for done in trained.history] for i, (name, _) in enumerate(sets)}
    columns["training loss"] = [done.loss for done in trained.history]
    content = save_model(model)
    write_curve(lines, picture, columns, f"Learning curve of {output.name}")
    with atomic_files([text, output]) as [card_file, model_file]:
        card_file.write(reader_card(load_model(content), output.name, picture.name).encode())
        model_file.write(content)
    for file in (output, text, lines, picture):
        yield f"written: {file}"


def reader_card(model: Model, name: str, curve: str) -> str:
    """What the reader is and how it came about, as Markdown."""
    layers = ", ".join(" ".join(str(part) for part in layer) for layer in model.network.architecture)
    weights = sum(array.size for array in model.network.arrays())
    parts = [
        f"# {name}",
        "Reads a whole number or grade in one sweep: a strip of writing 32 pixels high, white on black, to a row of guesses, "
        f"each one of {' '.join(label for label in model.labels if label)} or nothing (connectionist temporal classification). "
        "Its word is weighed with that of the network of single digits; neither knows of the other.",
        f"- Architecture: {layers}\n- Parameters: {weights:,}\n- SHA-256: {model.digest}\n"
        "- Trained by `pipeline train --profile numbers` in NumPy, on strings drawn anew for every batch and on real amounts "
        "of cheques.\n  NIST's digits, the last 5,000 of MNIST's training set and a fifth of the amounts were not trained on; "
        "test sets are not used at all.",
        "\n".join(f"- {fact}: {value}" for fact, value in model.facts.items()),
        table(("calibration", ""), [(key, f"{value:.4f}") for key, value in model.calibration.items()]),
        f"![Learning curve]({curve})",
        "How well numbers are read with it: `python -m tests.bench.reading`.",
        "Data: as of the network of digits, and ORAND-CAR-A (Diem et al. 2014).",
    ]
    return "\n\n".join(parts) + "\n"


class _RoundLog:
    """Logs each round, with the time that is left."""

    def __init__(self, rounds: int) -> None:
        self._rounds = rounds
        self._seconds: list[float] = []

    def __call__(self, progress: ReaderProgress) -> None:
        self._seconds.append(progress.seconds)
        left = float(np.mean(self._seconds)) * (self._rounds - progress.round) / 60
        exact = ", ".join(f"{100 * share:.1f}%" for share in progress.exact)
        _log.info(
            "round %d of %d: loss %.4f, exact %s, about %.0f minutes left",
            *(progress.round, self._rounds, progress.loss, exact or "not measured", left),
        )
