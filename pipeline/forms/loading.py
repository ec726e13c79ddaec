"""config/forms/NAME.toml → Form. Whatever is wrong is said with the file, the line and the key."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from fractions import Fraction
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, get_args

from pipeline.errors import FormError
from pipeline.forms.expressions import Consecutive, Equation, ExpressionError, NeverFalls, Units, parse_rule
from pipeline.forms.form import Column, ColumnType, Dash, Form
from pipeline.forms.tomllines import Path as KeyPath
from pipeline.forms.tomllines import lines_of

_TYPE = re.compile(r"(\w+)(?:\((\d)\))?")
_RANGE = re.compile(r"(.*?)(\d+)\.\.(.*?)(\d+)")
_FORM_KEYS = frozenset({"title", "header_rows", "columns", "rules"})
_COLUMN_KEYS = frozenset({"name", "type", "range", "digits", "blank", "dash", "fractions", "width"})
_MOST_COLUMNS = 200


def forms_in_use(folder: Path, name: str = "") -> tuple[Form, ...]:
    """Every form of a folder; and, if `name` names one that is not there, that of the package. Raises FormError."""
    forms = load_forms(folder)
    if not name or any(form.name == name for form in forms):
        return forms
    shipped = shipped_form(name)
    if shipped is None:
        names = ", ".join(form.name for form in forms) or "none"
        raise FormError(f"There is no form {name!r} in {folder}; there are: {names}")
    return (*forms, shipped)


def has_form(folder: Path, name: str) -> bool:
    """Whether a form of that name is in the folder."""
    return bool(name) and Path(name).name == name and (folder / f"{name}.toml").is_file()


def shipped_form(name: str) -> Form | None:
    """The example of that name; None if there is none. Raises FormError."""
    for parent in (files("pipeline") / "config" / "forms", Path(__file__).parents[2] / "config" / "forms"):
        file = parent / f"{Path(name).name}.toml"
        if file.is_file():
            with as_file(file) as path:
                return read_form(path)
    return None


def load_forms(folder: Path) -> tuple[Form, ...]:
    """Every form of a folder, by name; none if there is no such folder. Raises FormError."""
    return tuple(read_form(file) for file in sorted(folder.glob("*.toml")))


def read_form(file: Path) -> Form:
    """The form in a file; its name is that of the file. Raises FormError, naming file, line and key."""
    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise FormError(f"{file} can't be read: {error}") from error
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise FormError(f"{file} is not valid TOML: {error}") from error
    return _Reader(file, content, lines_of(text)).form()


@dataclass(frozen=True, slots=True)
class _Reader:
    """Turns what tomllib made of a file into a form."""

    file: Path
    content: dict[str, Any]
    lines: dict[KeyPath, int]

    def form(self) -> Form:
        self._only(self.content, _FORM_KEYS, ())
        entries = self._of_type((), "columns", list, None)
        columns = [column for number, entry in enumerate(entries) for column in self._columns(entry, number)]
        if not 1 <= len(columns) <= _MOST_COLUMNS:
            raise self._error(("columns",), f"a form has 1 to {_MOST_COLUMNS} columns")
        names = [column.name for column in columns]
        for number, entry in enumerate(entries):
            for column in self._columns(entry, number):
                if names.count(column.name) > 1:
                    raise self._error(("columns", number, "name"), f"there are two columns {column.name!r}")
        title = self._of_type((), "title", str, "")
        header_rows = self._of_type((), "header_rows", int, 1)
        if header_rows < 0:
            raise self._error(("header_rows",), "there can't be fewer than 0")
        form = Form(self.file.stem, tuple(columns), (), header_rows, title, self.file)
        texts = self._of_type((), "rules", list, [])
        return replace(form, rules=tuple(self._rule(text, number, form) for number, text in enumerate(texts)))

    def _rule(self, text: object, number: int, form: Form) -> Any:  # noqa: ANN401 - one of the kinds of rule
        key: KeyPath = ("rules", number)
        if not isinstance(text, str):
            raise self._error(key, f"a rule is text, not {text!r}")
        try:
            rule = parse_rule(text, [column.name for column in form.columns])
        except ExpressionError as error:
            raise self._error(key, str(error)) from error
        known = {column.name: column for column in form.columns}
        added: list[str] = []
        if isinstance(rule, Equation):
            added = [rule.target, *(ref.column for ref, _ in rule.value.weights)]
            added += [name for mean in rule.value.means for name in mean.columns]
        elif isinstance(rule, Units):
            added = [name for name, _ in rule.parts]
        elif isinstance(rule, Consecutive) and known[rule.column].type not in ("roll", "integer"):
            raise self._error(key, f"{rule.column} is of type {known[rule.column].type}, which does not count")
        elif isinstance(rule, NeverFalls) and not (known[rule.column].is_number or known[rule.column].type == "roll"):
            raise self._error(key, f"{rule.column} is of type {known[rule.column].type}, of which none is more than another")
        for name in added:
            if not known[name].is_number:
                raise self._error(key, f"{name} is of type {known[name].type}, which can't be added up")
        return rule

    def _columns(self, entry: object, number: int) -> list[Column]:
        key: KeyPath = ("columns", number)
        if not isinstance(entry, dict):
            raise self._error(key, 'a column looks like { name = "total", type = "integer" }')
        self._only(entry, _COLUMN_KEYS, key)
        kind, decimals = self._type(key)
        least, most = self._range(key)
        digits = self._of_type(key, "digits", int, None) if "digits" in entry else None
        if digits is not None and digits < 1:
            raise self._error((*key, "digits"), "there must be at least 1")
        dash = self._of_type(key, "dash", str, "review")
        if dash not in get_args(Dash):
            raise self._error((*key, "dash"), f"a dash means one of {', '.join(get_args(Dash))}, not {dash!r}")
        fractions = self._of_type(key, "fractions", bool, False)
        if fractions and kind not in ("integer", "decimal"):
            raise self._error((*key, "fractions"), f"there are none in a column of type {kind}")
        width = self._of_type(key, "width", (int, float), 0.0)
        if not 0 <= width < float("inf"):
            raise self._error((*key, "width"), f"{width!r} is no width")
        may_be_blank = self._of_type(key, "blank", bool, True)
        return [
            Column(name, kind, decimals, least, most, digits, may_be_blank, dash, fractions, float(width))
            for name in self._names(key)
        ]

    def _names(self, key: KeyPath) -> Iterable[str]:
        """The name; or q1 to q10 for "q1..q10"."""
        name = self._of_type(key, "name", str, None).strip()
        match = _RANGE.fullmatch(name)
        if not match:
            if not name or "'" in name or '"' in name:
                raise self._error((*key, "name"), "a column needs a name, and one without quotes")
            return [name]
        first, last = int(match[2]), int(match[4])
        if match[1] != match[3] or not 0 <= last - first < _MOST_COLUMNS:
            raise self._error((*key, "name"), f"{name!r} must count up, as in q1..q10")
        return [f"{match[1]}{number}" for number in range(first, last + 1)]

    def _type(self, key: KeyPath) -> tuple[ColumnType, int]:
        text = self._of_type(key, "type", str, None)
        match = _TYPE.fullmatch(text)
        kinds = get_args(ColumnType)
        if not match or match[1] not in kinds or (match[2] is None) == (match[1] == "decimal"):
            usual = ", ".join("decimal(2)" if kind == "decimal" else kind for kind in kinds)
            raise self._error((*key, "type"), f"the type is one of {usual}, not {text!r}")
        kind: ColumnType = match[1]  # type: ignore[assignment]
        return kind, 2 if kind == "money" else int(match[2] or 0)

    def _range(self, key: KeyPath) -> tuple[Fraction | None, Fraction | None]:
        if "range" not in self._at(key):
            return None, None
        value = self._of_type(key, "range", list, None)
        if (
            len(value) != 2
            or not all(type(bound) in (int, float) and abs(bound) < 1e15 for bound in value)
            or value[0] > value[1]
        ):
            raise self._error((*key, "range"), f"the range is [least, most], not {value!r}")
        return Fraction(str(value[0])), Fraction(str(value[1]))

    def _at(self, key: KeyPath) -> Any:  # noqa: ANN401 - whatever the file holds
        found: Any = self.content
        for step in key:
            found = found[step]
        return found

    def _of_type(self, key: KeyPath, name: str, kind: type | tuple[type, ...], default: Any) -> Any:  # noqa: ANN401
        """A value of a table; without a default there must be one."""
        table = self._at(key)
        if name not in table:
            if default is None:
                raise self._error(key, f"{name!r} is missing")
            return default
        value = table[name]
        wanted = kind if isinstance(kind, tuple) else (kind,)
        if type(value) not in wanted:
            names = {str: "text", int: "a whole number", float: "a number", bool: "true or false", list: "a list"}
            raise self._error((*key, name), f"must be {names[wanted[-1]]}, not {value!r}")
        return value

    def _only(self, table: dict[str, Any], known: frozenset[str], key: KeyPath) -> None:
        for name in table:
            if name not in known:
                raise self._error((*key, name), f"there is no such key; there are {', '.join(sorted(known))}")

    def _error(self, key: KeyPath, message: str) -> FormError:
        line = next((self.lines[key[:n]] for n in range(len(key), 0, -1) if key[:n] in self.lines), 1)
        shown = "".join(f"[{step + 1}]" if isinstance(step, int) else f".{step}" for step in key).lstrip(".")
        return FormError(f"{self.file}, line {line}" + (f", {shown}" if shown else "") + f": {message}")
