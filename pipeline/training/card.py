"""The model card: what a network is, how it was made, how well it reads; as Markdown, and its facts as plain values."""

from __future__ import annotations

import logging
import textwrap
from pathlib import Path

from pipeline.ann import Model
from pipeline.errors import ModelError
from pipeline.training.datasets import HELD_OUT, LABELS
from pipeline.training.evaluate import Evaluation
from pipeline.training.markdown import table
from pipeline.training.scores import as_markdown

_log = logging.getLogger(__name__)

#: What stands around the comparison with other classifiers, which `python -m tests.bench.classifiers` writes into a card.
CLASSIFIERS = ("<!-- classifiers -->", "<!-- end of classifiers -->")

_DIGEST = "- SHA-256: "

_METHOD = f"""\
- Trained by `pipeline train` in NumPy. The last {HELD_OUT:,} images of MNIST's training set, and a tenth of every other set,
  were held out for choices; the last layer was fitted anew on one half of these, so that confidence is honest, and the other
  half measured; test sets only measured."""

_CREDITS = """\
Data: MNIST (Y. LeCun, C. Cortes, C. Burges), NIST, ARDIS (Kusetogullari et al. 2019), USPS, Semeion and Optdigits (UCI),
BHMSDS, Chars74K, CHoiCe, and characters drawn by this project. Numbers written by hands unlike these are read less well; what
the network is unsure of goes to a person."""


def card(model: Model, name: str = "digits.pkl", evaluation: Evaluation | None = None, curve: str = "") -> str:
    """The card of a model that is kept in a file of that `name`, with what was measured and a picture of its learning curve."""
    unknown = ' ("?" is no single character)' if "?" in model.labels else ""
    layers = ", ".join(" ".join(str(part) for part in layer) for layer in model.network.architecture)
    about = [
        f"- Architecture: {layers}",
        f"- Parameters: {_parameters(model):,}",
        *([f"{_DIGEST}{model.digest}"] if model.digest else []),
        *([_METHOD] if model.labels == LABELS else []),
    ]
    parts = [
        f"# {name}",
        f"Reads one character, 28×28 pixels as in MNIST, white on black: {' '.join(model.labels)}{unknown}.",
        "\n".join(about),
    ]
    if model.facts:
        parts.append("\n".join(_wrapped(f"- {fact}: {value}") for fact, value in model.facts.items()))
    if model.calibration:
        parts.append(table(("calibration", ""), [(name, f"{value:.4f}") for name, value in model.calibration.items()]))
    if curve:
        parts.append(f"![Learning curve]({curve})")
    if evaluation:
        parts.append(as_markdown(evaluation))
    parts.append("\n".join(CLASSIFIERS))
    if model.labels == LABELS:
        parts.append(_CREDITS)
    return "\n\n".join(parts) + "\n"


def card_beside(file: Path, model: Model) -> str:
    """The card that lies beside the model's file; without one, or beside another model's, a card made of the model's facts.

    Raises ModelError for a card that can't be read.
    """
    beside = file.with_suffix(".md")
    if not beside.is_file():
        return card(model, file.name)
    try:
        text = beside.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise ModelError(f"the card {beside} can't be read: {error}", "Take it away, or make it anew.") from error
    if _DIGEST in text and f"{_DIGEST}{model.digest}" not in text:
        _log.warning("%s is the card of another model; this one is made of what the model says of itself", beside)
        return card(model, file.name)
    return text


def facts_of(file: Path, model: Model) -> dict[str, object]:
    """What the file says of itself, for programs."""
    return {
        "file": str(file),
        "sha256": model.digest,
        "labels": list(model.labels),
        "architecture": [list(layer) for layer in model.network.architecture],
        "parameters": _parameters(model),
        "calibration": dict(model.calibration),
        "facts": dict(model.facts),
    }


def _wrapped(line: str) -> str:
    return textwrap.fill(line, 128, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)


def _parameters(model: Model) -> int:
    return sum(parameter.value.size for parameter in model.network.parameters)
