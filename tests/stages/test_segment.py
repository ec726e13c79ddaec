from __future__ import annotations

from collections.abc import Callable, Mapping

import cv2
import numpy as np
import pytest

from pipeline.records import Box, Image, Lattice, SegmentedPage
from pipeline.stages.segment import draw_segments, segment
from pipeline.training.defects import Defects, age
from pipeline.training.handwriting import Hand
from tests.handwriting import handwriting
from tests.stages.grids import digits_in, grid_sheet, kit, tabled

HAND = Hand(slant=0.05, stroke=0.1, gap=0.2, wobble=0.5)
HEIGHT = 26


def numbers(texts: Mapping[int, str], down: int = 0, hand: Hand = HAND) -> Callable[[Image, tuple[Box, ...]], None]:
    """Writes into cells by their number, from 0; `down` pixels below the middle."""

    def write(ink: Image, boxes: tuple[Box, ...]) -> None:
        rng = np.random.default_rng(11)
        for i, text in texts.items():
            number = handwriting().number(text, HEIGHT, hand, rng)
            height, width = number.shape
            x = boxes[i].x + (boxes[i].width - width) // 2
            y = boxes[i].y + (boxes[i].height - height) // 2 + down
            np.maximum(ink[y : y + height, x : x + width], number, out=ink[y : y + height, x : x + width])

    return write


def segmented(write: Callable[[Image, tuple[Box, ...]], None] | None, rows: int = 5, columns: int = 4) -> SegmentedPage:
    page = tabled(grid_sheet(rows, columns, cell=(130, 70), write=write).image)
    assert [(table.rows, table.columns) for table in page.tables] == [(rows, columns)]
    return segment(page, kit())


def pieces(lattice: Lattice) -> int:
    return len(lattice.cuts) + 1 if lattice.segments else 0


def is_offered(lattice: Lattice, first: int, last: int) -> bool:
    return any((s.first, s.last) == (first, last) for s in lattice.segments)


def test_every_cell_has_its_lattice_in_order() -> None:
    page = segmented(numbers({0: "1", 7: "42", 19: "307"}))
    assert [(lattice.table, lattice.cell.row, lattice.cell.column) for lattice in page.lattices] == [
        (1, row, column) for row in range(1, 6) for column in range(1, 5)
    ]
    assert [i for i, lattice in enumerate(page.lattices) if lattice.segments] == [0, 7, 19]
    assert all(not lattice.note and not lattice.cuts for lattice in page.lattices if not lattice.segments)


def test_every_piece_is_a_candidate_and_glyphs_are_as_the_network_wants_them() -> None:
    page = segmented(numbers(dict(enumerate(("7", "10", "93.5", "-4", "265", "8888", "111")))))
    for lattice in page.lattices[:7]:
        assert all(is_offered(lattice, i, i + 1) for i in range(pieces(lattice)))
        for s in lattice.segments:
            assert 0 <= s.first < s.last <= pieces(lattice)
            assert s.glyph.shape == (28, 28) and s.glyph.dtype == np.uint8 and s.glyph.max() > 200
            assert s.area > 0 and s.spread >= 0
            assert s.box.width > 0 and s.box.height > 0


@pytest.mark.parametrize("seed", range(3))
def test_a_single_digit_is_offered_whole(seed: int) -> None:
    hand = Hand(slant=0.1 * seed, stroke=0.09 + 0.02 * seed, gap=0.2, wobble=1.0)
    page = segmented(numbers({i: str(i % 10) for i in range(20)}, hand=hand))
    whole = [is_offered(lattice, 0, pieces(lattice)) for lattice in page.lattices]
    assert np.mean(whole) > 0.94


def test_digits_that_stand_apart_are_pieces_of_their_own() -> None:
    page = segmented(numbers({i: f"{i % 3 + 1}{i % 4 + 6}" for i in range(20)}))
    for lattice in page.lattices:
        assert pieces(lattice) >= 2
        assert 0 in lattice.cuts


def test_cutting_loses_no_ink() -> None:
    page = segmented(numbers({i: str(1000 + 77 * i) for i in range(20)}, hand=Hand(0.05, 0.1, 0.2, 0.5, touching=0.7)))
    for lattice in page.lattices:
        corners = lattice.cell.corners.round().astype(int)
        (x0, y0), (x1, y1) = corners[0] + 8, corners[2] - 8
        drawn = np.count_nonzero(page.tabled.ink[y0:y1, x0:x1])
        assert sum(s.area for s in lattice.segments if s.last - s.first == 1) == pytest.approx(drawn, rel=0.02)


def test_a_point_is_a_piece() -> None:
    page = segmented(numbers(dict.fromkeys(range(8), "7.5")))
    for lattice in page.lattices[:8]:
        heights = sorted(s.box.height for s in lattice.segments if s.last - s.first == 1)
        assert heights[0] < 0.4 * heights[-1]


@pytest.mark.parametrize("digit", ["7", "4", "1", "9"])
def test_a_tail_across_the_border_stays_with_its_digit(digit: str) -> None:
    inside = segmented(numbers({5: digit}))
    crossing = segmented(numbers({5: digit}, down=26))  # a few pixels into the cell below
    assert [i for i, lattice in enumerate(crossing.lattices) if lattice.segments] == [5]
    tall, whole = (max(s.box.height for s in page.lattices[5].segments) for page in (crossing, inside))
    assert tall == pytest.approx(whole, abs=4)


@pytest.mark.parametrize("aside", [-2, -1, 0, 2])
def test_a_one_on_the_ruling_belongs_to_the_digit_beside_it(aside: int) -> None:
    def write(ink: Image, boxes: tuple[Box, ...]) -> None:
        x, y = boxes[5].x + aside, boxes[5].y
        cv2.line(ink, (x + 1, y + 14), (x - 3, y + 44), 255, 4)
        cv2.ellipse(ink, (x + 20, y + 29), (9, 15), 0, 0, 360, 255, 4)

    page = segmented(write)
    assert [i for i, lattice in enumerate(page.lattices) if lattice.segments] == [5]
    assert pieces(page.lattices[5]) >= 2


def test_specks_are_dropped() -> None:
    def write(ink: Image, boxes: tuple[Box, ...]) -> None:
        numbers({5: "47"})(ink, boxes)
        for box in boxes[8:12]:
            ink[box.y + 30, box.x + 40] = 255  # single pixels
        ink[boxes[5].y + 8 : boxes[5].y + 11, boxes[5].x + 6 : boxes[5].x + 9] = 255  # far from the number

    page = segmented(write)
    assert [i for i, lattice in enumerate(page.lattices) if lattice.segments] == [5]
    left = page.lattices[5].cell.corners[0, 0]
    assert all(s.box.x > left + 30 for s in page.lattices[5].segments)


def test_a_cell_full_of_dots_has_a_note() -> None:
    def write(ink: Image, boxes: tuple[Box, ...]) -> None:
        box = boxes[6]
        for y in range(box.y + 8, box.bottom - 8, 8):
            for x in range(box.x + 8, box.right - 8, 8):
                cv2.circle(ink, (x, y), 2, 255, -1)

    lattice = segmented(write).lattices[6]
    assert lattice.note and lattice.segments == () and lattice.cuts == ()


def test_thousands_of_pieces_end_in_time() -> None:
    noise = np.random.default_rng(0)

    def write(ink: Image, boxes: tuple[Box, ...]) -> None:
        for box in boxes:
            patch = noise.random((box.height - 12, box.width - 12)).astype(np.float32)
            ink[box.y + 6 : box.bottom - 6, box.x + 6 : box.right - 6] = (cv2.GaussianBlur(patch, (0, 0), 1.2) > 0.52) * 255

    page = segment(tabled(grid_sheet(8, 6, write=write).image), kit())
    assert all(len(lattice.cuts) < 28 for lattice in page.lattices)


@pytest.mark.parametrize("seed", range(2))
def test_what_is_left_of_broken_rulings_is_no_writing(seed: int) -> None:
    written = tuple(range(0, 72, 2))
    aged = age(grid_sheet(12, 6, write=digits_in(*written)), Defects(gaps=0.15), np.random.default_rng(seed))
    page = tabled(aged.image)
    assert [(table.rows, table.columns) for table in page.tables] == [(12, 6)]
    assert [i for i, lattice in enumerate(segment(page, kit()).lattices) if lattice.segments] == list(written)


def test_the_pen_is_as_wide_as_it_writes() -> None:
    for stroke in (0.08, 0.14):
        page = segmented(numbers(dict.fromkeys(range(20), "3856"), hand=Hand(0.0, stroke, 0.2, 0.3)))
        scale = np.sqrt(np.abs(np.linalg.det(np.linalg.inv(page.tabled.clean.to_page)[:2, :2])))
        assert page.pen == pytest.approx(stroke * HEIGHT * scale, abs=1.5)


def test_a_page_without_tables_has_no_lattices() -> None:
    page = segment(tabled(np.full((800, 600), 255, np.uint8)), kit())
    assert page.lattices == () and page.pen > 0
    assert draw_segments(page).shape == (*page.tabled.ink.shape, 3)


def test_segmenting_leaves_its_input_alone() -> None:
    page = tabled(grid_sheet(5, 4, cell=(130, 70), write=numbers({3: "47"})).image)
    ink, grey = page.ink.copy(), page.clean.grey.copy()
    segment(page, kit())
    assert np.array_equal(page.ink, ink) and np.array_equal(page.clean.grey, grey)
