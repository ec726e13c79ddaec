"""Candidate characters → what the network of single characters says of each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pipeline.ann import Model
from pipeline.records import Floats, Lattice


def score_segments(lattices: Sequence[Lattice], model: Model) -> tuple[Floats, ...]:
    """For each lattice (segments, labels): probabilities of the model's labels. All go through the network together."""
    glyphs = [s.glyph for lattice in lattices for s in lattice.segments]
    images = np.stack(glyphs) if glyphs else np.zeros((0, *model.network.size), np.uint8)
    bounds = np.cumsum([len(lattice.segments) for lattice in lattices])
    return tuple(np.split(model.network.probabilities(images), bounds[:-1])) if len(bounds) else ()
