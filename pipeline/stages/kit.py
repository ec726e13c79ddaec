"""What stages are given beside their input."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.ann import Model
from pipeline.forms import Form
from pipeline.settings import Settings


@dataclass(frozen=True, slots=True)
class Kit:
    """The settings of the run, the trained models and the known forms, the same for every page.

    `model` knows digits, `reader` whole numbers: without one, numbers are read digit by digit alone.
    """

    settings: Settings
    model: Model
    reader: Model | None = None
    forms: tuple[Form, ...] = ()
