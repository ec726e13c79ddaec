"""Losses: from logits (classes, n) and labels (n,) to the mean loss and its gradient by the logits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


def softmax(logits: Floats) -> Floats:
    """Probabilities over the first axis; shifted by the maximum so that exp can't overflow."""
    exponent: Floats = np.exp(logits - logits.max(axis=0, keepdims=True))
    exponent /= exponent.sum(axis=0, keepdims=True)
    return exponent


def cross_entropy(logits: Floats, labels: NDArray[np.int64], smoothing: float = 0.0) -> tuple[float, Floats]:
    """Softmax cross-entropy. With label smoothing, that share of the target is spread over all classes."""
    classes, n = logits.shape
    probabilities = softmax(logits)
    target = np.full_like(logits, smoothing / classes)
    target[labels, np.arange(n)] += 1 - smoothing
    loss = -float(np.sum(target * np.log(np.maximum(probabilities, 1e-12)))) / n
    return loss, (probabilities - target) / np.float32(n)
