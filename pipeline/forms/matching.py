"""Which form a table is: by its number of columns and their relative widths, or because someone said so."""

from __future__ import annotations

from collections.abc import Sequence

from pipeline.forms.form import Form

#: How far a column's width may be off, as a share of itself and of the table. Paper shrinks and cameras bend.
_OF_ITSELF, _OF_TABLE = 0.2, 0.006


def matching_form(forms: Sequence[Form], widths: Sequence[float], named: str = "") -> Form | None:
    """The form of a table with columns of these widths, in any unit.

    A named form is taken if it has as many columns. Else the form whose widths fit is taken; where several do, none is.
    """
    if named:
        return next((form for form in forms if form.name == named and len(form.columns) == len(widths)), None)
    fitting = [form for form in forms if _fits(form, widths)]
    return fitting[0] if len(fitting) == 1 else None


def _fits(form: Form, widths: Sequence[float]) -> bool:
    expected, total = form.widths, sum(widths)
    if expected is None or len(expected) != len(widths) or total <= 0:
        return False
    return all(
        abs(width / total - share) <= _OF_ITSELF * share + _OF_TABLE for width, share in zip(widths, expected, strict=True)
    )
