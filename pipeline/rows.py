"""Readings and what is known of tables, as rows of the journal and back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from pipeline.records import Box, CellReading, SumCheck, TableNote


def reading_row(cell: CellReading) -> tuple[object, ...]:
    """The columns of a reading, from its table to its picture."""
    # int and float: NumPy's own numbers are strangers to SQLite
    place = (int(cell.table), int(cell.row), int(cell.column))
    box = (int(cell.box.x), int(cell.box.y), int(cell.box.width), int(cell.box.height))
    candidates = json.dumps([[value, float(p)] for value, p in cell.candidates])
    judged = (cell.name, cell.value, cell.text, float(cell.confidence), cell.status, cell.reason)
    return (*place, *judged, *box, cell.kind, candidates, cell.picture)


def cell_of(row: Sequence[Any]) -> CellReading:
    """The reading in such a row."""
    table, at, column, name, value, text, confidence, status, reason, x, y, width, height, kind, candidates, picture = row
    pairs = tuple((str(candidate), float(p)) for candidate, p in json.loads(candidates))
    box = Box(x, y, width, height)
    return CellReading(table, at, column, name, value, text, confidence, status, reason, box, kind, pairs, picture)


def notes_to_json(notes: Sequence[TableNote]) -> str:
    """What is known of a page's tables, as JSON."""
    return json.dumps([asdict(note) for note in notes])


def notes_of_json(text: str) -> tuple[TableNote, ...]:
    """The same back."""
    return tuple(_note(entry) for entry in json.loads(text))


def _note(entry: dict[str, Any]) -> TableNote:
    checks = tuple(SumCheck(**{**check, "terms": tuple(map(tuple, check["terms"]))}) for check in entry["checks"])
    return TableNote(entry["table"], entry["form"], tuple(entry["rules"]), entry["are_found"], checks)
