"""The drop folder: which of its files are scans to come, and which job each belongs to."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path

from pipeline.folders import Stamp, is_clutter, shown, walk
from pipeline.jobs.names import safe_job

PROCESSED, REJECTED, DUPLICATES = "processed", "rejected", "duplicates"
#: Folders at the top of the inbox where originals go; what is in them is never taken in.
RESERVED = frozenset({PROCESSED, REJECTED, DUPLICATES})

#: What browsers and copying programs call files that are not whole yet, and folders of Syncthing. Compared in lower case.
_UNFINISHED = ("*.part", "*.partial", "*.crdownload", "*.tmp", "._*", ".stfolder")


@dataclass(frozen=True, slots=True)
class Place:
    """A file's job, and its path as the user knows it: below the inbox, with forward slashes."""

    job: str
    file: str


class Inbox:
    """A drop folder. A file at its top belongs to the job of the day, one in a sub-folder to the job of that name."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()

    def files(self, refuse: Callable[[Path, str], None] = lambda path, why: None) -> list[tuple[Path, Stamp]]:
        """The regular files that may be scans. Raises OSError if the inbox can't be read.

        `refuse` is told of links, devices and pipes, and of folders that can't be read, and why: nothing of them is opened.
        """
        return list(walk(self.root, self.ignores, refuse))

    def ignores(self, name: str, is_top: bool) -> bool:
        """Whether a file or folder of that name, at the top of the inbox or below, is none of our business."""
        if is_top and name in RESERVED:
            return True
        return is_clutter(name) or any(fnmatchcase(name.lower(), pattern) for pattern in _UNFINISHED)

    def is_filed(self, path: Path) -> bool:
        """Whether a path is where originals go."""
        return path.is_relative_to(self.root) and path.relative_to(self.root).parts[0] in RESERVED

    def concerns(self, path: str) -> bool:
        """Whether something that happened at that absolute path may be news."""
        top = str(self.root)
        if not path.startswith(top + os.sep):
            return path == top
        names = path.removeprefix(top + os.sep).split(os.sep)  # noqa: PTH206 - no Path: see folders.walk
        return not any(self.ignores(name, is_top=depth == 0) for depth, name in enumerate(names))

    def place(self, path: Path, today: date) -> Place:
        """Where a file of the inbox belongs."""
        relative = path.relative_to(self.root)
        job = safe_job(shown(relative.parts[0])) if len(relative.parts) > 1 else today.isoformat()
        return Place(job, shown(relative.as_posix()))
