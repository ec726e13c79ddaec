"""How well numbers are read: strings and real pages, with each of the two readers alone and with both.

    python -m tests.bench.reading [--data DIR] [--strings N] [--sheets N] [--only strings,amounts,cells,sheets,pages]

Without --data, PIPELINE_DATA says where the data are. Prints Markdown: the share of strings and cells that is read exactly; how
honest the confidence of readings is; what is accepted though wrong against what is sent to a person, by threshold; and cells a
minute on one core, networks included. Strings are of NIST digits that nothing was trained on, and the fifth of the real amounts
that is kept for validation; cells are cut out of real pages, rulings and all, and read by themselves (one of the photographs is
upside down, which a lone number can't tell); sheets are drawn in the handwriting that is held out, others than those that the
confidence was fitted on; pages are real ones.
"""

from __future__ import annotations

import argparse
import csv
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np

from pipeline.chain import kit_of, read_scan
from pipeline.records import Image, Page, Reading
from pipeline.settings import Settings
from pipeline.stages.candidates import Weights
from pipeline.stages.cells import cells_of
from pipeline.stages.confidence import confidence
from pipeline.stages.interpret import interpret
from pipeline.stages.kit import Kit
from pipeline.stages.lone import single_cell
from pipeline.stages.recognise import recognise
from pipeline.stages.segment import segment
from pipeline.training.amounts import is_held_out
from pipeline.training.calibrate import collect
from pipeline.training.make import held_out_handwriting
from pipeline.training.markdown import table
from pipeline.training.reliability import calibration_error, error_by_chance
from pipeline.training.stringsets import validation_strings
from tests.bench.timing import on_one_thread
from tests.scoring import same

BINS = (0.0, 0.2, 0.4, 0.6, 0.8, 0.9, 0.95, 0.99, 1.01)
THRESHOLDS = (0.5, 0.8, 0.9, 0.95, 0.98, 0.986, 0.99, 0.993, 0.995, 0.997, 0.999)
PAGES = ("marksheets_ames", "tableqcr")
#: The stages from the ink in a cell to its value.
READING = ("segment", "recognise", "interpret")
_SEED = 20
#: A cell is cut out with so many pixels around it.
_BEYOND = 3


@dataclass(frozen=True)
class Outcome:
    """One number: what was said by both readers together, and whether that was right, and each alone."""

    group: str
    reading: Reading
    right: bool
    by_lattice: bool
    by_strip: bool


def outcome(group: str, picture: Image, truth: str, kit: Kit, digits_only: bool = False) -> Outcome:
    """A picture of one number, read."""

    def is_right(text: str) -> bool:
        return ("".join(c for c in text if c.isdigit()) == truth) if digits_only else same(text, truth)

    page = segment(single_cell(Page(1, picture)), kit)
    scored = recognise(page, kit)
    found = [c for lone in cells_of(scored, Weights()) for c in lone.numbers]
    by_lattice = max(found, key=lambda c: c.lattice, default=None)
    by_strip = max((c for c in found if c.strip is not None), key=lambda c: c.strip or 0.0, default=None)
    reading = interpret(scored, kit).readings[0]
    each = [best is not None and is_right(best.text) for best in (by_lattice, by_strip)]
    return Outcome(group, reading, is_right(reading.value), *each)


def strings(data: Path, n: int, kit: Kit) -> Iterator[Outcome]:
    """Numbers of 1 to 6 NIST digits, a third of them touching."""
    for string in validation_strings(data, n, _SEED):
        yield outcome(f"{'touching' if string.touching else 'apart'}, {string.height} px", string.page, string.text, kit)


def amounts(data: Path, kit: Kit) -> Iterator[Outcome]:
    """The real amounts that are kept for validation; only their digits are labelled."""
    folder = data / "strings" / "orand_car_a"
    with (folder / "labels.csv").open(newline="", encoding="utf-8") as stream:
        rows = [row for row in csv.DictReader(stream) if is_held_out(row["file"])]
    for row in rows:
        content = np.frombuffer((folder / "images" / row["file"]).read_bytes(), np.uint8)
        grey = np.asarray(cv2.imdecode(content, cv2.IMREAD_GRAYSCALE), np.uint8)
        yield replace(outcome("amounts", grey, row["digits"], kit, digits_only=True), group=f"amounts {row['file']}")


def cells(data: Path, kit: Kit) -> Iterator[Outcome]:
    """Every third cell of real sheets, by itself, with its rulings and a little of what lies beyond."""
    for folder in (data / "pages" / name for name in PAGES):
        truth = truth_of(folder)
        for name in sorted({page for page, _, _ in truth}):
            content = (folder / name).read_bytes()
            grey = np.asarray(cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_GRAYSCALE), np.uint8)
            for r in [r for page in read_scan(content).pages for r in page.readings][::3]:
                wanted = truth.get((name, r.row, r.column), "?")
                if wanted != "?":
                    place = (
                        slice(max(0, r.box.y - _BEYOND), r.box.bottom + _BEYOND),
                        slice(max(0, r.box.x - _BEYOND), r.box.right + _BEYOND),
                    )
                    yield outcome(f"{folder.name}, {'written' if wanted else 'blank'}", grey[place], wanted, kit)


def truth_of(folder: Path) -> dict[tuple[str, int, int], str]:
    """What is in the cells of a folder's pages, by page, row and column from 1."""
    with (folder / "truth.csv").open(newline="", encoding="utf-8") as stream:
        return {(r["page"], int(r["row"]) + 1, int(r["col"]) + 1): r["value"] for r in csv.DictReader(stream)}


def read_pages(folder: Path) -> tuple[list[tuple[str, str, str, float]], float, float]:
    """(value, truth, status, confidence) of every cell of a folder's pages that has a truth, and the seconds it took.

    First of all stages, then of those alone that read what is in the cells.
    """
    truth = truth_of(folder)
    cells, seconds, reading = [], 0.0, 0.0
    for name in sorted({page for page, _, _ in truth}):
        started = time.process_time()
        result = read_scan((folder / name).read_bytes())
        seconds += time.process_time() - started
        reading += sum(page.seconds[stage] for page in result.pages for stage in READING)
        read = {(name, r.row, r.column): r for page in result.pages for r in page.readings}
        for place, wanted in truth.items():
            if place[0] == name and wanted != "?":
                found = read.get(place)
                cells.append((found.value, wanted, found.status, found.confidence) if found else ("", wanted, "", 0.0))
    return cells, seconds, reading


def shares(outcomes: Sequence[Outcome]) -> list[tuple[str, ...]]:
    """A line for each group and for all: how many, and read exactly by each reader alone and by both."""
    groups = {"all": list(outcomes)}
    for found in outcomes:
        groups.setdefault(found.group, []).append(found)
    return [
        (name, str(len(members)), *(f"{100 * np.mean(right):.2f}" for right in _columns(members)))
        for name, members in groups.items()
    ]


def _columns(members: Sequence[Outcome]) -> list[list[bool]]:
    return [[m.by_lattice for m in members], [m.by_strip for m in members], [m.right for m in members]]


def trade_off(confident: Sequence[float], right: Sequence[bool]) -> list[tuple[str, ...]]:
    """For each threshold the share sent to a person, and the share of the accepted that is wrong."""
    sure, good = np.array(confident), np.array(right)
    lines: list[tuple[str, ...]] = []
    for threshold in THRESHOLDS:
        accepted = sure >= threshold
        wrong = int((accepted & ~good).sum())
        share = 100 * wrong / max(int(accepted.sum()), 1)
        lines.append(
            (f"{threshold:g}", f"{100 * float((~accepted).mean()):.1f}", f"{share:.2f}", f"{wrong} of {accepted.sum()}")
        )
    return lines


def reliability(confident: Sequence[float], right: Sequence[bool]) -> list[tuple[str, ...]]:
    """How sure and how often right the readings are, by bins of confidence."""
    sure, good = np.array(confident), np.array(right)
    lines: list[tuple[str, ...]] = []
    for low, high in pairwise(BINS):
        chosen = (sure >= low) & (sure < high)
        if chosen.any():
            mean, hits = 100 * float(sure[chosen].mean()), 100 * float(good[chosen].mean())
            lines.append((f"{low:g} to {min(high, 1):g}", str(int(chosen.sum())), f"{mean:.1f}", f"{hits:.1f}"))
    return lines


def honesty(sure: Sequence[float], right: Sequence[bool]) -> str:
    """How far confidence can be believed, and what a threshold costs."""
    error, chance = 100 * calibration_error(np.array(sure), np.array(right)), 100 * error_by_chance(np.array(sure))
    bins = table(("confidence", "numbers", "mean %", "right %"), reliability(sure, right))
    costs = table(("threshold", "to a person %", "accepted wrong %", ""), trade_off(sure, right))
    return f"expected calibration error {error:.2f} %; of honest confidence, by chance, {chance:.2f} %\n\n{bins}\n\n{costs}"


def page_report(folder: Path) -> str:
    """What came of a folder's pages, in two sentences."""
    cells, seconds, reading = read_pages(folder)
    accepted = [c for c in cells if c[2] in ("ok", "corrected", "verified")]
    wrong = sum(not same(c[0], c[1]) for c in accepted)
    exact = float(np.mean([same(c[0], c[1]) for c in cells]))
    review = float(np.mean([c[2] in ("review", "unreadable") for c in cells]))
    written = sum(c[1] != "" for c in cells)
    return (
        f"exact {100 * exact:.2f} %, to a person {100 * review:.1f} %, accepted wrong {wrong} of {len(accepted)}\n"
        f"{len(cells)} cells, {written} written, {60 * len(cells) / reading:.0f} a minute from ink to value, "
        f"{60 * len(cells) / seconds:.0f} with all that is done to a page"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--data", type=Path, default=os.environ.get("PIPELINE_DATA"))
    parser.add_argument("--strings", type=int, default=1500)
    parser.add_argument("--sheets", type=int, default=60)
    parser.add_argument("--only", default="strings,amounts,cells,sheets,pages")
    options = parser.parse_args()
    if options.data is None:
        parser.error("say with --data or PIPELINE_DATA where the data are")
    parts, kit = options.only.split(","), kit_of(Settings())
    head = ("", "numbers", "digit by digit %", "in one sweep %", "both %")
    lone = {
        "strings": lambda: strings(options.data, options.strings, kit),
        "amounts": lambda: amounts(options.data, kit),
        "cells": lambda: cells(options.data, kit),
    }
    for part in (part for part in lone if part in parts):
        found = list(lone[part]())
        print(f"\n## {part}\n\n{table(head, shares(found)[:1] if part == 'amounts' else shares(found))}\n")
        print(honesty([f.reading.confidence for f in found], [f.right for f in found]), flush=True)
        if part == "amounts":
            print("\nmisses: " + ", ".join(f"{f.group.split()[1]} {f.reading.text}" for f in found if not f.right))
    if "sheets" in parts:
        features, good = collect(kit, held_out_handwriting(options.data), options.sheets, _SEED)
        calibration = {**kit.model.calibration, **(kit.reader.calibration if kit.reader else {})}
        sure = [confidence(tuple(words), calibration) for words in features.tolist()]
        print(
            f"\n## sheets\n\n{len(good)} cells, {100 * good.mean():.2f} % exact\n\n{honesty(sure, (good > 0).tolist())}",
            flush=True,
        )
    for name in PAGES if "pages" in parts else ():
        print(f"\n## {name}\n\n{page_report(options.data / 'pages' / name)}", flush=True)


if __name__ == "__main__":
    on_one_thread("tests.bench.reading")
    main()
