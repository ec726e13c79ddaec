"""When memory runs out: Linux then kills a process, or all of a container, and counts them."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

_COUNTERS, _INCLINATION = Path("/proc/vmstat"), Path("/proc/self/oom_score_adj")


def kills() -> int:
    """How many processes the system has killed for want of memory since it was started; 0 where it doesn't say."""
    with suppress(OSError, ValueError):
        for line in _COUNTERS.read_text(encoding="ascii").splitlines():
            name, _, count = line.partition(" ")
            if name == "oom_kill":
                return int(count)
    return 0


def go_first() -> None:
    """If there has to be one, let it be this process, with those that it starts, and not its parent. Never fails."""
    with suppress(OSError):
        _INCLINATION.write_text("500", encoding="ascii")  # of 1000; less is for the privileged
