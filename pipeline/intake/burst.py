"""When to write a job's spreadsheets while its scans come in. No clock and no disk in here."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class _Changed:
    first: float
    last: float
    not_before: float = 0.0


class Burst:
    """A job is due `quiet` seconds after its last scan, and `longest` seconds after its first one while they keep coming."""

    def __init__(self, quiet: float = 2.0, longest: float = 10.0) -> None:
        self._quiet, self._longest = quiet, longest
        self._jobs: dict[str, _Changed] = {}

    @property
    def jobs(self) -> list[str]:
        """The jobs that have changed since they were last written."""
        return list(self._jobs)

    def note(self, job: str, now: float) -> None:
        """A scan of the job was committed."""
        self._jobs.setdefault(job, _Changed(now, now)).last = now

    def due(self, now: float) -> list[str]:
        """The jobs to write now."""
        return [job for job, changed in self._jobs.items() if self._when(changed) <= now]

    def next(self) -> float | None:
        """When the next job is due."""
        return min(map(self._when, self._jobs.values()), default=None)

    def written(self, job: str, seconds: float = 0.0) -> None:
        """The job was written, and it took that long. Large workbooks are written less often: a tenth of the time at most."""
        self._jobs.pop(job, None)
        self._longest = max(self._longest, 10 * seconds)

    def failed(self, job: str, now: float, pause: float) -> None:
        """The job could not be written: try again after a pause."""
        self._jobs[job] = _Changed(now, now, now + pause)

    def _when(self, changed: _Changed) -> float:
        return max(changed.not_before, min(changed.last + self._quiet, changed.first + self._longest))
