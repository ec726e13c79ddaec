"""What a watcher has done since it was started, for its last words and for whoever measures it."""

from __future__ import annotations

import time
from collections import Counter, defaultdict

from pipeline.jobs.summary import Failed, Summary
from pipeline.journal import Journal
from pipeline.records import Outcome, Written
from pipeline.states import Scan

_FAILURES_TOLD = 1000  # of a job; a watcher runs for months


class Tally:
    """Counts of scans by job and outcome, and what the last failure was."""

    def __init__(self) -> None:
        self.started = time.time()
        self.counts: dict[str, Counter[Outcome]] = defaultdict(Counter)
        self.written: dict[str, Written] = {}
        self._failed: dict[str, list[Failed]] = defaultdict(list)

    def note(self, scan: Scan) -> None:
        """A scan has an outcome."""
        if scan.outcome is None:
            return
        self.counts[scan.job][scan.outcome] += 1
        if scan.outcome == "failed" and len(self._failed[scan.job]) < _FAILURES_TOLD:
            self._failed[scan.job].append(Failed(scan.file, scan.message))

    @property
    def totals(self) -> Counter[Outcome]:
        """Scans by outcome, over all jobs."""
        return sum(self.counts.values(), Counter())

    def summaries(self, journal: Journal) -> tuple[Summary, ...]:
        """What came of each job that had scans and whose spreadsheets could be written."""
        return tuple(
            Summary(
                job,
                self.written[job],
                journal.totals(job),
                read=counts["done"],
                failed=tuple(self._failed[job]),
                duplicates=counts["duplicate"],
            )
            for job, counts in self.counts.items()
            if job in self.written
        )
