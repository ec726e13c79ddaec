"""How well and how fast drawn mark sheets are read, by what is wrong with them.

    python -m tests.bench.pages [--pages N]

prints a line for each defect and strength: cells found, read exactly, accepted though wrong (of the accepted), sent to a
person, seconds a page; then each stage's share of the time. The handwriting is that of the tests, which the network was not
trained on.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from pipeline.chain import kit_of, read_page
from pipeline.records import Page, PageResult
from pipeline.settings import Settings
from pipeline.training.defects import Defects, age
from pipeline.training.pages import RenderedSheet, render_sheet
from pipeline.training.sheets import mark_sheet
from tests.handwriting import handwriting
from tests.scoring import Score

_DPI = 150
_AS_IT_IS: Mapping[str, Any] = {}
_MATRIX: tuple[tuple[str, tuple[float, ...]], ...] = (
    ("skew", (2, 6, 12, 15)),
    ("noise", (4, 10, 20)),
    ("blur", (0.7, 1.2, 1.8)),
    ("light", (0.2, 0.4, 0.6)),
    ("faint", (0.3, 0.5, 0.7)),
    ("gaps", (0.05, 0.1, 0.2)),
    ("dotted", (0.3, 0.5, 0.7)),
    ("stains", (2, 6)),
    ("stamps", (1, 3)),
    ("holes", (2, 4)),
    ("staples", (1, 3)),
    ("curl", (0.01, 0.02, 0.04)),
    ("fold", (0.005, 0.01, 0.02)),
    ("desk", (0.05, 0.2)),
    ("through", (0.1, 0.2, 0.35)),
    ("border", (0.02, 0.06)),
    ("perspective", (0.02, 0.05)),
    ("jpeg", (70, 40, 20)),
    ("bilevel", (1,)),
    ("dpi", (100, 200, 300)),
)
#: Strengths that are counts, or a quality.
_WHOLE = frozenset({"jpeg", "stains", "stamps", "holes", "staples"})


def conditions() -> Iterator[tuple[str, int, Defects]]:
    """Name, resolution and defects of every line."""
    yield "clean", _DPI, Defects()
    for name, strengths in _MATRIX:
        for strength in strengths:
            dpi = int(strength) if name == "dpi" else _DPI
            changed: dict[str, Any] = {} if name == "dpi" else {name: int(strength) if name in _WHOLE else strength}
            yield f"{name} {strength:g}", dpi, Defects(**changed)


def sheet(seed: int, dpi: int, changed: Mapping[str, Any] = _AS_IT_IS) -> RenderedSheet:
    """The same sheet for every condition, but for its resolution and what else of its specification is `changed`."""
    rng = np.random.default_rng(seed)
    return render_sheet(replace(mark_sheet(rng, blank_share=0.05), **{"dpi": dpi, **changed}), handwriting(), rng)


def add(score: Score, result: PageResult, drawn: RenderedSheet) -> int:
    """Score a page; returns how many of its scored cells a person is to look at."""
    largest = max((r.table for r in result.readings), key=[r.table for r in result.readings].count, default=0)
    found = {(r.row - 1, r.column - 1): r for r in result.readings if r.table == largest}
    looked_at = 0
    for row, column, truth in drawn.truth:
        cell = found.get((row, column))
        score.add(cell.value if cell else None, truth, cell.status if cell else "")
        looked_at += truth != "?" and cell is not None and cell.status in {"review", "unreadable"}
    return looked_at


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--pages", type=int, default=4, help="sheets a condition")
    pages = parser.parse_args().pages
    kit = kit_of(Settings())
    stages: Counter[str] = Counter()
    print(f"{'':16}{'found %':>9}{'exact %':>9}{'accepted wrong %':>18}{'review %':>10}{'s/page':>8}")
    for name, dpi, defects in conditions():
        score, review, seconds = Score(), 0, 0.0
        for seed in range(pages):
            drawn = sheet(seed, dpi)
            image = age(drawn, defects, np.random.default_rng(seed)).image
            start = time.perf_counter()
            result = read_page(Page(1, image), kit)
            seconds += time.perf_counter() - start
            review += add(score, result, drawn)
            stages.update(result.seconds)
        wrong = 100 * score.accepted_wrong / max(score.accepted, 1)
        found, exact, looked = (100 * score.share(count) for count in (score.found, score.exact, review))
        print(f"{name:16}{found:9.1f}{exact:9.1f}{wrong:18.2f}{looked:10.1f}{seconds / pages:8.2f}", flush=True)
    print("\nshare of the time: " + ", ".join(f"{name} {100 * t / stages.total():.0f} %" for name, t in stages.items()))


if __name__ == "__main__":
    main()
