"""What a person said of cells, as characters to learn from: the ink is cut into the very text that was entered.

Forced alignment: of all ways to cut a cell's ink into as many characters as were typed, the one that the network finds most
probable (as with hidden Markov models, Rabiner 1989). Where the network was wrong about what a character is, it is still a good
judge of where it ends.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.ann import Model
from pipeline.chain import page_as
from pipeline.grades import GRADES
from pipeline.records import Box, Edit, Floats, Image, Lattice, Page, SegmentedPage
from pipeline.settings import Settings
from pipeline.stages.candidates import Weights, grades_of, numbers_of, way_to
from pipeline.stages.decode import decode
from pipeline.stages.heights import digit_heights
from pipeline.stages.kit import Kit
from pipeline.stages.labels import Labelled, grade_labels, number_labels
from pipeline.stages.scoring import score_segments
from pipeline.stages.upright import turned, unturned_box
from pipeline.training.datasets import LABELS, Examples

#: A label that the network rules out is still so probable: it is what the network is to learn.
_POSSIBLE = 1e-3
#: A text that has to be cut out at more than this cost a character is not what is written there.
_FAR_FETCHED = 4.0
#: Boxes of one cell agree if so much of their area is common: the page was read the same way then as now.
_SAME = 0.8
#: Dots and dashes are told by their size, not by the network.
_LEARNED = frozenset("0123456789ABCDEF+")
#: Zeros that a spreadsheet drops from a number, at most.
_ZEROS = 3


@dataclass(frozen=True, eq=False)
class Lesson:
    """A cell that a person has read: its lattice, with what was typed as `texts`, of which any may stand on paper.

    `glyphs` (n, 28, 28) are its characters that can be learned from, `labels` (n,) what they are, as in LABELS.
    """

    lattice: Lattice
    height: float
    pen: float
    texts: tuple[str, ...]
    glyphs: Image
    labels: tuple[int, ...]

    def is_read_by(self, model: Model) -> bool:
        """Whether a network, cutting by itself, reads what is there."""
        [rows] = score_segments([self.lattice], model)
        labelled = _labelled(self.lattice, rows, model.labels, self.height, self.pen, self.texts[0])
        candidates_of = grades_of if self.texts[0] in GRADES else numbers_of
        found = candidates_of(self.lattice, labelled, (), (), Weights())
        return bool(found) and found[0].text in self.texts


@dataclass(frozen=True)
class Correction:
    """What a person said, and where its cell was on the page."""

    edit: Edit
    box: Box


def lessons_in(data: bytes, corrections: Sequence[Correction], settings: Settings, kit: Kit) -> Iterator[Lesson]:
    """The corrections of a scan that can be learned from. Raises ScanError if the scan can't be decoded."""
    wanted: dict[int, list[Correction]] = {}
    for correction in corrections:
        if correction.edit.value:
            wanted.setdefault(correction.edit.page, []).append(correction)
    for page in decode(data, settings):
        if page.number in wanted:
            yield from _on_page(page, wanted.pop(page.number), kit)
        if not wanted:
            break


def examples_of(lessons: Sequence[Lesson]) -> Examples:
    """All their characters."""
    if not lessons:
        return Examples(np.zeros((0, 28, 28), np.uint8), np.zeros(0, np.int64))
    images = np.concatenate([lesson.glyphs for lesson in lessons])
    return Examples(images, np.array([label for lesson in lessons for label in lesson.labels], np.int64))


def _on_page(page: Page, corrections: Sequence[Correction], kit: Kit) -> Iterator[Lesson]:
    """The lessons of a page, the way up in which its cells were read."""
    shape = page.image.shape
    for turn in (0, 2, 1, 3):
        segmented = page_as(SegmentedPage, turned(page, turn), kit)
        lattices = segmented.lattices
        places = {(lattice.table, lattice.cell.row, lattice.cell.column): i for i, lattice in enumerate(lattices)}
        found = {}
        for correction in corrections:
            edit = correction.edit
            i = places.get((edit.table, edit.row, edit.column))
            if i is not None and _is_same(unturned_box(lattices[i].cell.box, turn, shape[1], shape[0]), correction.box):
                found[i] = edit.value
        if 2 * len(found) > len(corrections):
            yield from _aligned(segmented, found, kit.model)
            return


def _is_same(one: Box, other: Box) -> bool:
    width = min(one.right, other.right) - max(one.x, other.x)
    height = min(one.bottom, other.bottom) - max(one.y, other.y)
    common = max(width, 0) * max(height, 0)
    return common > _SAME * max(one.width * one.height, other.width * other.height)


def _aligned(page: SegmentedPage, values: Mapping[int, str], model: Model) -> Iterator[Lesson]:
    lattices = page.lattices
    heights = digit_heights(lattices)
    for i, value in sorted(values.items()):
        lattice = lattices[i]
        if not lattice.segments:
            continue
        [scores] = score_segments([lattice], model)
        rows = np.maximum(scores, _POSSIBLE)
        labelled = _labelled(lattice, rows, model.labels, heights[i], page.pen, value)
        texts = as_on_paper(value)
        ways = [way for text in texts if (way := way_to(lattice, labelled, text))]
        best = max(ways, key=lambda way: way.score / len(way.text), default=None)
        if best is None:
            continue
        characters = [(s, c) for s, c in zip(best.segments, best.text, strict=True) if c in _LEARNED]
        said = sum(float(np.log(rows[s, model.labels.index(c)])) for s, c in characters)
        kept = [(s, LABELS.index(c)) for s, c in characters]
        if kept and said - best.score < _FAR_FETCHED * len(best.text):
            glyphs = np.stack([lattice.segments[s].glyph for s, _ in kept])
            yield Lesson(lattice, heights[i], page.pen, texts, glyphs, tuple(label for _, label in kept))


def as_on_paper(value: str) -> tuple[str, ...]:
    """How a value that was typed may be written: spreadsheets drop zeros in front and behind."""
    if value in GRADES:
        return (value,)
    sign, number = ("-", value[1:]) if value.startswith("-") else ("", value)
    whole, _, part = number.partition(".")
    wholes = [("0" * n) + whole for n in range(_ZEROS)] + ([""] if whole == "0" and part else [])
    parts = [part + "0" * n for n in range(_ZEROS)] + ([part.rstrip("0")] if part.endswith("0") else [])
    texts = (f"{sign}{w}{'.' if p else ''}{p}" for w in wholes for p in parts)
    return tuple(dict.fromkeys([value, *(text for text in texts if text.strip("-."))]))


def _labelled(lattice: Lattice, rows: Floats, labels: tuple[str, ...], height: float, pen: float, value: str) -> Labelled:
    if value in GRADES:
        return grade_labels(lattice, rows, labels, height)
    return number_labels(lattice, rows, labels, height, pen)
