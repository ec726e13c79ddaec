"""Tables of readings made by hand: what was read, how sure, and what else it could be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pipeline.arithmetic import judged
from pipeline.records import Box, CellReading, Kind

#: A reading: a value, or a value with how sure it is, or with its alternatives too. "" is blank, "?" unreadable, "-" a dash.
Said = str | tuple[str, float] | tuple[str, float, Mapping[str, float]]


def cell(row: int, column: int, said: Said, threshold: float = 0.98) -> CellReading:
    value, sure, others = (said, 0.9998, {}) if isinstance(said, str) else (*said, {}) if len(said) == 2 else said
    kind: Kind = "blank" if value == "" else "unreadable" if value == "?" else "mark" if value == "-" else "number"
    if value.isalpha():
        kind = "text"
    candidates = ((value, sure), *others.items()) if kind in ("number", "mark") else ()
    status, reason = judged(kind, candidates, threshold)
    shown = value if kind == "number" else ""
    return CellReading(1, row, column, f"C{column}", shown, value, sure, status, reason, Box(0, 0, 9, 9), kind, candidates)


def table(rows: Sequence[Sequence[Said]]) -> list[CellReading]:
    return [cell(r, c, said) for r, line in enumerate(rows, 1) for c, said in enumerate(line, 1)]
