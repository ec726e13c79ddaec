"""A scan as the journal knows it, and the states that it goes through."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pipeline.folders import Stamp
from pipeline.records import Outcome

#: waiting: to be read. reading: in a worker's hands. settled: it has an outcome. moving: its original is on the way out of the
#: inbox. filed: the original has arrived. A scan of a backlog folder stays settled, for its original stays where it is.
State = Literal["waiting", "reading", "settled", "moving", "filed"]

#: What may follow what. A settled or filed scan waits again when it is to be read anew.
TRANSITIONS: dict[State, frozenset[State]] = {
    "waiting": frozenset({"reading", "settled"}),
    "reading": frozenset({"settled", "waiting"}),
    "settled": frozenset({"moving", "filed", "waiting"}),
    "moving": frozenset({"moving", "filed", "waiting"}),
    "filed": frozenset({"waiting"}),
}


@dataclass(frozen=True, slots=True)
class Scan:
    """A scan as the journal knows it, without its readings."""

    id: int
    job: str
    root: Path
    file: str
    source: Path
    target: Path | None
    stamp: Stamp
    sha256: str
    state: State
    outcome: Outcome | None
    message: str
    attempts: int  # how often it went to a worker
    reader: str = ""  # what read it last: see readers.py
    holder: str = ""  # whose the lease is while it is read
    deaths: int = 0  # of workers that had begun it, since it was last read
    begun: int | None = None  # since a worker has: how often the system had run out of memory by then
