"""Paper numbers to spreadsheets.

>>> from pipeline import digitise, read_number, Settings
>>> digitise(Path("marks.png").read_bytes())        # every cell of every page
>>> read_number(Path("seven.png").read_bytes())     # one number by itself
"""

from pipeline.chain import read_number
from pipeline.chain import read_scan as digitise
from pipeline.errors import PipelineError
from pipeline.settings import Settings, load_settings

__version__ = "0.1.0"
__all__ = ["PipelineError", "Settings", "__version__", "digitise", "load_settings", "read_number"]
