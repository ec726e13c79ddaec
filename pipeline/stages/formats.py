"""What the other cells of a column say about one: their signs, decimals and lengths, as a prior for its own.

A column of whole marks makes a point in one of them unlikely, a column of money makes its absence so. Each cell's prior comes
from the others only, so nothing confirms itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from pipeline.stages.candidates import Candidate

#: What a cell that is unlike all others starts with, in cells.
_UNSEEN = 0.5
#: Other cells that make a column.
_ENOUGH = 1.0
#: How many kinds of sign, decimals or length are thought possible.
_KINDS = 6


def with_column_prior(column: Sequence[list[Candidate]]) -> list[list[Candidate]]:
    """The candidates of each cell of a column, best first, with how usual their formats are in the other cells as a prior.

    Where the others say next to nothing there is none: 0.
    """
    weights = [_weights(candidates) for candidates in column]
    counts = [Counter[int](), Counter[int](), Counter[int]()]
    for candidates, weight in zip(column, weights, strict=True):
        _count(counts, candidates, weight, 1)
    out = []
    for candidates, weight in zip(column, weights, strict=True):
        _count(counts, candidates, weight, -1)
        total = sum(counts[0].values())
        if total < _ENOUGH:
            out.append(candidates)
            _count(counts, candidates, weight, 1)
            continue
        scored = []
        for candidate in candidates:
            prior = sum(
                float(np.log((max(count[kind], 0.0) + _UNSEEN) / (total + _UNSEEN * _KINDS)))
                for count, kind in zip(counts, _format(candidate.text), strict=True)
            )
            scored.append(replace(candidate, prior=prior))
        out.append(sorted(scored, key=lambda c: (-c.likely - c.prior, c.text)))
        _count(counts, candidates, weight, 1)
    return out


def _format(text: str) -> tuple[int, int, int]:
    """Sign, decimals (-1 without a point), and digits before the point."""
    whole, point, part = text.lstrip("-").partition(".")
    return int(text.startswith("-")), len(part) if point else -1, len(whole)


def _weights(candidates: list[Candidate]) -> list[float]:
    """How much each candidate of a cell counts: its probability as far as the ink tells, nothing if nothing fits the ink."""
    return [float(np.exp(candidate.likely)) for candidate in candidates]


def _count(counts: list[Counter[int]], candidates: list[Candidate], weights: list[float], sign: int) -> None:
    for candidate, weight in zip(candidates, weights, strict=True):
        for count, kind in zip(counts, _format(candidate.text), strict=True):
            count[kind] += sign * weight  # type: ignore[assignment]
