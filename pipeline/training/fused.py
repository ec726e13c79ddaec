"""One hidden sigmoid layer, softmax, squared error, plain gradient descent: the training step written out by hand, for speed.

`pipeline.ann` can train the same network layer by layer; here all layers are one function that allocates nothing. What makes it
fast changes no result beyond the last bits of a float:

- Every example has a pixel more that is always 1, and its weights are the hidden biases; a hidden unit that is always on does
  the same for the output biases. So the biases cost no calls of their own.
- The hidden layer is widened with units that are always off to a multiple of 16, the width of the matrix product's kernels.
  The slopes of units that are always on or off are exactly 0 in float32: they never learn.
- The pixels are in the order of how many training images have ink there. The products of a batch end at its last pixel with
  ink: for the rest, what is added to the sums and to the weights is exactly 0. Of MNIST's 784 pixels, 571 are left on average.
- The images stay bytes; a few batches at a time are gathered and made floats while they fit into the processor's cache.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.records import Floats, Image

_KERNEL = 16
#: Batches that are gathered together: with 20 examples of 784 pixels, 0.6 MB.
_AHEAD = 10
#: What a unit that is always on gets, and with a minus one that is off: tanh of half of it is 1 to the last bit.
_ALWAYS = 1e4
_BYTE = np.float32(1 / 255)
_HALF = np.float32(0.5)
_ONE = np.float32(1)


class FusedNetwork:
    """A network of pixels → hidden units → classes, and the images that it is trained on.

    A step goes against the gradient of ½ Σ (p - y)² over the outputs and examples of the batch: p is the softmax, y is one-hot.
    With `diagonal` the softmax is differentiated as if each output came from its own logit alone, a widespread mistake.
    """

    def __init__(
        self,
        weights: Sequence[Floats],
        images: Image,
        labels: NDArray[np.int64],
        batch: int,
        diagonal: bool = False,
    ) -> None:
        """`weights` as the layers of `pipeline.ann` hold them: (hidden, pixels), (hidden, 1), (classes, hidden), (classes, 1).

        `images` are uint8 (n, height, width), `labels` (n,), `batch` is the number of examples of a step.
        """
        weight, bias, out_weight, out_bias = weights
        self.batch = batch
        self._units, pixels = weight.shape
        classes = len(out_weight)
        inked = np.count_nonzero(images.reshape(len(images), pixels), axis=0)
        self._order = np.argsort(-inked, kind="stable")

        wide = (self._units // _KERNEL + 1) * _KERNEL
        self._hidden = np.zeros((1 + pixels, wide), np.float32)  # transposed, biases first
        self._hidden[0] = -_ALWAYS
        self._hidden[0, self._units] = _ALWAYS
        self._hidden[0, : self._units] = bias[:, 0]
        self._hidden[1:, : self._units] = weight.T[self._order]
        self._out = np.zeros((wide, classes), np.float32)
        self._out[: self._units] = out_weight.T
        self._out[self._units] = out_bias[:, 0]

        self._rows = self.rows(images)
        self._used = _used(self._rows)
        self._targets = np.eye(classes, dtype=np.float32)[labels]
        self._buffers = _Buffers(batch, pixels, wide, classes)
        # what puts Σ e p everywhere in the row, or leaves each e p where it is
        self._mixed = np.eye(classes, dtype=np.float32) if diagonal else self._buffers.ones

    def arrays(self) -> list[Floats]:
        """The weights, as they were given to the constructor."""
        weight = np.empty((self._units, len(self._order)), np.float32)
        weight[:, self._order] = self._hidden[1:, : self._units].T
        parts = weight, self._hidden[:1, : self._units].T, self._out[: self._units].T, self._out[self._units, :, np.newaxis]
        return [np.ascontiguousarray(part) for part in parts]

    def epoch(self, order: NDArray[np.int64], rate: float) -> float:
        """A step for each batch of the training images, in this order; returns the mean loss of an example before its step.

        Examples over a whole number of batches are left out.
        """
        order = order[: len(order) // self.batch * self.batch]
        used: list[int] = self._used[order].reshape(-1, self.batch).max(axis=1).tolist()
        b = self._buffers
        loss = 0.0
        for start in range(0, len(order), len(b.rows)):
            part = order[start : start + len(b.rows)]
            n = len(part)
            np.take(self._rows, part, axis=0, out=b.rows[:n], mode="clip")  # clip: the other modes gather into a copy first
            np.multiply(b.rows[:n], _BYTE, out=b.x[:n])
            np.take(self._targets, part, axis=0, out=b.y[:n], mode="clip")
            first = start // self.batch
            self._steps(used[first : first + _AHEAD], np.float32(rate))
            np.subtract(b.p[:n], b.y[:n], out=b.y[:n])
            loss += 0.5 * float(np.vdot(b.y[:n], b.y[:n]))
        return loss / max(1, len(order))

    def multiplications(self, order: NDArray[np.int64]) -> int:
        """How many numbers an epoch in this order multiplies in its matrix products, idle units included."""
        used: NDArray[np.int64] = self._used[order].reshape(-1, self.batch).max(axis=1)
        wide, outputs = len(self._out), self._out.size
        return self.batch * (2 * int(used.sum()) * wide + 3 * outputs * len(used))

    def rows(self, images: Image) -> Image:
        """Images of any set as `accuracy` wants them: one a row, the pixel that is always on first."""
        flat = images.reshape(len(images), -1)
        rows = np.full((len(flat), 1 + flat.shape[1]), 255, np.uint8)
        np.take(flat, self._order, axis=1, out=rows[:, 1:], mode="clip")
        return rows

    def accuracy(self, rows: Image | None, labels: NDArray[np.int64]) -> float:
        """Share of the images (without any, the training images) whose most probable class is the right one."""
        rows = self._rows if rows is None else rows
        right, size = 0, self.batch * _AHEAD
        for start in range(0, len(rows), size):
            hidden = (rows[start : start + size] * _BYTE) @ self._hidden
            np.tanh(hidden * _HALF, out=hidden)
            logits = (hidden * _HALF + _HALF) @ self._out
            right += int(np.count_nonzero(logits.argmax(axis=1) == labels[start : start + size]))
        return right / len(rows)

    def _steps(self, used: list[int], rate: np.float32) -> None:
        """A step for each gathered batch, of which the first `used` inputs are not all zero."""
        b, hidden, out = self._buffers, self._hidden, self._out
        h, slope, delta, p_delta, sums, top = b.h, b.slope, b.delta, b.p_delta, b.sums, b.top
        for n, x, y, p in zip(used, b.x_batches, b.y_batches, b.p_batches, strict=False):
            x, weight, change = x[:, :n], hidden[:n], b.hidden_change[:n]
            # h = sigmoid(x W) = ½ tanh(½ x W) + ½, which can't overflow
            np.matmul(x, weight, out=h)
            np.multiply(h, _HALF, out=h)
            np.tanh(h, out=h)
            np.multiply(h, _HALF, out=h)
            np.add(h, _HALF, out=h)
            # p = softmax(h V); a product with ones puts the sum of a row everywhere in the row
            np.matmul(h, out, out=p)
            np.maximum.reduce(p, axis=1, out=top, keepdims=True)
            np.subtract(p, top, out=p)
            np.exp(p, out=p)
            np.matmul(p, b.ones, out=sums)
            np.divide(p, sums, out=p)
            # the gradient by the logits: p (e - Σ e p) with e = p - y
            np.subtract(p, y, out=p_delta)
            np.multiply(p_delta, p, out=sums)
            np.matmul(sums, self._mixed, out=b.weighted)
            np.subtract(p_delta, b.weighted, out=p_delta)
            np.multiply(p_delta, p, out=p_delta)
            np.multiply(p_delta, rate, out=p_delta)
            # by the hidden sums: (that Vᵀ) h (1 - h)
            np.matmul(p_delta, out.T, out=delta)
            np.subtract(_ONE, h, out=slope)
            np.multiply(slope, h, out=slope)
            np.multiply(delta, slope, out=delta)

            np.matmul(h.T, p_delta, out=b.out_change)
            np.subtract(out, b.out_change, out=out)
            np.matmul(x.T, delta, out=change)
            np.subtract(weight, change, out=weight)


class _Buffers:
    """All that a step writes to, made once."""

    def __init__(self, batch: int, pixels: int, wide: int, classes: int) -> None:
        ahead = batch * _AHEAD
        self.rows = np.empty((ahead, 1 + pixels), np.uint8)
        self.x = np.empty((ahead, 1 + pixels), np.float32)
        self.y = np.empty((ahead, classes), np.float32)
        self.p = np.empty((ahead, classes), np.float32)
        self.x_batches, self.y_batches, self.p_batches = (np.split(array, _AHEAD) for array in (self.x, self.y, self.p))
        self.h, self.slope, self.delta = (np.empty((batch, wide), np.float32) for _ in range(3))
        self.p_delta, self.sums, self.weighted = (np.empty((batch, classes), np.float32) for _ in range(3))
        self.top = np.empty((batch, 1), np.float32)
        self.ones = np.ones((classes, classes), np.float32)
        self.hidden_change = np.empty((1 + pixels, wide), np.float32)
        self.out_change = np.empty((wide, classes), np.float32)


def _used(rows: Image) -> NDArray[np.int64]:
    """Of each row, how many inputs there are up to the last that is not zero."""
    used = np.empty(len(rows), np.int64)
    for start in range(0, len(rows), 1000):  # not the whole set as truth values at once
        used[start : start + 1000] = rows.shape[1] - (rows[start : start + 1000, ::-1] > 0).argmax(axis=1)
    return used
