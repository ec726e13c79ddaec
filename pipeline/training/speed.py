"""How long a model takes to load, and how many digits a second it reads, on one core, in a process of its own.

NumPy's linear algebra takes the number of its threads from the environment when it is first imported: too late here.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import asdict, dataclass

import numpy as np

from pipeline.ann import Model, load_model, save_model

_ONE_THREAD = dict.fromkeys(("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"), "1")
_LOADS, _PASSES, _DIGITS = 5, 5, 1024


@dataclass(frozen=True)
class Speed:
    """Of the pickle: its length in bytes and the seconds from its bytes to a network. Of the network: digits a second."""

    pickle_bytes: int
    load_seconds: float
    digits_a_second: float


def speed_of(model: Model) -> Speed:
    """Measured on one core; the best of several goes, which other programs disturbed least."""
    path = os.pathsep.join(filter(None, sys.path))  # the child is to find this package as we did
    found = subprocess.run(
        [sys.executable, "-m", __name__],
        input=save_model(model),
        env={**os.environ, **_ONE_THREAD, "PYTHONPATH": path},
        capture_output=True,
        check=True,
    )
    return Speed(**json.loads(found.stdout))


def _measured(data: bytes) -> Speed:
    loads, passes = [], []
    for _ in range(_LOADS):
        start = time.perf_counter()
        model = load_model(data)
        loads.append(time.perf_counter() - start)
    images = np.random.default_rng(0).integers(0, 256, (_DIGITS, *model.network.size), np.uint8)
    for _ in range(_PASSES):
        start = time.perf_counter()
        model.network.probabilities(images)
        passes.append(time.perf_counter() - start)
    return Speed(len(data), min(loads), _DIGITS / min(passes))


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asdict(_measured(sys.stdin.buffer.read()))))
