"""What becomes of a reading: accepted, blank, corrected, or sent to a person; and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from pipeline.arithmetic.options import Candidates
from pipeline.grades import GRADES
from pipeline.records import ENTERED_REASON, TEXT_REASON, CellReading, Kind, Status

#: Nobody is surer than this: of what no model knows, a misprinted form or a page read askew, there is always some.
SUREST = 0.9999
#: The reason given for a 0 that ink alone does not make sure.
NOTHING_REASON = "a 0, or nothing with a stray stroke"
#: Alternatives less probable than this are not worth a word.
_WORTH_A_WORD = 0.01


def judged(kind: Kind, candidates: Sequence[tuple[str, float]], threshold: float, note: str = "") -> tuple[Status, str]:
    """Status and reason of a reading by itself. `note` says why ink is unreadable, where that is known."""
    match kind:
        case "blank":
            return "blank", ""
        case "text":
            return "review", TEXT_REASON
        case "struck":
            return "review", "something was struck out"
        case "unreadable":
            return "unreadable", note or "nothing readable fits the ink"
        case "mark":
            text = candidates[0][0] if candidates else ""
            return "review", f"a mark, {text!r}, not a number"
    if candidates and candidates[0][1] >= threshold:
        return "ok", ""
    others = " or ".join(value for value, p in candidates[1:] if p >= _WORTH_A_WORD)
    return "review", f"could be {others}" if others else "faint or unusual"


def as_read(cell: CellReading, threshold: float) -> CellReading:
    """A cell as it was read from the ink, whatever sums or people have said of it since."""
    value = cell.candidates[0][0] if cell.kind in ("number", "grade") and cell.candidates else cell.value
    pairs = cell.candidates or ((cell.value, cell.confidence),)
    confidence = pairs[0][1] if cell.kind in ("number", "grade") else cell.confidence
    status, reason = judged(cell.kind, pairs, threshold, cell.reason.partition("; ")[0])
    return replace(cell, value=value, confidence=round(confidence, 4), status=status, reason=reason)


def as_entered(cell: CellReading, value: str) -> CellReading:
    """A cell as a person says it is; an empty value is a blank."""
    kind: Kind = "blank" if not value else "grade" if value in GRADES else "number"
    status: Status = "verified" if value else "blank"
    return replace(cell, kind=kind, value=value, confidence=1.0, status=status, reason=ENTERED_REASON)


def rejudged(
    cell: CellReading,
    known: Candidates,
    chances: tuple[float, ...],
    agreeing: str,
    disagreeing: str,
    threshold: float,
) -> tuple[str, float, Status, str]:
    """Value, confidence, status and reason of a number, or a blank, that sums have spoken of.

    `chances` are of the candidates and of something else; `agreeing` names a sum of the cell that holds, `disagreeing` one that
    does not, each empty if there is none.
    """
    best = known.best(chances)
    as_read = known.values[0] if known.values else ""
    if cell.kind == "blank":
        if best == 0 and chances[0] >= threshold:
            return "", cell.confidence, "blank", ""
        return "", round(chances[0], 4), "review", f"nothing is written here, but {disagreeing} does not agree"
    if best is None:
        others = " or ".join(known.values[1:3])
        reason = f"{disagreeing} does not agree" if disagreeing else f"could be {others}" if others else "faint or unusual"
        return cell.value, round(chances[0], 4), "review", reason
    value, chance = known.values[best], round(min(chances[best], SUREST), 4)
    is_told = Fraction(value) != 0  # a sum can't tell a 0 from an empty cell with a stray stroke in it
    if value == cell.value:
        if chance >= threshold and agreeing and (is_told or cell.status == "ok"):
            return value, chance, "verified", f"agrees with {agreeing}"
        if chance >= threshold and cell.status == "ok" and not disagreeing:
            return value, chance, "ok", ""
        reason = f"{disagreeing} does not agree" if disagreeing else cell.reason if is_told else NOTHING_REASON
        others = " or ".join(v for v, p in zip(known.values, chances, strict=False) if v != value and p >= _WORTH_A_WORD)
        return value, chance, "review", reason or (f"could be {others}" if others else "faint or unusual")
    if agreeing and is_told and chance >= max(threshold, known.must_be(best)):
        return value, chance, "corrected", f"read as {cell.value}; corrected by {agreeing}"
    hint = f"; {agreeing} speaks for {value if is_told else 'nothing, or a 0'}" if agreeing else ""
    return value, chance, "review", f"read as {as_read}{hint}"
