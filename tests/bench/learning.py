"""What `pipeline learn` does for a hand that the network has never seen: real sheets whose every number is corrected.

    PIPELINE_DATA=DIR python -m tests.bench.learning [ledgers|rainfall_sheets]

reads the pages of tests.bench.ledgers, enters their truth as a person would, and prints what `learn` says: a third of the
corrections is held out. DIR also holds the data of `pipeline train`. Ten minutes and more.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from pipeline.chain import kit_of, read_page
from pipeline.folders import Stamp, sha256_of
from pipeline.forms import read_form
from pipeline.journal import Journal
from pipeline.learning import learn
from pipeline.records import Edit
from pipeline.settings import Settings
from pipeline.stages.decode import decode
from tests.bench.ledgers import FORMS, PAGES, placed, truth_of


def enter(folder: Path, settings: Settings) -> int:
    """Read a folder's pages into the journal with all that is known of them; returns how many values that is."""
    count = 0
    with Journal(settings.state_folder) as journal:
        for name, file, form in PAGES:
            if name != folder.name:
                continue
            path = folder / file
            [page] = (read_page(each, kit_of(settings)) for each in decode(path.read_bytes(), settings))
            columns = [column.name for column in read_form(FORMS / f"{form}.toml").columns]
            truth = placed(truth_of(folder / "truth.csv", file), page.readings, columns)
            sha256, stamp = sha256_of(path), Stamp.of(path.stat())
            scan = journal.add(name, folder, file, path, stamp, sha256)
            scan = journal.settle(journal.start(scan), "done", "", [page], sha256)
            edits = [Edit(1, 1, row, column, value) for (row, column), value in truth.items() if value != "?"]
            journal.enter(scan, edits)
            count += len(edits)
    return count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folder", nargs="?", default="ledgers", choices=sorted({name for name, *_ in PAGES}))
    wanted = parser.parse_args()
    if not os.environ.get("PIPELINE_DATA"):
        sys.exit("PIPELINE_DATA names no folder of data")
    data = Path(os.environ["PIPELINE_DATA"])
    with tempfile.TemporaryDirectory() as outbox:
        settings = Settings(outbox=Path(outbox), forms=FORMS / "none")
        print(f"{enter(data / 'pages' / wanted.folder, settings)} numbers entered", flush=True)
        for line in learn(settings, data):
            print(line, flush=True)


if __name__ == "__main__":
    main()
