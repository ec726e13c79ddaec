"""A network: an architecture written as plain data, built into layers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.ann.conv import Conv, MaxPool
from pipeline.ann.layers import Dense, Dropout, Floats, Layer, Norm, Parameter, Relu, Shape, Sigmoid
from pipeline.ann.losses import softmax

#: Plain data, so that it pickles: ("conv", filters, kernel, pad), ("pool",), ("pool", "rows"), ("norm",), ("relu",),
#: ("sigmoid",), ("dense", outputs), ("dropout", share). It ends in logits: dense, or images one pixel high.
Architecture = tuple[tuple[str | int | float, ...], ...]

#: Examples that go through together at inference: large enough for the matrix product, small enough for the caches.
CHUNK = 32


class Network:
    """Layers in sequence, from uint8 images (n, height, width) to logits."""

    def __init__(self, architecture: Architecture, size: tuple[int, int] = (28, 28), seed: int = 0) -> None:
        """Builds the layers with random weights. Raises ValueError for an unknown layer or a size that doesn't fit."""
        self.architecture = architecture
        self.size = size
        self.layers = _build(architecture, size, np.random.default_rng(seed))

    @property
    def parameters(self) -> list[Parameter]:
        """Every trained array, in the order of the layers."""
        return [p for layer in self.layers for p in layer.parameters]

    def forward(self, x: Floats, train: bool = False) -> Floats:
        """(1, height, width, n) → logits (classes, n), or (classes, 1, width, n) of a network that ends in images."""
        for layer in self.layers:
            x = layer.forward(x, train)
        return x

    def backward(self, gradient: Floats) -> None:
        """From the gradient by the logits to the gradients of all parameters."""
        for layer in reversed(self.layers):
            gradient = layer.backward(gradient)

    def logits(self, images: NDArray[np.uint8]) -> Floats:
        """Images (n, height, width), white on black → (n, classes). Any n, flat memory."""
        out = np.empty((len(images), self.classes), np.float32)
        for start in range(0, len(images), CHUNK):
            chunk = images[start : start + CHUNK]
            out[start : start + len(chunk)] = self.forward(as_input(chunk)).T
        return out

    def probabilities(self, images: NDArray[np.uint8]) -> Floats:
        """Softmax of the logits: (n, classes)."""
        return softmax(self.logits(images).T).T

    @property
    def classes(self) -> int:
        """Number of outputs."""
        return int(self.parameters[-1].value.shape[0])

    def reseed(self, seed: int) -> None:
        """Restarts the randomness of training, so that a run that goes on from a checkpoint equals one in a single go."""
        for i, layer in enumerate(self.layers):
            if isinstance(layer, Dropout):
                layer.reseed(np.random.default_rng((seed, i)))

    def replica(self) -> Network:
        """A network with the same weights, in the same memory, with gradients and buffers of its own: one for each thread."""
        twin = Network(self.architecture, self.size)
        for mine, its in zip(self.parameters, twin.parameters, strict=True):
            its.value[...] = mine.value
            its.value = mine.value
        return twin

    def arrays(self) -> list[Floats]:
        """Copies of all that reading needs: parameters, then what the norms have measured."""
        return [array.copy() for array in self._arrays()]

    def set_arrays(self, arrays: Sequence[Floats]) -> None:
        """Puts arrays in, in that order. Raises ValueError if number or shapes differ from the architecture's."""
        own = self._arrays()
        if len(arrays) != len(own):
            raise ValueError(f"{len(arrays)} arrays for a network that has {len(own)}")
        for mine, new in zip(own, arrays, strict=True):
            if mine.shape != new.shape:
                raise ValueError(f"array of shape {new.shape} for one of shape {mine.shape}")
        for mine, new in zip(own, arrays, strict=True):
            mine[...] = new

    def norms(self) -> list[Norm]:
        """The layers that normalise."""
        return [layer for layer in self.layers if isinstance(layer, Norm)]

    def _arrays(self) -> list[Floats]:
        measured = [array for norm in self.norms() for array in (norm.mean, norm.variance)]
        return [*(p.value for p in self.parameters), *measured]


def measure_norms(network: Network, images: NDArray[np.uint8], chunk: int = 32) -> None:
    """Fills in the mean and variance of every Norm from a pass over `images` (n, height, width) with the present weights.

    Averaged weights need that (Izmailov et al. 2018, Averaging weights leads to wider optima); it also takes the place of
    running averages, so that training has no hidden state.
    """
    means = [np.zeros_like(norm.mean, np.float64) for norm in network.norms()]
    squares = [mean.copy() for mean in means]
    starts = range(0, len(images) - chunk + 1, chunk)
    for start in starts:
        network.forward(as_input(images[start : start + chunk]), train=True)
        for norm, mean, square in zip(network.norms(), means, squares, strict=True):
            mean += norm.batch_mean / len(starts)
            square += (norm.batch_variance + norm.batch_mean.astype(np.float64) ** 2) / len(starts)
    for norm, mean, square in zip(network.norms(), means, squares, strict=True):
        norm.mean[...] = mean
        norm.variance[...] = square - mean**2


def as_input(images: NDArray[np.uint8]) -> Floats:
    """uint8 (n, height, width) → float32 (1, height, width, n) from 0 to 1."""
    return np.ascontiguousarray(images.transpose(1, 2, 0)[np.newaxis], np.float32) / np.float32(255)


def array_shapes(architecture: Architecture, size: tuple[int, int] = (28, 28)) -> list[Shape]:
    """Shapes of the arrays of such a network, without making them. Raises ValueError as Network does."""
    shapes: list[Shape] = []
    measured: list[Shape] = []
    for spec, shape in _with_inputs(architecture, size):
        match spec:
            case ("conv", int(filters), int(kernel), int()):
                shapes.append((filters, shape[0] * kernel * kernel))
            case ("dense", int(outputs)):
                shapes += [(outputs, math.prod(shape)), (outputs, 1)]
            case ("norm",):
                shapes += [(shape[0], 1)] * 2
                measured += [(shape[0], 1)] * 2
    return shapes + measured


def multiplications(architecture: Architecture, size: tuple[int, int] = (28, 28)) -> int:
    """Multiply-adds of one image's forward pass, those of convolutions and dense layers."""
    total = 0
    for spec, shape in _with_inputs(architecture, size):
        match spec:
            case ("conv", int(filters), int(kernel), int()):
                total += filters * shape[0] * kernel * kernel * math.prod(_output(spec, shape)[1:])
            case ("dense", int(outputs)):
                total += outputs * math.prod(shape)
    return total


def _build(architecture: Architecture, size: tuple[int, int], rng: np.random.Generator) -> list[Layer]:
    layers: list[Layer] = []
    for spec, shape in _with_inputs(architecture, size):
        match spec:
            case ("conv", int(filters), int(kernel), int(pad)):
                layers.append(Conv(shape[0], filters, kernel, rng, pad, first=not layers))
            case ("pool",):
                layers.append(MaxPool())
            case ("pool", "rows"):
                layers.append(MaxPool(width=1))
            case ("norm",):
                layers.append(Norm(shape[0]))
            case ("relu",):
                layers.append(Relu())
            case ("sigmoid",):
                layers.append(Sigmoid())
            case ("dense", int(outputs)):
                layers.append(Dense(math.prod(shape), outputs, rng))
            case ("dropout", int() | float() as share):
                layers.append(Dropout(float(share), rng))
    return layers


def _with_inputs(architecture: Architecture, size: tuple[int, int]) -> Iterator[tuple[Sequence[str | int | float], Shape]]:
    """Every layer with the shape of its input."""
    shape: Shape = (1, *size)
    for spec in architecture:
        output = _output(spec, shape)
        yield spec, shape
        shape = output
    if len(shape) != 1 and (len(architecture) == 0 or shape[1] != 1):
        raise ValueError(f"the network ends in a shape of {shape}; its last layer must be dense, or its images one pixel high")


def _output(spec: Sequence[str | int | float], shape: Shape) -> Shape:
    match spec:
        case ("conv", int(filters), int(kernel), int(pad)) if len(shape) == 3 and filters > 0 and 0 <= pad < kernel:
            if kernel <= min(shape[1:]) + 2 * pad:
                return (filters, *(side + 2 * pad - kernel + 1 for side in shape[1:]))
        case ("pool",) if len(shape) == 3 and min(shape[1:]) >= 2:
            return (shape[0], shape[1] // 2, shape[2] // 2)
        case ("pool", "rows") if len(shape) == 3 and shape[1] >= 2:
            return (shape[0], shape[1] // 2, shape[2])
        case ("dense", int(outputs)) if outputs > 0:
            return (outputs,)
        case ("relu",) | ("sigmoid",) | ("norm",):
            return shape
        case ("dropout", int() | float() as share) if 0 <= share < 1:
            return shape
    raise ValueError(f"layer {spec!r} is unknown or does not fit an input of shape {shape}")
