"""The sheet told from the desk around it."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from pipeline.records import Image, Page
from pipeline.stages.clean import clean
from pipeline.stages.paper import sheet_outline
from pipeline.training.defects import Defects, age
from tests.stages.grids import digits_in, grid_sheet, kit, shapes, tabled


def on_desk(share: float, **defects: float) -> tuple[Image, np.ndarray]:
    """A photograph of a sheet on a desk, and the sheet's corners on it."""
    sheet = grid_sheet(12, 6, write=digits_in(7))
    aged = age(sheet, Defects(desk=share, **defects), np.random.default_rng(4))  # type: ignore[arg-type]
    height, width = sheet.image.shape[:2]
    corners = np.array([[[0, 0], [width, 0], [width, height], [0, height]]], np.float64)
    return aged.image, cv2.perspectiveTransform(corners, aged.from_sheet)[0]


def share_of(outline: np.ndarray, corners: np.ndarray) -> float:
    """The area of the intersection over that of the union."""
    both = cv2.intersectConvexConvex(outline.astype(np.float32), corners.astype(np.float32))[0]
    areas = [cv2.contourArea(points.astype(np.float32)) for points in (outline, corners)]
    return float(both / (sum(areas) - both))


@pytest.mark.parametrize("share", [0.05, 0.2])
@pytest.mark.parametrize("skew", [0.0, 9.0])
@pytest.mark.parametrize("light", [0.0, 0.5])
def test_the_outline_is_the_sheets(share: float, skew: float, light: float) -> None:
    image, corners = on_desk(share, skew=skew, perspective=0.03, light=light)
    outline = sheet_outline(image)
    assert outline is not None
    assert share_of(outline, corners) > 0.93


def test_a_grey_photograph_will_do() -> None:
    image, corners = on_desk(0.1)
    outline = sheet_outline(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY).astype(np.uint8))
    assert outline is not None and share_of(outline, corners) > 0.93


def test_a_sheet_that_fills_the_picture_has_no_outline() -> None:
    for defects in (Defects(), Defects(light=0.6), Defects(skew=5), Defects(fold=0.01), Defects(stains=6)):
        assert sheet_outline(age(grid_sheet(12, 6), defects, np.random.default_rng(0)).image) is None


def test_a_white_table_on_tinted_paper_is_no_sheet() -> None:
    page = np.full((1400, 1000, 3), (190, 215, 225), np.uint8)
    page[300:1100, 150:850] = 255
    cv2.putText(page, "Name: J. Smith", (150, 200), cv2.FONT_HERSHEY_SIMPLEX, 1.5, (40, 40, 40), 3)
    assert sheet_outline(page) is None


@pytest.mark.parametrize("shape", [(1, 1), (4, 300), (40, 40, 3), (900, 700)])
def test_any_picture_will_do(shape: tuple[int, ...]) -> None:
    noise = np.random.default_rng(0).integers(0, 255, shape, dtype=np.uint8)
    for image in (np.zeros(shape, np.uint8), np.full(shape, 255, np.uint8), noise):
        assert sheet_outline(image) is None


def test_what_is_around_the_sheet_is_no_ink_and_makes_no_table() -> None:
    image, corners = on_desk(0.3, noise=6)
    page = tabled(image)
    assert shapes(page) == [(12, 6)]
    cleaned = clean(Page(1, image), kit())
    placed = cv2.perspectiveTransform(corners[None], np.linalg.inv(cleaned.to_page))[0]
    sheet = cv2.fillConvexPoly(np.zeros(cleaned.ink.shape, np.uint8), placed.round().astype(np.int32), 255)
    assert not cleaned.ink[sheet == 0].any()
