"""A file that is whole becomes a scan of a job: new, known, or the same as another."""

from __future__ import annotations

import errno
from datetime import date
from pathlib import Path

from pipeline.folders import Stamp, sha256_of, stamp_of
from pipeline.intake.folder import Inbox
from pipeline.jobs.names import free_name
from pipeline.journal import Journal
from pipeline.states import Scan


def claim(journal: Journal, inbox: Inbox, path: Path, stamp: Stamp, today: date) -> Scan | None:
    """The scan for a file: waiting if it is to be read, settled or moving if only its original is to be moved, filed if that
    has been done too; None if the file is changing.

    Raises OSError if the file can't be read, or is in another program's hands.
    """
    content = sha256_of(path, inbox.root)
    if stamp_of(path) != stamp:
        return None
    with journal.transaction():
        known = journal.at(path)
        if inbox.is_filed(path):
            return _filed(journal, inbox, known, path, stamp, content)
        if known is not None and known.state in ("settled", "moving") and known.sha256 == content:
            return journal.renamed(known, known.file, path, stamp)  # read before a crash, or touched since
        if known is not None and known.state == "reading":
            raise OSError(errno.EBUSY, f"it is being read by {known.holder or 'another program'}")
        if known is not None and known.root == inbox.root and known.state != "filed":
            return journal.again(known, inbox.root, path, stamp, content)  # given back, or changed before it could be moved
        return _new(journal, inbox, path, stamp, content, today)


def _filed(journal: Journal, inbox: Inbox, known: Scan | None, path: Path, stamp: Stamp, content: str) -> Scan | None:
    """The scan of an original that has been filed: to be read anew, as asked, or because more was written to it since."""
    if known is None:
        return None
    if known.state == "filed" and known.sha256 == content:
        return journal.renamed(known, known.file, path, stamp)  # only touched
    if known.state in ("settled", "moving"):
        return known
    return journal.again(known, inbox.root, path, stamp, content)


def _new(journal: Journal, inbox: Inbox, path: Path, stamp: Stamp, content: str, today: date) -> Scan:
    place = inbox.place(path, today)
    for twin in journal.twins(place.job, content):
        if twin.outcome == "done" or twin.state in ("waiting", "reading"):
            scan = journal.add(place.job, inbox.root, free_name(journal, place.job, place.file), path, stamp, content)
            return journal.settle(scan, "duplicate", f"Same content as {twin.file}.")
    namesake = journal.named(place.job, place.file)
    if namesake and namesake.sha256 == content and (namesake.state, namesake.outcome) == ("filed", "failed"):
        return journal.again(namesake, inbox.root, path, stamp, content)  # dropped once more, to be tried once more
    return journal.add(place.job, inbox.root, free_name(journal, place.job, place.file), path, stamp, content)
