"""The state of a training run in a file, so that a run that was killed goes on as if nothing had been."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pipeline.ann import Network
from pipeline.ann.optimisers import Adam, Average
from pipeline.errors import DataError
from pipeline.files import write_atomically
from pipeline.records import Floats


class Checkpoint:
    """Weights, the optimiser's moments, the average, and a row of numbers for each epoch that is done.

    `run` says which recipe and data they belong to; without a `file` nothing is kept.
    """

    def __init__(self, file: Path | None, run: str, network: Network, optimiser: Adam, average: Average) -> None:
        self._file, self._run = file, run
        self._network, self._optimiser, self._average = network, optimiser, average

    def save(self, history: Sequence[Sequence[float]]) -> None:
        """Writes the file whole, or not at all."""
        if self._file is None:
            return
        stream = io.BytesIO()
        arrays = {f"a{i}": array for i, array in enumerate(self._arrays())}
        facts = {"recipe": self._run, "steps": self._optimiser.steps, "history": np.array(history)}
        np.savez(stream, **facts, **arrays)  # type: ignore[arg-type]
        self._file.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(self._file, stream.getvalue())

    def load(self) -> list[list[float]]:
        """The history, and all else put in its place; empty without a checkpoint of this run.

        Raises DataError for one that can't be read.
        """
        if self._file is None or not self._file.is_file():
            return []
        try:
            with np.load(self._file, allow_pickle=False) as saved:
                if str(saved["recipe"]) != self._run:
                    return []
                for i, array in enumerate(self._arrays()):
                    array[...] = saved[f"a{i}"]
                self._optimiser.steps = self._average.steps = int(saved["steps"])
                return [[float(value) for value in row] for row in saved["history"]]
        except Exception as error:  # a damaged archive can raise anything
            remedy = "Delete it to train from the start."
            raise DataError(f"the checkpoint {self._file} is damaged: {error}", remedy) from error

    def _arrays(self) -> list[Floats]:
        weights = [p.value for p in self._network.parameters]
        return [*weights, *self._optimiser.means, *self._optimiser.squares, *self._average.values]
