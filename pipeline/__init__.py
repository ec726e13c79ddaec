"""Paper numbers to spreadsheets."""

__version__ = "0.1.0"
