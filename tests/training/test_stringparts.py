"""What strings are made of: texts, marks, a line of writing, and what happens to it."""

from __future__ import annotations

from collections import Counter

import cv2
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipeline.records import Image
from pipeline.training.hands import TALL, Hand, random_hand
from pipeline.training.stringcells import in_a_cell, nothing
from pipeline.training.stringdefects import bent, cleaned, darkness, fully_inked, inked, scanned, thinned, worn
from pipeline.training.stringglyphs import Glyphs
from pipeline.training.stringlines import Line, Writer
from pipeline.training.stringmarks import drawn_mark
from pipeline.training.stringtexts import ALPHABET, LEADER, label_of, random_text
from tests.handwriting import sheet_digits

seeds = st.integers(0, 100_000)
GLYPHS = Glyphs("sheet", *sheet_digits())
PLAIN = Hand(0.0, 0.3, 1.0, 0.25, 0.0, 0.0, 0.0, 1.0, 1.0, False, 0.0, False, 1.4, 1.0)


def written(text: str, seed: int = 0, hand: Hand = PLAIN) -> tuple[Image, float]:
    """The ink of a text, and the width of the pen."""
    writer = Writer(GLYPHS, GLYPHS, hand, np.random.default_rng(seed))
    return writer.write(text), writer.stroke


def parts(image: Image) -> int:
    return cv2.connectedComponents((image > 80).astype(np.uint8), connectivity=8)[0] - 1


# texts


@settings(max_examples=200)
@given(seeds)
def test_texts_say_something_in_the_alphabet(seed: int) -> None:
    text = random_text(np.random.default_rng(seed))
    assert label_of(text)
    assert set(label_of(text)) <= set(ALPHABET)
    assert not text.startswith(" ") and not text.endswith(" ")
    assert len(text) <= 16


def test_texts_are_mostly_short_whole_numbers() -> None:
    rng = np.random.default_rng(0)
    texts = [label_of(random_text(rng)) for _ in range(4000)]
    whole = [len(text) for text in texts if text.isdigit()]
    assert 0.5 < len(whole) / len(texts) < 0.8
    assert np.mean([length <= 4 for length in whole]) > 0.7
    assert {1, 2, 3, 4, 5, 6, 7, 8} <= set(whole)
    kinds = Counter(
        ("/" in t and "/") or (t in "-." and "nothing") or (t[0] == "-" and "-") or ("." in t and ".") for t in texts
    )
    assert all(count > 20 for count in kinds.values())
    assert len(kinds) == 5
    counts = Counter("".join(texts))
    assert min(counts[d] for d in "0123456789") > 0.5 * max(counts[d] for d in "123456789")


@pytest.mark.parametrize(
    ("drawn", "label"),
    [
        ("1,234.50", "1.234.50"),
        ("1 234", "1234"),
        ("#12=", "12"),
        ("*5.-", "5.-"),
        ("-3", "-3"),
        ("7/10", "7/10"),
        ("=", ""),
        (f"{LEADER}012", "012"),
    ],
)
def test_labels_say_what_is_written(drawn: str, label: str) -> None:
    assert label_of(drawn) == label


# marks


@settings(max_examples=100, deadline=None)
@given(st.sampled_from(".,-/+=#*"), st.floats(1, 8), st.floats(1, 1.9), st.booleans(), seeds)
def test_marks_are_ink_near_the_digits(mark: str, stroke: float, dot: float, raised: bool, seed: int) -> None:
    image, top = drawn_mark(mark, TALL, stroke, dot, raised, np.random.default_rng(seed))
    assert image.max() > 127
    assert cv2.boundingRect(image) == (0, 0, *image.shape[::-1])  # cut to the ink
    assert top > -TALL and top + image.shape[0] < 2 * TALL
    assert max(image.shape) < 2 * TALL


def test_marks_differ_as_they_should() -> None:
    for seed in range(30):
        made = {m: drawn_mark(m, TALL, 3.0, 1.5, False, np.random.default_rng(seed)) for m in ".,-/="}
        dot, top = made["."]
        assert max(dot.shape) <= 10
        assert abs(top + dot.shape[0] - TALL) < 0.35 * TALL
        comma, top = made[","]
        assert comma.shape[0] > comma.shape[1] * 0.8 and top + comma.shape[0] > TALL
        dash, top = made["-"]
        assert dash.shape[1] > 1.3 * dash.shape[0]
        assert 0.2 * TALL < top + dash.shape[0] / 2 < 0.8 * TALL
        slash, _ = made["/"]
        assert slash.shape[0] >= TALL and slash.shape[1] > 0.3 * TALL
        assert parts(made["="][0]) == 2
        raised, top = drawn_mark(".", TALL, 3.0, 1.5, True, np.random.default_rng(seed))
        assert 0.2 * TALL < top + raised.shape[0] / 2 < 0.75 * TALL


def test_a_leader_is_longer_than_a_minus() -> None:
    widths = [
        [drawn_mark(mark, TALL, 3.0, 1.5, False, np.random.default_rng(seed))[0].shape[1] for seed in range(30)]
        for mark in ("-", LEADER)
    ]
    assert max(widths[0]) < min(widths[1])


def test_a_leader_may_run_into_its_number() -> None:
    pieces = [parts(written(f"{LEADER}8", seed)[0]) for seed in range(30)]
    assert {1, 2} <= set(pieces)


def test_an_unknown_mark_is_an_error() -> None:
    with pytest.raises(ValueError, match="no such mark"):
        drawn_mark("?", TALL, 3.0, 1.5, False, np.random.default_rng(0))


# lines


@settings(max_examples=60, deadline=None)
@given(st.integers(2, 12), seeds)
def test_pictures_on_a_line_keep_their_distance(gap: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    line, shown = Line(64), 0
    for _ in range(4):
        image = np.zeros((int(rng.integers(20, 40)), 20), np.uint8)
        cv2.line(image, (int(rng.integers(20)), 0), (int(rng.integers(20)), 60), 255, 2)
        x, y, w, h = cv2.boundingRect(image)
        shown += int(np.count_nonzero(image))
        line.add(image[y : y + h, x : x + w], int(rng.integers(0, 20)), gap, 2, 1.0)
    canvas = line.joined()
    assert canvas.shape[0] == 64
    assert np.count_nonzero(canvas) == shown  # nothing lies on anything
    assert parts(canvas) == 4


@pytest.mark.parametrize("text", ["7", "0123456789", "12.5", "3/4", "1 234,00", "-8=", "#6*"])
def test_writing_fills_the_middle_of_the_canvas(text: str) -> None:
    for seed in range(5):
        ink, stroke = written(text, seed)
        assert ink.shape[0] == 3 * TALL
        rows = np.flatnonzero((ink > 100).any(axis=1))
        assert rows[0] > 0.55 * TALL and rows[-1] < 2.45 * TALL
        assert 1 < stroke < 0.25 * TALL
        assert ink[:, [0, -1]].any(axis=0).all()


def test_the_same_generator_writes_the_same() -> None:
    assert np.array_equal(written("5038", 3)[0], written("5038", 3)[0])


def test_gaps_between_thousands_are_wider() -> None:
    widths = [[written(text, seed)[0].shape[1] for seed in range(20)] for text in ("234 567", "234567")]
    assert np.mean(widths[0]) > np.mean(widths[1]) + 0.2 * TALL


def test_touching_hands_write_fewer_pieces() -> None:
    touching = Hand(0.0, 0.3, 1.0, 0.25, 0.0, 1.0, 0.0, 1.0, 1.0, False, 0.0, False, 1.4, 1.0)
    apart = [parts(written("80235", seed)[0]) for seed in range(20)]
    together = [parts(written("80235", seed, touching)[0]) for seed in range(20)]
    assert min(apart) >= 5
    assert np.mean(together) < 2.5


def test_a_writer_may_write_a_digit_always_alike() -> None:
    alike = Hand(0.0, 0.3, 1.0, 0.25, 0.0, 0.0, 0.0, 1.0, 1.0, False, 1.1, False, 1.4, 1.0)
    ink, _ = written("33", 2, alike)
    stats = cv2.connectedComponentsWithStats((ink > 80).astype(np.uint8))[2][1:]
    assert len(stats) == 2
    assert np.array_equal(stats[0, 1:4], stats[1, 1:4])  # row, width and height


def test_hands_differ() -> None:
    rng = np.random.default_rng(0)
    hands = [random_hand(rng) for _ in range(300)]
    for share, expected in (
        (np.mean([h.touching > 0 for h in hands]), 0.35),
        (np.mean([h.old_style for h in hands]), 0.1),
        (np.mean([h.raised for h in hands]), 0.2),
    ):
        assert share == pytest.approx(expected, abs=0.1)
    assert not any(h.old_style and h.zeros < 1 for h in hands)


# defects


@settings(max_examples=40, deadline=None)
@given(seeds)
def test_bending_keeps_all_of_the_ink(seed: int) -> None:
    ink, _ = written("52803", seed)
    made = bent(ink, TALL, 0.06, np.random.default_rng(seed))
    assert np.sum(made, dtype=int) == pytest.approx(np.sum(ink, dtype=int), rel=0.15)
    assert not made[[0, -1]].any() and not made[:, [0, -1]].any()


def test_a_canvas_too_large_to_bend_is_left_alone() -> None:
    ink = np.full((300, 40), 255, np.uint8)
    assert bent(ink, TALL, 0.06, np.random.default_rng(0)).max() == 255


@settings(max_examples=40, deadline=None)
@given(seeds, st.floats(1.8, 3.5))
def test_thinned_strokes_are_thin_and_whole(seed: int, width: float) -> None:
    thick = Hand(0.0, 1.0, 1.0, 0.3, 0.0, 0.0, 0.0, 1.0, 1.0, False, 0.0, False, 1.4, 1.0)
    ink, _ = written("5280", seed, thick)
    made = thinned(ink, width)
    assert np.sum(made, dtype=int) < np.sum(ink, dtype=int)
    rows, before = (np.flatnonzero((i > 100).any(axis=1)) for i in (made, ink))
    assert np.ptp(rows) > np.ptp(before) - 9
    assert (made[ink < 60] < 130).all()
    assert np.array_equal(thinned(ink, 30.0), ink)


@settings(max_examples=40, deadline=None)
@given(seeds)
def test_other_pens_leave_digits_where_they_are(seed: int) -> None:
    ink, _ = written("5280", seed)
    made = inked(ink, np.random.default_rng(seed))
    assert made.shape == ink.shape
    assert 0.3 < np.count_nonzero(made > 127) / np.count_nonzero(ink > 127) < 2.5


@settings(max_examples=60, deadline=None)
@given(seeds)
def test_scans_have_black_paper_and_digits_as_high_as_they_say(seed: int) -> None:
    rng = np.random.default_rng(seed)
    ink = np.pad(written("5280", seed)[0], ((0, 0), (20, 20)))
    made, digit = scanned(ink, TALL, rng)
    assert 12 <= digit <= 2 * 20.0 or digit <= TALL
    assert np.mean(made == 0) > 0.35
    assert made.max() > 40
    assert made.shape[0] == pytest.approx(3 * digit, abs=2)


def test_worn_ink_is_never_darker() -> None:
    for seed in range(40):
        ink, _ = written("5280", seed)
        before = ink.copy()
        assert (worn(ink, TALL, np.random.default_rng(seed)) <= ink).all()
        assert np.array_equal(ink, before)


def test_cleaning_leaves_the_pen_and_its_edge() -> None:
    ink = np.full((20, 20), 20, np.uint8)
    ink[5:15, 8:12] = 200
    ink[5:15, [7, 12]] = 60
    made = cleaned(ink, 0.5, 0)
    assert (made[5:15, 8:12] == 200).all() and (made[5:15, [7, 12]] == 60).all()
    assert not made[:, :7].any() and not made[:, 13:].any()
    assert set(np.unique(cleaned(ink, 0.5, 0, bilevel=True))) == {0, 255}
    assert not cleaned(ink, 0.5, 250).any()
    assert darkness(np.zeros((5, 5), np.uint8)) == 0
    assert fully_inked(ink).max() == 255


# cells


@settings(max_examples=80, deadline=None)
@given(seeds)
def test_a_cell_has_all_of_the_numbers_ink(seed: int) -> None:
    ink, stroke = written("5280", seed)
    cell = in_a_cell(ink, TALL, stroke, [], np.random.default_rng(seed))
    assert np.sum(cell, dtype=int) >= np.sum(ink, dtype=int)
    assert cell.shape[0] <= ink.shape[0] and cell.shape[1] >= ink.shape[1]
    assert parts(cell) >= 1


@settings(max_examples=60, deadline=None)
@given(seeds)
@example(3159)
def test_a_blank_cell_holds_nothing_that_can_be_read(seed: int) -> None:
    """No whole digit of a neighbour, no lone spot, no short dash."""
    rng = np.random.default_rng(seed)
    neighbours = [written(d, seed)[0] for d in "08"]
    neighbours = [n[np.flatnonzero(n.any(axis=1))[0] : np.flatnonzero(n.any(axis=1))[-1] + 1] for n in neighbours]
    cell = nothing(TALL, 3.0, neighbours, rng)
    stats = cv2.connectedComponentsWithStats((cell > 100).astype(np.uint8))[2][1:]
    for _, y, width, height, area in stats.tolist():
        hangs_in = y == 0 or y + height == cell.shape[0]
        line = width > 1.8 * TALL or height > 1.4 * TALL or width < 3
        specks = max(width / 3, height) < 5 or area < 20  # two may touch
        assert hangs_in or line or specks
