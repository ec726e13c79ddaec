"""A SQLite file that survives a crash: how it is opened, brought to the schema of this version, and changed."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipeline.errors import StateError, StateUnavailable

#: Primary result codes of SQLite that say nothing about the file itself.
_MAY_PASS = frozenset(
    {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN}
    | {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM, sqlite3.SQLITE_PROTOCOL, sqlite3.SQLITE_NOMEM}
)
_BUSY_SECONDS = 30.0
_BUSY_PAUSE = 0.02
#: What a connection keeps in memory of the file. The system's cache has the rest, and gives it back when others need room.
_CACHE_KB = 512


class Database:
    """A SQLite database, made if it is not there. Use it from one thread.

    `migrations` make each version of the schema from the one before; SQLite's user_version says how many have been done.
    All methods raise StateError if the file can't be used.
    """

    def __init__(self, path: Path, migrations: Sequence[Sequence[str]]) -> None:
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StateError(f"{path.parent} can't be made: {error.strerror}") from error
        with self.reported():
            self._connection = self.connect()
            try:
                self._use_wal()
                self._migrate(migrations)
            except BaseException:
                self._connection.close()
                raise

    def close(self) -> None:
        self._connection.close()

    def connect(self) -> sqlite3.Connection:
        """One more connection, for a view of one moment. Raises sqlite3.Error."""
        connection = sqlite3.connect(self.path, timeout=_BUSY_SECONDS, isolation_level=None)
        connection.execute("PRAGMA synchronous = FULL")  # what is committed is on the disk
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute(f"PRAGMA cache_size = -{_CACHE_KB}")
        return connection

    def query(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        """The rows of a SELECT."""
        with self.reported():
            return self._connection.execute(statement, values).fetchall()

    def each(self, statement: str, *values: object) -> Iterator[tuple[Any, ...]]:
        """The rows of a SELECT, one at a time."""
        with self.reported():
            yield from self._connection.execute(statement, values)

    def change(self, statement: str, *values: object) -> int:
        """Run one change; returns the id of the row, where it inserted one."""
        with self.reported():
            return self._connection.execute(statement, values).lastrowid or 0

    def insert_many(self, statement: str, rows: Iterator[Sequence[object]]) -> None:
        with self.reported():
            self._connection.executemany(statement, rows)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All changes of the block, or none of them. Blocks may be nested; the outermost counts."""
        if self._connection.in_transaction:
            yield
            return
        self.change("BEGIN IMMEDIATE")
        try:
            yield
            self.change("COMMIT")
        except BaseException:
            if self._connection.in_transaction:  # some errors, like a full disk, have rolled back already
                self.change("ROLLBACK")
            raise

    @contextmanager
    def reported(self) -> Iterator[None]:
        """Turn a sqlite3.Error of the block into a StateError; into StateUnavailable where it may pass."""
        try:
            yield
        except sqlite3.OperationalError as error:
            kind = StateUnavailable if (getattr(error, "sqlite_errorcode", 0) & 0xFF) in _MAY_PASS else StateError
            raise kind(f"{self.path} can't be used: {error}") from error
        except sqlite3.DatabaseError as error:
            raise StateError(f"{self.path} is damaged: {error}", "Move it away, and read the scans again.") from error

    def _use_wal(self) -> None:
        """Let others read while we write. SQLite does not wait for its lock here, whatever the timeout, so we do.

        Where that is so already nothing is written, for whoever looks may not be allowed to.
        """
        if self._connection.execute("PRAGMA journal_mode").fetchone() == ("wal",):
            return
        deadline = time.monotonic() + _BUSY_SECONDS
        while True:
            try:
                self._connection.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                    raise
                time.sleep(_BUSY_PAUSE)

    def _migrate(self, migrations: Sequence[Sequence[str]]) -> None:
        if self._version() == len(migrations):
            return
        with self.transaction():
            version = self._version()
            if version > len(migrations):
                raise StateError(f"{self.path} was made by a newer version of pipeline", "Install the newer version.")
            for statements in migrations[version:]:
                for statement in statements:  # not executescript, which would commit first
                    self._connection.execute(statement)
            self._connection.execute(f"PRAGMA user_version = {len(migrations)}")

    def _version(self) -> int:
        return int(self._connection.execute("PRAGMA user_version").fetchone()[0])
