"""One step of learning: a batch, forward and backward, on both cores of a small machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from pipeline.ann import Network
from pipeline.ann.network import as_input, measure_norms
from pipeline.ann.optimisers import Average
from pipeline.records import Floats, Image

#: Each batch is learned from in so many parts at a time, by a thread each. Part of every recipe: it decides what comes out.
PARTS = 2

#: From logits to the mean loss and its gradient by the logits.
Loss = Callable[[Floats], tuple[float, Floats]]


class Learner:
    """Gradients of a batch in equal parts, each in a thread of its own with a replica of the network.

    The parts and the order in which their gradients are added are always the same, so that the seed decides all.
    """

    def __init__(self, network: Network, threads: ThreadPoolExecutor) -> None:
        self.network = network
        self._replicas = [network, *(network.replica() for _ in range(PARTS - 1))]
        self._threads = threads

    def reseed(self, seed: int) -> None:
        """Restarts the randomness of the replicas, each its own."""
        for number, replica in enumerate(self._replicas):
            replica.reseed(seed * PARTS + number)

    def learn(self, parts: Sequence[tuple[Image, Loss]]) -> float:
        """Images (n, h, w) of each part, and its loss: leaves the mean gradient in the network, returns the mean loss."""
        losses = list(self._threads.map(_gradients, self._replicas, parts))
        for parameters in zip(*(replica.parameters for replica in self._replicas), strict=True):
            for other in parameters[1:]:
                parameters[0].gradient += other.gradient
            parameters[0].gradient /= PARTS
        return sum(losses) / PARTS


def settle(network: Network, average: Average, images: Image) -> None:
    """Gives the network the averaged weights, and norms that belong to them, measured on these images."""
    for parameter, value in zip(network.parameters, average.values, strict=True):
        parameter.value[...] = value
    measure_norms(network, images)


def _gradients(replica: Network, part: tuple[Image, Loss]) -> float:
    images, loss_of = part
    loss, gradient = loss_of(replica.forward(as_input(images), train=True))
    replica.backward(gradient)
    return loss
