"""A watcher at work in a thread, and waiting for what it does. Used by several tests."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pipeline.engine import SerialEngine
from pipeline.intake.folder import Inbox
from pipeline.intake.hints import Hints
from pipeline.intake.watcher import Watcher
from pipeline.journal import Journal
from pipeline.settings import Settings
from pipeline.worker import Work
from tests.scanning import no_start, read_text, write_plainly


@contextmanager
def watching(settings: Settings, work: Work = read_text) -> Iterator[Watcher]:
    """A watcher in a thread; stopped in good order at the end of the block."""
    made: list[Watcher] = []
    errors: list[BaseException] = []
    ready = threading.Event()

    def run() -> None:
        inbox = Inbox(settings.inbox)
        try:
            with (
                Journal(settings.state_folder) as journal,
                SerialEngine(settings, work, no_start) as engine,
                Hints(inbox, settings.poll) as hints,
            ):
                made.append(Watcher(settings, inbox, journal, engine, hints, write_plainly))
                ready.set()
                made[0].run()
        except BaseException as error:
            errors.append(error)
        finally:
            ready.set()

    thread = threading.Thread(target=run)
    thread.start()
    ready.wait()
    try:
        if made:
            yield made[0]
    finally:
        for one in made:
            one.stop()
        thread.join(60)
        assert errors == []  # first of all: it says why nothing happened, if nothing did
    assert not thread.is_alive()


def until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait for what a watcher will do; long, for the machine may have other things to do."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.01)
