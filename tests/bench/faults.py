"""Lets system calls of the watcher fail, one at a time, and looks whether anything is lost or doubled in the end.

    python -m tests.bench.faults --runs 60

strace makes the n-th write, fsync, rename or the like of a run fail with ENOSPC, EIO or EACCES, SQLite's own included; n goes
over all calls that a run without faults makes, in random order. Then a watcher without faults finishes. Exits with 1 if
anything is wrong.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.accounting import Accounts
from tests.bench.crashes import SCRIPT

CALLS = ("write", "pwrite64", "fsync", "fdatasync", "rename", "renameat", "mkdir", "openat", "ftruncate", "unlink")
ERRORS = ("ENOSPC", "EIO", "EACCES")
FILES = 6


def run(folder: Path, *strace: str) -> int:
    """One watcher, from the start until all is done, as far as it goes."""
    script = folder / "watching.py"
    script.write_text(SCRIPT.replace("make_engine=pool", "make_engine=serial").replace("import pool", "import serial"))
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(sys.path),
        "OPENBLAS_NUM_THREADS": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    with (folder / "watch.log").open("a") as log:
        command = [*strace, sys.executable, str(script), str(folder), "once"]
        return subprocess.run(command, stdout=log, stderr=log, env=environment, check=False, timeout=300).returncode


def counted(folder: Path) -> Counter[str]:
    """How often the main thread makes each call in a run without faults, in which it takes in a few files."""
    _drop(folder, random.Random(0))
    told = folder / "calls"
    run(folder, "strace", "-qq", "-o", str(told), "-e", f"trace={','.join(CALLS)}")
    return Counter(line.split("(")[0] for line in told.read_text(errors="replace").splitlines() if "(" in line)


def _drop(folder: Path, chance: random.Random) -> Accounts:
    accounts = Accounts(folder / "inbox", chance, jobs=("9B",))
    while accounts.number < FILES:
        accounts.drop(f"{accounts.number}\n{chance.choice(['bad', '1', '2', '3'])}")
    return accounts


def fail_once(folder: Path, call: str, number: int, error: str, seed: int) -> tuple[int, list[str]]:
    """A run in which that call fails, and one to finish. Returns how the first one ended, and what is wrong."""
    accounts = _drop(folder, random.Random(seed))
    code = run(
        folder, "strace", "-qq", "-o", os.devnull, "-e", f"trace={call}", "-e", f"inject={call}:error={error}:when={number}"
    )
    last = run(folder)
    wrong = [] if last == 0 else [f"the last watcher ended with {last}"]
    return code, wrong + accounts.faults(folder / "out", folder / "out" / ".pipeline")


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=60)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    if not shutil.which("strace"):
        sys.exit("strace is not installed")
    chance, begun = random.Random(options.seed), time.monotonic()
    with tempfile.TemporaryDirectory() as first:
        calls = counted(Path(first))
    # the start of Python is the same each time, and nothing of ours: the second half of its opens and writes is where we work
    places = [(call, n) for call, most in calls.items() for n in range(most // 2 if call == "openat" else 1, most + 1)]
    chance.shuffle(places)
    ends: Counter[int] = Counter()
    bad = 0
    for number, (call, n) in enumerate(places[: options.runs]):
        error = ERRORS[number % len(ERRORS)]
        with tempfile.TemporaryDirectory() as folder:
            code, wrong = fail_once(Path(folder), call, n, error, number)
        ends[code] += 1
        bad += bool(wrong)
        print(
            f"{call} {n} of {calls[call]} {error}: ended with {code}" + "".join(f"\n  {line}" for line in wrong[:5]), flush=True
        )
    tried = min(options.runs, len(places))
    print(f"{tried} of {len(places)} places, {bad} wrong; ends {dict(ends)}; {time.monotonic() - begun:.0f} s")
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
