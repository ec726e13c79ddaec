"""Lattices → scored lattices: all candidates of a page go through the network together."""

from __future__ import annotations

import cv2
import numpy as np

from pipeline.records import Image, ScoredPage, SegmentedPage
from pipeline.stages.kit import Kit


def recognise(page: SegmentedPage, kit: Kit) -> ScoredPage:
    """Gives every candidate segment the probability of each of the network's labels."""
    model = kit.model
    glyphs = [s.glyph for lattice in page.lattices for s in lattice.segments]
    images = np.stack(glyphs) if glyphs else np.zeros((0, *model.network.size), np.uint8)
    every = model.network.probabilities(images, model.calibration.get("temperature", 1.0))
    bounds = np.cumsum([len(lattice.segments) for lattice in page.lattices])
    return ScoredPage(page, model.labels, tuple(np.split(every, bounds[:-1])) if len(bounds) else ())


def draw_glyphs(page: ScoredPage) -> Image:
    """For --trace: what the network was shown, with its first choice below each."""
    tiles = []
    for lattice, scores in zip(page.segmented.lattices, page.probabilities, strict=True):
        for s, row in zip(lattice.segments, scores, strict=True):
            tile = np.zeros((44, 34), np.uint8)
            tile[2:30, 3:31] = s.glyph
            best = int(row.argmax())
            cv2.putText(tile, f"{page.labels[best]}{row[best]:.2f}"[:5], (0, 42), 0, 0.33, 255, 1, cv2.LINE_AA)
            tiles.append(tile)
    if not tiles:
        return np.zeros((44, 34), np.uint8)
    across = 40
    tiles += [np.zeros((44, 34), np.uint8)] * (-len(tiles) % across)
    return np.vstack([np.hstack(tiles[i : i + across]) for i in range(0, len(tiles), across)])
