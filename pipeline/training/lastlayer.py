"""Makes a network's probabilities honest: its last layer is followed by a map fitted on examples not trained on, and melted in.

One temperature (Guo et al. 2017) can't serve clean digits and wrong cuts alike. A full linear map of the logits can (Kull et
al. 2019, Beyond temperature scaling: Dirichlet calibration), held to the identity where nothing speaks against it. A linear map
of what a dense layer says is a dense layer again, so that nothing but weights changes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.ann import Network
from pipeline.training.datasets import Examples

Doubles = NDArray[np.float64]

#: How strongly the map is held to the identity: the mean square of its differences costs as much as this many nats of loss.
_RIDGE = 0.1
_STEPS, _RATE = 800, 0.02


def refitted(network: Network, examples: Examples, ridge: float = _RIDGE) -> Network:
    """A copy of a network that ends in a dense layer, its probabilities fitted to the examples."""
    logits = network.logits(examples.images).astype(np.float64)
    scale, shift = fit_map(logits - logits.mean(axis=1, keepdims=True), examples.labels, ridge)
    copy = Network(network.architecture, network.size)
    copy.set_arrays(network.arrays())
    weights, bias = copy.parameters[-2:]
    to_mean = scale @ (np.eye(len(scale)) - 1 / len(scale))  # softmax does not mind what all logits have in common
    weights.value[...] = to_mean @ weights.value
    bias.value[...] = to_mean @ bias.value + shift[:, np.newaxis]
    return copy


def fit_map(logits: Doubles, labels: NDArray[np.int64], ridge: float = _RIDGE) -> tuple[Doubles, Doubles]:
    """Logits (n, classes) → the map (classes, classes) and the shift (classes,) that make the labels most probable.

    Adam (Kingma & Ba 2015) on all examples at once, its rate falling to nothing along a half cosine.
    """
    classes = logits.shape[1]
    inputs = np.column_stack([logits, np.ones(len(logits))])
    start = np.vstack([np.eye(classes), np.zeros(classes)])
    wanted = np.eye(classes)[labels]
    found, mean, square = start.copy(), np.zeros_like(start), np.zeros_like(start)
    for step in range(1, _STEPS + 1):
        likely = inputs @ found
        chances = np.exp(likely - likely.max(axis=1, keepdims=True))
        chances /= chances.sum(axis=1, keepdims=True)
        gradient = inputs.T @ (chances - wanted) / len(inputs) + 2 * ridge * (found - start) / start.size
        mean = 0.9 * mean + 0.1 * gradient
        square = 0.99 * square + 0.01 * gradient**2
        rate = _RATE * 0.5 * (1 + np.cos(np.pi * step / _STEPS))
        found -= rate * (mean / (1 - 0.9**step)) / (np.sqrt(square / (1 - 0.99**step)) + 1e-8)
    return found[:-1].T, found[-1]
