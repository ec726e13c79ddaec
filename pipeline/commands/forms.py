"""`pipeline form print`."""

from __future__ import annotations

from pathlib import Path

import click

from pipeline.errors import UsageError
from pipeline.settings import load_settings


@click.command(name="print")
@click.argument("name", metavar="NAME")
@click.option("--rows", type=click.IntRange(1, 5000), default=25, show_default=True, help="Rows below the headings.")
@click.option("--landscape", is_flag=True, help="Turn the paper on its side, for forms with many columns.")
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write it to this new file [default: NAME.pdf]."
)
@click.pass_obj
def print_form(config: Path | None, /, name: str, rows: int, landscape: bool, output: Path | None) -> None:
    """Make a blank A4 PDF of the form NAME, to print and fill in.

    Its scans and photographs are flattened by the marks in its corners, and known by the code beside them. More rows than a
    page has room for are spread over several. Print it anew after changing the form.
    """
    from pipeline.files import write_atomically
    from pipeline.forms import forms_in_use, has_form
    from pipeline.printing import print_form

    folder = load_settings(file=config).forms
    form = next(form for form in forms_in_use(folder, name) if form.name == name)
    output = output or Path(f"{name}.pdf")
    if output.exists():
        raise UsageError(f"{output} is there already", "Give another name with --output, or remove it first.")
    write_atomically(output, print_form(form, rows, landscape))
    click.echo(f"written: {output}")
    if not has_form(folder, name):
        click.echo(f"{name} is an example: copy {form.file} into {folder}, so that its sheets are known", err=True)
