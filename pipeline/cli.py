"""The commands: parse, call, print."""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from pipeline import __version__
from pipeline.commands.common import FOLDER, data_option, on_one_thread
from pipeline.commands.forms import print_form
from pipeline.commands.learning import learn
from pipeline.errors import EXIT_CODES, PipelineError, ScanError, UsageError
from pipeline.folders import line_safe
from pipeline.logs import log_to_stderr
from pipeline.operate.commands import COMMANDS, read_again
from pipeline.settings import Settings, load_settings

Command = TypeVar("Command", bound=Callable[..., Any])

_EPILOG = (
    "\b\nExit codes:\n"
    + "\n".join(f"  {code:>3}  {meaning}" for code, meaning in EXIT_CODES)
    + "\n\n\b\nShell completion, for bash (zsh and fish likewise):\n"
    + '  eval "$(_PIPELINE_COMPLETE=bash_source pipeline)"'
)


class _Group(click.Group):
    """Reports errors in one line with their exit code, not with a trace."""

    def invoke(self, ctx: click.Context) -> Any:  # noqa: ANN401 - as click has it
        try:
            return super().invoke(ctx)
        except PipelineError as error:
            click.echo(f"pipeline: {error}", err=True)
            raise click.exceptions.Exit(error.exit_code) from error
        except (KeyboardInterrupt, click.Abort):
            click.echo("Interrupted.", err=True)
            raise click.exceptions.Exit(130) from None


@click.group(cls=_Group, epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="pipeline")
@click.option("--config", type=click.Path(dir_okay=False, path_type=Path), help="Settings [default: config/pipeline.toml].")
@click.option("-v", "--verbose", is_flag=True, help="Tell more on stderr.")
@click.option("-q", "--quiet", is_flag=True, help="Tell only what went wrong.")
@click.option(
    "--log", type=click.Choice(["text", "json"]), default="text", envvar="PIPELINE_LOG", help="How stderr is written."
)
@click.pass_context
def cli(ctx: click.Context, config: Path | None, verbose: bool, quiet: bool, log: str) -> None:
    """Scanned sheets of handwritten numbers in, checked spreadsheets out."""
    log_to_stderr(logging.DEBUG if verbose else logging.WARNING if quiet else logging.INFO, log == "json")
    ctx.obj = config


def _engine_options(command: Command) -> Command:
    """Options of the commands that read scans into spreadsheets."""
    for option in (
        click.option("--form", metavar="NAME", help="The form of the sheets [default: recognised by their columns]."),
        click.option("--threshold", type=float, help="Readings less sure than this, 0 to 1, go to review."),
        click.option("--workers", type=int, help="Processes that read scans; 0 is one a core."),
        click.option("--state", type=FOLDER, help="Folder of the journal [default: OUTPUT/.pipeline]."),
        click.option("--output", type=FOLDER, help="Folder for the spreadsheets [default: outbox]."),
    ):
        command = option(command)
    return command


@cli.command()
@click.option("--batch", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Folder of scans.")
@click.option("--job", help="Name of the spreadsheets [default: that of the folder].")
@click.option("--again", is_flag=True, help="Read anew what another model, form or setting has read; your corrections stay.")
@click.option("--trace", type=FOLDER, help="Folder for pictures of what every stage saw.")
@_engine_options
@click.pass_obj
def run(
    config: Path | None,
    /,
    batch: Path | None,
    job: str | None,
    again: bool,
    trace: Path | None,
    output: Path | None,
    **flags: object,
) -> None:
    """Read a folder of scans, and the folders in it, into the spreadsheets of one job.

    The scans stay where they are. A second run reads only what is new or changed, or failed before. With --again and without
    --batch, it is the scans that came through the inbox which are read anew.
    """
    from pipeline.backlog import run_batch
    from pipeline.report import Progress, print_summary

    settings = load_settings({"outbox": output, **flags}, file=config)
    if batch is None:
        if not again or job or trace:
            raise UsageError("--batch is missing: which folder?")
        _exit_with(read_again(settings))
        return
    with Progress() as progress:
        summary = run_batch(batch, settings, job, trace, progress.show, again=again)
    print_summary(summary)
    _exit_with(bool(summary.failed))


@cli.command()
@click.option("--inbox", type=FOLDER, help="Folder where scans are dropped [default: inbox].")
@click.option("--settle", type=float, help="Seconds that a file must be still before it is taken.")
@click.option("--sweep", type=float, help="Seconds between full looks at the inbox.")
@click.option("--poll/--no-poll", default=None, help="Look by polling alone, for network shares that send no events.")
@click.option("--once", is_flag=True, help="Read what is there, then exit.")
@_engine_options
@click.pass_obj
def watch(config: Path | None, /, once: bool, output: Path | None, **flags: object) -> None:
    """Read scans as they are dropped into the inbox.

    A scan at the top of the inbox goes into the job of the day, one in a folder into the job of that name. The original
    moves to processed/, rejected/ or duplicates/ in the inbox. SIGTERM and Ctrl-C end it in good order; SIGHUP loads settings,
    forms and models anew.
    """
    from pipeline.intake import watch as watch_inbox
    from pipeline.report import print_summary

    def settings() -> Settings:
        return load_settings({"outbox": output, **flags}, file=config)

    summaries = watch_inbox(settings(), once, reload=settings)
    for summary in summaries:
        print_summary(summary)
    _exit_with(once and any(summary.failed for summary in summaries))


@cli.command()
@click.argument("workbook", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="JOB.xlsx")
@click.option("--state", type=FOLDER, help="Folder of the journal [default: .pipeline beside the workbook].")
@click.pass_obj
def accept(config: Path | None, /, workbook: Path, state: Path | None) -> None:
    """Take in what you corrected in a workbook, and write it anew.

    Fill in "correct value" on the Review sheet, or overtype a number in a table; save, then run this. What the sheet's sums
    make of your values is worked out again. Exit code 1 if something you typed could not be understood.
    """
    from pipeline.jobs.spreadsheets import accept as accept_workbook
    from pipeline.report import print_accepted

    settings = load_settings({"outbox": workbook.absolute().parent, "state": state}, file=config)
    taken, written = accept_workbook(workbook.absolute(), settings)
    print_accepted(taken, written)
    _exit_with(bool(taken.problems))


@cli.group()
def form() -> None:
    """Descriptions of known sheets."""


@form.command(name="new")
@click.argument("scan", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write it to this new file [default: print it]."
)
@click.pass_obj
def new_form(config: Path | None, /, scan: Path, output: Path | None) -> None:
    """Write a form for sheets like the one on SCAN: its columns, their types and widths, and the sums that it bears out."""
    from pipeline.drafts import form_from
    from pipeline.files import write_atomically

    if output is not None and output.exists():
        raise UsageError(f"{output} is there already", "Give another name, or remove it first.")
    text = form_from(scan.read_bytes(), load_settings(file=config))
    if output is None:
        click.echo(text, nl=False)
    else:
        write_atomically(output, text.encode())


form.add_command(print_form)


@cli.command()
@click.argument("images", nargs=-1, required=True, metavar="IMAGE...", type=click.Path(path_type=Path))
@click.option("--save", type=click.Path(dir_okay=False, path_type=Path), help="Append path and value to this CSV.")
@click.option("--no-save", is_flag=True, help="Don't ask whether to save.")
@click.pass_obj
def read(config: Path | None, /, images: tuple[Path, ...], save: Path | None, no_save: bool) -> None:
    """Read one number, or one digit, per image; prints path, value and confidence."""
    from pipeline.report import append_values

    if save and no_save:
        raise UsageError("--save and --no-save exclude each other")
    settings = load_settings(file=config)
    values = []
    for image in images:
        try:
            value, confidence = _read_one(image, settings)
        except ScanError as error:
            click.echo(f"pipeline: {line_safe(image)}: {error}", err=True)
        else:
            values.append((image, value))
            click.echo(f"{line_safe(image)}\t{value}\t{confidence:.4f}")
    if save is None and not no_save and sys.stdin.isatty() and sys.stdout.isatty() and click.confirm("Save to CSV?"):
        save = Path(click.prompt("File", default="readings.csv"))
    if save is not None:
        append_values(save, values)
    _exit_with(len(values) < len(images))


def _read_one(image: Path, settings: Settings) -> tuple[str, float]:
    from pipeline import read_number

    try:
        data = image.read_bytes()
    except OSError as error:
        raise ScanError(f"The file can't be read: {error.strerror or error}", "Is the path right?") from error
    reading = read_number(data, settings)
    return reading.value, reading.confidence


_json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")
_model_option = click.option(
    "--model", type=click.Path(dir_okay=False, path_type=Path), help="The network's pickle [default: that in use]."
)


@cli.command()
@data_option
@click.option(
    "--profile",
    type=click.Choice(["production", "numbers", "paper"]),
    default="production",
    show_default=True,
    help="Our network of digits, our reader of whole numbers, or the published network: 784-75-10, sigmoid, squared error.",
)
@click.option(
    "--epochs", type=click.IntRange(1, 1000), help="Passes over the data [default: 16; numbers: 28 rounds; paper: 350]."
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where to pickle the network [default: in the place of the one in use; paper: paper.pkl, here].",
)
@click.option("--checkpoint", type=click.Path(dir_okay=False, path_type=Path), help="Keep the state here, and go on from it.")
@click.option("--force", is_flag=True, help="Replace the present model even by a worse one.")
@click.pass_obj
def train(
    config: Path | None,
    /,
    data: Path | None,
    profile: str,
    epochs: int | None,
    output: Path | None,
    checkpoint: Path | None,
    force: bool,
) -> None:
    """Train a network anew and pickle it, with its card and learning curve beside it. Reading never trains.

    DIR/mnist holds the four files of MNIST, DIR/digits further sets; without a DIR, MNIST is downloaded once. On two cores our
    network takes an hour to an hour and a half, and so does the reader of whole numbers, the published network three minutes.
    """
    if checkpoint and profile == "paper":
        raise UsageError("--checkpoint is of no use to --profile paper, which takes three minutes")
    on_one_thread()
    from pipeline.report import TrainingBar
    from pipeline.training.command import train_model, train_published
    from pipeline.training.numbers import train_numbers

    settings = load_settings(file=config)
    with TrainingBar() as bar:
        if profile == "paper":
            lines = train_published(data, epochs, output, force, bar.show)
        elif profile == "numbers":
            lines = train_numbers(settings, data, epochs, output, checkpoint, force, bar.show)
        else:
            lines = train_model(settings, data, epochs, output, checkpoint, force, bar.show)
        for line in lines:
            click.echo(line)


cli.add_command(learn)


@cli.command()
@data_option
@_model_option
@_json_option
@click.pass_obj
def evaluate(config: Path | None, /, data: Path | None, model: Path | None, as_json: bool) -> None:
    """Measure the network: accuracy on test sets, what it takes for what, how honest its confidence is, and its speed.

    The data are those of `pipeline train`. What that holds out is measured on too. A minute or so.
    """
    on_one_thread()
    from pipeline.training.command import evaluate_model

    click.echo(evaluate_model(load_settings({"model": model}, file=config), data, as_json))


@cli.command()
@_model_option
@_json_option
@click.option("--rollback", is_flag=True, help="Go back to the network before the one that `pipeline learn` put in use.")
@click.option("--state", type=FOLDER, help="Folder of the journal, where that is [default: outbox/.pipeline].")
@click.pass_obj
def model(config: Path | None, /, model: Path | None, as_json: bool, rollback: bool, state: Path | None) -> None:
    """Print the card of the network: what it is, what it was trained on, how well it reads."""
    settings = load_settings({"model": model, "state": state}, file=config)
    if rollback:
        from pipeline.learned import roll_back

        click.echo(f"in use: {roll_back(settings) or 'the network that ships with the package'}")
        return
    from pipeline.training.command import describe_model

    click.echo(describe_model(settings, as_json))


for command in COMMANDS:
    cli.add_command(command)


def _exit_with(failed: bool) -> None:
    if failed:
        raise click.exceptions.Exit(ScanError.exit_code)


def main() -> None:
    """The command `pipeline`."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a file name must not stop a report, whatever the terminal
    cli(prog_name="pipeline")
