"""What stages are given beside their input."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.ann import Model
from pipeline.settings import Settings


@dataclass(frozen=True, slots=True)
class Kit:
    """The settings of the run and the trained models, the same for every page: `model` knows digits, `reader` whole numbers.

    Without a reader, numbers are read digit by digit alone.
    """

    settings: Settings
    model: Model
    reader: Model | None = None
