"""The sheet's own arithmetic: rules that its form gives or its numbers bear out, and what they say about the readings."""

from __future__ import annotations

from pipeline.arithmetic.check import check_page
from pipeline.arithmetic.verdict import judged

__all__ = ["check_page", "judged"]
