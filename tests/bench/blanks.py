"""Blank cells of real pages, counted by themselves: one that turns into a number is a serious error, for nobody looks for it.

    python -m tests.bench.blanks DIR [--readings FILE]

DIR holds scans and truth.csv (page,row,col,value; row and col from 0, header row included; an empty value is a blank). Prints
a line a scan and the sum: blanks of the truth that are reported blank, that a person is asked about, that were accepted as a
number, that were not found; and cells that are written in but were reported blank. With --readings the scans are not read: the
file has their lines, as JOB.readings.csv.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from pipeline.chain import read_scan
from pipeline.settings import Settings
from tests.scoring import ACCEPTED, lines

_OUTCOMES = ("blank", "asked", "number", "not found", "lost")
_TITLES = ("blanks", "reported blank %", "asked", "number", "not found", "written, reported blank")


def count(readings: Iterable[Mapping[str, str]], truth: Iterable[Mapping[str, str]]) -> dict[str, Counter[str]]:
    """For each scan how many blanks came to what, and how many numbers were `lost`; of the largest table of each scan."""
    cells: dict[str, dict[str, dict[tuple[int, int], Mapping[str, str]]]] = {}
    for line in readings:
        table = cells.setdefault(line["file"], {}).setdefault(f"{line['page']} {line['table']}", {})
        table[int(line["row"]) - 1, int(line["column"]) - 1] = line
    largest = {file: max(tables.values(), key=len) for file, tables in cells.items()}
    counts: dict[str, Counter[str]] = {}
    for line in truth:
        found = largest.get(line["page"], {}).get((int(line["row"]), int(line["col"])))
        status = found["status"] if found else ""
        outcome = ""
        if line["value"] == "":
            outcome = (
                "not found" if not found else "blank" if status == "blank" else "number" if status in ACCEPTED else "asked"
            )
        elif line["value"] != "?" and status == "blank":
            outcome = "lost"
        counts.setdefault(line["page"], Counter())[outcome] += 1
    return counts


def read(folder: Path, names: Iterable[str]) -> Iterator[dict[str, str]]:
    """The readings of a folder's scans, as lines of JOB.readings.csv."""
    for name in names:
        for page in read_scan((folder / name).read_bytes(), Settings()).pages:
            for cell in page.readings:
                numbers = {"page": page.number, "table": cell.table, "row": cell.row, "column": cell.column}
                yield {"file": name, "status": cell.status, **{key: str(value) for key, value in numbers.items()}}


def summary(counts: Counter[str]) -> str:
    blanks = sum(counts[outcome] for outcome in _OUTCOMES[:4])
    shares = f"{100 * counts['blank'] / max(blanks, 1):18.2f}"
    return f"{blanks:8}{shares}{counts['asked']:7}{counts['number']:8}{counts['not found']:11}{counts['lost']:25}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--readings", type=Path)
    args = parser.parse_args()
    truth = lines(args.folder / "truth.csv")
    names = sorted({line["page"] for line in truth})
    counts = count(lines(args.readings) if args.readings else read(args.folder, names), truth)
    print(f"{'':24}{_TITLES[0]:>8}{_TITLES[1]:>18}{_TITLES[2]:>7}{_TITLES[3]:>8}{_TITLES[4]:>11}{_TITLES[5]:>25}")
    for name in names:
        print(f"{name:24}{summary(counts[name])}")
    print(f"{'all':24}{summary(sum(counts.values(), Counter()))}")


if __name__ == "__main__":
    main()
