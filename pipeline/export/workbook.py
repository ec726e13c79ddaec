"""JOB.xlsx: the tables to work in, the cells to look at, every scan's outcome, a summary, and what the colours mean."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import BinaryIO

from pipeline.export.archive import new_workbook
from pipeline.export.overview import write_files, write_legend, write_summary
from pipeline.export.review import write_review
from pipeline.export.survey import Doubt, Survey
from pipeline.export.tables import write_tables
from pipeline.export.text import display_width
from pipeline.records import ScanEntry


def write_workbook(stream: BinaryIO, job: str, survey: Survey, scans: Iterable[ScanEntry], edition: str) -> None:
    """Write the workbook of the scans that `survey` has seen. Same scans, same bytes.

    `edition` says which readings these are, so that what people change can be told from what was read.
    """
    file_width = _file_width(survey)
    with new_workbook(stream) as book:
        write_tables(book, survey, scans, file_width)
        write_review(book, survey.most_doubtful_first(), file_width, job)
        write_files(book, survey.files, file_width)
        write_summary(book, survey, file_width)
        write_legend(book, survey, edition)


def write_review_book(stream: BinaryIO, job: str, survey: Survey, doubts: Sequence[Doubt], edition: str) -> None:
    """Write a further workbook with the pictures that the first has no room for."""
    with new_workbook(stream) as book:
        write_review(book, doubts, _file_width(survey), job)
        write_legend(book, survey, edition)


def _file_width(survey: Survey) -> int:
    return max((display_width(line.file) for line in survey.files), default=0)
