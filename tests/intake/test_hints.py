"""Events of the file system as hints: they come, and go on coming when the folder is another."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.intake.folder import Inbox
from pipeline.intake.hints import Hints
from tests.intake.watching import until


def is_told(hints: Hints, path: Path) -> bool:
    path.write_text("1")
    heard: set[Path | None] = set()

    def is_heard() -> bool:
        heard.update(hints.wait(0.1))
        return path in heard

    try:
        until(is_heard, seconds=5.0)
    except AssertionError:
        return False
    return True


def remove(inbox: Path) -> None:
    shutil.rmtree(inbox)


def put_away(inbox: Path) -> None:
    inbox.rename(inbox.with_name("old"))


@pytest.mark.parametrize("away", [remove, put_away])
def test_an_inbox_that_was_made_anew_has_events_too(tmp_path: Path, away: Callable[[Path], None]) -> None:
    inbox = Inbox(tmp_path / "inbox")
    inbox.root.mkdir()
    with Hints(inbox) as hints:
        assert hints.live
        assert is_told(hints, inbox.root / "a.png")
        away(inbox.root)
        hints.wait(0.5)
        hints.renew()  # there is none
        inbox.root.mkdir()
        hints.renew()
        assert hints.live
        assert is_told(hints, inbox.root / "b.png")
        hints.renew()  # nothing has changed, and all goes on
        assert is_told(hints, inbox.root / "c.png")


def test_who_polls_has_no_events(tmp_path: Path) -> None:
    with Hints(Inbox(tmp_path), poll=True) as hints:
        hints.renew()
        assert not hints.live
        (tmp_path / "a.png").write_text("1")
        assert hints.wait(0.2) == set()
        hints.wake()
        assert hints.wait(5.0) == {None}
