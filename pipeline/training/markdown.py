"""Tables in Markdown that are also readable as they are, in a terminal."""

from __future__ import annotations

from collections.abc import Sequence


def table(header: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> str:
    """Columns are padded to one width; the first `left` of them start at the left, the others, numbers, end at the right."""
    lines = [header, *rows]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]

    def shown(line: Sequence[str]) -> str:
        cells = [
            cell.ljust(width) if column < left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        return f"| {' | '.join(cells)} |"

    rule = "|".join("-" * (width + 2) if column < left else "-" * (width + 1) + ":" for column, width in enumerate(widths))
    return "\n".join([shown(header), f"|{rule}|", *(shown(row) for row in rows)])
