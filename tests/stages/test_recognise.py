from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.ann import Model, Network
from pipeline.chain import kit_of, model_of
from pipeline.records import Image, SegmentedPage
from pipeline.settings import Settings
from pipeline.stages.kit import Kit
from pipeline.stages.recognise import draw_glyphs, looks, read_strips, recognise
from pipeline.stages.strip import HEIGHT, STEP, strip
from tests.handwriting import sheet_digits
from tests.stages.grids import DIGITS, kit
from tests.stages.lattices import digit, scored, showing


def page_of(*cells: list[Image]) -> SegmentedPage:
    """A page whose cells hold these glyphs, one a segment."""
    segmented = scored([[[digit("0")] * len(glyphs)] for glyphs in cells]).segmented
    return replace(segmented, lattices=showing(segmented.lattices, cells))


def glyphs(*indices: int) -> list[Image]:
    return [sheet_digits()[0][i] for i in indices]


@pytest.fixture(scope="module")
def model() -> Model:
    return model_of(Settings())


@pytest.mark.parametrize("counts", [(), (0,), (0, 0, 0), (3,), (0, 2, 0, 5, 1, 0), (70, 1)])
def test_every_segment_has_its_row_in_its_own_lattice(counts: tuple[int, ...]) -> None:
    cells = [glyphs(*range(n)) for n in counts]
    page = recognise(page_of(*cells), kit())
    assert [len(rows) for rows in page.probabilities] == list(counts)
    for rows in page.probabilities:
        assert rows.shape == (len(rows), len(page.labels))
        assert rows.min(initial=0) >= 0
        assert np.allclose(rows.sum(axis=1), 1, atol=1e-4)


def test_a_glyph_has_the_same_probabilities_in_any_company() -> None:
    together = recognise(page_of(glyphs(3, 500), glyphs(), glyphs(999)), kit()).probabilities
    alone = [recognise(page_of(glyphs(i)), kit()).probabilities[0][0] for i in (3, 500, 999)]
    assert np.allclose(np.concatenate([*together]), np.stack(alone), atol=1e-5)


def test_the_shipped_model_knows_digits(model: Model) -> None:
    assert set(DIGITS) <= set(model.labels)
    images, labels = sheet_digits()
    chosen = np.arange(0, 1000, 4)
    page = recognise(page_of([images[i] for i in chosen]), Kit(Settings(), model))
    assert [len(page.labels)] == [len(model.labels)]
    best = [page.labels[i] for i in page.probabilities[0].argmax(axis=1)]
    assert np.mean([b == str(label) for b, label in zip(best, labels[chosen], strict=True)]) >= 0.97


def test_probabilities_of_the_shipped_model_are_about_as_often_right_as_they_say(model: Model) -> None:
    images, labels = sheet_digits()
    rows = recognise(page_of(list(images)), Kit(Settings(), model)).probabilities[0]
    best = np.array([model.labels[i] for i in rows.argmax(axis=1)])
    assert float(rows.max(axis=1).mean()) == pytest.approx(float(np.mean(best == labels.astype(str))), abs=0.02)


def test_the_picture_shows_every_glyph() -> None:
    page = recognise(page_of(glyphs(1, 2, 3), glyphs(4)), kit())
    assert draw_glyphs(page).shape[1] >= 4 * 28
    assert draw_glyphs(recognise(page_of(), kit())).size


# --- whole numbers ------------------------------------------------------------------------------------------------------------

READER = Model(
    Network(
        (
            *(("conv", 4, 5, 2), ("pool",), ("relu",), ("conv", 6, 3, 1), ("pool",), ("relu",)),
            *(("pool", "rows"), ("pool", "rows"), ("pool", "rows"), ("conv", 14, 1, 0)),
        ),
        (HEIGHT, 96),
        seed=3,
    ),
    (*"0123456789.-/", ""),
)


def strip_of(width: int, seed: int) -> Image:
    return np.random.default_rng(seed).integers(0, 256, (HEIGHT, width), np.uint8)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 60).map(lambda n: 4 * n), max_size=9))
def test_every_strip_has_its_guesses_and_says_the_same_in_any_company(widths: list[int]) -> None:
    shown = [strip_of(width, i) for i, width in enumerate(widths)]
    together = read_strips(READER, shown)
    assert [guesses.shape for guesses in together] == [(14, width // STEP) for width in widths]
    for image, guesses in zip(shown, together, strict=True):
        assert np.allclose(np.exp(guesses).sum(axis=0), 1, atol=1e-4)
        np.testing.assert_allclose(read_strips(READER, [image])[0], guesses, atol=1e-4)


def test_with_a_reader_cells_are_read_whole_and_blank_ones_not_at_all() -> None:
    page = page_of(glyphs(1, 2), glyphs(), glyphs(3))
    ink = np.zeros((40, 50), np.uint8)
    ink[5:35, 10:15] = 255
    lattices = tuple(replace(lattice, ink=ink if lattice.segments else None) for lattice in page.lattices)
    scored_page = recognise(replace(page, lattices=lattices), Kit(Settings(), kit().model, READER))
    assert scored_page.reader_labels == READER.labels
    assert [len(looks) > 0 for looks in scored_page.looks] == [True, False, True]
    assert recognise(page, kit()).looks == ()


def written(*chosen: int) -> Image:
    """A strip with digits of the contact sheet side by side."""
    images = sheet_digits()[0]
    return strip(np.hstack([cv2.resize(images[i], None, fx=3, fy=3) for i in chosen]).astype(np.uint8))


def test_what_is_doubtful_is_looked_at_twice_from_places_half_a_step_apart() -> None:
    reader = kit_of(Settings()).reader
    assert reader is not None
    clear = written(700, 800)
    blurred = np.asarray(cv2.GaussianBlur(written(3, 103, 333), (0, 0), 4), np.uint8)
    nothing = np.zeros((HEIGHT, 0), np.uint8)
    once, never, twice = looks(reader, [clear, nothing, blurred])
    assert [len(once), len(never), len(twice)] == [1, 0, 2]
    np.testing.assert_allclose(once[0], read_strips(reader, [clear])[0], atol=1e-4)
    np.testing.assert_allclose(twice[0], read_strips(reader, [blurred])[0], atol=1e-4)
    assert twice[1].shape[1] == twice[0].shape[1] + 1
    aside = read_strips(reader, [np.pad(blurred, ((0, 0), (2, 2)))])[0]
    np.testing.assert_allclose(twice[1], aside, atol=1e-4)
