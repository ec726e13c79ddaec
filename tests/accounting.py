"""A stream of files for a drop folder, and the books on it: what became of each of them in the end. Used by several tests.

The files are texts that tests.scanning reads as if they were scans.
"""

from __future__ import annotations

import csv
import hashlib
import random
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from openpyxl import load_workbook

from pipeline.intake.folder import DUPLICATES, PROCESSED, REJECTED
from pipeline.journal import Journal
from pipeline.records import ScanEntry

_NAMES = ("scan {}.png", "Größe {}.tif", "नमस्ते {}.jpg", "a b\n{}.png", "=1+{}.pdf", "sub/page {}.png")


@dataclass
class Accounts:
    """What was dropped into an inbox, by job and content."""

    inbox: Path
    chance: random.Random
    jobs: tuple[str, ...] = ("9A", "9B", "9C")
    dropped: Counter[tuple[str, str]] = field(default_factory=Counter)  # job and content → how often
    number: int = 0

    def drop(self, content: str | None = None) -> Path:
        """One file more: new, bad, deadly, the same as one before, or under the name of one before; whole or in pieces."""
        self.number += 1
        kind = self.chance.random()
        job = self.chance.choice(self.jobs)
        name = self.chance.choice(_NAMES).format(self.number if kind > 0.1 else 0)
        if content is None and self.dropped and kind < 0.15:
            job, content = self.chance.choice(sorted(self.dropped))
        elif content is None:
            last = "bad" if kind < 0.22 else "slow" if kind < 0.3 else "die" if kind > 0.99 else f"{self.number + 1}"
            content = f"{self.number}\n{last}"
        path = self.inbox / job / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists():
            path = path.with_name(f"{self.number} {path.name}")
        self._write(path, content)
        self.dropped[job, content] += 1
        return path

    def _write(self, path: Path, content: str) -> None:
        """As programs do: at once, under another name first, or bit by bit."""
        way = self.chance.random()
        if way < 0.5:
            path.write_text(content)
        elif way < 0.8:
            partial = path.with_name(path.name + ".part")
            partial.write_text(content)
            partial.rename(path)
        else:
            with path.open("w") as stream:
                for character in content:
                    stream.write(character)
                    stream.flush()

    def originals(self) -> Counter[tuple[str, str, str]]:
        """Where the dropped files are: folder (empty if still in the inbox), job and content → how many."""
        found: Counter[tuple[str, str, str]] = Counter()
        for path in self.inbox.rglob("*"):
            if not path.is_file() or path.name.startswith("."):
                continue
            top, *rest = path.relative_to(self.inbox).parts
            is_filed = top in (PROCESSED, REJECTED, DUPLICATES)
            if top == REJECTED and path.name.endswith(".txt"):
                continue
            found[top if is_filed else "", rest[0] if is_filed else top, path.read_text()] += 1
        return found

    def faults(self, outbox: Path, state: Path) -> list[str]:
        """What is wrong in the end, when everything should have been taken in; empty if nothing is."""
        wrong = []
        found = self.originals()
        places: Counter[tuple[str, str]] = Counter()
        for (_, job, content), number in found.items():
            places[job, content] += number
        for key in places.keys() | self.dropped.keys():
            if places[key] != self.dropped[key]:
                wrong.append(f"{key}: dropped {self.dropped[key]} times, there {places[key]} times")
        wrong += [f"still in the inbox: {key}" for key in found if not key[0]]
        with Journal(state) as journal:
            for job in {job for job, _ in self.dropped}:
                wrong += self._faults_of(job, list(journal.entries(job)), found, outbox)
        return wrong

    def _faults_of(self, job: str, entries: list[ScanEntry], found: Counter[tuple[str, str, str]], outbox: Path) -> list[str]:
        wrong = []
        contents = [content for of, content in self.dropped if of == job]
        read = Counter("\n".join(r.value for page in e.pages for r in page.readings) for e in entries if e.outcome == "done")
        for content in contents:
            is_good = not content.endswith(("bad", "die"))
            in_processed, in_rejected = found[PROCESSED, job, content], found[REJECTED, job, content]
            twins = found[DUPLICATES, job, content]  # of a bad one: came while that was in a worker's hands
            if is_good and (read[content] != 1 or in_processed != 1):
                wrong.append(f"{job} {content!r}: {read[content]} readings, {in_processed} times in processed")
            if not is_good and (in_processed or not in_rejected or in_rejected + twins != self.dropped[job, content]):
                wrong.append(
                    f"{job} {content!r} is bad: {in_processed} in processed, {in_rejected} in rejected, {twins} beside"
                )
        if sum(read.values()) != len([content for content in contents if not content.endswith(("bad", "die"))]):
            wrong.append(f"{job}: {sum(read.values())} scans were read")
        with (outbox / f"{job}.readings.csv").open(newline="", encoding="utf-8-sig") as stream:
            lines = list(csv.DictReader(stream))
        cells = Counter((line["file"], line["page"], line["row"], line["column"]) for line in lines)
        wrong += [f"{job}: twice in the spreadsheet: {cell}" for cell, number in cells.items() if number > 1]
        expected = sum(len(page.readings) for entry in entries for page in entry.pages)
        if len(lines) != expected:
            wrong.append(f"{job}: {len(lines)} lines in the spreadsheet, {expected} readings in the journal")
        book = load_workbook(outbox / f"{job}.xlsx", read_only=True)
        if "Files" not in book.sheetnames:
            wrong.append(f"{job}: a workbook without Files")
        book.close()
        return wrong


def digest(folder: Path) -> str:
    """One text for all that is in a folder."""
    whole = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        whole.update(str(path).encode() + (path.read_bytes() if path.is_file() else b""))
    return whole.hexdigest()
