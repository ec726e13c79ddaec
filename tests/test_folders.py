"""Files of folders that other people write to: nothing is opened or moved by way of a link."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipeline.folders import open_regular, rename_below, sha256_of


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    """An inbox with a scan in a folder, a link to a folder outside, and one to itself; a secret outside."""
    inbox = tmp_path / "inbox"
    (inbox / "9B" / "deep").mkdir(parents=True)
    (inbox / "9B" / "deep" / "a.png").write_text("a")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "a.png").write_text("secret")
    (inbox / "out").symlink_to(tmp_path / "outside")
    (inbox / "in").symlink_to(inbox / "9B")
    (inbox / "file.png").symlink_to(tmp_path / "outside" / "a.png")
    os.mkfifo(inbox / "fifo.png")
    return inbox


def test_a_file_below_is_opened(inbox: Path) -> None:
    with open_regular(inbox / "9B" / "deep" / "a.png", inbox) as stream:
        assert stream.read() == b"a"


@pytest.mark.parametrize(
    "path", ["out/a.png", "in/deep/a.png", "file.png", "fifo.png", "9B", "9B/../out/a.png", "../outside/a.png", "gone/a.png"]
)
def test_nothing_else_is(inbox: Path, path: str) -> None:
    with pytest.raises(OSError):
        sha256_of(inbox / path, inbox)


def test_a_folder_that_becomes_a_link_is_found_out(inbox: Path) -> None:
    """As by somebody who may write to the inbox, just when the file has been looked at."""
    (inbox / "9B").rename(inbox / "9C")
    (inbox / "9B").symlink_to(inbox.parent / "outside")
    with pytest.raises(OSError):
        open_regular(inbox / "9B" / "a.png", inbox)
    for source, target in (("9B/a.png", "9C/a.png"), ("9C/deep/a.png", "9B/b.png")):
        with pytest.raises(OSError):
            rename_below(inbox, inbox / source, inbox / target)
    assert sorted(path.name for path in (inbox.parent / "outside").iterdir()) == ["a.png"]


def test_renaming_below(inbox: Path) -> None:
    rename_below(inbox, inbox / "9B" / "deep" / "a.png", inbox / "b.png")
    assert (inbox / "b.png").read_text() == "a"


def test_descriptors_are_closed(inbox: Path) -> None:
    if not Path("/proc/self/fd").exists():
        pytest.skip("needs Linux")
    before = len(list(Path("/proc/self/fd").iterdir()))
    for path in ("out/a.png", "9B/deep/a.png", "9B", "9B/deep/gone.png"):
        try:
            sha256_of(inbox / path, inbox)
        except OSError:
            continue
    assert len(list(Path("/proc/self/fd").iterdir())) == before
