"""Events of the file system, as hints that it may be worth looking. They may come late, twice or never."""

from __future__ import annotations

import logging
import os
import warnings
from pathlib import Path
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Self

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer

from pipeline.intake.folder import Inbox

logger = logging.getLogger(__name__)

#: Others, like "opened", are what reading a file causes.
_NEWS = frozenset({"created", "modified", "moved", "deleted", "closed"})


class Hints(FileSystemEventHandler):
    """Collects the paths where something happened; None is a wake-up without one.

    `live` says whether events come at all; if they don't, as asked or because the system has none to give, one has to poll.
    """

    def __init__(self, inbox: Inbox, poll: bool = False) -> None:
        self._inbox = inbox
        self._paths: SimpleQueue[Path | None] = SimpleQueue()  # may be put to from a signal handler, unlike an Event
        self._observer = Observer()
        self._watched: tuple[int, int] | None = None  # device and number of the folder that events are of
        self.live = not poll

    def __enter__(self) -> Self:
        if self.live:
            logging.getLogger("watchdog.observers.inotify").addFilter(_is_worth_telling)
            # watchdog says so, harmlessly, when folders are made one in the other as fast as we do
            warnings.filterwarnings("ignore", "Callback with id", RuntimeWarning, r"watchdog\.")
            self._observer.start()
            self.renew()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._observer.is_alive():
            self._observer.stop()
            self._observer.join()

    def renew(self) -> None:
        """Have events of the folder that is at the inbox's path now: it may have been made anew, or another mounted there."""
        try:
            status = self._inbox.root.stat()
        except OSError:
            return  # a share that is away
        there = status.st_dev, status.st_ino
        if not self.live or (there == self._watched and all(emitter.is_alive() for emitter in self._observer.emitters)):
            return
        try:
            self._observer.unschedule_all()
            self._observer.schedule(self, str(self._inbox.root), recursive=True)
            self._watched = there
        except OSError as error:  # the limit of inotify watches, say
            logger.warning("No file system events (%s): polling instead", error.strerror or error)
            self.live = False

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Called by watchdog, in its thread."""
        if event.event_type not in _NEWS:
            return
        for name in (event.src_path, event.dest_path):
            path = os.fsdecode(name)
            if path and self._inbox.concerns(path):
                self._paths.put(Path(path))

    def wake(self) -> None:
        """End a wait; may be called from a signal handler."""
        self._paths.put(None)

    def wait(self, seconds: float) -> set[Path | None]:
        """All hints since the last call; waits up to `seconds` for the first."""
        hints: set[Path | None] = set()
        try:
            hints.add(self._paths.get(timeout=max(0.0, seconds)))
            while True:
                hints.add(self._paths.get_nowait())
        except Empty:
            return hints


def _is_worth_telling(record: logging.LogRecord) -> bool:
    """Not that there was one more event when nobody was to hear of it any more."""
    return "thread is inactive" not in record.getMessage()
