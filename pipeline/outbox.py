"""What the spreadsheets of a job are called."""

from __future__ import annotations

import os
import re
from pathlib import Path

#: A job that is written beside a workbook that must not be touched.
BESIDE = "{} (new)"
#: A workbook with more of what is to review, from 2 on, than the job's own has room for.
REVIEW = "{} (review {})"

_MORE = re.compile(r"(.+) \(review \d+\)")


def job_of(workbook: Path) -> str:
    """The job that a workbook is of, by its name."""
    name = workbook.stem
    if match := _MORE.fullmatch(name):
        name = match[1]
    return name.removesuffix(BESIDE.format(""))


def review_books(outbox: Path, name: str) -> list[Path]:
    """The further workbooks with what is to review, of a job or of what is beside it."""
    try:
        with os.scandir(outbox) as found:
            files = [entry.name for entry in found]  # thousands, after years: no Path of each
    except FileNotFoundError:
        return []
    return sorted(
        outbox / file
        for file in files
        if file.endswith(".xlsx") and (match := _MORE.fullmatch(file.removesuffix(".xlsx"))) and match[1] == name
    )
