"""Which files of an inbox are taken, and where they belong."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path

import pytest

from pipeline.intake.folder import Inbox, Place

TODAY = date(2026, 3, 4)

IGNORED = (
    ".hidden.png",
    "a.png.part",
    "a.PNG.CRDOWNLOAD",
    "a.tmp",
    "a.partial",
    "~$marks.xlsx",
    "._a.png",
    "@eaDir/a.png",
    ".stfolder/a.png",
    "Thumbs.db",
    "desktop.ini",
    ".DS_Store",
    "processed/2026-03-04/a.png",
    "rejected/9B/a.png",
    "rejected/9B/a.png.txt",
    "duplicates/9B/a.png",
    "9B/.a.png",
)
TAKEN = ("a.png", "README.txt", "9B/a.png", "9B/processed/a.png", "part", "x/y/z.tif", "नमस्ते.png", "a\nb.png")


@pytest.mark.parametrize(("names", "taken"), [(IGNORED, False), (TAKEN, True)])
def test_what_is_taken(tmp_path: Path, names: tuple[str, ...], taken: bool) -> None:
    inbox = Inbox(tmp_path)
    for name in names:
        path = inbox.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        assert inbox.concerns(str(path)) is taken
    assert {path.relative_to(inbox.root).as_posix() for path, _ in inbox.files()} == (set(names) if taken else set())


def test_links_and_devices_are_not_taken(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret.png").touch()
    inbox = Inbox(tmp_path / "inbox")
    inbox.root.mkdir()
    (inbox.root / "link.png").symlink_to(tmp_path / "outside" / "secret.png")
    (inbox.root / "dangling.png").symlink_to("nowhere")
    (inbox.root / "folder").symlink_to(tmp_path / "outside")
    os.mkfifo(inbox.root / "fifo.png")
    refused: dict[str, str] = {}
    assert inbox.files(lambda path, why: refused.update({path.name: why})) == []
    link = "a symbolic link"
    assert refused == {"link.png": link, "dangling.png": link, "folder": link, "fifo.png": "not a file"}
    assert not inbox.concerns(str(tmp_path / "outside" / "secret.png"))


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("x.png", Place("2026-03-04", "x.png")),
        ("9B/x.png", Place("9B", "9B/x.png")),
        ("9B/term 1/x.png", Place("9B", "9B/term 1/x.png")),
        ("a:b?/x.png", Place("a_b_", "a:b?/x.png")),
        ("con/x.png", Place("_con", "con/x.png")),
        ("9B.readings/x.png", Place("9B.readings_", "9B.readings/x.png")),
    ],
)
def test_place(tmp_path: Path, name: str, place: Place) -> None:
    inbox = Inbox(tmp_path)
    assert inbox.place(inbox.root / name, TODAY) == place


def test_place_of_names_that_are_long_or_no_text(tmp_path: Path) -> None:
    inbox = Inbox(tmp_path)
    jobs = {inbox.place(inbox.root / ("ü" * 126 + end) / "x.png", TODAY).job for end in "ab"}
    assert len(jobs) == 2
    assert all(len(job.encode()) <= 200 for job in jobs)
    name = os.fsdecode(b"\xff.png")
    assert inbox.place(inbox.root / name, TODAY) == Place("2026-03-04", "\\xff.png")
