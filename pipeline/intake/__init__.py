"""The drop folder: looking, waiting until files are whole, claiming, filing away."""

from __future__ import annotations

from pipeline.intake.service import watch

__all__ = ["watch"]
