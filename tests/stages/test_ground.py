"""Lines that cross, but not on paper."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from pipeline.records import Image
from pipeline.training.defects import Defects, age
from pipeline.training.lying import desk
from tests.stages.grids import digits_in, grid_sheet, shapes, tabled
from tests.stages.test_table import rng


def landscape(seed: int) -> Image:
    """Hills one behind the other, with leaves."""
    draw, (height, width) = rng(seed), (1500, 2000)
    image = np.repeat((200 - 80 * np.linspace(0, 1, height))[:, None], width, axis=1)
    rows = np.arange(height)[:, None]
    for hill in range(5):
        skyline = height * (0.4 + 0.12 * hill) + 60 * np.cumsum(draw.normal(0, 0.02, width))
        image[rows > skyline[None]] -= 22
    for size in (4, 16, 64):
        coarse = draw.normal(0, 1, (height // size + 2, width // size + 2)).astype(np.float32)
        leaves = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
        image += 8 * leaves * (rows > 0.35 * height)
    return np.clip(image, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("seed", [9, 21])
def test_a_bare_desk_has_no_table(seed: int) -> None:
    page = tabled(desk((1700, 1250), rng(seed)))
    assert not page.tables and "no table" in page.note


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_landscape_has_no_table(seed: int) -> None:
    page = tabled(landscape(seed))
    assert not page.tables and "no table" in page.note


@pytest.mark.parametrize("defects", [Defects(noise=20), Defects(stains=6), Defects(desk=0.2), Defects(light=0.6)])
def test_worn_paper_is_paper(defects: Defects) -> None:
    sheet = grid_sheet(14, 6, write=digits_in(every=True))
    assert shapes(tabled(age(sheet, defects, rng()).image)) == [(14, 6)]


def test_tinted_rows_are_paper() -> None:
    sheet = grid_sheet(14, 6, write=digits_in(every=True))
    image = sheet.image
    for row in range(0, 14, 2):
        first, last = sheet.boxes[6 * row], sheet.boxes[6 * row + 5]
        field = image[first.y + 2 : first.bottom, first.x : last.right]
        field[:] = (field * 0.8).astype(np.uint8)
    assert shapes(tabled(image)) == [(14, 6)]
