"""Layers: forward keeps what backward needs, backward fills the gradients of the parameters and returns that of the input.

Activations are float32 with the examples on the last axis: (features, n) or (channels, height, width, n). So every copy that
im2col makes is contiguous in memory, and a convolution is one matrix product for the whole batch.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Shape = tuple[int, ...]


class Parameter:
    """A trained array and, after a backward pass, its gradient. `decay` says whether weight decay applies."""

    __slots__ = ("decay", "gradient", "value")

    def __init__(self, value: Floats, decay: bool = True) -> None:
        self.value = value
        self.gradient: Floats = np.zeros_like(value)
        self.decay = decay


class Layer(Protocol):
    """What a network is made of."""

    parameters: tuple[Parameter, ...]

    def forward(self, x: Floats, train: bool) -> Floats:
        """The layer's output; with `train`, what backward needs is kept."""

    def backward(self, gradient: Floats) -> Floats:
        """The gradient by the input, from the gradient by the last output."""


def he_normal(rng: np.random.Generator, shape: Shape, fan_in: int) -> Floats:
    """Weights for layers followed by a rectifier (He et al. 2015, Delving deep into rectifiers)."""
    weights: Floats = (rng.standard_normal(shape) * np.sqrt(2.0 / fan_in)).astype(np.float32)
    return weights


class Dense:
    """(inputs, n) → (outputs, n); an input with more axes is flattened first."""

    def __init__(self, inputs: int, outputs: int, rng: np.random.Generator) -> None:
        self.weight = Parameter(he_normal(rng, (outputs, inputs), inputs))
        self.bias = Parameter(np.zeros((outputs, 1), np.float32), decay=False)
        self.parameters: tuple[Parameter, ...] = (self.weight, self.bias)
        self._x: Floats | None = None
        self._shape: Shape = ()

    def forward(self, x: Floats, train: bool) -> Floats:
        self._shape = x.shape
        x = x.reshape(-1, x.shape[-1])
        self._x = x if train else None
        out: Floats = self.weight.value @ x
        out += self.bias.value
        return out

    def backward(self, gradient: Floats) -> Floats:
        assert self._x is not None
        np.matmul(gradient, self._x.T, out=self.weight.gradient)
        np.sum(gradient, axis=1, keepdims=True, out=self.bias.gradient)
        return (self.weight.value.T @ gradient).reshape(self._shape)


class Conv:
    """Convolution (cross-correlation) with a square kernel, stride 1, no padding: (c, h, w, n) → (filters, h-k+1, w-k+1, n)."""

    def __init__(self, channels: int, filters: int, kernel: int, rng: np.random.Generator, first: bool = False) -> None:
        """The `first` layer of a network need not say how its input should change."""
        fan_in = channels * kernel * kernel
        self.first = first
        self.kernel = kernel
        self.weight = Parameter(he_normal(rng, (filters, fan_in), fan_in))
        self.bias = Parameter(np.zeros((filters, 1), np.float32), decay=False)
        self.parameters: tuple[Parameter, ...] = (self.weight, self.bias)
        self._columns: Floats = np.empty(0, np.float32)
        self._shape: Shape = ()

    def forward(self, x: Floats, train: bool) -> Floats:
        self._shape = x.shape
        columns = self._im2col(x)
        out: Floats = self.weight.value @ columns
        out += self.bias.value
        height, width = x.shape[1] - self.kernel + 1, x.shape[2] - self.kernel + 1
        return out.reshape(-1, height, width, x.shape[3])

    def backward(self, gradient: Floats) -> Floats:
        flat = gradient.reshape(gradient.shape[0], -1)
        np.matmul(flat, self._columns.T, out=self.weight.gradient)
        np.sum(flat, axis=1, keepdims=True, out=self.bias.gradient)
        return gradient if self.first else self._col2im(self.weight.value.T @ flat)

    def _im2col(self, x: Floats) -> Floats:
        """(c, h, w, n) → (c·k·k, h'·w'·n), in a buffer that is used again for the next batch of the same size."""
        channels, height, width, n = x.shape
        k, h, w = self.kernel, height - self.kernel + 1, width - self.kernel + 1
        shape = (channels * k * k, h * w * n)
        if self._columns.shape != shape:
            self._columns = np.empty(shape, np.float32)
        view = self._columns.reshape(channels, k, k, h, w, n)
        for i in range(k):
            for j in range(k):
                view[:, i, j] = x[:, i : i + h, j : j + w]
        return self._columns

    def _col2im(self, columns: Floats) -> Floats:
        channels, height, width, n = self._shape
        k, h, w = self.kernel, height - self.kernel + 1, width - self.kernel + 1
        view = columns.reshape(channels, k, k, h, w, n)
        out = np.zeros(self._shape, np.float32)
        for i in range(k):
            for j in range(k):
                out[:, i : i + h, j : j + w] += view[:, i, j]
        return out


class MaxPool:
    """The largest of each 2×2 block; an odd last row or column is left out."""

    parameters: tuple[Parameter, ...] = ()

    def __init__(self) -> None:
        self._x: Floats | None = None
        self._out: Floats | None = None

    def forward(self, x: Floats, train: bool) -> Floats:
        a, b, c, d = self._blocks(x)
        out: Floats = np.maximum(np.maximum(a, b), np.maximum(c, d))
        self._x, self._out = (x, out) if train else (None, None)
        return out

    def backward(self, gradient: Floats) -> Floats:
        assert self._x is not None
        assert self._out is not None
        result = np.zeros_like(self._x)
        free = np.ones(self._out.shape, bool)  # a tie gives the gradient to the first of the block only
        for source, target in zip(self._blocks(self._x), self._blocks(result), strict=True):
            chosen = (source == self._out) & free
            np.multiply(gradient, chosen, out=target)
            free &= ~chosen
        return result

    @staticmethod
    def _blocks(x: Floats) -> tuple[Floats, Floats, Floats, Floats]:
        h, w = x.shape[1] // 2 * 2, x.shape[2] // 2 * 2
        return x[:, 0:h:2, 0:w:2], x[:, 0:h:2, 1:w:2], x[:, 1:h:2, 0:w:2], x[:, 1:h:2, 1:w:2]


class Relu:
    """max(0, x)."""

    parameters: tuple[Parameter, ...] = ()

    def __init__(self) -> None:
        self._positive: NDArray[np.bool_] | None = None

    def forward(self, x: Floats, train: bool) -> Floats:
        self._positive = x > 0 if train else None
        return np.maximum(x, 0)

    def backward(self, gradient: Floats) -> Floats:
        assert self._positive is not None
        return gradient * self._positive


class Dropout:
    """Zeroes a share of the activations while training and scales the rest up (Srivastava et al. 2014)."""

    parameters: tuple[Parameter, ...] = ()

    def __init__(self, share: float, rng: np.random.Generator) -> None:
        self.share = share
        self._rng = rng
        self._mask: Floats | None = None

    def reseed(self, rng: np.random.Generator) -> None:
        """Draws from `rng` from now on."""
        self._rng = rng

    def forward(self, x: Floats, train: bool) -> Floats:
        if not train:
            return x
        kept = self._rng.random(x.shape, np.float32) >= self.share
        self._mask = (kept / np.float32(1 - self.share)).astype(np.float32)
        return x * self._mask

    def backward(self, gradient: Floats) -> Floats:
        assert self._mask is not None
        return gradient * self._mask
