"""Which of a page's tables are of a known form."""

from __future__ import annotations

import numpy as np

from pipeline.forms import Form, matching_form
from pipeline.records import Table, TabledPage
from pipeline.stages.kit import Kit
from pipeline.stages.printedtable import printed_form


def forms_of_tables(tabled: TabledPage, kit: Kit) -> dict[int, Form]:
    """The form of each table that has one: the one that was printed, if it was by us, else the one that fits."""
    printed = printed_form(tabled.clean.printed, kit)
    named = printed.name if printed else kit.settings.form
    found = {}
    for table in tabled.tables:
        form = matching_form(kit.forms, _widths(table), named)
        if form:
            found[table.number] = form
    return found


def _widths(table: Table) -> list[float]:
    """How wide each column is, in clean pixels: that of most of its cells."""
    widths: dict[int, list[float]] = {}
    for cell in table.cells:
        top, bottom = cell.corners[1] - cell.corners[0], cell.corners[2] - cell.corners[3]
        widths.setdefault(cell.column, []).append(float(np.hypot(*top) + np.hypot(*bottom)) / 2)
    return [float(np.median(widths[column])) for column in sorted(widths)]
