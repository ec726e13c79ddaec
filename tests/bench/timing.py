"""Fair timing: one thread for every library, the processor's own seconds, and rivals that take turns."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np

_THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


def on_one_thread(module: str) -> None:
    """Starts the program anew if need be: libraries read the number of their threads when they load."""
    if any(os.environ.get(name) != "1" for name in _THREADS):
        environment = {**os.environ, **dict.fromkeys(_THREADS, "1")}
        sys.exit(subprocess.run([sys.executable, "-m", module, *sys.argv[1:]], env=environment, check=False).returncode)


def best_of(repeats: int, *rivals: Callable[[], object]) -> list[float]:
    """The least processor seconds of each, over so many rounds in which they take turns. The first round only warms up."""
    best = [float("inf")] * len(rivals)
    for round_ in range(repeats + 1):
        for i, rival in enumerate(rivals):
            start = time.process_time()
            rival()
            if round_:
                best[i] = min(best[i], time.process_time() - start)
    return best


def matmul_peak() -> float:
    """Floating point operations a second in a product of two float32 matrices of 1024²."""
    a = np.random.default_rng(0).random((1024, 1024), np.float32)
    out = np.empty_like(a)
    return 2 * 1024**3 / best_of(10, lambda: np.matmul(a, a, out=out))[0]
