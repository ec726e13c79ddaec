"""Known sheets: what their columns hold, and what must add up. A form is a TOML file in config/forms."""

from __future__ import annotations

from pipeline.forms.form import Column, Form
from pipeline.forms.loading import load_forms, read_form
from pipeline.forms.matching import matching_form

__all__ = ["Column", "Form", "load_forms", "matching_form", "read_form"]
