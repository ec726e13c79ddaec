"""Scans that came through the inbox, to be read once more: who asks writes that into the journal, where the watcher looks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from pipeline.folders import shown, stamp_of
from pipeline.intake.folder import Inbox
from pipeline.jobs.desk import Readers
from pipeline.journal import FILE_NAME, Journal
from pipeline.settings import Settings
from pipeline.states import Scan


def ask_again(settings: Settings, names: Iterable[str] = ()) -> tuple[list[Scan], list[str]]:
    """Have rejected scans read once more: all, or those of these names or paths. Returns them, and the names that are of none.

    Raises StateError.
    """
    names = list(names)
    wanted = {*names, *(shown(Path(name).absolute()) for name in names)}

    def is_wanted(scan: Scan) -> bool:
        return scan.outcome == "failed" and (not names or bool(wanted & {scan.file, shown(scan.source)}))

    asked = _ask(settings, is_wanted)
    known = {name for scan in asked for name in (scan.file, shown(scan.source))}
    return asked, [name for name in names if not known & {name, shown(Path(name).absolute())}]


def ask_anew(settings: Settings) -> list[Scan]:
    """Have scans read anew that another model or form has read, or with other settings. What people said of cells stays.

    Raises StateError, ModelError, FormError.
    """
    return _ask(settings, Readers(settings).are_outdated_for)


def _ask(settings: Settings, is_wanted: Callable[[Scan], bool]) -> list[Scan]:
    inbox = Inbox(settings.inbox)
    if not (settings.state_folder / FILE_NAME).is_file():
        return []
    asked = []
    with Journal(settings.state_folder) as journal, journal.transaction():
        for scan in filter(is_wanted, journal.scans(inbox.root, "filed")):
            stamp = stamp_of(scan.source)
            if stamp is not None and inbox.is_filed(scan.source):
                asked.append(journal.again(scan, inbox.root, scan.source, stamp, scan.sha256))
    return asked
