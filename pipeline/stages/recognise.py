"""Lattices → scored lattices: all candidates of a page go through the network of digits together, all cells through the reader
of whole numbers."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from pipeline.ann import Model
from pipeline.ann.ctc import log_softmax
from pipeline.ann.network import as_input
from pipeline.records import Floats, Image, ScoredPage, SegmentedPage
from pipeline.stages.heights import column_heights
from pipeline.stages.kit import Kit
from pipeline.stages.scoring import score_segments
from pipeline.stages.strip import HEIGHT, STEP, strip
from pipeline.stages.words import without_words

#: Strips are widened to a multiple of this, so that they can go together, and say the same in any company.
_ALIKE = 16
#: So many columns of pixels go through the reader at once.
_TOGETHER = 16 * 96
#: A best row of guesses that is less probable than this, as a log probability, is doubtful.
_SURE = float(np.log(0.9))


def recognise(page: SegmentedPage, kit: Kit) -> ScoredPage:
    """Gives every candidate segment the probability of each digit, and every cell the reader's guesses from left to right.

    Columns of words are left out, once a few of their cells have told what they are.
    """
    page = without_words(page, kit)
    scores = score_segments(page.lattices, kit.model)
    if kit.reader is None:
        return ScoredPage(page, kit.model.labels, scores)
    return ScoredPage(page, kit.model.labels, scores, kit.reader.labels, tuple(looks(kit.reader, strips(page))))


def strips(page: SegmentedPage) -> list[Image]:
    """What the reader of whole numbers is shown of each lattice; no columns where there is no ink."""
    pairs = zip(page.lattices, column_heights(page.lattices), strict=True)
    nothing = np.zeros((HEIGHT, 0), np.uint8)
    return [nothing if lattice.ink is None else strip(lattice.ink, height) for lattice, height in pairs]


def looks(reader: Model, shown: Sequence[Image]) -> list[tuple[Floats, ...]]:
    """What the reader guesses of each strip; of doubtful ones twice, of blank ones, without columns, never.

    The network sees the strip through a grid of steps. The second look is half a step aside, where other strokes fall together.
    """
    first = read_strips(reader, shown)
    doubtful = [i for i, guesses in enumerate(first) if guesses.size and guesses.max(axis=0).sum() < _SURE]
    aside = [np.pad(shown[i], ((0, 0), (STEP // 2, STEP // 2))) for i in doubtful]
    second = dict(zip(doubtful, read_strips(reader, aside), strict=True))
    return [(guesses, *([second[i]] if i in second else [])) if guesses.size else () for i, guesses in enumerate(first)]


def read_strips(reader: Model, shown: Sequence[Image]) -> list[Floats]:
    """Strips (32, w) → for each the log probabilities (labels, w / 4) of the reader's labels, the last of which is nothing."""
    out: list[Floats] = [np.zeros((len(reader.labels), 0), np.float32)] * len(shown)
    by_width: dict[int, list[int]] = {}
    for i, image in enumerate(shown):
        if image.shape[1]:
            by_width.setdefault(-(-image.shape[1] // _ALIKE) * _ALIKE, []).append(i)
    for width, members in by_width.items():
        size = max(1, _TOGETHER // width)
        for part in (members[start : start + size] for start in range(0, len(members), size)):
            images = np.stack([np.pad(shown[i], ((0, 0), (0, width - shown[i].shape[1]))) for i in part])
            logits = reader.network.forward(as_input(images))[:, 0]
            for place, i in enumerate(part):
                out[i] = log_softmax(logits[:, : shown[i].shape[1] // STEP, place])
    return out


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
