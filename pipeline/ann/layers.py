"""Layers: forward keeps what backward needs, backward fills the gradients of the parameters and returns that of the input.

Activations are float32 with the examples on the last axis: (features, n) or (channels, height, width, n), so that whatever is
copied or compared is contiguous in memory.

Every layer writes into buffers of its own that it uses again for the next batch of the same size. What forward or backward
returns is good until that layer's next call, and the neighbour it is handed to may change it: a layer keeps a copy of what it
still needs, and a caller copies what it wants to keep.
"""

from __future__ import annotations

import math
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


class Buffer:
    """Memory that is used again, for whatever shape fits into it."""

    __slots__ = ("_flat", "_shape")

    def __init__(self) -> None:
        self._flat: Floats = np.empty(0, np.float32)
        self._shape: Shape = ()

    def of(self, *shape: int) -> Floats:
        """An array of this shape. It holds what it held last time if it had this shape then, else zeros."""
        size = math.prod(shape)
        if self._flat.size < size:
            self._flat = np.zeros(size, np.float32)
        elif self._shape != shape:
            self._flat[:size] = 0
        self._shape = shape
        return self._flat[:size].reshape(shape)


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
        self._out, self._back = Buffer(), Buffer()
        self._x: Floats | None = None
        self._shape: Shape = ()

    def forward(self, x: Floats, train: bool) -> Floats:
        self._shape = x.shape
        x = x.reshape(-1, x.shape[-1])
        self._x = x if train else None
        out = self._out.of(self.bias.value.size, x.shape[1])
        np.matmul(self.weight.value, x, out=out)
        out += self.bias.value
        return out

    def backward(self, gradient: Floats) -> Floats:
        assert self._x is not None
        np.matmul(gradient, self._x.T, out=self.weight.gradient)
        np.sum(gradient, axis=1, keepdims=True, out=self.bias.gradient)
        back = np.matmul(self.weight.value.T, gradient, out=self._back.of(*self._x.shape))
        return back.reshape(self._shape)


class Norm:
    """Batch normalisation of every channel or feature (Ioffe & Szegedy 2015), then a trained scale and shift.

    In training, mean and variance are those of the batch at hand. Reading uses `mean` and `variance`, which no pass changes:
    `measure_norms` in network.py fills them once the weights are what they are to be.
    """

    EPSILON = np.float32(1e-5)

    def __init__(self, channels: int) -> None:
        self.scale = Parameter(np.ones((channels, 1), np.float32), decay=False)
        self.shift = Parameter(np.zeros((channels, 1), np.float32), decay=False)
        self.parameters: tuple[Parameter, ...] = (self.scale, self.shift)
        self.mean = np.zeros((channels, 1), np.float32)
        self.variance = np.ones((channels, 1), np.float32)
        self.batch_mean, self.batch_variance = self.mean.copy(), self.variance.copy()
        self._normal, self._out = Buffer(), Buffer()
        self._inverse: Floats = np.empty(0, np.float32)

    def forward(self, x: Floats, train: bool) -> Floats:
        flat = x.reshape(len(x), -1)
        out = self._out.of(*flat.shape)
        if train:
            normal = self._normal.of(*flat.shape)
            np.mean(flat, axis=1, keepdims=True, out=self.batch_mean)
            np.subtract(flat, self.batch_mean, out=normal)
            self.batch_variance = np.einsum("ij,ij->i", normal, normal)[:, np.newaxis] / np.float32(flat.shape[1])
            self._inverse = 1 / np.sqrt(self.batch_variance + self.EPSILON)
            normal *= self._inverse
            np.multiply(normal, self.scale.value, out=out)
            out += self.shift.value
        else:
            factor = self.scale.value / np.sqrt(self.variance + self.EPSILON)
            np.multiply(flat, factor, out=out)
            out += self.shift.value - factor * self.mean
        return out.reshape(x.shape)

    def backward(self, gradient: Floats) -> Floats:
        flat = gradient.reshape(len(gradient), -1)
        normal = self._normal.of(*flat.shape)
        np.sum(flat, axis=1, keepdims=True, out=self.shift.gradient)
        self.scale.gradient[:, 0] = np.einsum("ij,ij->i", flat, normal)
        # the batch's mean and variance depend on the input too: what they would cancel is taken away first
        count = np.float32(flat.shape[1])
        normal *= self.scale.gradient / count
        flat -= normal
        flat -= self.shift.gradient / count
        flat *= self.scale.value * self._inverse
        return flat.reshape(gradient.shape)


class Relu:
    """max(0, x), in place."""

    parameters: tuple[Parameter, ...] = ()

    def __init__(self) -> None:
        self._positive: NDArray[np.bool_] = np.empty(0, np.bool_)

    def forward(self, x: Floats, train: bool) -> Floats:
        if train:
            self._positive = x > 0
        return np.maximum(x, 0, out=x)

    def backward(self, gradient: Floats) -> Floats:
        return np.multiply(gradient, self._positive, out=gradient)


class Sigmoid:
    """1 / (1 + exp(-x)), in place."""

    parameters: tuple[Parameter, ...] = ()

    def __init__(self) -> None:
        self._slope: Floats = np.empty(0, np.float32)

    def forward(self, x: Floats, train: bool) -> Floats:
        # by way of tanh, which can't overflow
        x *= np.float32(0.5)
        np.tanh(x, out=x)
        x += 1
        x *= np.float32(0.5)
        if train:
            self._slope = x * (1 - x)
        return x

    def backward(self, gradient: Floats) -> Floats:
        return np.multiply(gradient, self._slope, out=gradient)


class Dropout:
    """Zeroes a share of the activations while training and scales the rest up, in place (Srivastava et al. 2014)."""

    parameters: tuple[Parameter, ...] = ()

    def __init__(self, share: float, rng: np.random.Generator) -> None:
        self.share = share
        self._rng = rng
        self._mask: Floats = np.empty(0, np.float32)

    def reseed(self, rng: np.random.Generator) -> None:
        """Draws from `rng` from now on."""
        self._rng = rng

    def forward(self, x: Floats, train: bool) -> Floats:
        if not train:
            return x
        kept = self._rng.random(x.shape, np.float32) >= self.share
        self._mask = (kept / np.float32(1 - self.share)).astype(np.float32)
        return np.multiply(x, self._mask, out=x)

    def backward(self, gradient: Floats) -> Floats:
        return np.multiply(gradient, self._mask, out=gradient)
