"""Makes confidence honest: fits it on sheets and lone numbers in handwriting that the networks were not trained on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from pipeline.ann import Model
from pipeline.chain import page_as
from pipeline.records import Image, Page, ReadPage, ScoredPage
from pipeline.settings import Settings
from pipeline.stages.candidates import Candidate, Weights
from pipeline.stages.cells import cells_of
from pipeline.stages.confidence import names_of
from pipeline.stages.interpret import interpret
from pipeline.stages.kit import Kit
from pipeline.stages.lone import single_cell
from pipeline.stages.recognise import recognise
from pipeline.stages.segment import segment
from pipeline.training.defects import age, ordinary
from pipeline.training.handwriting import Handwriting
from pipeline.training.pages import RenderedSheet, render_sheet
from pipeline.training.sheets import ledger, mark_sheet
from pipeline.training.stringsets import held_out_strings

Floats = NDArray[np.float64]
#: Row and column from 1 → what is written there, "?" if it is no number.
Truth = dict[tuple[int, int], str]


def calibrated(model: Model, handwriting: Handwriting, sheets: int = 40, seed: int = 7) -> Model:
    """The model with coefficients for the confidence of readings digit by digit, fitted on so many drawn and aged sheets."""
    features, right = collect(Kit(Settings(), model), handwriting, sheets, seed)
    return _with(model, dict(zip(names_of(with_strip=False), fit_logistic(features, right), strict=True)))


def calibrated_reader(
    reader: Model, model: Model, handwriting: Handwriting, sheets: int = 60, strings: int = 1000, seed: int = 11
) -> Model:
    """The reader with how much its word and that of `model`, digit by digit, count, and coefficients for their confidence."""
    kit = Kit(Settings(), model, reader)
    pages = [*_scored(kit, handwriting, sheets, seed), *_scored_strings(kit, handwriting, strings, seed)]
    weights = fit_weights([choice for page, truth in pages for choice in _choices(page, truth)])
    reader = _with(reader, {"weight_lattice": weights.lattice, "weight_strip": weights.strip})
    kit = Kit(Settings(), model, reader)
    features, right = _outcomes(((interpret(page, kit), truth) for page, truth in pages), with_strip=True)
    return _with(reader, dict(zip(names_of(with_strip=True), fit_logistic(features, right), strict=True)))


def collect(kit: Kit, handwriting: Handwriting, sheets: int, seed: int) -> tuple[Floats, Floats]:
    """Evidence (n, words) of the readings of drawn sheets, and whether each is right (n,), 1 or 0."""
    read = ((interpret(page, kit), truth) for page, truth in _scored(kit, handwriting, sheets, seed))
    return _outcomes(read, kit.reader is not None)


def read_sheet(image: Image, kit: Kit) -> ReadPage:
    """A page image through the chain up to its readings."""
    return interpret(score_sheet(image, kit), kit)


def score_sheet(image: Image, kit: Kit) -> ScoredPage:
    """A page image through the chain up to what the networks say of it."""
    return page_as(ScoredPage, Page(1, image), kit)


def fit_weights(choices: Sequence[tuple[Sequence[Candidate], int]]) -> Weights:
    """The weights of both readers under which the true candidates, given by their places, are most probable.

    A conditional logit (McFadden 1974) by Newton's method, lightly held to the usual weights.
    """
    usual = Weights()
    start = np.array([usual.lattice, usual.strip])
    given = [(np.array([(c.lattice, c.strip) for c in candidates]), truth) for candidates, truth in choices]
    weights = start.copy()
    for _ in range(30):
        gradient, hessian = 5.0 * (weights - start), 5.0 * np.eye(2)
        for words, truth in given:
            likely = words @ weights
            chances = np.exp(likely - likely.max())
            chances /= chances.sum()
            mean = chances @ words
            gradient += mean - words[truth]
            hessian += (words * chances[:, None]).T @ words - np.outer(mean, mean)
        step = np.linalg.solve(hessian, gradient)
        weights = np.clip(weights - np.clip(step, -0.3, 0.3), 0.05, 2.0)
        if np.abs(step).max() < 1e-6:
            break
    return Weights(float(weights[0]), float(weights[1]))


def fit_logistic(features: Floats, right: Floats, ridge: float = 1e-3) -> tuple[float, ...]:
    """Bias and weights that make sigmoid(bias + features · weights) most probable: Newton's method, lightly regularised.

    Weights are kept from going below zero: better evidence never makes a reading less sure.
    """
    design = np.column_stack([np.ones(len(features)), features])
    used = np.ones(design.shape[1], bool)
    weights = np.zeros(design.shape[1])
    for _ in range(design.shape[1]):
        weights = _newton(design, right, used, ridge)
        if (weights[1:] >= 0).all():
            break
        used[1:] &= weights[1:] >= 0
    return tuple(float(weight) for weight in weights)


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


def _scored(kit: Kit, handwriting: Handwriting, sheets: int, seed: int) -> Iterator[tuple[ScoredPage, Truth]]:
    for number in range(sheets):
        rng = np.random.default_rng((seed, number))
        sheet = _drawn(handwriting, rng, number)
        defects = replace(ordinary(rng), bilevel=number % 5 == 4)
        truth = {(row + 1, column + 1): value for row, column, value in sheet.truth}
        yield score_sheet(age(sheet, defects, rng).image, kit), truth


def _scored_strings(kit: Kit, handwriting: Handwriting, n: int, seed: int) -> Iterator[tuple[ScoredPage, Truth]]:
    """Numbers by themselves, a third of them of digits that touch, which are few on sheets."""
    for string in held_out_strings(handwriting, n, seed):
        yield recognise(segment(single_cell(Page(1, string.page)), kit), kit), {(1, 1): string.text}


def _outcomes(pages: Iterator[tuple[ReadPage, Truth]], with_strip: bool) -> tuple[Floats, Floats]:
    words = len(names_of(with_strip)) - 1
    features: list[tuple[float, ...]] = []
    right: list[float] = []
    for read, truth in pages:
        for lattice, reading in zip(read.segmented.lattices, read.readings, strict=True):
            wanted = truth.get((lattice.cell.row, lattice.cell.column), "?")
            if reading.kind == "number" and wanted != "?" and len(reading.evidence) == words:
                features.append(reading.evidence)
                right.append(float(reading.value == wanted))
    return np.array(features).reshape(-1, words), np.array(right)


def _choices(page: ScoredPage, truth: Truth) -> Iterator[tuple[Sequence[Candidate], int]]:
    """The candidates of each cell and the place of the true one, where it is among them."""
    for cell in cells_of(page, Weights()):
        texts = [candidate.text for candidate in cell.numbers]
        wanted = truth.get((cell.lattice.cell.row, cell.lattice.cell.column), "?")
        if wanted in texts and cell.numbers[0].strip is not None:
            yield cell.numbers, texts.index(wanted)


def _with(model: Model, coefficients: dict[str, float]) -> Model:
    return replace(model, calibration={**model.calibration, **coefficients})


def _drawn(handwriting: Handwriting, rng: np.random.Generator, number: int) -> RenderedSheet:
    spec = mark_sheet(rng, blank_share=0.05) if number % 2 else ledger(rng)
    return render_sheet(replace(spec, dpi=int(rng.choice((150, 200, 300))), touching=0.05), handwriting, rng)
