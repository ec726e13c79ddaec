"""The sheet's own arithmetic: rules that its form gives or its numbers bear out, and what they say about the readings."""

from __future__ import annotations

from pipeline.arithmetic.check import check_page
from pipeline.arithmetic.verdict import as_entered, as_read, judged

__all__ = ["as_entered", "as_read", "check_page", "judged"]
