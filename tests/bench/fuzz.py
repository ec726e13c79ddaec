"""Feeds damaged files to the decoders, and sees that each is answered in time, and that nothing but the file is lost.

    python -m tests.bench.fuzz --files 20000

Every file must come to pages or to a ScanError, within the limits; this process must not crash, nor grow. Exits with 1 if not.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.errors import ScanError
from pipeline.settings import Settings
from pipeline.stages.decode import decode
from tests.mutation import Mutator

#: Small limits, so that bombs are refused at a size that costs little.
SETTINGS = Settings(
    pdf_dpi=72, max_pixels=20_000_000, max_page_bytes=60_000_000, max_pages=50, image_seconds=10.0, pdf_seconds=5.0
)
#: Seconds that a file may take: the limits of all its pages would be far more; starting a child on a busy machine is in it.
LONGEST = 60.0


@dataclass
class Findings:
    """What came of the files."""

    outcomes: Counter[str] = field(default_factory=Counter)
    messages: Counter[str] = field(default_factory=Counter)
    slowest: tuple[float, str] = (0.0, "")
    wrong: list[str] = field(default_factory=list)

    @property
    def files(self) -> int:
        return sum(self.outcomes.values())


def fuzz(files: int, seed: int, report: int = 0, pdf_share: float = 0.05) -> Findings:
    """Decode so many damaged files."""
    mutator, found = Mutator(seed, pdf_share), Findings()
    for number in range(files):
        what, data = mutator.next()
        start = time.monotonic()
        try:
            pages = sum(1 for _ in decode(data, SETTINGS))
            outcome = "pages" if pages else "no pages"
        except ScanError as error:
            outcome = type(error).__name__
            found.messages[error.message] += 1
        except Exception as error:  # what must not be
            outcome = "escaped"
            found.wrong.append(f"{number} {what}: {type(error).__name__}: {error}")
        seconds = time.monotonic() - start
        found.outcomes[outcome] += 1
        found.slowest = max(found.slowest, (seconds, what))
        if seconds > LONGEST:
            found.wrong.append(f"{number} {what}: took {seconds:.1f} s")
        if report and (number + 1) % report == 0:
            print(f"{number + 1} files, {dict(found.outcomes)}, {len(found.wrong)} wrong", flush=True)
    return found


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--pdf-share", type=float, default=0.05)
    options = parser.parse_args()
    start = time.monotonic()
    found = fuzz(options.files, options.seed, report=500, pdf_share=options.pdf_share)
    print(f"{found.files} files in {time.monotonic() - start:.0f} s: {dict(found.outcomes)}")
    print(f"slowest {found.slowest[0]:.1f} s ({found.slowest[1]}); memory of this process {_memory():.0f} MB")
    broken = {text: count for text, count in found.messages.items() if "breaks" in text or "longer" in text}
    print(f"children broken or stopped: {broken}")
    for line in found.wrong[:50]:
        print(" ", line)
    sys.exit(bool(found.wrong))


def _memory() -> float:
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmRSS")), 0.0)


if __name__ == "__main__":
    main()
