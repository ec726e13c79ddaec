"""`pipeline learn`."""

from __future__ import annotations

from pathlib import Path

import click

from pipeline.commands.common import FOLDER, data_option, on_one_thread
from pipeline.settings import load_settings


@click.command()
@data_option
@click.option("--output", type=FOLDER, help="Folder of the corrected spreadsheets [default: outbox].")
@click.option("--state", type=FOLDER, help="Folder of the journal [default: OUTPUT/.pipeline].")
@click.pass_obj
def learn(config: Path | None, /, data: Path | None, output: Path | None, state: Path | None) -> None:
    """Fine-tune the network on what you have corrected, with old data mixed in against forgetting.

    A third of the corrections is held out. The new network is put in use only if it reads more of these, and no less of the
    standing validation set; both figures are shown. It is kept beside the journal, or where `model` in the settings says, and
    `pipeline model --rollback` goes back. The corrected scans must still be where they were read. Some minutes.
    """
    on_one_thread()
    from pipeline.learning import learn
    from pipeline.report import TrainingBar

    settings = load_settings({"outbox": output, "state": state}, file=config)
    with TrainingBar() as bar:
        for line in learn(settings, data, bar.show):
            click.echo(line)
