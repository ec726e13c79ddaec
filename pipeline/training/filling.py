"""Blank forms filled in by a hand: what comes back of paper that we have printed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from pipeline.records import Box, Image
from pipeline.training.handwriting import Handwriting, random_hand
from pipeline.training.pages import PENS, RULINGS, RenderedSheet, SheetSpec, uneven, write_number


def fill_in(
    blank: Image,
    xs: Sequence[float],
    ys: Sequence[float],
    rows: Sequence[Sequence[str]],
    handwriting: Handwriting,
    rng: np.random.Generator,
    dpi: int,
    touching: float = 0.0,
) -> RenderedSheet:
    """Write numbers between the rulings of a blank form, in one hand. The same generator state gives the same sheet.

    `blank` is the printed page, grey or BGR, at `dpi`; `xs` and `ys` are where its rulings are, in millimetres. `rows` are the
    last of its rows, from the left; an empty string leaves a cell blank, and what stands above them is taken for headings.
    """
    spec = replace(SheetSpec("", (), ()), dpi=dpi, touching=touching)
    ink = np.zeros(blank.shape[:2], np.uint8)
    hand = random_hand(rng, touching)
    across, down = ([round(line * dpi / 25.4) for line in lines] for lines in (xs, ys))
    first = len(ys) - 1 - len(rows)
    truth, boxes = [], []
    for row in range(len(ys) - 1):
        for column in range(len(xs) - 1):
            x, y = across[column], down[row]
            box = Box(x, y, across[column + 1] - x, down[row + 1] - y)
            content = rows[row - first][column] if row >= first else "?"
            if row >= first and content:
                write_number(ink, content, box, hand, handwriting, spec, rng)
            truth.append((row, column, content))
            boxes.append(box)
    return RenderedSheet(
        printed=blank if blank.ndim == 3 else np.repeat(blank[..., None], 3, axis=2),
        ruling=np.zeros_like(ink),
        ink=uneven(ink, rng),
        ruling_colour=RULINGS[0],
        pen=PENS[rng.integers(len(PENS))],
        truth=tuple(truth),
        boxes=tuple(boxes),
    )
