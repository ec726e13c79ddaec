"""The same network in PyTorch, an optional test dependency: used by the test that compares and by the bench that races."""

from __future__ import annotations

import importlib
import math
from typing import Any

from pipeline.ann import Network


def torch_twin(network: Network) -> Any:  # noqa: ANN401 - untyped: the type checker need not have PyTorch
    """A torch.nn.Sequential with the network's layers, weights and measured norms, in training mode. Raises ImportError."""
    torch: Any = importlib.import_module("torch")
    layers: list[Any] = []
    shape: tuple[int, ...] = (1, *network.size)
    for spec in network.architecture:
        match spec:
            case ("conv", int(filters), int(kernel), int(pad)):
                layers.append(torch.nn.Conv2d(shape[0], filters, kernel, padding=pad, bias=False))
                shape = (filters, *(side + 2 * pad - kernel + 1 for side in shape[1:]))
            case ("pool",):
                layers.append(torch.nn.MaxPool2d(2))
                shape = (shape[0], *(side // 2 for side in shape[1:]))
            case ("norm",):
                layers.append(torch.nn.BatchNorm2d(shape[0]))
            case ("dropout", float(share)):
                layers.append(torch.nn.Dropout(share))
            case ("dense", int(outputs)):
                layers += [torch.nn.Flatten(), torch.nn.Linear(math.prod(shape), outputs)]
                shape = (outputs,)
            case (name,):
                layers.append({"relu": torch.nn.ReLU, "sigmoid": torch.nn.Sigmoid}[str(name)]())
    twin = torch.nn.Sequential(*layers)
    with torch.no_grad():
        for its, mine in zip(twin.parameters(), network.parameters, strict=True):
            its.copy_(torch.from_numpy(mine.value.copy()).reshape(its.shape))
        norms = [layer for layer in twin if isinstance(layer, torch.nn.BatchNorm2d)]
        for its, mine_norm in zip(norms, network.norms(), strict=True):
            its.running_mean.copy_(torch.from_numpy(mine_norm.mean.ravel().copy()))
            its.running_var.copy_(torch.from_numpy(mine_norm.variance.ravel().copy()))
    return twin
