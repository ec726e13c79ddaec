"""What the machine-readable mark on a printed form says."""

from __future__ import annotations

import re
from dataclasses import dataclass

_TEXT = re.compile(r"PF1:([1-9]\d{0,3}):([1-9]\d{0,2}):([0-9a-f]{4}):([ -~]+)")


@dataclass(frozen=True, slots=True)
class Tag:
    """A form's name, how many rows, below the headings, and columns the page has, and the check of its layout."""

    name: str
    rows: int
    columns: int
    check: str

    @property
    def text(self) -> str:
        """As it is written into the mark: plain ASCII, since readers disagree on anything else."""
        return f"PF1:{self.rows}:{self.columns}:{self.check}:{self.name.encode('unicode_escape').decode('ascii')}"

    @staticmethod
    def of(text: str) -> Tag | None:
        """The tag in a mark's text; None if it is none of ours."""
        match = _TEXT.fullmatch(text)
        if not match:
            return None
        try:
            name = match[4].encode("ascii").decode("unicode_escape")
        except UnicodeDecodeError:
            return None
        return Tag(name, int(match[1]), int(match[2]), match[3])
