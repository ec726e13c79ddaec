"""Grids of rulings that are drawn in part, or lie askew."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from pipeline.records import Image
from pipeline.stages.grid import Grid, grid_of
from pipeline.stages.halfruled import with_lost_rulings
from pipeline.stages.rulings import Curve, Ruling

#: Where the upright rulings of a table are, its first and last horizontal one, and how high its characters are.
XS, TOP, BOTTOM, CHARACTER = range(100, 1101, 100), 100.0, 1500.0, 24.0


def upright(along: Curve, across: Curve) -> Ruling:
    return Ruling.through(along, across, 2.0)


def level() -> list[Ruling]:
    return [Ruling.through(np.array([100.0, 1100.0]), np.array([y, y]), 2.0) for y in (TOP, BOTTOM)]


@pytest.mark.parametrize("drawn", [(TOP, 800.0), (800.0, BOTTOM)])
def test_a_line_drawn_in_part_goes_on_as_its_neighbours_do(drawn: tuple[float, float]) -> None:
    whole = np.linspace(TOP, BOTTOM, 100)
    fold = np.linspace(TOP - 80, BOTTOM + 10, 120)  # the longest of all lies askew
    rulings = [upright(fold, 60 + 0.02 * fold)]
    rulings += [upright(whole, np.full(whole.size, float(x))) for x in XS[1:] if x != 600]
    part = np.linspace(*drawn, 50)
    grid = grid_of(level(), [*rulings, upright(part, np.full(part.size, 600.0))], CHARACTER)
    assert grid is not None
    assert grid.vertices.shape[:2] == (2, len(XS))
    assert np.abs(grid.vertices[:, 5, 0] - 600).max() < 2


def test_what_is_erased_of_a_bent_line_is_bent() -> None:
    whole = np.linspace(TOP, BOTTOM, 100)
    bent = 8 * np.sin(np.pi * (whole - TOP) / (BOTTOM - TOP))
    grid = grid_of(level(), [upright(whole, x + bent) for x in XS], CHARACTER)
    assert grid is not None
    middle = (TOP + BOTTOM) / 2
    assert all(min(abs(float(r.at(middle)) - x) for x in [x + 8 for x in XS]) < 1 for r in grid.upright)


def test_a_lost_ruling_is_traced() -> None:
    ys = np.arange(TOP, BOTTOM + 1)
    course = 600 + 2.5 * np.cos(np.pi * (ys - TOP) / (BOTTOM - TOP))
    ink: Image = np.zeros((1600, 1200), np.uint8)
    for x in XS:
        if x != 600:
            ink[int(TOP) : int(BOTTOM), x : x + 3] = 255
    for y, x in zip(ys.astype(int).tolist(), course.round().astype(int).tolist(), strict=True):
        if y % 40 < 35:  # too broken for a line
            ink[y, x : x + 3] = 255
    for y in range(150, 1450, 50):
        cv2.putText(ink, "47", (530, y), cv2.FONT_HERSHEY_SIMPLEX, 0.8, 255, 2)
    xs = np.array([float(x) for x in XS if x != 600])
    vertices = np.stack(np.meshgrid(xs, [TOP, BOTTOM]), axis=2)
    known = [upright(np.array([TOP, BOTTOM]), np.array([x, x])) for x in xs]
    found = with_lost_rulings(Grid(vertices, frozenset(), frozenset(), level(), known, (1.0, 1.0)), ink, CHARACTER)
    assert found.vertices.shape[:2] == (2, len(XS))
    [lost] = [r for r in found.upright if abs(float(r.at(800.0)) - 600) < 30]
    assert np.abs(lost.at(ys) - course - 1).max() < 1.8
