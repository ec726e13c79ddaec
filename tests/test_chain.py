from __future__ import annotations

import ast
import dataclasses
import hashlib
import inspect
import typing
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import cv2
import numpy as np
import pytest

import pipeline
from pipeline import chain
from pipeline.chain import CHAIN, kit_of, read_page, read_scan
from pipeline.records import Image, Page, PageResult
from pipeline.settings import Settings
from pipeline.stages.kit import Kit
from pipeline.training.defects import Defects, age
from pipeline.training.pages import Column, RenderedSheet, SheetSpec, render_sheet
from tests.handwriting import handwriting
from tests.scoring import Score
from tests.stages.scanfiles import encode, tiff

SHEET = SheetSpec(
    "Mark sheet",
    (Column("No.", 20, "printed"), Column("Name", 34, "text"), Column("Q1", 22), Column("Q2", 22), Column("Total", 26)),
    tuple((f"{n:03d}", "Ito, Ada", str(n), str(30 - n) if n != 4 else "", "30" if n != 4 else "4") for n in range(1, 9)),
    paper=(148.0, 130.0),
    dpi=150,
)


@cache
def sheet() -> RenderedSheet:
    return render_sheet(SHEET, handwriting(), np.random.default_rng(2))


@cache
def scan() -> Image:
    return age(sheet(), Defects(skew=1, noise=3), np.random.default_rng(0)).image


def kit() -> Kit:
    return kit_of(Settings())


@cache
def result() -> PageResult:
    """The scan, read."""
    return read_page(Page(1, scan()), kit())


def values(page: PageResult) -> list[tuple[int, int, str]]:
    return [(cell.row, cell.column, cell.value) for cell in page.readings]


def scored(page: PageResult) -> Score:
    found = {(cell.row - 1, cell.column - 1): cell for cell in page.readings}
    score = Score()
    for row, column, value in sheet().truth:
        cell = found.get((row, column))
        score.add(cell.value if cell else None, value, cell.status if cell else "")
    return score


def arrays(value: object) -> Iterator[np.ndarray[tuple[int, ...], np.dtype[np.generic]]]:
    """Every array within a record."""
    if isinstance(value, np.ndarray):
        yield value
    elif isinstance(value, tuple | list):
        for part in value:
            yield from arrays(part)
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            yield from arrays(getattr(value, field.name))


def digest(value: object) -> str:
    found = hashlib.sha256()
    for array in arrays(value):
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()


# --- the chain itself ---------------------------------------------------------------------------------------------------------


def test_each_stage_takes_what_the_one_before_it_gives() -> None:
    given: object = Page
    for stage in CHAIN:
        hints = typing.get_type_hints(stage.run)
        first, second = list(inspect.signature(stage.run).parameters)
        assert hints[first] is given
        assert hints[second] is Kit
        given = hints["return"]
        if stage.draw:
            picture = typing.get_type_hints(stage.draw)
            assert picture.pop("return") == Image
            assert list(picture.values()) == [given]
    assert given is PageResult


def test_the_chain_is_a_literal_list_of_stages() -> None:
    tree = ast.parse(inspect.getsource(chain))
    [literal] = [
        node.value
        for node in tree.body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id == "CHAIN"
    ]
    assert isinstance(literal, ast.Tuple)
    assert all(isinstance(entry, ast.Call) and ast.unparse(entry.func) == "Stage" for entry in literal.elts)
    names = [stage.name for stage in CHAIN]
    assert len(set(names)) == len(names)


def test_no_stage_changes_its_input() -> None:
    value: object = Page(1, scan().copy())
    for stage in CHAIN:
        before = digest(value)
        result = stage.run(value, kit())
        assert digest(value) == before, stage.name
        if stage.draw:
            before = digest(result)
            assert stage.draw(result).dtype == np.uint8
            assert digest(result) == before, stage.name
        value = result


def test_every_stage_is_timed() -> None:
    seconds = result().seconds
    assert list(seconds) == [stage.name for stage in CHAIN]
    assert all(0 <= time < 60 for time in seconds.values())


def test_a_trace_has_a_picture_of_every_stage_of_every_page(tmp_path: Path) -> None:
    traced = read_scan(
        tiff([np.ascontiguousarray(scan()[..., ::-1]), np.full((300, 200), 255, np.uint8)]),
        Settings(),
        tmp_path / "deep" / "trace",
    )
    assert traced.pages[0].readings == result().readings  # and changes nothing
    pictures = sorted(file.name for file in (tmp_path / "deep" / "trace").iterdir())
    drawn = [(number, stage.name) for number, stage in enumerate(CHAIN, 1) if stage.draw]
    assert pictures == sorted(f"page-{page}-{number}-{name}.png" for page in (1, 2) for number, name in drawn)
    for file in (tmp_path / "deep" / "trace").iterdir():
        picture = cv2.imread(str(file))
        assert picture is not None and picture.size


# --- scans --------------------------------------------------------------------------------------------------------------------


def test_the_same_bytes_give_the_same_readings() -> None:
    again = pipeline.digitise(encode(".png", scan()), Settings())
    assert [page.readings for page in again.pages] == [result().readings]


def test_a_clean_sheet_is_read() -> None:
    score = scored(result())
    assert score.found == score.cells == 32
    assert score.share(score.exact) >= 0.9
    assert result().note == ""


def test_grey_and_colour_scans_read_alike() -> None:
    grey = np.asarray(cv2.cvtColor(scan(), cv2.COLOR_BGR2GRAY), np.uint8)
    assert values(read_page(Page(1, grey), kit())) == values(result())


@pytest.mark.slow
@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_page_that_was_fed_in_the_wrong_way_round_is_read_all_the_same(turns: int) -> None:
    upright = read_page(Page(1, sheet().image), kit())
    turned = read_page(Page(1, np.ascontiguousarray(np.rot90(sheet().image, turns))), kit())
    same = [a == b for a, b in zip(values(turned), values(upright), strict=True)]
    assert np.mean(same) >= 0.95
    height, width = sheet().image.shape[:2]
    for cell, other in zip(turned.readings, upright.readings, strict=True):
        box = other.box
        x, y = {
            1: (box.y, width - box.right),
            2: (width - box.right, height - box.bottom),
            3: (height - box.bottom, box.x),
        }[turns]
        assert abs(cell.box.x - x) < 6 and abs(cell.box.y - y) < 6


def test_pages_before_a_broken_one_come_out_with_the_failure() -> None:
    data = tiff([scan(), scan()])
    scanned = read_scan(data[:-1000], Settings())
    assert [page.number for page in scanned.pages] == [1]
    assert len(scanned.pages[0].readings) == 45
    assert scanned.failure is not None
    assert scanned.failure.error == "CorruptScan" and scanned.failure.message and scanned.failure.remedy


@pytest.mark.parametrize(
    ("data", "error"),
    [(b"", "EmptyScan"), (b"hello", "UnsupportedScan"), (encode(".png", np.zeros((9, 9), np.uint8))[:-9], "CorruptScan")],
)
def test_what_is_no_scan_is_a_failure_not_an_exception(data: bytes, error: str) -> None:
    found = read_scan(data, Settings())
    assert found.pages == () and found.failure is not None and found.failure.error == error


def test_a_blank_page_among_others_has_a_note_and_no_readings() -> None:
    found = read_scan(tiff([np.full((900, 700), 255, np.uint8), scan()[..., 0]]), Settings())
    assert found.failure is None
    blank, full = found.pages
    assert blank.readings == () and blank.note == "the page is blank"
    assert len(full.readings) == 45 and full.note == ""


def test_a_page_of_one_number_is_row_one_column_one() -> None:
    rng = np.random.default_rng(1)
    from pipeline.training.handwriting import random_hand

    ink = handwriting().number("4711", 60, random_hand(rng), rng)
    page = np.full((800, 600), 250, np.uint8)
    page[300 : 300 + ink.shape[0], 200 : 200 + ink.shape[1]] -= (ink * 0.8).astype(np.uint8)
    [cell] = read_page(Page(1, page), kit()).readings
    assert (cell.table, cell.row, cell.column) == (1, 1, 1)
    assert 180 < cell.box.x <= 205 and cell.box.right >= 195 + ink.shape[1]


def test_a_scan_of_one_pixel_has_a_note() -> None:
    found = read_scan(encode(".png", np.zeros((1, 1), np.uint8)), Settings())
    assert found.failure is None and found.pages[0].note


@pytest.mark.parametrize("shape", [(8, 8), (3000, 20), (20, 3000)])
@pytest.mark.parametrize("fill", ["white", "black", "noise"])
def test_odd_pages_come_out(shape: tuple[int, int], fill: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    image = {"white": np.full(shape, 255, np.uint8), "black": np.zeros(shape, np.uint8), "noise": noise}[fill]
    found = read_page(Page(1, image), kit())
    assert found.note or found.readings
    for cell in found.readings:
        assert 0 <= cell.box.x < cell.box.right <= shape[1] and 0 <= cell.box.y < cell.box.bottom <= shape[0]
