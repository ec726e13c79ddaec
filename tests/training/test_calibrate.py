"""Calibration: the coefficients that made the data are found, and better evidence never makes a reading less sure."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from pipeline.ann import Model, Network
from pipeline.chain import kit_of
from pipeline.settings import Settings
from pipeline.stages.candidates import Candidate
from pipeline.stages.kit import Kit
from pipeline.training import calibrate
from pipeline.training.calibrate import calibrated, calibrated_reader, collect, fit_logistic, fit_weights
from pipeline.training.datasets import LABELS
from pipeline.training.handwriting import Handwriting
from tests.handwriting import handwriting

Floats = NDArray[np.float64]


def sigmoid(x: Floats) -> Floats:
    return 1 / (1 + np.exp(-x))


def outcomes(bias: float, weights: tuple[float, float], n: int = 40_000) -> tuple[Floats, Floats]:
    """Evidence, and whether the reading was right, by coefficients that we know."""
    rng = np.random.default_rng(0)
    features = rng.normal(0, 1.5, (n, 2))
    return features, (rng.random(n) < sigmoid(bias + features @ weights)).astype(float)


@pytest.mark.parametrize(("bias", "weights"), [(0.5, (1.0, 2.0)), (-2.0, (0.3, 0.1)), (3.0, (0.0, 1.5))])
def test_the_coefficients_that_made_the_data_are_found(bias: float, weights: tuple[float, float]) -> None:
    assert fit_logistic(*outcomes(bias, weights)) == pytest.approx((bias, *weights), abs=0.08)


@pytest.mark.parametrize(("weights", "kept"), [((-1.0, 2.0), 2), ((2.0, -1.0), 1)])
def test_evidence_that_speaks_against_itself_is_not_used(weights: tuple[float, float], kept: int) -> None:
    features, right = outcomes(0.5, weights)
    found = fit_logistic(features, right)
    alone = fit_logistic(np.where(np.arange(2) == kept - 1, features, 0), right)
    assert found[3 - kept] == 0.0
    assert found[kept] > 1
    assert found == pytest.approx(alone, abs=1e-6)


def test_where_all_evidence_misleads_the_share_that_is_right_is_all_that_is_left() -> None:
    features, right = outcomes(0.5, (-1.0, -2.0))
    bias, *weights = fit_logistic(features, right)
    assert weights == [0.0, 0.0]
    assert float(sigmoid(np.array(bias))) == pytest.approx(float(right.mean()), abs=1e-3)


EVIDENCE = st.integers(0, 30).flatmap(
    lambda n: st.tuples(
        hnp.arrays(np.float64, (n, 2), elements=st.floats(-20, 20)),
        hnp.arrays(np.float64, (n,), elements=st.sampled_from([0.0, 1.0])),
    )
)


@settings(max_examples=200, deadline=None)
@given(EVIDENCE)
def test_whatever_the_data_the_fit_is_finite_and_no_weight_negative(data: tuple[Floats, Floats]) -> None:
    with np.errstate(over="ignore"):
        bias, *weights = fit_logistic(*data)
    assert np.isfinite(bias)
    assert all(np.isfinite(weight) and weight >= 0 for weight in weights)


@pytest.mark.parametrize("right", [0.0, 1.0])
def test_readings_that_were_all_right_or_all_wrong_do_not_make_certainty(right: float) -> None:
    features = np.random.default_rng(0).normal(0, 1, (500, 2))
    bias, by_score, by_lead = fit_logistic(features, np.full(500, right))
    confidence = sigmoid(bias + features @ (by_score, by_lead))
    assert np.abs(confidence - right).max() < 0.01
    assert np.isfinite([bias, by_score, by_lead]).all()


def test_the_weights_that_made_the_choices_are_found() -> None:
    rng = np.random.default_rng(0)
    choices = []
    for _ in range(4000):
        words = rng.normal(0, 2, (4, 2))
        chances = np.exp(words @ (0.3, 0.9))
        truth = int(rng.choice(4, p=chances / chances.sum()))
        choices.append(([Candidate(str(i), float(one), float(other), 0.0) for i, (one, other) in enumerate(words)], truth))
    found = fit_weights(choices)
    assert (found.lattice, found.strip) == pytest.approx((0.3, 0.9), abs=0.08)


def untrained() -> Model:
    network = Network((("pool",), ("conv", 4, 5, 0), ("pool",), ("relu",), ("dense", len(LABELS))))
    return Model(network, LABELS, {"other": 1.5}, {"epochs": 0})


@pytest.mark.slow
def test_evidence_is_collected_from_drawn_sheets_the_same_from_the_same_seed() -> None:
    features, right = collect(Kit(Settings(), untrained()), handwriting(), sheets=1, seed=3)
    assert features.shape == (len(right), 3)
    assert np.isfinite(features).all() and set(right) <= {0.0, 1.0}
    again, _ = collect(Kit(Settings(), untrained()), handwriting(), sheets=1, seed=3)
    np.testing.assert_array_equal(features, again)


def test_calibration_adds_to_what_is_there_and_leaves_the_network_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def collected(kit: Kit, hand: Handwriting, sheets: int, seed: int) -> tuple[Floats, Floats]:
        features, right = outcomes(1.0, (2.0, 0.5), 2000)
        return np.column_stack([features, np.zeros(len(right))]), right

    monkeypatch.setattr(calibrate, "collect", collected)
    before = untrained()
    after = calibrated(before, handwriting())
    assert set(after.calibration) == {"other", "reading_bias", "reading_score", "reading_lead", "reading_usual"}
    assert after.calibration["other"] == 1.5
    assert after.calibration["reading_score"] == pytest.approx(2, abs=0.3)
    assert after.network is before.network
    assert (after.labels, after.facts) == (before.labels, before.facts)
    assert set(before.calibration) == {"other"}


@pytest.mark.slow
def test_a_reader_is_weighed_on_lone_numbers_too() -> None:
    kit = kit_of(Settings())
    assert kit.reader is not None
    found = calibrated_reader(replace(kit.reader, calibration={"other": 1.5}), kit.model, handwriting(), sheets=0, strings=60)
    assert found.network is kit.reader.network and found.calibration["other"] == 1.5
    assert found.calibration["weight_strip"] > 0 and found.calibration["number_lead"] > 0
    other = calibrated_reader(kit.reader, kit.model, handwriting(), sheets=0, strings=60, seed=12)
    assert found.calibration["number_bias"] != other.calibration["number_bias"]
