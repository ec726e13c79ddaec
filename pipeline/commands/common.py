"""What several commands have in common."""

from __future__ import annotations

import os
from pathlib import Path

import click

FOLDER = click.Path(file_okay=False, path_type=Path)

data_option = click.option(
    "--data",
    type=FOLDER,
    envvar="PIPELINE_DATA",
    help="Folder with MNIST and, optionally, further sets [default: downloaded].",
)


def on_one_thread() -> None:
    """Asks NumPy's linear algebra, which is not loaded yet, for one thread: training has threads of its own.

    More would stand in each other's way, and their sums would come out a little different each time.
    """
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"):
        os.environ.setdefault(name, "1")
