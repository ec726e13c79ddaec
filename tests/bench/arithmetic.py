"""How much a sheet's own arithmetic helps to read it: drawn mark sheets with totals, and ledgers with a running balance.

    python -m tests.bench.arithmetic [--pages N] [--kind marks|ledger|random] [--first SEED]

prints, without arithmetic, with rules found in the numbers, and with the sheet's form: cells, read exactly, accepted though
wrong (of the accepted), sent to a person, corrected, verified, and how many of these falsely. `random` are mark sheets whose
totals are drawn at random, so that there is nothing to find. The handwriting is that of the tests, which the network was not
trained on.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from pipeline.arithmetic import as_read, check_page
from pipeline.chain import kit_of, run_chain
from pipeline.forms import Form, read_form
from pipeline.forms.expressions import LastRowIsTotals
from pipeline.records import Image, Page, PageResult
from pipeline.settings import Settings
from pipeline.training.defects import age, ordinary
from pipeline.training.pages import SheetSpec, render_sheet
from pipeline.training.sheets import ledger, mark_sheet
from tests.handwriting import handwriting
from tests.scoring import Score, same

_FORMS = Path(__file__).parents[2] / "config" / "forms"
_KINDS = ("marks", "ledger", "random")

_WIDTHS = {"cells": 18, "exact %": 9, "wrong": 7, "wrong %": 9, "review %": 9, "corrected": 11, "false": 7, "verified": 10}
#: Over the columns of a tally's line.
TITLES = "".join(f"{title:>{width}}" for title, width in _WIDTHS.items()) + f"{'false':>7}"


@dataclass
class Tally:
    """Counts of one way of reading."""

    score: Score = field(default_factory=Score)
    statuses: Counter[str] = field(default_factory=Counter)
    false_corrections: int = 0
    wrong_verified: int = 0

    def add(self, result: PageResult, truth: Mapping[tuple[int, int], str]) -> None:
        """Count a page's cells."""
        found = {(cell.row, cell.column): cell for cell in result.readings if cell.table == 1}
        for place, value in truth.items():
            if value == "?":
                continue
            cell = found.get(place)
            self.score.add(cell.value if cell else None, value, cell.status if cell else "")
            if cell is None:
                continue
            self.statuses[cell.status] += 1
            is_wrong = not same(cell.value, value)
            self.false_corrections += cell.status == "corrected" and is_wrong
            self.wrong_verified += cell.status == "verified" and is_wrong

    def line(self, name: str) -> str:
        """One line of the table."""
        score, cells = self.score, max(self.score.cells, 1)
        wrong = 100 * score.accepted_wrong / max(score.accepted, 1)
        looked = self.statuses["review"] + self.statuses["unreadable"]
        return (
            f"{name:10}{score.cells:8}{100 * score.share(score.exact):9.2f}{score.accepted_wrong:7}{wrong:9.3f}"
            f"{100 * looked / cells:9.2f}{self.statuses['corrected']:11}{self.false_corrections:7}"
            f"{self.statuses['verified']:10}{self.wrong_verified:7}"
        )


def sheet(kind: str, rng: np.random.Generator) -> tuple[Image, dict[tuple[int, int], str]]:
    """A sheet in one hand, aged, and what its cells hold, by row and column from 1."""
    spec = ledger(rng) if kind == "ledger" else mark_sheet(rng, rows=26, questions=6, blank_share=0.03, totals=kind == "marks")
    if kind == "random":
        spec = _without_sums(spec, rng)
    drawn = render_sheet(replace(spec, dpi=int(rng.choice((150, 200))), touching=0.05), handwriting(), rng)
    defects = replace(ordinary(rng), bilevel=bool(rng.random() < 0.2))
    return age(drawn, defects, rng).image, {(row + 1, column + 1): value for row, column, value in drawn.truth}


def _without_sums(spec: SheetSpec, rng: np.random.Generator) -> SheetSpec:
    rows = tuple((*row[:-1], str(rng.integers(0, 120)) if row[-1] else "") for row in spec.rows)
    return replace(spec, rows=rows)


def form_of(kind: str) -> Form:
    """The form of the sheets, as shipped; mark sheets have a row of totals besides."""
    form = read_form(_FORMS / ("ledger.toml" if kind == "ledger" else "marksheet.toml"))
    return replace(form, rules=(*form.rules, LastRowIsTotals("last row is totals"))) if kind == "marks" else form


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--pages", type=int, default=20, help="sheets of each kind")
    parser.add_argument("--kind", choices=_KINDS, action="append")
    parser.add_argument("--first", type=int, default=0, help="seed of the first sheet")
    wanted = parser.parse_args()
    settings = Settings()  # its forms are not loaded: what is found is found
    kit = kit_of(settings)
    for kind in wanted.kind or _KINDS:
        ways = {"alone": Tally(), "found": Tally(), **({} if kind == "random" else {"form": Tally()})}
        seconds, rules = 0.0, Counter[str]()
        for seed in range(wanted.first, wanted.first + wanted.pages):
            image, truth = sheet(kind, np.random.default_rng((777, seed)))
            result = run_chain(Page(1, image), kit)
            alone = tuple(as_read(cell, settings.threshold) for cell in result.readings)
            ways["alone"].add(replace(result, readings=alone), truth)
            ways["found"].add(result, truth)
            rules.update(rule for note in result.tables for rule in note.rules)
            if "form" in ways:
                start = time.process_time()
                checked, _ = check_page(alone, {1: form_of(kind)}, settings.threshold)
                seconds += time.process_time() - start
                ways["form"].add(replace(result, readings=checked), truth)
        print(f"{kind}\n{TITLES}")
        for name, tally in ways.items():
            print(tally.line(name), flush=True)
        found = ", ".join(f"{rule} ({count})" for rule, count in rules.most_common(6))
        print(f"rules found: {found or 'none'}; arithmetic takes {seconds / max(wanted.pages, 1):.2f} s a page\n", flush=True)


if __name__ == "__main__":
    main()
