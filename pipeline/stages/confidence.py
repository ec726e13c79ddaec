"""How sure a reading is: a logistic function of the evidence (Platt 1999), fitted on digits that were not trained on."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

#: Log probabilities and leads that are further from zero than this say no more.
_FAR, _AHEAD = 10.0, 15.0
#: Nor do formats that are less usual than this, as a log probability.
_ODD = 8.0
#: How usual a text is taken to be where nothing is known of its column: as usual as most.
_COMMON = -1.0
#: Names and, for a model without calibration, values of what makes a confidence of one reader's evidence, and of two readers'.
_ALONE = (("reading_bias", 0.0), ("reading_score", 1.0), ("reading_lead", 1.0), ("reading_usual", 0.0))
_TOGETHER = (
    *(("number_bias", 0.0), ("number_lattice", 0.5), ("number_strip", 0.5), ("number_lead", 0.7), ("number_usual", 0.0)),
    *(("number_alone", 0.0), ("number_lead_in_table", 0.0)),
)

Evidence = tuple[float, ...]


def evidence(
    lattice: float, lead: float, strip: float | None = None, usual: float | None = None, alone: bool = False
) -> Evidence:
    """What a confidence is made of: the readers' log probabilities of the best text, the lead over the next one, and how usual
    such a text is in its column, as a log probability: where all others have a point, it may be lost on one.

    Of a number that stands `alone`, in no table, the same lead says something else: nothing was taken from it or added to it.
    """
    likely = _COMMON if usual is None else max(usual, -_ODD)
    if strip is None:
        return max(lattice, -_FAR), min(lead, _FAR), likely
    lead = min(lead, _AHEAD)
    return max(lattice, -_FAR), max(strip, -_FAR), lead, likely, float(alone), 0.0 if alone else lead


def confidence(given: Evidence, calibration: Mapping[str, float]) -> float:
    """Probability that the best text is right, of evidence with a strip's word or without."""
    names = _TOGETHER if len(given) == len(_TOGETHER) - 1 else _ALONE
    bias, *weights = (calibration.get(name, usual) for name, usual in names)
    return float(1 / (1 + np.exp(-(bias + sum(w * e for w, e in zip(weights, given, strict=True))))))


def names_of(with_strip: bool) -> tuple[str, ...]:
    """Names, in a model's calibration, of the bias and of the weights of the evidence."""
    return tuple(name for name, _ in (_TOGETHER if with_strip else _ALONE))
