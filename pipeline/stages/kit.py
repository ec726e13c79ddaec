"""What stages are given beside their input."""

from __future__ import annotations

from dataclasses import dataclass

from pipeline.ann import Model
from pipeline.forms import Form
from pipeline.settings import Settings


@dataclass(frozen=True, slots=True)
class Kit:
    """The settings of the run, the trained model and the known forms, the same for every page."""

    settings: Settings
    model: Model
    forms: tuple[Form, ...] = ()
