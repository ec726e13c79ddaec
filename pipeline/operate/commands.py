"""The commands of whoever looks after a drop folder; cli.py takes them up."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from pipeline.errors import ScanError
from pipeline.folders import line_safe
from pipeline.settings import Settings, load_settings

Command = TypeVar("Command", bound=Callable[..., Any])

_FOLDER = click.Path(file_okay=False, path_type=Path)
_json = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")


def _folders(command: Command) -> Command:
    for option in (
        click.option("--state", type=_FOLDER, help="Folder of the journal [default: OUTPUT/.pipeline]."),
        click.option("--output", type=_FOLDER, help="Folder of the spreadsheets [default: outbox]."),
        click.option("--inbox", type=_FOLDER, help="Folder where scans are dropped [default: inbox]."),
    ):
        command = option(command)
    return command


def _settings(config: Path | None, inbox: Path | None, output: Path | None, state: Path | None) -> Settings:
    return load_settings({"inbox": inbox, "outbox": output, "state": state}, file=config)


@click.command()
@_json
@_folders
@click.pass_obj
def status(config: Path | None, /, as_json: bool, **folders: Path | None) -> None:
    """Tell how things stand: what waits, is read, is done, failed, is to be reviewed; how fast it goes, and the last error."""
    from pipeline.operate.status import status_lines, status_of

    found = status_of(_settings(config, **folders))
    click.echo(json.dumps(asdict(found), indent=1) if as_json else "\n".join(status_lines(found)))


@click.command()
@click.argument("files", nargs=-1, metavar="[FILE...]")
@_folders
@click.pass_obj
def retry(config: Path | None, /, files: tuple[str, ...], **folders: Path | None) -> None:
    """Have scans that were rejected read once more: all of them, or those named as in the spreadsheets or by their path.

    The watcher reads them, or the next one that is started. What a backlog folder holds, `pipeline run` tries again by itself.
    """
    from pipeline.intake import ask_again

    asked, unknown = ask_again(_settings(config, **folders), files)
    for scan in asked:
        click.echo(f"{line_safe(scan.file)}: to be read once more")
    for name in unknown:
        click.echo(f"pipeline: {line_safe(name)} is no rejected scan of this inbox", err=True)
    if not asked and not files:
        click.echo("No scan was rejected.")
    if unknown:
        raise click.exceptions.Exit(ScanError.exit_code)


@click.command()
@click.argument("file")
@_json
@_folders
@click.pass_obj
def history(config: Path | None, /, file: str, as_json: bool, **folders: Path | None) -> None:
    """Tell all that happened to a scan: FILE is its path, its name in the spreadsheets, or the number it has in the log."""
    from pipeline.operate.history import history_of

    events = history_of(file, _settings(config, **folders).state_folder)
    if as_json:
        click.echo(json.dumps([asdict(event) | {"path": line_safe(event.path)} for event in events], indent=1))
        return
    for event in events:
        at = datetime.fromtimestamp(event.at).astimezone().isoformat(" ", "seconds")
        what = event.outcome or event.state
        more = [event.message and line_safe(event.message), event.reader and f"by {event.reader}"]
        where = line_safe(event.path) if event.state in ("waiting", "filed") else ""
        click.echo(f"{at}  scan {event.scan}  {line_safe(event.file)}: {what}" + "".join(f"  {m}" for m in (where, *more) if m))


@click.command()
@_json
@click.option("--no-test", is_flag=True, help="Leave out the scan that is read as a test.")
@_folders
@click.pass_obj
def doctor(config: Path | None, /, as_json: bool, no_test: bool, **folders: Path | None) -> None:
    """Look whether all is in order: folders, rights, room on the disk, journal, model, forms, versions; read a scan as a test.

    Exit code 1 if something is not.
    """
    from pipeline.engine import CHILD_ENVIRONMENT

    os.environ |= CHILD_ENVIRONMENT  # the test is to be read as workers read; NumPy is not loaded yet
    from pipeline.operate.doctor import examine

    findings = examine(_settings(config, **folders), reads=not no_test)
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings], indent=1))
    else:
        for finding in findings:
            click.echo(f"{finding.state:>4}  {finding.what}: {finding.text}")
            if finding.remedy:
                click.echo(f"      {finding.remedy}")
    if any(finding.state == "bad" for finding in findings):
        raise click.exceptions.Exit(ScanError.exit_code)


def read_again(settings: Settings) -> bool:
    """`pipeline run --again`: have the scans of the inbox read anew that another model or form has read; whether one failed."""
    from pipeline.intake import ask_anew, watch
    from pipeline.intake.service import STATE_LOCK
    from pipeline.lock import is_held
    from pipeline.report import print_summary

    asked = ask_anew(settings)
    click.echo(f"{len(asked)} to be read anew")
    if not asked:
        return False
    if process := is_held(settings.state_folder / STATE_LOCK):
        click.echo(f"The watcher, process {process}, reads them.")
        return False
    summaries = watch(settings, once=True)
    for summary in summaries:
        print_summary(summary)
    return any(summary.failed for summary in summaries)


COMMANDS: tuple[click.Command, ...] = (status, retry, history, doctor)
