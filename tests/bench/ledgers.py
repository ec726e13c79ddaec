"""How much arithmetic helps on real sheets whose sums agree on paper: a rainfall sheet, and two pages of an account ledger.

    PIPELINE_DATA=DIR python -m tests.bench.ledgers

prints what tests.bench.arithmetic does, page by page: without arithmetic, with rules found in the numbers, and with the form in
tests/bench/forms, which was written from looking at the page. DIR holds pages/rainfall_sheets and pages/ledgers with their
truth; its rows are labels, so that they are laid on those of the table in order, where most of their numbers agree.
"""

from __future__ import annotations

import os
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from pipeline.arithmetic import as_read
from pipeline.chain import kit_of, read_page
from pipeline.forms import read_form
from pipeline.records import CellReading, PageResult
from pipeline.settings import Settings
from pipeline.stages.decode import decode
from tests.bench.arithmetic import TITLES, Tally
from tests.scoring import lines, same

FORMS = Path(__file__).parent / "forms"
#: Folder, page, and the form that it is of.
PAGES = (
    ("rainfall_sheets", "lyden_croft_1900_1909.jpg", "rainfall"),
    ("ledgers", "1895-1.jpg", "receipts"),
    ("ledgers", "1895-2.jpg", "payments"),
)

#: A row of the truth: values by the names of their columns.
Row = Mapping[str, str]


def truth_of(file: Path, page: str) -> list[Row]:
    """The rows of a page in order."""
    rows: dict[str, dict[str, str]] = defaultdict(dict)
    for line in lines(file):
        if line["page"] == page:
            rows[line["row"]][line["col"]] = line["value"]
    return list(rows.values())


def placed(rows: Sequence[Row], cells: Sequence[CellReading], names: Sequence[str]) -> dict[tuple[int, int], str]:
    """The truth by row and column, each of its rows laid on one of the table: as most numbers agree, in order."""
    found = {(cell.row, cell.column): cell.value for cell in cells}
    height = max(row for row, _ in found)
    columns = {name: number for number, name in enumerate(names, 1)}

    def hits(row: Row, at: int) -> int:
        known = ((columns[name], value) for name, value in row.items() if value != "?")
        return sum(same(found.get((at, column), ""), value) for column, value in known)

    best = [[0] * (height + 2) for _ in range(len(rows) + 1)]  # agreeing numbers of the rows from here on
    for i in range(len(rows) - 1, -1, -1):
        for at in range(height, 0, -1):
            best[i][at] = max(best[i][at + 1], hits(rows[i], at) + best[i + 1][at + 1])
    truth, at = {}, 1
    for i, row in enumerate(rows):
        left = len(rows) - i
        while at + left <= height and best[i][at] == best[i][at + 1]:
            at += 1
        truth.update({(at, columns[name]): value for name, value in row.items()})
        at += 1
    return truth


def read(file: Path, settings: Settings) -> PageResult:
    """The only page of a scan."""
    [page] = decode(file.read_bytes(), settings)
    return read_page(page, kit_of(settings))


def main() -> None:
    if not os.environ.get("PIPELINE_DATA"):
        sys.exit("PIPELINE_DATA names no folder of data")
    data = Path(os.environ["PIPELINE_DATA"]) / "pages"
    totals = {way: Tally() for way in ("alone", "found", "form")}
    for folder, page, name in PAGES:
        plain = Settings(forms=FORMS / "none")
        found = read(data / folder / page, plain)
        known = read(data / folder / page, replace(plain, forms=FORMS, form=name))
        alone = replace(found, readings=tuple(as_read(cell, plain.threshold) for cell in found.readings))
        columns = [column.name for column in read_form(FORMS / f"{name}.toml").columns]
        truth = placed(truth_of(data / folder / "truth.csv", page), alone.readings, columns)
        print(f"\n{page}\n{TITLES}")
        for way, result in (("alone", alone), ("found", found), ("form", known)):
            tally = Tally()
            for each in (tally, totals[way]):
                each.add(result, truth)
            print(tally.line(way), flush=True)
        print("rules found:", ", ".join(rule for note in found.tables for rule in note.rules) or "none")
    print(f"\nall pages\n{TITLES}")
    for way, tally in totals.items():
        print(tally.line(way))


if __name__ == "__main__":
    main()
