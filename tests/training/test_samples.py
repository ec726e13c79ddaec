from __future__ import annotations

import csv
import io
from collections import Counter
from pathlib import Path

import pytest

from pipeline.settings import Settings
from pipeline.stages.decode import decode
from pipeline.training.samples import write_samples
from tests.handwriting import handwriting

SHIPPED = Path(__file__).parents[2] / "pipeline" / "samples"


def truth(folder: Path) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO((folder / "truth.csv").read_text(encoding="utf-8"))))


def scans(folder: Path) -> list[Path]:
    return sorted(file for file in folder.iterdir() if file.suffix in {".png", ".jpg", ".tif", ".pdf"})


def test_shipped_samples_are_of_every_kind_and_small() -> None:
    assert {file.suffix for file in scans(SHIPPED)} == {".png", ".jpg", ".tif", ".pdf"}
    assert sum(file.stat().st_size for file in SHIPPED.iterdir()) < 1_600_000


def test_every_shipped_page_decodes_and_has_its_truth() -> None:
    tables: dict[str, set[str]] = {}
    for line in truth(SHIPPED):
        tables.setdefault(line["page"], set()).add(line["table"])
    for file in scans(SHIPPED):
        pages = list(decode(file.read_bytes(), Settings()))
        assert len(pages) == len(tables[file.name])
        assert all(page.image.shape[0] > page.image.shape[1] for page in pages)  # upright
    assert len(tables) == len(scans(SHIPPED))


def test_truth_is_a_full_grid() -> None:
    places = Counter((line["page"], line["table"], line["row"], line["col"]) for line in truth(SHIPPED))
    assert set(places.values()) == {1}
    for (page, table), cells in Counter((page, table) for page, table, _, _ in places).items():
        rows = {int(row) for p, t, row, _ in places if (p, t) == (page, table)}
        columns = {int(column) for p, t, _, column in places if (p, t) == (page, table)}
        assert cells == len(rows) * len(columns)
        assert min(rows) == min(columns) == 0


@pytest.mark.slow
def test_samples_can_be_written_anew(tmp_path: Path) -> None:
    write_samples(tmp_path, handwriting())
    assert [file.name for file in scans(tmp_path)] == [file.name for file in scans(SHIPPED)]
    assert [(line["page"], line["row"], line["col"]) for line in truth(tmp_path)] == [
        (line["page"], line["row"], line["col"]) for line in truth(SHIPPED)
    ]
