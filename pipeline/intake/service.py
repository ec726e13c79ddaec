"""`pipeline watch`: one watcher an inbox, from its start to its end, through signals and new settings."""

from __future__ import annotations

import logging
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import FrameType

from pipeline.engine import Engine, PoolEngine
from pipeline.errors import PipelineError, UsageError
from pipeline.folders import refuse_nested
from pipeline.intake.filesystems import is_remote
from pipeline.intake.folder import Inbox
from pipeline.intake.hints import Hints
from pipeline.intake.pulse import Pulse
from pipeline.intake.tally import Tally
from pipeline.intake.watcher import Watcher
from pipeline.jobs.spreadsheets import Writer, export
from pipeline.jobs.summary import Summary
from pipeline.journal import Journal
from pipeline.lock import only_one
from pipeline.readers import check_readers, models_of
from pipeline.settings import Settings

logger = logging.getLogger(__name__)

STATE_LOCK = "watch.lock"
INBOX_LOCK = ".pipeline.lock"  # hidden: never taken for a scan
_FIXED = ("inbox", "outbox", "state", "metrics")  # what a watcher keeps for as long as it runs


def watch(
    settings: Settings,
    once: bool = False,
    make_engine: Callable[[Settings], Engine] = PoolEngine,
    writer: Writer = export,
    reload: Callable[[], Settings] | None = None,
) -> tuple[Summary, ...]:
    """Take in what is dropped into the inbox, until SIGTERM or SIGINT; with `once`, until all that is there has been read.

    Then the scans in hand are finished and the spreadsheets written. SIGHUP takes up what `reload` returns, forms and models
    anew too. Returns what came of each job that had scans.

    Raises UsageError if the folders won't do, StateError, also if another watcher is at work, ModelError, EngineError and, only
    at the end, OutputError.
    """
    check_folders(settings)
    try:
        settings.inbox.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"The inbox {settings.inbox} can't be made: {error.strerror}") from error
    inbox, tally, state = Inbox(settings.inbox), Tally(), settings.state_folder
    with (
        only_one(state / STATE_LOCK, f"A watcher with the state folder {state}"),
        only_one(inbox.root / INBOX_LOCK, f"A watcher of the inbox {inbox.root}"),
        Journal(state) as journal,
        _Signals() as signals,
    ):
        logger.info("Watching %s, writing to %s", settings.inbox, settings.outbox)
        while True:
            polls = settings.poll or is_remote(inbox.root)
            with make_engine(settings) as engine, Hints(inbox, polls) as hints:
                watcher = Watcher(settings, inbox, journal, engine, hints, writer, tally, Pulse(settings, tally))
                with signals.to(watcher):
                    watcher.run(once)
            if not signals.take_reload():
                return tally.summaries(journal)
            settings = _reloaded(settings, reload)


def check_folders(settings: Settings) -> None:
    """Raises UsageError if what is dropped could come to be where results, the journal, models or forms are, or the reverse."""
    inbox, outbox, state = settings.inbox, settings.outbox, settings.state_folder
    for inner, outer in ((outbox, inbox), (inbox, outbox), (state, inbox), (settings.forms, inbox)):
        refuse_nested(inner, outer, f"The folder {inner} is inside the folder {outer}")
    if settings.metrics is not None:
        refuse_nested(settings.metrics, inbox, f"The file of metrics {settings.metrics} is inside the inbox {inbox}")
    for model in models_of(settings):
        refuse_nested(model, inbox, f"The model {model} is inside the inbox {inbox}, where anybody could replace it")


def _reloaded(before: Settings, reload: Callable[[], Settings] | None) -> Settings:
    """The new settings; those of before, if there is something wrong with the new ones."""
    if reload is None:
        return before
    try:
        after = reload()
        fixed = {name: getattr(before, name) for name in _FIXED}
        for name in (name for name, value in fixed.items() if getattr(after, name) != value):
            logger.warning("%s stays %s until the next start", name, fixed[name])
        after = replace(after, **fixed)
        check_folders(after)
        check_readers(after)
    except PipelineError as error:
        logger.error("The settings stay as they were. %s", error)
        return before
    logger.info("Settings, forms and models have been loaded anew")
    return after


class _Signals:
    """SIGINT and SIGTERM stop the watcher in good order, a second SIGINT interrupts; SIGHUP stops it to go on anew.

    In a terminal SIGHUP says that the terminal is being closed: then it stops for good.
    """

    def __init__(self) -> None:
        self._wants_reload = False
        self._wants_stop = False
        self._watcher: Watcher | None = None
        self._before: dict[int, object] = {}

    def __enter__(self) -> _Signals:
        if threading.current_thread() is threading.main_thread():  # elsewhere Python takes no signals
            numbers = [signal.SIGINT, signal.SIGTERM] + ([signal.SIGHUP] if hasattr(signal, "SIGHUP") else [])
            self._before = {number: signal.signal(number, self._heard) for number in numbers}
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def take_reload(self) -> bool:
        """Whether SIGHUP has come since this was last asked."""
        wanted, self._wants_reload = self._wants_reload, False
        return wanted and not self._wants_stop

    @contextmanager
    def to(self, watcher: Watcher) -> Iterator[None]:
        """Signals of the block, and those that came before it, are for this watcher."""
        self._watcher = watcher
        if self._wants_stop or self._wants_reload:
            watcher.stop()
        try:
            yield
        finally:
            self._watcher = None

    def _heard(self, number: int, frame: FrameType | None) -> None:
        if number == getattr(signal, "SIGHUP", None) and not _has_terminal():
            self._wants_reload = True
        else:
            self._wants_stop = True
            signal.signal(signal.SIGINT, signal.default_int_handler)
        if self._watcher is not None:
            self._watcher.stop()


def _has_terminal() -> bool:
    return sys.stdin is not None and sys.stdin.isatty()
