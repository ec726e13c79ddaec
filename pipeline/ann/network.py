"""A network: an architecture written as plain data, built into layers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.ann.layers import Conv, Dense, Dropout, Floats, Layer, MaxPool, Parameter, Relu, Shape
from pipeline.ann.losses import softmax

#: Plain data, so that it pickles: ("conv", filters, kernel), ("pool",), ("relu",), ("dense", outputs), ("dropout", share).
Architecture = tuple[tuple[str | int | float, ...], ...]

#: Examples that go through together at inference: large enough for the matrix product, small enough for the caches.
CHUNK = 64


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
        """(1, height, width, n) → logits (classes, n)."""
        for layer in self.layers:
            x = layer.forward(x, train)
        return x

    def backward(self, gradient: Floats) -> None:
        """From the gradient by the logits to the gradients of all parameters."""
        for layer in reversed(self.layers):
            gradient = layer.backward(gradient)

    def logits(self, images: NDArray[np.uint8]) -> Floats:
        """Images (n, height, width), white on black → (n, classes). Any n, flat memory."""
        outputs = [self.forward(as_input(images[i : i + CHUNK])).T for i in range(0, len(images), CHUNK)]
        return np.concatenate(outputs) if outputs else np.empty((0, self.classes), np.float32)

    def probabilities(self, images: NDArray[np.uint8], temperature: float = 1.0) -> Floats:
        """Softmax of the logits over `temperature` (Guo et al. 2017, On calibration): (n, classes)."""
        return softmax((self.logits(images) / np.float32(temperature)).T).T

    @property
    def classes(self) -> int:
        """Number of outputs."""
        return int(self.parameters[-1].value.shape[0])

    def reseed(self, seed: int) -> None:
        """Restarts the randomness of training, so that a run that goes on from a checkpoint equals one in a single go."""
        for i, layer in enumerate(self.layers):
            if isinstance(layer, Dropout):
                layer.reseed(np.random.default_rng((seed, i)))

    def arrays(self) -> list[Floats]:
        """Copies of the parameters."""
        return [p.value.copy() for p in self.parameters]

    def set_arrays(self, arrays: Sequence[Floats]) -> None:
        """Puts parameters in. Raises ValueError if number or shapes differ from the architecture's."""
        if len(arrays) != len(self.parameters):
            raise ValueError(f"{len(arrays)} arrays for {len(self.parameters)} parameters")
        for p, value in zip(self.parameters, arrays, strict=True):
            if p.value.shape != value.shape:
                raise ValueError(f"array of shape {value.shape} for a parameter of shape {p.value.shape}")
        for p, value in zip(self.parameters, arrays, strict=True):
            p.value[...] = value


def as_input(images: NDArray[np.uint8]) -> Floats:
    """uint8 (n, height, width) → float32 (1, height, width, n) from 0 to 1."""
    return np.ascontiguousarray(images.transpose(1, 2, 0)[np.newaxis], np.float32) / np.float32(255)


def parameter_shapes(architecture: Architecture, size: tuple[int, int] = (28, 28)) -> list[Shape]:
    """Shapes of the arrays that such a network trains, without making them. Raises ValueError as Network does."""
    shapes: list[Shape] = []
    for spec, shape in _with_inputs(architecture, size):
        match spec:
            case ("conv", int(filters), int(kernel)):
                shapes += [(filters, shape[0] * kernel * kernel), (filters, 1)]
            case ("dense", int(outputs)):
                shapes += [(outputs, math.prod(shape)), (outputs, 1)]
    return shapes


def _build(architecture: Architecture, size: tuple[int, int], rng: np.random.Generator) -> list[Layer]:
    layers: list[Layer] = []
    for spec, shape in _with_inputs(architecture, size):
        match spec:
            case ("conv", int(filters), int(kernel)):
                layers.append(Conv(shape[0], filters, kernel, rng, first=not layers))
            case ("pool",):
                layers.append(MaxPool())
            case ("relu",):
                layers.append(Relu())
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
    if len(shape) != 1:
        raise ValueError(f"the network ends in a shape of {shape}; its last layer must be dense")


def _output(spec: Sequence[str | int | float], shape: Shape) -> Shape:
    match spec:
        case ("conv", int(filters), int(kernel)) if len(shape) == 3 and filters > 0 and 0 < kernel <= min(shape[1:]):
            return (filters, shape[1] - kernel + 1, shape[2] - kernel + 1)
        case ("pool",) if len(shape) == 3 and min(shape[1:]) >= 2:
            return (shape[0], shape[1] // 2, shape[2] // 2)
        case ("dense", int(outputs)) if outputs > 0:
            return (outputs,)
        case ("relu",):
            return shape
        case ("dropout", int() | float() as share) if 0 <= share < 1:
            return shape
    raise ValueError(f"layer {spec!r} is unknown or does not fit an input of shape {shape}")
