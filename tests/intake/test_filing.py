"""Claiming files and filing originals away, with a crash at every step in between."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest

from pipeline.folders import rename_below, stamp_of
from pipeline.intake import filing
from pipeline.intake.claim import claim
from pipeline.intake.filing import file_away
from pipeline.intake.folder import Inbox
from pipeline.journal import Journal
from pipeline.records import Outcome
from pipeline.states import Scan
from tests.scanning import tree

TODAY = date(2026, 3, 4)


@dataclass
class Office:
    """An inbox and its journal, and what a watcher would do with them."""

    inbox: Inbox
    journal: Journal

    def drop(self, name: str, text: str) -> Path:
        path = self.inbox.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def claim(self, path: Path) -> Scan:
        stamp = stamp_of(path)
        assert stamp is not None
        scan = claim(self.journal, self.inbox, path, stamp, TODAY)
        assert scan is not None
        return scan

    def read(self, path: Path, outcome: Outcome = "done", message: str = "") -> Scan:
        scan = self.claim(path)
        return self.journal.settle(self.journal.start(scan), outcome, message) if scan.state == "waiting" else scan

    def take(self, name: str, text: str, outcome: Outcome = "done", message: str = "") -> Scan:
        return file_away(self.journal, self.inbox, self.read(self.drop(name, text), outcome, message))

    @property
    def files(self) -> dict[str, str]:
        return tree(self.inbox.root)

    @property
    def names(self) -> list[str]:
        return [entry.file for entry in self.journal.entries("9B")]


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    (tmp_path / "inbox").mkdir()
    with Journal(tmp_path / "state") as journal:
        yield Office(Inbox(tmp_path / "inbox"), journal)


def test_originals_go_where_their_outcome_says(office: Office) -> None:
    office.take("a.png", "1")
    office.take("9B/term 1/a.png", "2")
    office.take("9B/b.png", "3", "failed", "It is torn. Scan it again.")
    office.take("9B/c.png", "2")
    rejected = office.files.pop("rejected/9B/b.png.txt")
    assert "9B/b.png could not be read" in rejected
    assert "It is torn. Scan it again." in rejected
    assert office.files.keys() - {"rejected/9B/b.png.txt"} == {
        "processed/2026-03-04/a.png",
        "processed/9B/term 1/a.png",
        "rejected/9B/b.png",
        "duplicates/9B/c.png",
    }


def test_same_name_with_other_content_is_kept_apart(office: Office) -> None:
    for text in "123":
        office.take("9B/x.png", text)
    assert office.names == ["9B/x (2).png", "9B/x (3).png", "9B/x.png"]
    assert office.files == {"processed/9B/x.png": "1", "processed/9B/x (2).png": "2", "processed/9B/x (3).png": "3"}


def test_same_content_again_is_a_duplicate_in_its_job_only(office: Office) -> None:
    office.take("9B/x.png", "1")
    assert office.take("9B/x.png", "1").outcome == "duplicate"
    assert office.take("9C/x.png", "1").outcome == "done"
    assert office.files == {"processed/9B/x.png": "1", "duplicates/9B/x (2).png": "1", "processed/9C/x.png": "1"}


def test_a_rejected_scan_may_be_tried_again(office: Office) -> None:
    office.take("9B/x.png", "1", "failed")
    scan = office.take("9B/x.png", "1", "done")
    assert (scan.outcome, scan.attempts) == ("done", 2)
    assert office.names == ["9B/x.png"]
    assert office.files.keys() == {"rejected/9B/x.png", "rejected/9B/x.png.txt", "processed/9B/x.png"}


def test_nothing_is_overwritten(office: Office) -> None:
    office.drop("processed/9B/x.png", "someone put it here")
    office.drop("rejected/9B/y.png.txt", "and this")
    office.take("9B/x.png", "1")
    office.take("9B/y.png", "2", "failed")
    assert office.files["processed/9B/x.png"] == "someone put it here"
    assert office.files["processed/9B/x (2).png"] == "1"
    assert office.files["rejected/9B/y.png.txt"] == "and this"
    assert office.files["rejected/9B/y (2).png"] == "2"


@pytest.mark.parametrize("outcome", ["done", "failed"])
def test_the_longest_names_fit(office: Office, outcome: Outcome) -> None:
    name = "ü" * 125 + "x.png"
    assert len(name.encode()) == 255
    for text in "12":
        office.take(f"9B/{name}", text, outcome)
    contents = [text for file, text in office.files.items() if file.endswith(".png")]
    assert sorted(contents) == ["1", "2"]


def test_names_that_are_no_text(office: Office) -> None:
    path = office.inbox.root / os.fsdecode(b"\xe9t\xe9.png")
    path.write_text("1")
    file_away(office.journal, office.inbox, office.read(path))
    assert office.files == {"processed/2026-03-04/\\xe9t\\xe9.png": "1"}


def test_a_crash_before_the_move_is_finished_by_the_next_claim(office: Office) -> None:
    path = office.drop("9B/x.png", "1")
    settled = office.read(path)
    again = office.claim(path)
    assert again == settled
    assert file_away(office.journal, office.inbox, again).state == "filed"
    assert office.files == {"processed/9B/x.png": "1"}


@pytest.mark.parametrize("step", ["mkdir", "write_atomically", "rename_below", "fsync_folder", "filed"])
def test_a_move_that_failed_anywhere_is_finished_later(office: Office, step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    settled = office.read(office.drop("9B/x.png", "1"), "failed", "Torn.")

    def fail(*args: object, **options: object) -> None:
        raise OSError(errno.EIO, "the disk failed")

    with monkeypatch.context() as patch:
        owner = {"mkdir": Path, "filed": Journal}.get(step, filing)
        patch.setattr(owner, step, fail)
        with pytest.raises(OSError, match="disk failed"):
            file_away(office.journal, office.inbox, settled)
    [left] = office.journal.scans(office.inbox.root, "settled", "moving")
    assert file_away(office.journal, office.inbox, left).state == "filed"
    assert office.files.keys() == {"rejected/9B/x.png", "rejected/9B/x.png.txt"}
    assert office.files["rejected/9B/x.png"] == "1"


def test_a_move_to_another_file_system(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    def across(root: Path, source: Path, target: Path) -> None:
        if source.parent != target.parent:
            raise OSError(errno.EXDEV, "cross-device link")
        rename_below(root, source, target)

    monkeypatch.setattr(filing, "rename_below", across)
    path = office.drop("9B/x.png", "1")
    stamp = stamp_of(path)
    filed = file_away(office.journal, office.inbox, office.read(path))
    assert office.files == {"processed/9B/x.png": "1"}
    assert stamp_of(filed.source) == stamp


def test_a_file_changed_since_it_was_read_is_left_and_read_anew(office: Office) -> None:
    path = office.drop("9B/x.png", "one page")
    settled = office.read(path)
    path.write_text("one page, two pages")
    assert file_away(office.journal, office.inbox, settled) == settled
    again = office.claim(path)
    assert (again.id, again.state) == (settled.id, "waiting")


def test_a_file_touched_since_it_was_read_is_only_moved(office: Office) -> None:
    path = office.drop("9B/x.png", "1")
    office.read(path)
    os.utime(path, (1, 1))
    scan = office.claim(path)
    assert scan.state == "settled"
    assert file_away(office.journal, office.inbox, scan).state == "filed"


def test_a_file_taken_away_is_no_error(office: Office) -> None:
    path = office.drop("9B/x.png", "1")
    settled = office.read(path)
    path.unlink()
    assert file_away(office.journal, office.inbox, settled).state == "filed"
    assert office.names == ["9B/x.png"]


def test_a_file_that_changes_while_it_is_looked_at_is_not_claimed(office: Office) -> None:
    path = office.drop("9B/x.png", "1")
    stamp = stamp_of(path)
    assert stamp is not None
    path.write_text("12")
    assert claim(office.journal, office.inbox, path, stamp, TODAY) is None


def test_a_link_is_not_claimed(office: Office) -> None:
    target = office.drop("9B/x.png", "1")
    link = office.inbox.root / "link.png"
    link.symlink_to(target)
    stamp = stamp_of(target)
    assert stamp is not None
    with pytest.raises(OSError):
        claim(office.journal, office.inbox, link, stamp, TODAY)
