"""Where a trained model goes: a place that can be written to, and what is there already."""

from __future__ import annotations

import os
from pathlib import Path

from pipeline.ann import Model, save_model
from pipeline.chain import read_model
from pipeline.errors import ModelError, OutputError
from pipeline.files import reported, write_atomically

_REPLACE = "--force replaces the present one."


def checked_output(output: Path, force: bool) -> Model | None:
    """The model that would be replaced, if it is not to be replaced blindly. Before the long run, as much can be wrong.

    Raises OutputError for a place that can't be written to, ModelError for a damaged model.
    """
    with reported(output):
        output.parent.mkdir(parents=True, exist_ok=True)
    if not os.access(output.parent, os.W_OK):
        raise OutputError(f"{output.parent} can't be written to", "Say with --output where the network is to go.")
    if force or not output.exists():
        return None
    try:
        return read_model(output)
    except ModelError as error:
        raise ModelError(error.message, _REPLACE) from error


def refuse_worse(new: Model, now: float, then: float, output: Path) -> None:
    """Raises ModelError if the new model reads less of the validation data than the present one; it is kept beside it."""
    if now < then:
        kept = output.with_suffix(".worse.pkl")
        write_atomically(kept, save_model(new))
        raise ModelError(
            f"the new model reads {now:.2%} of the validation data, the present one {then:.2%}",
            f"It was written to {kept} instead; {_REPLACE}",
        )
