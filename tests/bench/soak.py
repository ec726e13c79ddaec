"""Sends thousands of pages through one watcher, and measures whether memory and open files stay as they are.

    python -m tests.bench.soak --pages 2000 --folder DIR

Everything is the real thing: decoding, both networks, journal, spreadsheets. The sheets are small and clearly written, for it
is the going on and on that is tried. Samples are appended to DIR/soak.csv as they are taken; started again on the same DIR, it
goes on where it was.
Exits with 1 if a slope is too steep, or a page is missing.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.chain import read_scan
from pipeline.inspection import Inspection
from pipeline.records import Image
from pipeline.training.pages import Column, SheetSpec, render_sheet
from tests.handwriting import handwriting
from tests.stages.scanfiles import tiff

PAGES = 10  # of a scan
DIFFERENT = 3  # sheets
JOB = 10  # scans of a job: its spreadsheets are written whole, so that a job that grows takes more memory, as it should
WARM = 0.25  # of the samples, before which caches fill
STEEPEST = 1.0  # MB a 1,000 pages
HEADER = ("pages", "seconds", "parent_mb", "workers_mb", "decoders_mb", "files", "process")


def sheet(seed: int) -> Image:
    """A sheet of a few cells."""
    rng = np.random.default_rng(seed)
    columns = (Column("1", 24, "printed"), Column("2", 24))
    rows = tuple((str(rng.integers(100, 1000)), str(rng.integers(100, 1000))) for _ in range(2))
    return render_sheet(
        SheetSpec(f"{seed}", columns, rows, paper=(64.0, 52.0), dpi=100, ruling_width=2), handwriting(), rng
    ).image


@dataclass(frozen=True, slots=True)
class Family:
    """The watcher and its descendants: resident memory in MB and open files."""

    parent: float
    workers: float
    decoders: float
    files: int


def family(parent: int) -> Family:
    """Look at the processes in /proc."""
    workers = [pid for pid in _children(parent) if "spawn_main" in _command(pid)]
    decoders = [pid for worker in workers for pid in _children(worker)]
    everyone = [parent, *workers, *decoders]
    files = sum(len(list(Path(f"/proc/{pid}/fd").iterdir())) for pid in everyone)
    return Family(_memory(parent), sum(map(_memory, workers)), sum(map(_memory, decoders)), files)


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _command(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")


def _memory(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS")), 0.0)


def slope(pages: list[float], values: list[float]) -> float:
    """By least squares, a 1,000 pages."""
    return float(np.polyfit(pages, values, 1)[0]) * 1000


def soak(folder: Path, pages: int, workers: int) -> None:
    """Drop scans as the watcher takes them, and write down how it does."""
    inbox, out = folder / "inbox", folder / "out"
    inbox.mkdir(parents=True, exist_ok=True)
    options = ["--inbox", str(inbox), "--output", str(out), "--settle", "0.1", "--workers", str(workers)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OPENBLAS_NUM_THREADS": "1"}
    pages_of_all = tiff([image for image, _ in zip(clear_sheets(), range(PAGES), strict=False)])
    dropped = len([path for path in inbox.rglob("*.tif") if path.is_file()])
    with (folder / "watch.log").open("a") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "pipeline", "-q", "watch", *options], stderr=log, stdout=log, env=environment
        )
    begun, done = time.monotonic(), -1
    try:
        while done < pages and process.poll() is None:
            now = _pages_done(out)
            while dropped * PAGES < min(pages, now + 4 * PAGES * workers):
                _drop(inbox, dropped, pages_of_all)
                dropped += 1
            if now > done:
                done = now
                seen = family(process.pid)
                numbers = (seen.parent, seen.workers, seen.decoders)
                row = (done, round(time.monotonic() - begun, 1), *(round(n, 2) for n in numbers), seen.files, process.pid)
                _append(folder / "soak.csv", row)
                if done % 100 == 0:
                    print(*row, flush=True)
            time.sleep(0.5)
    finally:
        process.terminate()
        process.wait(120)
    if process.returncode:
        sys.exit(f"the watcher ended with {process.returncode}: see {folder / 'watch.log'}")


def _pages_done(out: Path) -> int:
    if not Inspection.is_possible(out / ".pipeline"):
        return 0
    with Inspection(out / ".pipeline") as inspection:
        return inspection.counts(out).pages


def clear_sheets() -> Iterator[Image]:
    """Sheets that are read without a doubt, and so without being tried the other ways up; a few, that come again and again."""
    clear: list[Image] = []
    for seed in itertools.count():
        if len(clear) < DIFFERENT:
            image = sheet(seed)
            [page] = read_scan(tiff([image])).pages
            if page.readings and all(reading.status in ("ok", "blank") for reading in page.readings):
                clear.append(image)
                yield image
        else:
            yield clear[seed % DIFFERENT]


def _drop(inbox: Path, number: int, pages: bytes) -> None:
    target = inbox / f"job {number // JOB}" / f"scan {number}.tif"
    target.parent.mkdir(exist_ok=True)
    partial = target.with_name(target.name + ".part")
    partial.write_bytes(pages + b"%d" % number)  # what stands behind the pages makes it another scan
    partial.rename(target)


def _append(file: Path, row: tuple[object, ...]) -> None:
    is_new = not file.exists()
    with file.open("a", newline="") as stream:
        csv.writer(stream).writerows([HEADER, row] if is_new else [row])


def judge(file: Path) -> int:
    """Print the slopes of the longest stretch that one process has run; how many are too steep."""
    with file.open(newline="") as stream:
        lines = list(csv.DictReader(stream))
    runs: dict[str, list[dict[str, str]]] = {}
    for line in lines:
        runs.setdefault(line["process"], []).append(line)
    longest = max(runs.values(), key=len)
    kept = longest[int(WARM * len(longest)) :]
    pages = [float(line["pages"]) for line in kept]
    print(
        f"{lines[-1]['pages']} pages; slopes a 1,000 pages, from page {pages[0]:.0f} to {pages[-1]:.0f} ({len(kept)} samples):"
    )
    steep = 0
    for name in HEADER[2:6]:
        values = [float(line[name]) for line in kept]
        found = slope(pages, values)
        print(f"  {name:12} {found:+.3f} (from {values[0]:g} to {values[-1]:g}, at most {max(values):g})")
        steep += found > STEEPEST
    return steep


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pages", type=int, default=2000)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--judge", action="store_true", help="only tell what has been measured so far")
    options = parser.parse_args()
    if not options.judge:
        soak(options.folder, options.pages, options.workers)
    sys.exit(min(1, judge(options.folder / "soak.csv")))


if __name__ == "__main__":
    main()
