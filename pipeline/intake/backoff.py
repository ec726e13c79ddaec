"""When to try again what failed: at once, then after ever longer pauses. No clock and no disk in here."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 300.0


@dataclass(slots=True)
class Fault:
    """Something that failed and is tried again: what it was, how often it has been tried, and when its turn comes."""

    message: str
    tries: int
    since: float
    next: float


class Backoff:
    """Faults that may pass by themselves: a full disk, a share that is away, a file in use. Pauses double, up to a longest."""

    def __init__(self, first: float = FIRST_PAUSE, longest: float = LONGEST_PAUSE) -> None:
        self._first, self._longest = first, longest
        self._faults: dict[Hashable, Fault] = {}

    @property
    def faults(self) -> dict[Hashable, Fault]:
        """What has failed and has not succeeded since."""
        return dict(self._faults)

    def failed(self, key: Hashable, message: str, now: float) -> float:
        """`key` has failed; returns the pause, in seconds, until it is tried again."""
        fault = self._faults.setdefault(key, Fault(message, 0, now, now))
        pause = self._pause(fault.tries)
        fault.message, fault.tries, fault.next = message, fault.tries + 1, now + pause
        return pause

    def succeeded(self, key: Hashable) -> None:
        """`key` is in order (again), or there is nothing left of it to try."""
        self._faults.pop(key, None)

    def take_due(self, now: float) -> list[Hashable]:
        """What is to be tried again now. If nothing is heard of it, it is due once more after as long a pause as before."""
        due = [(key, fault) for key, fault in self._faults.items() if fault.next <= now]
        for _, fault in due:
            fault.next = now + self._pause(fault.tries - 1)
        return [key for key, _ in due]

    def _pause(self, tries: int) -> float:
        return min(self._longest, self._first * 2.0 ** min(tries, 60))

    def next(self) -> float | None:
        """When the next try is due."""
        return min((fault.next for fault in self._faults.values()), default=None)
