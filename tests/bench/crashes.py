"""Kills the watcher at random moments, over and over, while files are dropped; then looks whether anything is lost or doubled.

    python -m tests.bench.crashes --kills 300

Half of the time its workers are killed with it. The watcher, its journal, its pool of workers and the spreadsheets are the real
ones; only the reading is a stand-in that takes texts for scans, for it is not what is tried here. Exits with 1 if anything is
wrong.
"""

from __future__ import annotations

import argparse
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.accounting import Accounts

SCRIPT = """
import sys
from pathlib import Path
from pipeline.intake import watch
from pipeline.settings import Settings
from tests.scanning import pool
if __name__ == "__main__":
    folder = Path(sys.argv[1])
    settings = Settings(inbox=folder / "inbox", outbox=folder / "out", settle=0.05, sweep=0.5, workers=2)
    print("ready", flush=True)
    watch(settings, once=len(sys.argv) > 2, make_engine=pool)
"""


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """A watcher in a process of its own."""
    script = folder / "watching.py"  # a file, for its workers import it too
    script.write_text(SCRIPT)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OPENBLAS_NUM_THREADS": "1"}
    with (folder / "watch.log").open("a") as log:
        process = subprocess.Popen(
            [sys.executable, str(script), str(folder), *arguments],
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=environment,
            start_new_session=True,
        )
    assert process.stdout is not None
    process.stdout.readline()
    return process


def crash(folder: Path, kills: int, seed: int, longest: float = 2.0, report: bool = False) -> tuple[Accounts, list[str]]:
    """Kill a watcher so often, then let one finish. Returns what was dropped, and what is wrong."""
    chance = random.Random(seed)
    accounts = Accounts(folder / "inbox", chance)
    begun = time.monotonic()
    for number in range(kills):
        for _ in range(chance.randrange(4)):
            accounts.drop()
        process = start(folder)
        end = time.monotonic() + chance.uniform(0.0, longest)
        while (left := end - time.monotonic()) > 0:
            if chance.random() < 0.3:
                accounts.drop()
            time.sleep(min(left, chance.uniform(0.0, 0.2)))
        if chance.random() < 0.5:
            process.kill()  # its workers find that out
        else:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if report and (number + 1) % 25 == 0:
            print(f"{number + 1} kills, {accounts.number} files, {time.monotonic() - begun:.0f} s", flush=True)
    last = start(folder, "once")
    last.wait()
    wrong = [] if last.returncode == 0 else [f"the last watcher ended with {last.returncode}"]
    return accounts, wrong + accounts.faults(folder / "out", folder / "out" / ".pipeline")


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--folder", type=Path, help="kept afterwards [default: a temporary one]")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        accounts, wrong = crash(folder, options.kills, options.seed, report=True)
        log = (folder / "watch.log").read_text(errors="replace")
    places = accounts.originals() if options.folder else {}
    print(f"{options.kills} kills, {accounts.number} files of {len(accounts.dropped)} contents, {len(wrong)} wrong")
    errors = Counter(re.findall(r"^Traceback.*\n(?:[ ].*\n)+(\S.*)", log, re.MULTILINE))
    print(f"{errors.total()} tracebacks in the log {dict(errors)}", *sorted({key[0] for key in places}))
    for line in wrong[:50]:
        print(" ", line)
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
