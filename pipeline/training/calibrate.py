"""Makes confidence honest: fits it on sheets drawn in handwriting that the network was not trained on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pipeline.ann import Model
from pipeline.chain import CHAIN
from pipeline.records import Page, ReadPage
from pipeline.settings import Settings
from pipeline.stages.interpret import evidence
from pipeline.stages.kit import Kit
from pipeline.training.defects import Defects, age
from pipeline.training.handwriting import Handwriting
from pipeline.training.pages import RenderedSheet, render_sheet
from pipeline.training.sheets import ledger, mark_sheet

Floats = NDArray[np.float64]


def calibrated(model: Model, handwriting: Handwriting, sheets: int = 40, seed: int = 7) -> Model:
    """The model with coefficients for the confidence of its readings, fitted on so many drawn and aged sheets."""
    features, right = collect(model, handwriting, sheets, seed)
    bias, by_score, by_lead = fit_logistic(features, right)
    fitted = {"reading_bias": bias, "reading_score": by_score, "reading_lead": by_lead}
    return replace(model, calibration={**model.calibration, **fitted})


def collect(model: Model, handwriting: Handwriting, sheets: int, seed: int) -> tuple[Floats, Floats]:
    """Evidence (n, 2) of the readings of drawn sheets, and whether each is right (n,), 1 or 0."""
    kit = Kit(Settings(), model)
    features: list[tuple[float, float]] = []
    right: list[float] = []
    for number in range(sheets):
        rng = np.random.default_rng((seed, number))
        sheet = _drawn(handwriting, rng, number)
        defects = Defects(
            skew=float(rng.normal(0, 1.5)),
            noise=float(rng.uniform(0, 6)),
            blur=float(rng.uniform(0, 0.8)),
            light=float(rng.uniform(0, 0.25)),
            jpeg=int(rng.integers(40, 95)),
            bilevel=number % 5 == 4,
        )
        read = read_sheet(age(sheet, defects, rng).image, kit)
        truth = {(row + 1, column + 1): value for row, column, value in sheet.truth}
        for lattice, reading in zip(read.segmented.lattices, read.readings, strict=True):
            wanted = truth.get((lattice.cell.row, lattice.cell.column), "?")
            if reading.kind == "number" and wanted != "?":
                features.append(evidence(reading.score, reading.lead))
                right.append(float(reading.value == wanted))
    return np.array(features).reshape(-1, 2), np.array(right)


def read_sheet(image: NDArray[np.uint8], kit: Kit) -> ReadPage:
    """A page image through the chain up to its readings."""
    value: object = Page(1, image)
    for stage in CHAIN:
        value = stage.run(value, kit)
        if isinstance(value, ReadPage):
            return value
    raise AssertionError("the chain makes no readings")


def fit_logistic(features: Floats, right: Floats, ridge: float = 1e-3) -> tuple[float, float, float]:
    """Bias and weights that make sigmoid(bias + features · weights) most probable: Newton's method, lightly regularised.

    Weights are kept from going below zero: better evidence never makes a reading less sure.
    """
    design = np.column_stack([np.ones(len(features)), features])
    used = np.array([True, True, True])
    weights = np.zeros(3)
    for _ in range(3):
        weights = _newton(design, right, used, ridge)
        if (weights[1:] >= 0).all():
            break
        used[1:] &= weights[1:] >= 0
    return float(weights[0]), float(weights[1]), float(weights[2])


def _newton(design: Floats, right: Floats, used: NDArray[np.bool_], ridge: float) -> Floats:
    x = design[:, used]
    w = np.zeros(x.shape[1])
    for _ in range(50):
        p = 1 / (1 + np.exp(-(x @ w)))
        gradient = x.T @ (p - right) + ridge * w
        hessian = (x * (p * (1 - p))[:, None]).T @ x + ridge * np.eye(len(w))
        step = np.linalg.solve(hessian, gradient)
        w = w - np.clip(step, -3, 3)
        if np.abs(step).max() < 1e-8:
            break
    weights = np.zeros(design.shape[1])
    weights[used] = w
    return weights


def _drawn(handwriting: Handwriting, rng: np.random.Generator, number: int) -> RenderedSheet:
    spec = mark_sheet(rng, blank_share=0.05) if number % 2 else ledger(rng)
    return render_sheet(replace(spec, dpi=int(rng.choice((150, 200, 300))), touching=0.05), handwriting, rng)
