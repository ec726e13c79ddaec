"""Logs for people, a line of text each, and for programs, a line of JSON each. Both say which scan a line is about."""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime

from pipeline.folders import line_safe

#: What a line about a scan has beside its message: `extra` of the logging calls.
FIELDS = ("scan", "job", "outcome", "sha256")


class TextLines(logging.Formatter):
    """Time, level and message; behind it the number that the scan has in the journal: `pipeline history` tells more of it."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        scan = getattr(record, "scan", None)
        return super().format(record) + (f" [scan {scan}]" if scan is not None else "")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's own
        """The line without a trace, and a line whatever a file is called."""
        return line_safe(super().formatMessage(record))


class JsonLines(logging.Formatter):
    """One object a line: time, level, logger, message; scan, job, outcome and sha256 where they are known; an error's trace."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        told: dict[str, object] = {"time": moment, "level": record.levelname.lower(), "logger": record.name}
        told["message"] = record.getMessage()
        told |= {name: getattr(record, name) for name in FIELDS if getattr(record, name, None) is not None}
        if record.exc_info:
            told["trace"] = self.formatException(record.exc_info)
        return json.dumps(told)  # in ASCII, so that names that are no text break nobody's parser


def log_to_stderr(level: int, as_json: bool) -> None:
    """From now on, log to stderr: our own lines from `level` on, those of libraries from warnings on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if as_json else TextLines())
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.getLogger("pipeline").setLevel(level)
