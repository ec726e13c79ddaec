"""Optimisers: move parameters against their gradients."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.ann.layers import Parameter

Floats = NDArray[np.float32]


class Adam:
    """Adam with decoupled weight decay (Kingma & Ba 2015; Loshchilov & Hutter 2019)."""

    def __init__(self, parameters: Sequence[Parameter], decay: float = 0.0, betas: tuple[float, float] = (0.9, 0.999)) -> None:
        self.parameters = parameters
        self.decay = decay
        self.betas = betas
        self.steps = 0
        self.means: list[Floats] = [np.zeros_like(p.value) for p in parameters]
        self.squares: list[Floats] = [np.zeros_like(p.value) for p in parameters]
        self._spare: list[Floats] = [np.empty_like(p.value) for p in parameters]

    def step(self, rate: float) -> None:
        """One update with learning rate `rate`."""
        self.steps += 1
        b1, b2 = self.betas
        scale = rate * math.sqrt(1 - b2**self.steps) / (1 - b1**self.steps)
        for p, mean, square, spare in zip(self.parameters, self.means, self.squares, self._spare, strict=True):
            mean *= b1
            mean += np.multiply(p.gradient, 1 - b1, out=spare)
            square *= b2
            np.multiply(p.gradient, p.gradient, out=spare)
            spare *= 1 - b2
            square += spare
            if p.decay and self.decay:
                p.value *= 1 - rate * self.decay
            np.sqrt(square, out=spare)
            spare += 1e-8
            np.divide(mean, spare, out=spare)
            spare *= scale
            p.value -= spare


class Average:
    """An exponential moving average of the parameters, which generalises better than the last step (Polyak & Juditsky 1992)."""

    def __init__(self, parameters: Sequence[Parameter], share: float = 0.999) -> None:
        self.parameters = parameters
        self.share = share
        self.steps = 0
        self.values: list[Floats] = [p.value.copy() for p in parameters]
        self._spare: list[Floats] = [np.empty_like(p.value) for p in parameters]

    def step(self) -> None:
        """Take the present values in. Early on the average follows faster, so that it forgets the random start."""
        self.steps += 1
        share = min(self.share, self.steps / (self.steps + 10))
        for p, value, spare in zip(self.parameters, self.values, self._spare, strict=True):
            value *= share
            value += np.multiply(p.value, 1 - share, out=spare)
