"""How fast the published network (784-75-10, batches of 20) is trained, beside PyTorch and scikit-learn on the same job.

    python -m tests.bench.paper [--data DIR] [--repeats N]

prints the seconds of an epoch of 60,000 examples for each, one thread each, best of several repeats that take turns. They are
the processor's seconds, of all threads of the process together: what a clock shows on a machine that does nothing else.
Without MNIST in --data or PIPELINE_DATA, random images with about as much ink stand in; PyTorch and scikit-learn are left out
if they are not installed. First it is checked that ours and PyTorch come to the same weights.
"""

from __future__ import annotations

import argparse
import importlib
import os
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.records import Floats, Image
from pipeline.training.datasets import Examples, load_mnist
from pipeline.training.fused import FusedNetwork
from pipeline.training.paper import BATCH, RATE, normal_weights
from tests.bench.timing import best_of, matmul_peak, on_one_thread

#: Steps after which ours and PyTorch must have the same weights.
_STEPS = 200
_HIDDEN, _CLASSES = 75, 10

Order = NDArray[np.int64]


class TorchNetwork:
    """The same network and step as PyTorch's users write them. Raises ImportError without PyTorch."""

    def __init__(self, weights: list[Floats], images: Image, labels: NDArray[np.int64]) -> None:
        torch: Any = importlib.import_module("torch")  # untyped: the type checker need not have it either
        torch.set_num_threads(1)
        self._torch = torch
        hidden, out = torch.nn.Linear(weights[0].shape[1], len(weights[0])), torch.nn.Linear(len(weights[0]), len(weights[2]))
        self.network = torch.nn.Sequential(hidden, torch.nn.Sigmoid(), out, torch.nn.Softmax(dim=1))
        with torch.no_grad():
            for parameter, weight in zip(self.network.parameters(), weights, strict=True):
                parameter.copy_(torch.from_numpy(weight.reshape(parameter.shape)))
        self.images = torch.from_numpy(images.reshape(len(images), -1).astype(np.float32) / np.float32(255))
        self.targets = torch.nn.functional.one_hot(torch.from_numpy(labels), len(weights[2])).float()

    def epoch(self, order: Order, rate: float) -> None:
        """A step for each batch."""
        loss = self._torch.nn.MSELoss(reduction="sum")
        optimiser = self._torch.optim.SGD(self.network.parameters(), lr=rate)
        for batch in self._torch.from_numpy(order).split(BATCH):
            optimiser.zero_grad()
            (loss(self.network(self.images[batch]), self.targets[batch]) / 2).backward()
            optimiser.step()

    def arrays(self) -> list[Floats]:
        """The weights, in the shapes of ours."""
        arrays = [parameter.detach().numpy() for parameter in self.network.parameters()]
        return [array.reshape(len(array), -1) for array in arrays]


def largest_difference(examples: Examples, steps: int, rate: float = RATE) -> float:
    """Between weights of ours and of PyTorch, after the same steps from the same start."""
    weights = normal_weights(1)
    order = np.random.default_rng(1).permutation(len(examples))[: steps * BATCH]
    ours = FusedNetwork(weights, examples.images, examples.labels, BATCH)
    theirs = TorchNetwork(weights, examples.images, examples.labels)
    ours.epoch(order, rate)
    theirs.epoch(order, rate)
    return max(float(np.abs(a - b).max()) for a, b in zip(ours.arrays(), theirs.arrays(), strict=True))


def mlp_classifier(examples: Examples) -> Callable[[], object]:
    """An epoch of scikit-learn's (its loss is cross-entropy; it has no other). Raises ImportError without scikit-learn."""
    classifier: Any = importlib.import_module("sklearn.neural_network").MLPClassifier
    not_converged: Any = importlib.import_module("sklearn.exceptions").ConvergenceWarning
    images = examples.images.reshape(len(examples), -1).astype(np.float32) / np.float32(255)
    chosen: dict[str, Any] = {"activation": "logistic", "solver": "sgd", "batch_size": BATCH, "learning_rate_init": RATE}

    def epoch() -> object:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", not_converged)
            return classifier((_HIDDEN,), momentum=0, max_iter=1, **chosen).fit(images, examples.labels)

    return epoch


def examples_of(data: Path | None) -> Examples:
    """MNIST's training images, or random ones with as much ink in the same places of the page."""
    if data:
        return load_mnist(data, "train")
    print("no --data and no PIPELINE_DATA: random images")
    rng = np.random.default_rng(0)
    distance = np.abs(np.arange(28) - 13.5)
    inked = np.minimum(1, 0.75 * np.exp(-((distance[:, None] ** 2 + distance[None] ** 2) / 75)))
    images = (rng.random((60_000, 28, 28), np.float32) < inked) * rng.integers(1, 256, (60_000, 28, 28), np.uint8)
    return Examples(images.astype(np.uint8), rng.integers(0, _CLASSES, 60_000))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--data", type=Path, default=os.environ.get("PIPELINE_DATA"), help="folder with MNIST")
    parser.add_argument("--repeats", type=int, default=5, help="epochs of each")
    arguments = parser.parse_args()
    examples = examples_of(arguments.data and Path(arguments.data))

    weights, order = normal_weights(1), np.random.default_rng(0).permutation(len(examples))
    ours = FusedNetwork(weights, examples.images, examples.labels, BATCH)
    rivals: dict[str, Callable[[], object]] = {"ours": partial(ours.epoch, order, RATE)}
    try:
        difference = largest_difference(examples, _STEPS)
        print(f"after {_STEPS} steps the weights (N(0, 1) at the start) differ from PyTorch's by at most {difference:.1e}")
        assert difference < 1e-4
        rivals["PyTorch"] = partial(TorchNetwork(weights, examples.images, examples.labels).epoch, order, RATE)
    except ImportError:
        print("PyTorch is left out: pip install torch")
    try:
        rivals["scikit-learn MLPClassifier"] = mlp_classifier(examples)
    except ImportError:
        print("scikit-learn is left out: pip install scikit-learn")

    best = dict(zip(rivals, best_of(arguments.repeats, *rivals.values()), strict=True))
    peak = matmul_peak()
    print(f"\n{'':28}{'seconds an epoch':>18}{'times ours':>12}")
    for name, seconds in best.items():
        print(f"{name:28}{seconds:18.3f}{seconds / best['ours']:12.2f}")
    work = 2 * len(examples) * (2 * 784 * _HIDDEN + 3 * _HIDDEN * _CLASSES)
    rate = work / best["ours"]
    print(f"\na product of 1024² float32 matrices: {peak / 1e9:.0f} GFLOP/s")
    print(f"our training, {work / 1e9:.1f} GFLOP an epoch: {rate / 1e9:.0f} GFLOP/s, {rate / peak:.0%} of that")
    done = ours.multiplications(order) / (work / 2)
    print(f"(with the pixels left out that a batch has no ink in, it does {done:.0%} of them, at {rate * done / peak:.0%})")


if __name__ == "__main__":
    on_one_thread("tests.bench.paper")
    main()
