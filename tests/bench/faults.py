"""Lets system calls of the watcher fail, one at a time, and looks whether anything is lost or doubled in the end.

    python -m tests.bench.faults

strace makes the n-th write, fsync, rename or the like of a run fail with ENOSPC, EIO or EACCES, SQLite's own included; n goes
over all calls that a run without faults makes: a scan is read, one is rejected, one has come before. Then a watcher without
faults finishes. The watcher, its journal, the filing and the spreadsheets are the real ones; only the reading is a
stand-in. Each watcher is a fork of a process that has loaded everything, so that a place takes a second. Exits with 1 if
anything is wrong.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pipeline.export.workbook  # noqa: F401 - loaded before the forks
from pipeline.intake import watch
from pipeline.settings import Settings
from tests.accounting import Accounts
from tests.scanning import serial

CALLS = ("write", "pwrite64", "fsync", "fdatasync", "rename", "renameat", "mkdir", "openat", "ftruncate", "unlink")
ERRORS = ("ENOSPC", "EIO", "EACCES")
CONTENTS = ("1\n2", "3\nbad", "1\n2")
_LONGEST = 120.0  # seconds for a watcher
_HUNG = -1


@dataclass(frozen=True, slots=True)
class Place:
    """A call that is to fail, the how-manieth of its kind, and with what."""

    call: str
    number: int
    error: str

    def __str__(self) -> str:
        return f"{self.call} {self.number} {self.error}"


@dataclass(frozen=True, slots=True)
class Finding:
    """What came of a place: whether the call was made and failed, how that watcher ended, and what is wrong in the end."""

    place: Place
    is_hit: bool
    code: int
    wrong: list[str]


def try_place(place: Place) -> Finding:
    """A watcher in which that call fails, and one to finish."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        accounts = _drop(folder)
        told = folder / "told"
        inject = f"inject={place.call}:error={place.error}:when={place.number}"
        code = _watch(folder, "-o", str(told), "-e", f"trace={place.call}", "-e", inject)
        last = _watch(folder)
        wrong = [] if last == 0 else [f"the last watcher ended with {last}: {_end_of(folder / 'watch.log')}"]
        try:
            wrong += accounts.faults(folder / "out", folder / "out" / ".pipeline")
        except Exception as error:  # a workbook that can't be opened, say
            wrong.append(f"{type(error).__name__}: {error}")
        return Finding(place, "(INJECTED)" in told.read_text(errors="replace"), code, wrong)


def count() -> Counter[str]:
    """How often the main thread makes each call in a run without faults."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        _drop(folder)
        told = folder / "told"
        _watch(folder, "-o", str(told), "-e", f"trace={','.join(CALLS)}")
        return Counter(line.split("(")[0] for line in told.read_text(errors="replace").splitlines() if "(" in line)


def _drop(folder: Path) -> Accounts:
    accounts = Accounts(folder / "inbox", random.Random(0), jobs=("9B",))
    for content in CONTENTS:
        accounts.drop(content)
    return accounts


def _watch(folder: Path, *strace: str) -> int:
    """One watcher, from the start until all is done, as far as it goes; strace holds it from its first call on."""
    child = os.fork()
    if child == 0:
        _in_child(folder)
    tracer = None
    try:
        os.waitpid(child, os.WUNTRACED)  # it stops, to be traced
        if strace:
            tracer = subprocess.Popen(["strace", "-qq", *strace, "-p", str(child)], stderr=subprocess.DEVNULL)
            _wait_for(lambda: "TracerPid:\t0\n" not in Path(f"/proc/{child}/status").read_text())
        os.kill(child, signal.SIGCONT)
        return _ended(child)
    finally:
        if tracer is not None:
            tracer.wait()


def _in_child(folder: Path) -> None:
    """Where the watcher works; never returns."""
    code = 1
    try:
        log = os.open(folder / "watch.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(log, 1)
        os.dup2(log, 2)
        os.kill(os.getpid(), signal.SIGSTOP)
        watch(Settings(inbox=folder / "inbox", outbox=folder / "out", settle=0.02, sweep=0.5), once=True, make_engine=serial)
        code = 0
    except BaseException as error:
        os.write(2, f"{type(error).__name__}: {error}\n".encode(errors="replace"))
    finally:
        os._exit(code)


def _ended(child: int) -> int:
    status = 0

    def has_ended() -> bool:
        nonlocal status
        found, status = os.waitpid(child, os.WNOHANG)
        return found == child

    if not _wait_for(has_ended):
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return _HUNG
    return os.waitstatus_to_exitcode(status)


def _wait_for(condition: Callable[[], bool]) -> bool:
    end = time.monotonic() + _LONGEST
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.005)
    return True


def _end_of(log: Path) -> str:
    return log.read_text(errors="replace")[-300:].strip()


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, help="only so many places, at random [default: all]")
    parser.add_argument("--errors", default=",".join(ERRORS), help="each place fails with each of these")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--lanes", type=int, default=2, help="so many at a time")
    options = parser.parse_args()
    if not shutil.which("strace"):
        sys.exit("strace is not installed")
    begun = time.monotonic()
    calls = count()
    errors = options.errors.split(",")
    places = [Place(call, n, error) for call, most in calls.items() for n in range(1, most + 1) for error in errors]
    random.Random(options.seed).shuffle(places)
    chosen = places[: options.runs]
    ends: Counter[int] = Counter()
    bad = hit = tried = 0
    with multiprocessing.get_context("fork").Pool(options.lanes) as lanes:
        for tried, found in enumerate(lanes.imap_unordered(try_place, chosen), 1):
            ends[found.code] += 1
            hit += found.is_hit
            bad += bool(found.wrong)
            if found.wrong:
                print(f"{found.place}: ended with {found.code}", *found.wrong[:5], sep="\n  ", flush=True)
            if tried % 50 == 0:
                print(f"{tried} places, {bad} wrong, {time.monotonic() - begun:.0f} s", flush=True)
    print(f"a run makes {sum(calls.values())} calls: {dict(calls)}; {len(errors)} errors each")
    print(f"{tried} of {len(places)} places, {hit} hit, {bad} wrong; ends {dict(ends)}; {time.monotonic() - begun:.0f} s")
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
