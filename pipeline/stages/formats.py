"""What the other cells of a column say about one: their signs, decimals and lengths, as a prior for its own.

A column of whole marks makes a point in one of them unlikely, a column of money makes its absence so. Each cell's prior comes
from the others only, so nothing confirms itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from pipeline.stages.grammar import Way

#: What a cell that is unlike all others starts with, in cells.
_UNSEEN = 0.5
#: How many kinds of sign, decimals or length are thought possible.
_KINDS = 6


def with_column_prior(column: Sequence[list[Way]]) -> list[list[Way]]:
    """The ways of each cell of a column, best first, their scores changed by how usual their formats are in the other cells."""
    weights = [_weights(ways) for ways in column]
    counts = [Counter[int](), Counter[int](), Counter[int]()]
    for ways, weight in zip(column, weights, strict=True):
        _count(counts, ways, weight, 1)
    out = []
    for ways, weight in zip(column, weights, strict=True):
        _count(counts, ways, weight, -1)
        total = sum(counts[0].values())
        scored = []
        for way in ways:
            prior = sum(
                float(np.log((max(count[kind], 0.0) + _UNSEEN) / (total + _UNSEEN * _KINDS)))
                for count, kind in zip(counts, _format(way.text), strict=True)
            )
            scored.append(replace(way, prior=prior))
        out.append(sorted(scored, key=lambda w: (-w.score - w.prior, w.text)))
        _count(counts, ways, weight, 1)
    return out


def _format(text: str) -> tuple[int, int, int]:
    """Sign, decimals (-1 without a point), and digits before the point."""
    whole, point, part = text.lstrip("-").partition(".")
    return int(text.startswith("-")), len(part) if point else -1, len(whole)


def _weights(ways: list[Way]) -> list[float]:
    """How much each way of a cell counts: its probability as far as the ink tells, nothing if nothing fits the ink."""
    return [float(np.exp(way.score)) for way in ways] if ways else []


def _count(counts: list[Counter[int]], ways: list[Way], weights: list[float], sign: int) -> None:
    for way, weight in zip(ways, weights, strict=True):
        for count, kind in zip(counts, _format(way.text), strict=True):
            count[kind] += sign * weight  # type: ignore[assignment]
