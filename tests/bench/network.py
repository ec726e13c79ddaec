"""How fast the shipped network reads, beside PyTorch with the same layers and weights, one thread each.

    python -m tests.bench.network [--repeats N]

prints milliseconds for 64 images, read in batches of 64 and of 256, the ratio, and what share of this machine's matrix product
ours reaches. PyTorch is run as it comes, and once more with its memory laid out channels last, which suits it better than its
default; both in eval mode, without gradients. All take turns, and the best of several goes counts.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from typing import Any

import numpy as np

from pipeline.ann import Network
from pipeline.ann.network import multiplications
from pipeline.chain import SHIPPED_MODEL, read_model
from tests.ann.against_torch import torch_twin
from tests.bench.timing import best_of, matmul_peak, on_one_thread

_BATCHES = (64, 256)


def row(network: Network, batch: int, repeats: int, peak: float) -> str:
    """A line of the table. Raises ImportError without PyTorch."""
    torch: Any = importlib.import_module("torch")
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    images = np.random.default_rng(0).integers(0, 256, (batch, 28, 28), np.uint8)
    plain, last = torch_twin(network).eval(), torch_twin(network).eval().to(memory_format=torch.channels_last)
    given = torch.from_numpy(images[:, None] / np.float32(255))
    given_last = given.to(memory_format=torch.channels_last)
    np.testing.assert_allclose(network.logits(images), plain(given).numpy(), rtol=1e-2, atol=1e-2)
    ours, theirs, theirs_last = best_of(repeats, lambda: network.logits(images), lambda: plain(given), lambda: last(given_last))
    share = 2 * multiplications(network.architecture) * batch / ours / peak
    a, b, c = (f"{seconds * 1000 * 64 / batch:.1f} ms" for seconds in (ours, theirs, theirs_last))
    return f"{batch:6}{a:>10}{b:>10}{theirs / ours:8.2f}{c:>16}{theirs_last / ours:8.2f}{share:14.0%}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--repeats", type=int, default=30)
    repeats = parser.parse_args().repeats
    network = read_model(SHIPPED_MODEL).network
    peak = matmul_peak()
    print(f"{'batch':>6}{'ours':>10}{'PyTorch':>10}{'ratio':>8}{'channels last':>16}{'ratio':>8}{'of the peak':>14}")
    for batch in _BATCHES:
        try:
            print(row(network, batch, repeats, peak))
        except ImportError:
            sys.exit("PyTorch is needed: pip install -e '.[bench]'")
    print(f"a product of 1024² float32 matrices: {peak / 1e9:.0f} GFLOP/s")


if __name__ == "__main__":
    on_one_thread("tests.bench.network")
    main()
