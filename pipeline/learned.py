"""Where a network that was learned from corrections is kept, and the way back to those before it.

It is never put into the package, which may not be writable and is replaced by the next version, but where `model` in the
settings says, else beside the journal whose corrections it learned from. Those before it stay there, numbered: digits.1.pkl,
digits.2.pkl … The way back ends at the network that ships.
"""

from __future__ import annotations

import re
import shutil
from contextlib import suppress
from pathlib import Path

from pipeline.errors import UsageError
from pipeline.files import atomic_files, reported
from pipeline.settings import Settings

#: What the network is called that the way back was taken from.
_UNDONE = "undone"


def keep(model: bytes, card: str, settings: Settings) -> Path:
    """Put a network, with its card, in use; the one that it takes the place of is kept beside it. Raises OutputError."""
    file = settings.own_model
    with reported(file):
        file.parent.mkdir(parents=True, exist_ok=True)
        if file.exists():
            put_aside(file)
    with atomic_files([file.with_suffix(".md"), file]) as [about, network]:
        about.write(card.encode())
        network.write(model)
    return file


def put_aside(file: Path) -> Path:
    """Copy a network that is about to be replaced, and its card, to the next free number. Raises OutputError."""
    number = max(_numbers(file), default=0) + 1
    kept = file.with_suffix(f".{number}.pkl")
    with reported(kept):
        shutil.copy2(file, kept)
        with suppress(FileNotFoundError):
            shutil.copy2(file.with_suffix(".md"), kept.with_suffix(".md"))
    return kept


def roll_back(settings: Settings) -> Path | None:
    """Go back to the network before the one in use; None if that is the one that ships. The one left is kept, as .undone.pkl.

    Raises UsageError if there is no way back, OutputError.
    """
    file = settings.own_model
    numbers = _numbers(file)
    if not file.exists() or (settings.model and not numbers):
        raise UsageError(
            f"there is no network before {file.name}", "Only what `pipeline learn` has put in use can be taken back."
        )
    with reported(file):
        for suffix in (".md", ".pkl"):  # the network last: until then it is the one in use
            now, left = file.with_suffix(suffix), file.with_suffix(f".{_UNDONE}{suffix}")
            with suppress(FileNotFoundError):
                shutil.copy2(now, left)
            before = file.with_suffix(f".{max(numbers, default=0)}{suffix}")
            if numbers and before.exists():
                before.replace(now)
            else:
                now.unlink(missing_ok=True)
    return file if numbers else None


def _numbers(file: Path) -> list[int]:
    pattern = re.compile(rf"{re.escape(file.stem)}\.(\d+)\.pkl")
    return [int(match[1]) for other in file.parent.glob("*.pkl") if (match := pattern.fullmatch(other.name))]
