"""What a watcher tells of itself while it works: a small file in the state folder, and one for Prometheus if asked for.

Neither is needed by anything: they are lost on a full disk, and there again when it has room.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Collection, Hashable
from contextlib import suppress
from pathlib import Path

from pipeline.intake.backoff import Backoff
from pipeline.intake.tally import Tally
from pipeline.settings import Settings

FILE_NAME = "watch.json"
_EVERY = 2.0  # seconds, while something changes
_AT_LEAST_EVERY = 30.0


class Pulse:
    """Writes the files, not too often."""

    def __init__(self, settings: Settings, tally: Tally) -> None:
        self._file, self._metrics, self._tally = settings.state_folder / FILE_NAME, settings.metrics, tally
        self._last: tuple[object, ...] = ()
        self._written_at = float("-inf")

    def beat(self, ready: Collection[object], busy: int, backoff: Backoff, is_last: bool = False) -> None:
        """How things stand: how many files are ready and in hand, and what is being tried again. Never fails."""
        counts = self._tally.totals
        faults = [(_named(key), fault.message, fault.tries, fault.since, fault.next) for key, fault in backoff.faults.items()]
        state = (len(ready), busy, tuple(sorted(counts.items())), tuple(fault[:3] for fault in faults), is_last)
        since = time.monotonic() - self._written_at
        if not is_last and since < (_AT_LEAST_EVERY if state == self._last else _EVERY):
            return
        self._last, self._written_at = state, time.monotonic()
        wall = time.time() - time.monotonic()
        told = {
            "process": os.getpid(),
            "started": self._tally.started,
            "at": time.time(),
            "is_running": not is_last,
            "ready": len(ready),
            "reading": busy,
            "scans": dict(counts),
            "faults": [
                {"what": what, "message": message, "tries": tries, "since": wall + begun, "next": wall + due}
                for what, message, tries, begun, due in faults
            ],
        }
        _put(self._file, json.dumps(told, indent=1))
        if self._metrics is not None:
            _put(self._metrics, self._exposition(len(ready), busy, len(faults), is_last))

    def _exposition(self, ready: int, busy: int, faults: int, is_last: bool) -> str:
        """Prometheus' text format, version 0.0.4."""
        counts = self._tally.totals
        scans = [
            f'pipeline_scans_total{{outcome="{outcome}"}} {counts[outcome]}' for outcome in ("done", "failed", "duplicate")
        ]
        lines = [
            *_metric("pipeline_scans_total", "counter", "Scans that came out of the inbox, by outcome.", *scans),
            *_gauge("pipeline_scans_ready", "Files in the inbox that are whole and wait for a worker.", ready),
            *_gauge("pipeline_scans_reading", "Scans in workers' hands.", busy),
            *_gauge("pipeline_faults", "Things that failed and are tried again.", faults),
            *_gauge("pipeline_up", "Whether the watcher is at work.", int(not is_last)),
            *_gauge("pipeline_start_time_seconds", "When the watcher was started.", round(self._tally.started, 3)),
            *_gauge("pipeline_beat_time_seconds", "When this was written.", round(time.time(), 3)),
        ]
        return "\n".join(lines) + "\n"


def read_pulse(state_folder: Path) -> dict[str, object]:
    """What a watcher told last; empty if there is none."""
    with suppress(OSError, ValueError):
        told = json.loads((state_folder / FILE_NAME).read_text(encoding="utf-8"))
        if isinstance(told, dict):
            return told
    return {}


def _named(key: Hashable) -> str:
    if isinstance(key, Path):
        return "file"
    return str(key[0] if isinstance(key, tuple) else key)


def _gauge(name: str, meaning: str, value: float) -> list[str]:
    return _metric(name, "gauge", meaning, f"{name} {value}")


def _metric(name: str, kind: str, meaning: str, *lines: str) -> list[str]:
    return [f"# HELP {name} {meaning}", f"# TYPE {name} {kind}", *lines]


def _put(file: Path, text: str) -> None:
    """Whole or not at all, but not brought to the disk at once: it will be written again soon."""
    temporary = file.with_name(f".{file.name}.tmp")
    with suppress(OSError):
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(file)
