"""What a command tells: progress and results in the terminal, and the small CSV of `pipeline read`."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import click

from pipeline.corrections import Taken
from pipeline.errors import OutputError
from pipeline.folders import line_safe, shown
from pipeline.jobs.summary import Summary
from pipeline.records import Written

if TYPE_CHECKING:
    from click._termui_impl import ProgressBar

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


class Progress:
    """A bar on stderr with rate and time left, where stderr is a terminal."""

    def __init__(self) -> None:
        self._bar: ProgressBar[int] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.__exit__(kind, error, trace)

    def show(self, done: int, total: int) -> None:
        """`done` of `total` files are done."""
        if not sys.stderr.isatty():
            return
        if self._bar is None:
            self._bar = click.progressbar(
                length=total, label="Reading", file=sys.stderr, show_pos=True, item_show_func=lambda _: self._rate()
            )
            self._bar.__enter__()
        if done > self._bar.pos:
            self._bar.update(done - self._bar.pos, done)

    def _rate(self) -> str:
        seconds = self._bar.time_per_iteration if self._bar else 0.0
        return f"{1 / seconds:.1f} scans/s" if seconds else ""


class TrainingBar:
    """A bar on stderr for each part of a long piece of work, where stderr is a terminal."""

    _STEPS = 1000

    def __init__(self) -> None:
        self._bar: ProgressBar[int] | None = None
        self._label = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._finish()

    def show(self, label: str, share: float) -> None:
        """That `share`, 0 to 1, is done of what the label names. A new label starts a new bar."""
        if not sys.stderr.isatty():
            return
        if self._bar is None or label != self._label:
            self._finish()
            self._label = label
            self._bar = click.progressbar(length=self._STEPS, label=label, file=sys.stderr)
            self._bar.__enter__()
        step = int(share * self._STEPS)
        if step > self._bar.pos:
            self._bar.update(step - self._bar.pos)
        if step == self._STEPS:  # so that what is logged next has a line of its own
            self._finish()

    def _finish(self) -> None:
        if self._bar is not None:
            self._bar.__exit__(None, None, None)
        self._bar = None


def print_summary(summary: Summary) -> None:
    """Tell what came of a job, on stdout."""
    totals = summary.totals
    parts = [f"{summary.read} read"]
    parts += [f"{number} {what}" for number, what in _extras(summary) if number]
    click.echo(f"{summary.job}: {', '.join(parts)}")
    for failed in summary.failed:
        click.echo(f"  {line_safe(failed.file)}: {line_safe(failed.message)}")
    if summary.outdated:
        click.echo(f"  {summary.outdated} read with another model, form or setting; `--again` reads them anew")
    look = f"{_count(totals.review, 'cell')} to look at" if totals.review else "none to look at"
    if totals.text:
        look += f", {totals.text} with text that is not read"
    click.echo(f"{_count(totals.scans, 'scan')}, {_count(totals.pages, 'page')}, {_count(totals.cells, 'cell')}; {look}")
    for note in summary.written.notes:
        click.echo(f"  {line_safe(note)}")
    for path in (summary.written.workbook, summary.written.table_csv, summary.written.readings_csv):
        click.echo(f"  {line_safe(path)}")


def print_accepted(taken: Taken, written: Written) -> None:
    """Tell what came of a workbook's corrections, on stdout; what could not be understood cell by cell."""
    click.echo(f"{_count(taken.edits, 'value')} accepted")
    for problem in (*taken.problems, *written.notes):
        click.echo(f"  {line_safe(problem)}")
    click.echo(f"  {line_safe(written.workbook)}")


def _extras(summary: Summary) -> list[tuple[int, str]]:
    return [
        (summary.unchanged, "unchanged"),
        (summary.duplicates, "duplicate" if summary.duplicates == 1 else "duplicates"),
        (summary.ignored, "ignored"),
        (len(summary.failed), "failed"),
    ]


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def append_values(file: Path, values: Sequence[tuple[Path, str]]) -> None:
    """Append path and value to a CSV, with a header if it is new. Raises OutputError."""
    lines = [_csv_line(_no_formula(shown(path)), value) for path, value in values]
    try:
        with file.open("ab+") as stream:
            if stream.tell() == 0:
                lines.insert(0, _csv_line("path", "value"))
            else:
                stream.seek(-1, io.SEEK_END)
                if stream.read() != b"\n":  # someone edited it and left the last line open
                    lines.insert(0, "\n")
            stream.write("".join(lines).encode())
    except OSError as error:
        raise OutputError(f"{file} can't be written: {error.strerror or error}") from error


def _csv_line(*fields: str) -> str:
    line = io.StringIO()
    csv.writer(line, lineterminator="\r\n").writerow(fields)  # with "\n" it would leave a lone \r unquoted
    return line.getvalue().removesuffix("\r\n") + "\n"


def _no_formula(text: str) -> str:
    """A spreadsheet program would take text that starts so for a formula."""
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text
