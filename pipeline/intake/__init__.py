"""The drop folder: looking, waiting until files are whole, claiming, filing away."""

from __future__ import annotations

from pipeline.intake.again import ask_again, ask_anew
from pipeline.intake.service import watch

__all__ = ["ask_again", "ask_anew", "watch"]
