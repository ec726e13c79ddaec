"""Paper numbers to spreadsheets.

>>> from pipeline import digitise, read_number, Settings
>>> digitise(Path("marks.png").read_bytes())        # every cell of every page
>>> read_number(Path("seven.png").read_bytes())     # one number by itself
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipeline.errors import PipelineError
from pipeline.settings import Settings, load_settings

if TYPE_CHECKING:
    from pipeline.chain import read_number
    from pipeline.chain import read_scan as digitise

__version__ = "0.1.0"
__all__ = ["PipelineError", "Settings", "__version__", "digitise", "load_settings", "read_number"]


def __getattr__(name: str) -> object:
    """Loads what needs NumPy and OpenCV when it is first asked for: commands start faster, and may first say how NumPy runs."""
    if name not in ("digitise", "read_number"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from pipeline.chain import read_number, read_scan

    globals().update(digitise=read_scan, read_number=read_number)
    return globals()[name]
