"""A page's readings → what goes into the spreadsheets: accepted, blank, or sent to a person, with the reason."""

from __future__ import annotations

from pipeline.records import TEXT_REASON, CellReading, Lattice, PageResult, Reading, ReadPage, Status
from pipeline.stages.kit import Kit


def reconcile(page: ReadPage, kit: Kit) -> PageResult:
    """Decides on every reading. Nothing is accepted that is less sure than the settings' threshold."""
    pairs = zip(page.segmented.lattices, page.readings, strict=True)
    readings = tuple(_decided(lattice, reading, kit.settings.threshold) for lattice, reading in pairs)
    tabled = page.segmented.tabled
    return PageResult(tabled.clean.page.number, readings, tabled.note)


def _decided(lattice: Lattice, reading: Reading, threshold: float) -> CellReading:
    status, reason = _verdict(reading, threshold)
    if status == "unreadable" and lattice.note:
        reason = lattice.note
    cell = lattice.cell
    return CellReading(
        lattice.table,
        cell.row,
        cell.column,
        f"C{cell.column}",
        reading.value,
        reading.text,
        round(reading.confidence, 4),
        status,
        reason,
        cell.box,
    )


def _verdict(reading: Reading, threshold: float) -> tuple[Status, str]:
    match reading.kind:
        case "blank":
            return "blank", ""
        case "text":
            return "review", TEXT_REASON
        case "unreadable":
            return "unreadable", "nothing readable fits the ink"
        case "mark":
            return "review", f"a mark, {reading.text!r}, not a number"
    if reading.confidence >= threshold:
        return "ok", ""
    others = " or ".join(text for text, p in reading.alternatives if p >= 0.01)
    return "review", f"could be {others}" if others else "faint or unusual"
