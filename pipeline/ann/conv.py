"""Layers that look at images: convolution by im2col, a strip of rows at a time, and pooling."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from pipeline.ann.layers import Buffer, Floats, Parameter, Shape, he_normal

#: Floats of im2col's columns that are made at a time: what a core's own cache holds, so that the product finds them there.
STRIP = 200_000


class Conv:
    """Convolution (cross-correlation) with a square kernel and stride 1: (c, h, w, n) → (filters, h+2p-k+1, w+2p-k+1, n).

    `pad` (p) rows and columns of zeros are put around the image. There is no bias: a Norm, which has one, comes after.
    """

    def __init__(
        self, channels: int, filters: int, kernel: int, rng: np.random.Generator, pad: int = 0, first: bool = False
    ) -> None:
        """The `first` layer of a network need not say how its input should change."""
        fan_in = channels * kernel * kernel
        self.kernel, self.pad, self.first = kernel, pad, first
        self.weight = Parameter(he_normal(rng, (filters, fan_in), fan_in))
        self.parameters: tuple[Parameter, ...] = (self.weight,)
        self._padded, self._out, self._columns, self._back = (Buffer() for _ in range(4))
        self._total, self._part = Buffer(), Buffer()
        self._x: Floats = np.empty(0, np.float32)

    def forward(self, x: Floats, train: bool) -> Floats:
        x = self._x = self._with_border(x)
        height, width = x.shape[1] - self.kernel + 1, x.shape[2] - self.kernel + 1
        out = self._out.of(len(self.weight.value), height * width * x.shape[3])
        for rows, span in self._strips(x.shape):
            np.matmul(self.weight.value, self._im2col(x, rows), out=out[:, span])
        return out.reshape(-1, height, width, x.shape[3])

    def backward(self, gradient: Floats) -> Floats:
        x = self._x
        flat = gradient.reshape(len(gradient), -1)
        back = self._back.of(*x.shape)
        back[...] = 0
        total, part = self._total.of(*self.weight.value.T.shape), self._part.of(*self.weight.value.T.shape)
        total[...] = 0
        for rows, span in self._strips(x.shape):
            strip = flat[:, span]
            columns = self._im2col(x, rows)  # made again: that is faster than to fetch all of them from memory
            total += np.matmul(columns, strip.T, out=part)  # a quarter faster than its transpose in OpenBLAS
            if not self.first:
                self._col2im(np.matmul(self.weight.value.T, strip, out=columns), back, rows)
        self.weight.gradient[...] = total.T
        edge = self.pad
        return back[:, edge : x.shape[1] - edge, edge : x.shape[2] - edge]

    def _with_border(self, x: Floats) -> Floats:
        if not self.pad:
            return x
        channels, height, width, n = x.shape
        padded = self._padded.of(channels, height + 2 * self.pad, width + 2 * self.pad, n)  # new buffers are all zeros
        padded[:, self.pad : self.pad + height, self.pad : self.pad + width] = x
        return padded

    def _strips(self, shape: Shape) -> Iterator[tuple[range, slice]]:
        """Output rows that go together, and where they lie in the flattened output."""
        channels, height, width, n = shape
        h, row = height - self.kernel + 1, (width - self.kernel + 1) * n
        step = max(1, STRIP // (channels * self.kernel * self.kernel * row))
        for top in range(0, h, step):
            bottom = min(h, top + step)
            yield range(top, bottom), slice(top * row, bottom * row)

    def _view(self, columns: Floats, shape: Shape, rows: range) -> Floats:
        k = self.kernel
        return columns.reshape(shape[0], k, k, len(rows), shape[2] - k + 1, shape[3])

    def _im2col(self, x: Floats, rows: range) -> Floats:
        """(c, h, w, n) → (c·k·k, len(rows)·w'·n): under every output pixel of these rows, what the kernel sees there."""
        k, width = self.kernel, x.shape[2] - self.kernel + 1
        columns = self._columns.of(x.shape[0] * k * k, len(rows) * width * x.shape[3])
        view = self._view(columns, x.shape, rows)
        for i in range(k):
            for j in range(k):
                view[:, i, j] = x[:, rows.start + i : rows.stop + i, j : j + width]
        return columns

    def _col2im(self, columns: Floats, out: Floats, rows: range) -> None:
        """Adds up what the columns of these rows say of each input pixel."""
        k, width = self.kernel, out.shape[2] - self.kernel + 1
        view = self._view(columns, out.shape, rows)
        for i in range(k):
            for j in range(k):
                out[:, rows.start + i : rows.stop + i, j : j + width] += view[:, i, j]


class MaxPool:
    """The largest of each 2×2 block, or of two pixels one above the other; an odd last row or column is left out."""

    parameters: tuple[Parameter, ...] = ()

    def __init__(self, width: int = 2) -> None:
        """Blocks are `width` wide: 2 or 1."""
        self._halvings = [*([_Halving(axis=2)] if width == 2 else []), _Halving(axis=1)]

    def forward(self, x: Floats, train: bool) -> Floats:
        for halving in self._halvings:
            x = halving.forward(x, train)
        return x

    def backward(self, gradient: Floats) -> Floats:
        for halving in reversed(self._halvings):
            gradient = halving.backward(gradient)
        return gradient


class _Halving:
    """The larger of every two neighbours along an axis of (channels, height, width, n). Of equals the first has it all."""

    def __init__(self, axis: int) -> None:
        self._axis = axis
        self._out, self._back = Buffer(), Buffer()
        self._first_chosen: NDArray[np.bool_] = np.empty(0, np.bool_)
        self._shape: Shape = ()

    def forward(self, x: Floats, train: bool) -> Floats:
        self._shape = x.shape
        first, second = self._pairs(x)
        if train:
            self._first_chosen = first >= second
        return np.maximum(first, second, out=self._out.of(*first.shape))

    def backward(self, gradient: Floats) -> Floats:
        back = self._back.of(*self._shape)
        first, second = self._pairs(back)
        np.multiply(gradient, self._first_chosen, out=first)
        np.subtract(gradient, first, out=second)
        return back

    def _pairs(self, x: Floats) -> tuple[Floats, Floats]:
        size = x.shape[self._axis] // 2 * 2
        if self._axis == 1:
            return x[:, 0:size:2], x[:, 1:size:2]
        return x[:, :, 0:size:2], x[:, :, 1:size:2]
