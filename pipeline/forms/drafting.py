"""A form file for a sheet that was read: what could be found, for a person to name."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pipeline.forms.form import ColumnType

_HEADER = """# Drafted from a scan: give the columns their names, here and in the rules, and correct what was guessed wrong.
# marksheet.toml explains what else a form can say.

title = ""
header_rows = {header_rows}
"""


@dataclass(frozen=True, slots=True)
class Drafted:
    """What was found of one column: its type, the most decimals and digits that it has, and its width in any unit."""

    type: ColumnType
    decimals: int
    digits: int
    width: float


def draft(columns: Sequence[Drafted], rules: Sequence[str], header_rows: int) -> str:
    """The text of a form with columns C1, C2 … and these rules, which read_form takes."""
    lines = [_HEADER.format(header_rows=header_rows)]
    lines += ["rules = [", *(f'    "{rule}",' for rule in rules), "]", "", "columns = ["]
    total = sum(column.width for column in columns) or 1.0
    for number, column in enumerate(columns, 1):
        kind = f"decimal({column.decimals})" if column.type == "decimal" else column.type
        digits = f", digits = {column.digits}" if column.type == "roll" else ""
        width = max(round(1000 * column.width / total) / 10, 0.1)
        lines.append(f'    {{ name = "C{number}", type = "{kind}"{digits}, width = {width:g} }},')
    return "\n".join([*lines, "]", ""])
