"""All that happened to a scan, from the journal."""

from __future__ import annotations

from pathlib import Path

from pipeline.errors import UsageError
from pipeline.folders import sha256_of, shown
from pipeline.inspection import Event, Inspection


def history_of(name: str, state_folder: Path) -> list[Event]:
    """What happened to the scans that are or were called so, and to those that have the content of the file of that path.

    `name` may also be a scan's number, as the log tells it. Raises UsageError if there is none, StateError.
    """
    path = Path(name).absolute()
    try:
        content = sha256_of(path)
    except OSError:
        content = ""
    if Inspection.is_possible(state_folder):
        with Inspection(state_folder) as inspection:
            scans = {*inspection.scans_like(name), *inspection.scans_like(shown(path))}
            if name.isdecimal() and not scans and not content:
                scans = {int(name)}
            events = inspection.history(sorted(scans), content)
        if events:
            return events
    raise UsageError(
        f"The journal in {state_folder} knows of no {shown(name)}", "Name it as the sheet Files does, or by its path."
    )
