"""What `pipeline evaluate` found, in Markdown: for the terminal and for the model card."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipeline.training.evaluate import SURE, Calibration, Confusion, Evaluation, KindScore, SetScore
from pipeline.training.markdown import table


@dataclass(frozen=True)
class Target:
    """What was aimed at, and what came of it."""

    what: str
    found: str
    wanted: str
    met: bool


#: Shares of digits that are to be read right, by the name of the test set.
_READ = {"MNIST test": 0.997, "ARDIS test": 0.985, "NIST 300 dpi": 0.993}
_MOST_TAKEN = 0.005
_MOST_ERROR = 0.005
_MOST_BYTES = 10_000_000
_MOST_SECONDS = 0.2


def as_markdown(evaluation: Evaluation) -> str:
    """Sections with a table each; their headings are of the second level."""
    parts = [
        "## Measured",
        _targets_table(list(targets(evaluation))),
        f"{evaluation.speed.digits_a_second:,.0f} digits a second on one core of the machine that measured.",
        "Digits: the most probable of 0 to 9 is right, as for a reader who knows that it is a digit. All labels: the most\n"
        "probable of all is. Held out is what a training run on the same data leaves aside to choose with, but for the half\n"
        "of it on which the last layer is fitted anew.",
        _sets_table(evaluation.tests, evaluation.held_out),
    ]
    if evaluation.non_digits:
        parts += [
            "## What is no digit",
            f"Shares of held-out non-digits that are taken for a digit at all, and with a confidence over {SURE:g}.",
            _kinds_table(evaluation.non_digits),
        ]
    if evaluation.confusion.counts:
        parts += [
            "## What is taken for what",
            "Held-out examples: a row for what they are, a column for what was read; rightly read ones in [brackets].",
            _confusion_table(evaluation.confusion),
        ]
    return "\n\n".join(parts)


def targets(evaluation: Evaluation) -> Iterator[Target]:
    """Those whose test set is there."""
    for test in evaluation.tests:
        least = _READ.get(test.name)
        if least is not None and test.digits is not None:
            yield Target(f"{test.name}, digits", _percent(test.digits), f"at least {_percent(least)}", test.digits >= least)
    for kind in evaluation.non_digits[-1:]:
        taken, what = kind.surely_taken, f"non-digits taken for digits with confidence over {SURE:g}"
        yield Target(what, _percent(taken), f"under {_percent(_MOST_TAKEN)}", taken < _MOST_TAKEN)
    for what, found in (("held out", evaluation.held_out_calibration), ("test sets", evaluation.test_calibration)):
        if found.examples:
            met = found.error < _MOST_ERROR
            yield Target(f"calibration error, {what}", _errors(found), f"under {_percent(_MOST_ERROR)}", met)
    speed = evaluation.speed
    size, most = f"{speed.pickle_bytes / 1e6:.2f} MB", f"at most {_MOST_BYTES / 1e6:.0f} MB"
    yield Target("pickle", size, most, speed.pickle_bytes <= _MOST_BYTES)
    yield Target("loading it", f"{speed.load_seconds:.3f} s", f"under {_MOST_SECONDS:g} s", speed.load_seconds < _MOST_SECONDS)


def _targets_table(found: Sequence[Target]) -> str:
    rows = [(t.what, t.found, t.wanted, "yes" if t.met else "**no**") for t in found]
    return table(("", "found", "target", "met"), rows)


def _sets_table(tests: Sequence[SetScore], held_out: Sequence[SetScore]) -> str:
    rows = [
        (
            name,
            f"{score.examples:,}",
            "" if score.digits is None else _percent(score.digits),
            _percent(score.open),
            _percent(score.calibration_error),
        )
        for scores, prefix in ((tests, ""), (held_out, "held out: "))
        for score in scores
        for name in [f"{prefix}{score.name}"]
    ]
    return table(("set", "examples", "digits", "all labels", "calibration error"), rows)


def _kinds_table(kinds: Sequence[KindScore]) -> str:
    rows = [(kind.kind, f"{kind.examples:,}", _percent(kind.taken), _percent(kind.surely_taken)) for kind in kinds]
    return table(("kind", "examples", "taken for a digit", f"with more than {SURE:g}"), rows)


def _confusion_table(confusion: Confusion) -> str:
    """Nothing is written where nothing was read."""
    rows = []
    for truth, counts in zip(confusion.truths, confusion.counts, strict=True):
        shown = [
            f"[{count}]" if count and truth.partition(" ")[0] == label else str(count or "")
            for label, count in zip(confusion.labels, counts, strict=True)
        ]
        rows.append((truth, *shown))
    return table(("", *confusion.labels), rows)


def _percent(share: float) -> str:
    return f"{share:.2%}"


def _errors(found: Calibration) -> str:
    return f"{_percent(found.error)} ({_percent(found.adaptive_error)} adaptive)"
