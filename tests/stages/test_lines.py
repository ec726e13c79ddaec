"""Lines of writing: every line in a row of its own, whatever the pitch, the slope and the gaps."""

from __future__ import annotations

import numpy as np
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from pipeline.records import Image
from pipeline.stages.lines import Lines, lines_of_writing

WIDTH, COLUMNS = 400, np.linspace(0, 400, 6)
TALL = 12


def strip(places: list[float], slope: float = 0.0, seed: int = 0) -> Image:
    """Blobs as tall as characters, in every column at these heights."""
    rng = np.random.default_rng(seed)
    image = np.zeros((round(max(places)) + 60, WIDTH), np.uint8)
    for place in places:
        for x in range(8, WIDTH - 8, 10):
            if rng.random() < 0.6:
                y = round(place + slope * (x - WIDTH / 2) + rng.uniform(-1, 1))
                image[y : y + TALL, x : x + 4] = 255
    return image


def rows_of(lines: Lines, places: list[float]) -> list[int]:
    """Which row the middle of each line is in."""
    return [int(np.searchsorted(lines.edges, place + TALL / 2)) - 1 for place in places]


@settings(max_examples=25, deadline=None)
@given(st.integers(4, 25), st.floats(17, 45), st.floats(-0.05, 0.05), st.integers(0, 99))
@example(4, 17.0, 0.05, 0)
@example(25, 45.0, -0.05, 1)
def test_every_line_is_a_row(count: int, pitch: float, slope: float, seed: int) -> None:
    places = [30 + pitch * i for i in range(count)]
    lines = lines_of_writing(strip(places, slope, seed), COLUMNS, TALL)
    assert lines is not None
    assert rows_of(lines, places) == list(range(count))
    assert lines.edges.size == count + 1
    assert abs(lines.pitch - pitch) < 1.5
    assert abs(lines.slope - slope) < 0.015


@settings(max_examples=25, deadline=None)
@given(st.sets(st.integers(1, 18), max_size=6), st.integers(0, 99))
def test_blank_rows_keep_their_place(blank: set[int], seed: int) -> None:
    kept = [i for i in range(20) if i not in blank]
    assume(sum(i + 1 in kept for i in kept) > 9)  # where every other row is blank, nothing says that there is one between
    places = [30 + 24.0 * i for i in kept]
    lines = lines_of_writing(strip(places, seed=seed), COLUMNS, TALL)
    assert lines is not None
    assert rows_of(lines, places) == kept
    assert not lines.inked[:, sorted(blank)].any()


def test_a_wider_gap_between_groups_makes_no_row() -> None:
    places = [30 + 20.0 * i + 9 * (i // 5) for i in range(20)]
    lines = lines_of_writing(strip(places), COLUMNS, TALL)
    assert lines is not None
    assert rows_of(lines, places) == list(range(20))
    assert lines.edges.size == 21


def test_ink_in_one_column_is_told_from_ink_in_all() -> None:
    image = strip([30 + 24.0 * i for i in range(8)])
    image[:, 90:] = 0
    lines = lines_of_writing(image, COLUMNS, TALL)
    assert lines is not None
    assert lines.inked[0].all()
    assert not lines.inked[2:].any()


def test_nothing_repeats_on_blank_paper_nor_in_a_blot() -> None:
    blank = np.zeros((300, WIDTH), np.uint8)
    blot = blank.copy()
    blot[100:200, 50:350] = 255
    assert lines_of_writing(blank, COLUMNS, TALL) is None
    assert lines_of_writing(blot, COLUMNS, TALL) is None
