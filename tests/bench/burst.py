"""Drops ten thousand tiny files into a folder that is watched, at once, and counts what comes out.

    python -m tests.bench.burst --files 10000

The watcher, its events and its journal are the real ones; the reading is a stand-in that takes texts for scans, and the
spreadsheets are small CSVs. Exits with 1 if a file is lost, read twice, or rejected.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

SCRIPT = """
import sys
from pathlib import Path
from pipeline.intake import watch
from pipeline.settings import Settings
from tests.scanning import serial, write_plainly
if __name__ == "__main__":
    folder = Path(sys.argv[1])
    settings = Settings(inbox=folder / "inbox", outbox=folder / "out", settle=0.5, sweep=60.0)
    watch(settings, make_engine=serial, writer=write_plainly)
"""


def burst(folder: Path, files: int, seconds: float, report: bool = False) -> list[str]:
    """Drop so many, wait until nothing is left; what is wrong in the end."""
    inbox = folder / "inbox"
    for job in range(10):
        (inbox / f"job {job}").mkdir(parents=True)
    (folder / "watching.py").write_text(SCRIPT)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    process = subprocess.Popen([sys.executable, str(folder / "watching.py"), str(folder)], env=environment)
    begun = time.monotonic()
    try:
        while not (folder / "out" / ".pipeline" / "watch.json").exists():
            time.sleep(0.1)
        for number in range(files):
            (inbox / f"job {number % 10}" / f"{number}.png").write_text(f"{number}")
        dropped = time.monotonic()
        left = files
        while left and time.monotonic() < dropped + seconds and process.poll() is None:
            time.sleep(2.0)
            left = sum(1 for job in range(10) for _ in (inbox / f"job {job}").iterdir())
            if report:
                print(f"{time.monotonic() - begun:.0f} s: {left} left", flush=True)
    finally:
        process.terminate()
        process.wait(300)
    places = Counter(path.relative_to(inbox).parts[0] for path in inbox.rglob("*.png"))
    texts = Counter(path.read_text() for path in (inbox / "processed").rglob("*.png"))
    lines = [line for file in (folder / "out").glob("*.csv") for line in file.read_text().splitlines()]
    wrong = [] if places == {"processed": files} else [f"where the files are: {dict(places)}"]
    if texts != Counter(str(number) for number in range(files)):
        wrong.append("what is in processed is not what was dropped")
    if len(lines) != files or len(set(lines)) != files:
        wrong.append(f"{len(lines)} lines in the spreadsheets, {len(set(lines))} different")
    return wrong


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=3600.0)
    options = parser.parse_args()
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        wrong = burst(Path(folder), options.files, options.seconds, report=True)
    print(f"{options.files} files in {time.monotonic() - start:.0f} s, {len(wrong)} wrong", *wrong, sep="\n  ")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
