"""A small network of every layer against PyTorch's numbers, where PyTorch is installed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from pipeline.ann import Architecture, Network
from pipeline.ann.layers import Parameter
from pipeline.ann.losses import cross_entropy
from pipeline.ann.network import as_input, measure_norms
from pipeline.ann.optimisers import Adam
from tests.ann.against_torch import torch_twin

torch: Any = pytest.importorskip("torch")

EVERY_LAYER: Architecture = (
    *(("conv", 8, 5, 0), ("pool",), ("norm",), ("relu",)),
    *(("conv", 12, 3, 1), ("norm",), ("relu",)),
    *(("conv", 12, 3, 1), ("pool",), ("norm",), ("relu",)),
    *(("conv", 16, 3, 0), ("norm",), ("relu",)),
    *(("dense", 32), ("sigmoid",), ("dropout", 0.0), ("dense", 10)),
)


def material() -> tuple[np.ndarray[tuple[int, ...], np.dtype[np.uint8]], np.ndarray[tuple[int, ...], np.dtype[np.int64]]]:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (48, 28, 28), np.uint8)
    images[:, :8] = 0  # flat areas, where the four of a pool are equal
    return images, rng.integers(0, 10, 48)


def test_loss_and_gradients_are_the_same() -> None:
    network, (images, labels) = Network(EVERY_LAYER, seed=3), material()
    twin = torch_twin(network)
    loss, gradient = cross_entropy(network.forward(as_input(images), train=True), labels, 0.1)
    network.backward(gradient)
    theirs = torch.nn.functional.cross_entropy(
        twin(torch.from_numpy(images[:, None] / np.float32(255))), torch.from_numpy(labels), label_smoothing=0.1
    )
    theirs.backward()
    assert loss == pytest.approx(theirs.item(), rel=1e-5)
    for mine, its in zip(network.parameters, twin.parameters(), strict=True):
        expected = its.grad.numpy().reshape(mine.value.shape)
        np.testing.assert_allclose(mine.gradient, expected, rtol=1e-3, atol=1e-5 * float(np.abs(expected).max()) + 1e-7)


def test_reading_is_the_same() -> None:
    network, (images, _) = Network(EVERY_LAYER, seed=3), material()
    measure_norms(network, images, chunk=16)
    twin = torch_twin(network).eval()
    with torch.inference_mode():
        theirs = twin(torch.from_numpy(images[:, None] / np.float32(255))).numpy()
    np.testing.assert_allclose(network.logits(images), theirs, rtol=1e-3, atol=1e-4)


def test_adam_takes_the_same_steps() -> None:
    """Given the same gradients, with decoupled weight decay on one of two, over a few steps of changing rate."""
    rng = np.random.default_rng(0)
    mine = [Parameter(rng.standard_normal((6, 5)).astype(np.float32), decay) for decay in (True, False)]
    its = [torch.nn.Parameter(torch.from_numpy(parameter.value.copy())) for parameter in mine]
    adam = Adam(mine, decay=0.1)
    groups = [{"params": its[:1], "weight_decay": 0.1}, {"params": its[1:], "weight_decay": 0.0}]
    theirs = torch.optim.AdamW(groups, lr=1.0, eps=1e-8)
    for rate in (0.01, 0.02, 0.005, 0.001):
        for one, other in zip(mine, its, strict=True):
            one.gradient[...] = rng.standard_normal((6, 5))
            other.grad = torch.from_numpy(one.gradient.copy())
        for group in theirs.param_groups:
            group["lr"] = rate
        adam.step(rate)
        theirs.step()
    for one, other in zip(mine, its, strict=True):
        np.testing.assert_allclose(one.value, other.detach().numpy(), rtol=1e-5, atol=1e-6)
