"""Pages that were scanned sideways or upside down: told by what is written on them, which reads well one way up only."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pipeline.records import Box, CellReading, Page, PageResult

#: A page lies as it should if this share of its numbers, and of all that is written on it, is read for sure.
_OF_NUMBERS, _OF_ALL = 0.6, 0.25
#: A turned page is taken only if it reads this much better, and by so many cells: most pages lie as they should.
_BETTER, _MORE = 1.5, 4
#: Ink that says a number so surely is read well, even if the number is in a sum that does not come out.
_SURE = 0.99


def turned(page: Page, turn: int) -> Page:
    """The page after so many quarter turns counter-clockwise."""
    return replace(page, image=np.ascontiguousarray(np.rot90(page.image, turn)))


def unturned(result: PageResult, turn: int, page: Page) -> PageResult:
    """The readings of a turned page, their boxes in the pixels of the page as it was scanned."""
    height, width = page.image.shape[:2]
    boxes = (unturned_box(reading.box, turn, width, height) for reading in result.readings)
    readings = tuple(replace(reading, box=box) for reading, box in zip(result.readings, boxes, strict=True))
    return replace(result, readings=readings)


def read_for_sure(result: PageResult) -> int:
    """How many cells were read as numbers or grades for sure, or accepted as such."""
    return sum(reading.status in ("ok", "corrected", "verified") or _is_clear(reading) for reading in result.readings)


def _is_clear(reading: CellReading) -> bool:
    return reading.kind in ("number", "grade") and bool(reading.candidates) and reading.candidates[0][1] >= _SURE


def reads_well(result: PageResult) -> bool:
    """Whether there is no reason to try the page another way up."""
    written = sum(reading.status != "blank" for reading in result.readings)
    text = sum(reading.is_text for reading in result.readings)
    return read_for_sure(result) >= max(_OF_NUMBERS * (written - text), _OF_ALL * written)


def reads_better(turned_result: PageResult, result: PageResult) -> bool:
    """Whether a turned page reads so much better that it must be the right way up."""
    if any(note.form for note in result.tables) and not any(note.form for note in turned_result.tables):
        return False
    return read_for_sure(turned_result) >= max(_BETTER * read_for_sure(result), read_for_sure(result) + _MORE)


def unturned_box(box: Box, turn: int, width: int, height: int) -> Box:
    """Where a box of a page after so many quarter turns is on the page (width × height)."""
    match turn % 4:
        case 1:
            return Box(width - box.bottom, box.x, box.height, box.width)
        case 2:
            return Box(width - box.right, height - box.bottom, box.width, box.height)
        case 3:
            return Box(box.y, height - box.right, box.height, box.width)
        case _:
            return box
