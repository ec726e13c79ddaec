"""When a file is whole: the one rule, for native events and for polling alike. No clock and no disk in here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pipeline.folders import Stamp

#: An empty file is most likely one that a scanner has just made and will write to; it is given this many times as long.
EMPTY_PATIENCE = 5.0


@dataclass(slots=True)
class _Seen:
    stamp: Stamp
    since: float  # when it was first seen so, or last stirred
    reported: bool = False


class Stability:
    """Tells which files have been there, quiet, and of the same size and time for `settle` seconds.

    It is shown the whole folder at each look. A file is reported once, and again only if it changes or is forgotten.
    """

    def __init__(self, settle: float) -> None:
        self._settle = settle
        self._seen: dict[Path, _Seen] = {}

    @property
    def pending(self) -> int:
        """How many files have not been still for long enough yet."""
        return sum(not seen.reported for seen in self._seen.values())

    def look(self, files: Iterable[tuple[Path, Stamp]], now: float) -> list[tuple[Path, Stamp]]:
        """Take in what is in the folder at the time `now`, in seconds; returns what has become ready."""
        before, self._seen = self._seen, {}
        ready = []
        for path, stamp in files:
            seen = before.get(path)
            if seen is None or seen.stamp != stamp:
                seen = _Seen(stamp, now)
            self._seen[path] = seen
            wait = self._settle if stamp.size else self._settle * EMPTY_PATIENCE
            if not seen.reported and now - seen.since >= wait:
                seen.reported = True
                ready.append((path, stamp))
        return ready

    def stir(self, path: Path, now: float) -> None:
        """Something happened to a file: it is not quiet yet. One that was reported is left to its size and time to judge."""
        seen = self._seen.get(path)
        if seen is not None and not seen.reported:
            seen.since = now

    def forget(self, path: Path) -> None:
        """Report a file anew, when it has been still again."""
        self._seen.pop(path, None)
