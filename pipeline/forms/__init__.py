"""Known sheets: what their columns hold, and what must add up. A form is a TOML file in config/forms."""

from __future__ import annotations

from pipeline.forms.form import Column, Form
from pipeline.forms.loading import forms_in_use, has_form, load_forms, read_form
from pipeline.forms.matching import matching_form

__all__ = ["Column", "Form", "forms_in_use", "has_form", "load_forms", "matching_form", "read_form"]
