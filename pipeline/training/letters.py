"""The letters of grades, A to F, drawn stroke by stroke in the ways that they are written by hand.

Collected letters are few, and of some shapes there are none among them, as of a C that begins with a hook.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.records import Image
from pipeline.stages.glyph import normalise
from pipeline.training.strokes import Way, curve, ways

_SIDE = 96
_HEIGHT = 52.0
#: Several ways to write each letter, in a box of 1 by 1: see strokes.
_WAYS = ways(
    {
        "A": (
            "4,100 27,50 50,0; 50,0 72,50 95,100; 18,64 82,62",
            "4,100 27,50 50,0; 50,0 72,50 95,100; 2,60 98,55",
            "4,100 27,50 50,0; 50,0 72,50 95,100; 20,60 115,56",
            "0,105 30,55 42,0; 42,0 75,8 80,55 78,100; 15,58 110,52",
            "5,100 30,50 50,0 68,50 80,100; 10,58 60,56 110,50",
            "5,100 16,40 45,0 76,35 88,100; 14,62 84,60",
            "30,8 20,50 3,100; 25,6 50,0 72,50 95,100; 10,62 80,60",
        ),
        "B": (
            "10,0 10,50 10,100; 10,2 60,2 78,23 55,45 14,50; 14,50 70,53 95,76 62,99 8,100",
            "10,0 10,50 10,100; -8,12 35,-2 80,15 66,42 30,49; 30,49 80,58 90,85 50,100 -5,95",
        ),
        "C": (
            "90,18 60,0 25,10 4,50 22,90 60,100 92,82",
            "82,30 90,10 62,0 22,15 4,55 20,92 58,100 95,84",
            "56,30 76,26 82,8 52,0 18,18 4,58 22,94 58,100 95,86",
            "50,26 64,14 52,0 30,10 10,40 6,70 22,96 60,100 110,92",
            "30,14 50,22 66,6 44,2 16,30 6,66 24,96 60,100 105,90",
            "70,0 30,22 8,60 24,94 60,100 110,94",
            "85,5 40,10 8,50 30,92 90,95",
        ),
        "D": (
            "10,0 10,50 10,100; 10,2 50,2 90,28 92,68 50,97 8,100",
            "10,0 10,50 10,100; -10,10 40,-2 90,25 94,65 55,95 -8,97",
        ),
        "E": (
            "88,3 10,4; 10,0 10,50 10,100; 10,97 90,97; 10,50 70,48",
            "85,12 50,0 20,16 30,42 62,48; 62,48 20,56 5,80 35,100 90,88",
            "90,0 35,5 12,35 10,70 30,97 90,95; 10,50 72,47",
        ),
        "F": (
            "10,0 10,50 10,100; 8,3 95,0; 10,48 72,46",
            "20,10 16,50 10,100; 0,8 40,4 98,-4; 0,52 75,46",
            "35,5 40,50 30,95 5,95; 2,10 50,2 98,4; 15,50 80,48",
        ),
    }
)


def make_letters(rng: np.random.Generator, n: int = 7200) -> tuple[Image, NDArray[np.str_]]:
    """(n, 28, 28), white on black, and their labels: as many of each letter."""
    labels = np.array([list(_WAYS)[i % len(_WAYS)] for i in range(n)])
    return np.stack([_written(_WAYS[str(label)], rng) for label in labels]), labels


def _written(known: Sequence[Way], rng: np.random.Generator) -> Image:
    """One of the ways to write it, by a hand and a pen of its own."""
    strokes = known[int(rng.integers(len(known)))]
    wide, slant, unsteady = float(rng.uniform(0.4, 0.95)), float(rng.normal(0.08, 0.14)), float(rng.uniform(0.015, 0.07))
    canvas, thick = np.zeros((_SIDE, _SIDE), np.uint8), int(rng.integers(4, 11))
    for stroke in strokes:
        points = np.array(stroke) + rng.normal(0, unsteady, (len(stroke), 2))
        points[[0, -1]] += min(float(rng.exponential(0.07)), 0.3) * np.array([points[0] - points[1], points[-1] - points[-2]])
        x, y = points[:, 0] - 0.5, points[:, 1] - 0.5
        placed = np.stack([wide * x - slant * y, y], axis=1) * _HEIGHT + _SIDE / 2
        cv2.polylines(canvas, [np.round(curve(placed) * 8).astype(np.int32)], False, 255, thick, cv2.LINE_AA, 3)
    soft = cv2.GaussianBlur(canvas, (0, 0), float(rng.uniform(0.6, 1.4)))
    return normalise(soft.astype(np.uint8))
