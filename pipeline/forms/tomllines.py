"""On which line of a TOML file a key stands: tomllib does not tell, and an error message should.

For text that tomllib has taken; what it would refuse is not checked here.
"""

from __future__ import annotations

import re

#: The way to a value: keys of tables, and places (from 0) in arrays.
Path = tuple[str | int, ...]

_SKIP = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_BLANK = re.compile(r"[ \t]*")
_STRING = re.compile(r'"""(?:\\.|[^\\])*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'', re.DOTALL)
_KEY = re.compile(r"[\w-]+")
_BARE = re.compile(r"[^\s=,\]}{\[#]+")
_DATE = re.compile(r"\d{4}-\d\d-\d\d \d[^\s,\]}#]*")


def lines_of(text: str) -> dict[Path, int]:
    """The line, from 1, of every key and every item of an array."""
    return _Scanner(text).lines


class _Scanner:
    def __init__(self, text: str) -> None:
        self._text, self._at = text, 0
        self.lines: dict[Path, int] = {}
        self._tables: dict[Path, int] = {}  # how many items an array of tables has so far
        table: Path = ()
        while self._skip() < len(text):
            if text[self._at] == "[":
                table = self._header()
            else:
                self._pair(table)

    def _header(self) -> Path:
        is_array = self._text.startswith("[[", self._at)
        self._at += 2 if is_array else 1
        start = self._at
        *parents, name = self._key()
        path: Path = ()
        for key in parents:
            path = (*path, key)
            if path in self._tables:
                path = (*path, self._tables[path] - 1)
        path = (*path, name)
        if is_array:
            self._tables[path] = self._tables.get(path, 0) + 1
            path = (*path, self._tables[path] - 1)
        self._at += 2 if is_array else 1
        self._note(path, start)
        return path

    def _pair(self, table: Path) -> None:
        start = self._at
        path: Path = (*table, *self._key())
        self._note(path, start)
        self._at = self._blank() + 1  # =
        self._blank()
        self._value(path)

    def _key(self) -> list[str]:
        parts = []
        while True:
            self._blank()
            match = _STRING.match(self._text, self._at)
            if match:
                parts.append(match[0][1:-1])
                self._at = match.end()
            else:
                match = _KEY.match(self._text, self._at)
                if not match:
                    raise ValueError(self._text[self._at : self._at + 20])
                parts.append(match[0])
                self._at = match.end()
            self._blank()
            if not self._text.startswith(".", self._at):
                return parts
            self._at += 1

    def _value(self, path: Path) -> None:
        opening = self._text[self._at]
        if opening == "[":
            self._items(path)
        elif opening == "{":
            self._at += 1
            while self._text[self._skip()] != "}":
                self._pair(path)
                if self._text[self._skip()] == ",":
                    self._at += 1
            self._at += 1
        else:
            match = (
                _STRING.match(self._text, self._at) or _DATE.match(self._text, self._at) or _BARE.match(self._text, self._at)
            )
            if not match:
                raise ValueError(self._text[self._at : self._at + 20])
            self._at = match.end()

    def _items(self, path: Path) -> None:
        self._at += 1
        number = 0
        while self._text[self._skip()] != "]":
            self._note((*path, number), self._at)
            self._value((*path, number))
            number += 1
            if self._text[self._skip()] == ",":
                self._at += 1
        self._at += 1

    def _note(self, path: Path, at: int) -> None:
        line = self._text.count("\n", 0, at) + 1
        for length in range(1, len(path) + 1):
            self.lines.setdefault(path[:length], line)

    def _skip(self) -> int:
        match = _SKIP.match(self._text, self._at)
        self._at = match.end() if match else self._at
        return self._at

    def _blank(self) -> int:
        match = _BLANK.match(self._text, self._at)
        self._at = match.end() if match else self._at
        return self._at
