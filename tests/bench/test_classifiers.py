"""The comparison with other classifiers: they are measured alike, and the table finds its place in the card."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.ann import Model, Network
from pipeline.training.card import card
from pipeline.training.datasets import LABELS, Examples
from tests.bench.classifiers import KINDS, Kind, as_markdown, ours, trained, with_section
from tests.training.datafolder import digits


def sets() -> list[tuple[str, Examples]]:
    images, labels = digits()
    return [("MNIST test", Examples(images[-100:], labels[-100:])), ("others", Examples(images[:50], labels[:50]))]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_each_classifier_learns_digits(kind: Kind) -> None:
    pytest.importorskip("sklearn")
    images, labels = digits()
    row = trained(kind, Examples(images[:900], labels[:900]), sets())
    assert row.accuracies[0] > (0.4 if kind.name == "decision tree" else 0.7)
    assert row.accuracies[1] > 0.8  # it was trained on these
    assert row.digits_a_second > 0 and row.pickle_bytes > 1000


def test_ours_is_asked_for_digits_only() -> None:
    network = Network((("dense", len(LABELS)),))
    network.parameters[1].value[10:] = 1e6
    tests = sets()
    row = ours(Model(network, LABELS, facts={"training minutes": 2.5}), tests)
    said = network.logits(tests[0][1].images)[:, :10].argmax(axis=1)
    assert row.accuracies[0] == np.mean(said == tests[0][1].labels)
    assert row.training_seconds == 150


def test_the_table_goes_between_the_marks_of_the_card_and_nowhere_else() -> None:
    model = Model(Network((("dense", len(LABELS)),)), LABELS)
    row = ours(model, sets())
    section = as_markdown([row], ["MNIST test", "others"], 55_000)
    assert f"{row.accuracies[1]:.2%}" in section and "55,000" in section
    text = card(model)
    once = with_section(text, section)
    assert section in once and once.replace(section, "") == text
    assert with_section(once, section) == once
    assert with_section(once, "") == text
    with pytest.raises(ValueError, match="no place"):
        with_section("# a card", section)
