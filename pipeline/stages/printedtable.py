"""Tables of forms printed by us: found like others, but known, so that none is taken that can't be it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pipeline.forms import Form
from pipeline.forms.layout import Layout, layout_of, paper_of
from pipeline.forms.tag import Tag
from pipeline.records import CleanPage, PrintedPage, Table, TabledPage
from pipeline.stages.grid import Grid
from pipeline.stages.kit import Kit
from pipeline.stages.rulings import Ruling
from pipeline.stages.table import find_tables, ruled_as

#: How far, in millimetres, a table may be from its place: paper curls, and marks are not exact.
_ASTRAY = 2.5
#: The thickness of printed rulings, in millimetres.
_RULING = 0.3


def find_all_tables(page: CleanPage, kit: Kit) -> TabledPage:
    """Every table of the page, as find_tables has them; of a form printed by us its table, and no other."""
    found = find_tables(page, kit)
    form = printed_form(page.printed, kit)
    if page.printed is None or form is None:
        return found
    tag = Tag.of(page.printed.tag)
    if tag is None:
        return found
    layout = layout_of(form, tag.rows, page.printed.is_landscape)
    if layout.check != tag.check:  # the form has been changed since
        return found
    fine = page.grey.shape[1] / paper_of(page.printed.is_landscape)[0]
    known = np.stack(np.meshgrid(np.array(layout.xs) * fine, np.array(layout.ys) * fine), axis=2)
    if len(found.tables) == 1 and _is_there(found.tables[0], known, _ASTRAY * fine):
        return found
    return ruled_as(page, _grid(layout, known, fine))


def printed_form(printed: PrintedPage | None, kit: Kit) -> Form | None:
    """The form that a page's mark names, if it is known and still has as many columns."""
    tag = Tag.of(printed.tag) if printed else None
    if tag is None:
        return None
    return next((form for form in kit.forms if form.name == tag.name and len(form.columns) == tag.columns), None)


def unknown_form(printed: PrintedPage | None, kit: Kit) -> str:
    """What to tell of a page whose marks say that it is a form, but not one that is known; else nothing."""
    if printed is None or printed_form(printed, kit):
        return ""
    tag = Tag.of(printed.tag)
    if tag is None:
        return "the mark that names the printed form can't be read"
    return f"the sheet was printed as form {tag.name}, which is not in {kit.settings.forms}, or has other columns now"


def _is_there(table: Table, known: NDArray[np.float64], astray: float) -> bool:
    """Whether a table has the rows and columns that were printed, about where they were."""
    if (table.rows + 1, table.columns + 1) != known.shape[:2]:
        return False
    first = np.array([cell.corners[0] for cell in table.cells]).reshape(table.rows, table.columns, 2)
    return bool(np.abs(first - known[:-1, :-1]).max() < astray)


def _grid(layout: Layout, known: NDArray[np.float64], fine: float) -> Grid:
    """The grid as it was printed."""
    rows, columns = len(layout.ys), len(layout.xs)
    thick = max(_RULING * fine, 1.0)
    level = [Ruling.through(known[row, :, 0], known[row, :, 1], thick) for row in range(rows)]
    upright = [Ruling.through(known[:, column, 1], known[:, column, 0], thick) for column in range(columns)]
    return Grid(known.astype(np.float64), frozenset(), frozenset(), level, upright, (1.0, 1.0))
