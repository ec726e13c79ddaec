"""The rules of the house, held against the code: who may import whom, docstrings, and the length of files."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "pipeline"
LONGEST = 400

#: Everything may import these; they are below it all.
FOUNDATION = ("errors", "records", "grades", "settings", "files", "folders", "outbox")

#: Who may import whom inside the package; a package stands for all its modules, and its own modules are allowed to it always.
#: A module or package that is not in the table is not allowed: add it where it belongs, with the reason if it goes upwards.
MAY_IMPORT: dict[str, tuple[str, ...]] = {
    # what starts it all
    "__main__": ("cli",),
    "cli": (
        "",
        "backlog",
        "commands",
        "drafts",
        "files",
        "folders",
        "intake",
        "jobs",
        "logs",
        "operate",
        "learned",
        "report",
        "training.command",
        "training.numbers",
        "errors",
        "settings",
    ),
    "": ("chain", "errors", "settings"),  # pipeline/__init__.py: the public names
    "commands": ("printing", "forms", "learning", "report", *FOUNDATION),
    # what the commands call
    "report": ("jobs", "corrections", *FOUNDATION),
    "operate": (
        "",
        "report",
        "intake",
        "inspection",
        "engine",
        "lock",
        "readers",
        "chain",  # for the scan that is read as a test
        *FOUNDATION,
    ),
    "backlog": ("jobs", "engine", "worker", "journal", "states", "lock", *FOUNDATION),
    "intake": ("jobs", "engine", "worker", "journal", "states", "lock", "readers", *FOUNDATION),
    "jobs": (
        "corrections",
        "readers",
        "engine",
        "worker",
        "memory",
        "journal",
        "states",
        "lock",
        "export",
        "forms",
        *FOUNDATION,
    ),
    "corrections": ("journal", "export", "arithmetic", "forms", *FOUNDATION),
    "drafts": ("chain", "forms", *FOUNDATION),
    "learning": ("chain", "journal", "states", "learned", "training", "ann", *FOUNDATION),
    "learned": FOUNDATION,
    "printing": ("forms", "fiducials", *FOUNDATION),
    # where it is computed: workers write nothing, so nothing here knows the journal or the spreadsheets
    "engine": ("worker", *FOUNDATION),
    "worker": ("chain", "memory", *FOUNDATION),
    "memory": (),
    "chain": ("stages", "forms", "ann", *FOUNDATION),
    "stages": ("arithmetic", "forms", "ann", "fiducials", *FOUNDATION),
    "arithmetic": ("forms", *FOUNDATION),
    "forms": ("errors", "grades"),  # data and its loading
    "stages.pdf_renderer": (),  # runs as a script of its own
    "fiducials": ("records",),
    "stages.image_decoder": (),  # likewise
    "ann": ("errors",),  # usable by itself
    "readers": ("", "forms", "ann", *FOUNDATION),  # "" for the version of the program
    # where it is kept and written
    "journal": ("database", "rows", "schema", "states", "lock", *FOUNDATION),
    "inspection": ("journal", "states", "database", "schema", *FOUNDATION),
    "states": FOUNDATION,
    "rows": ("records",),
    "schema": ("records",),
    "database": ("errors",),
    "lock": ("errors",),
    "export": FOUNDATION,
    # what only training needs; reading never does
    "training": ("chain", "stages", "ann", "learned", *FOUNDATION),
    # the foundation
    "folders": ("errors",),
    "files": ("errors",),
    "settings": ("errors",),
    "records": (),
    "grades": (),
    "errors": (),
    "outbox": (),
    "logs": ("folders",),
}

#: What else may be imported, where that is kept small; the standard library always may.
OUTSIDE: dict[str, tuple[str, ...]] = {
    "cli": ("click",),
    "commands": ("click",),
    "report": ("click",),
    "jobs": (),
    "drafts": (),
    "learning": (),
    "learned": (),
    "printing": ("matplotlib", "numpy"),
    "corrections": (),
    "backlog": (),
    "intake": ("watchdog",),
    "engine": (),
    "worker": ("cv2",),
    "memory": (),
    "chain": ("cv2",),
    "stages": ("cv2", "numpy"),
    "arithmetic": ("numpy",),
    "forms": (),
    "readers": (),
    "inspection": (),
    "logs": (),
    "operate": ("click",),
    "stages.pdf_renderer": ("cv2", "numpy", "pypdfium2"),
    "fiducials": ("cv2", "numpy"),
    "stages.image_decoder": ("cv2", "numpy"),
    "ann": ("numpy",),
    "journal": (),
    "states": (),
    "rows": (),
    "schema": (),
    "database": (),
    "lock": (),
    "export": ("openpyxl", "pandas"),
    "training": ("cv2", "matplotlib", "numpy", "pypdfium2"),
    "folders": (),
    "files": (),
    "settings": (),
    "records": ("numpy",),
    "errors": (),
}

MODULES = sorted(PACKAGE.rglob("*.py"))


def name_of(file: Path) -> str:
    """The module's name below `pipeline`; a package's own is that of the package."""
    parts = file.relative_to(PACKAGE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


NAMES = {name_of(file) for file in MODULES}


def tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"), str(file))


def imports(file: Path) -> Iterator[tuple[int, str]]:
    """Line and full name of all that is imported, at the top or in a function; `from a import b` is a.b if that is a module."""
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{place(file, node.lineno)}: a relative import; write the name out"
            assert node.module is not None
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield node.lineno, full if full.removeprefix("pipeline.") in NAMES else node.module
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in (
            "__import__",
            "importlib.import_module",
            "import_module",
        ):
            raise AssertionError(f"{place(file, node.lineno)}: an import that can't be checked")


def place(file: Path, line: int) -> str:
    return f"{file.relative_to(ROOT)}:{line}"


def entry(name: str, table: dict[str, tuple[str, ...]]) -> str:
    """The nearest entry of the table: of the module, or of a package that it is in."""
    while name and name not in table:
        name = name.rpartition(".")[0]
    return name


def within(name: str, package: str) -> bool:
    return name == package or (package != "" and name.startswith(f"{package}."))


@pytest.mark.parametrize("file", MODULES, ids=name_of)
def test_imports_run_downwards_only(file: Path) -> None:
    name = name_of(file)
    rule = entry(name, MAY_IMPORT)
    assert rule or name == "", f"{file.relative_to(ROOT)}: {name} is not in the table of who may import whom"
    for line, imported in imports(file):
        if not within(imported, "pipeline"):
            continue
        target = imported.removeprefix("pipeline").removeprefix(".")
        allowed = within(target, rule) or any(within(target, other) for other in MAY_IMPORT[rule])
        assert allowed, f"{place(file, line)}: {name or 'pipeline'} must not import {imported}"


@pytest.mark.parametrize("file", MODULES, ids=name_of)
def test_other_libraries_stay_where_they_are_needed(file: Path) -> None:
    rule = entry(name_of(file), OUTSIDE)
    for line, imported in imports(file):
        top = imported.partition(".")[0]
        if top in sys.stdlib_module_names or top in ("pipeline", "_typeshed"):
            continue
        assert top in OUTSIDE.get(rule, ()), f"{place(file, line)}: {name_of(file) or 'pipeline'} must not import {top}"


def test_imports_are_seen_wherever_they_are(tmp_path: Path) -> None:
    """Or the rules would hold for whatever is not seen."""
    file = tmp_path / "any.py"
    file.write_text(
        "import os, pipeline.cli as c\n"
        "from pipeline import stages, read_number\n"
        "class A:\n"
        "  def f(self):\n"
        "    if self:\n"
        "      from pipeline.stages import decode\n"
        "      from pipeline.journal import Journal\n"
    )
    assert list(imports(file)) == [
        (1, "os"),
        (1, "pipeline.cli"),
        (2, "pipeline.stages"),
        (2, "pipeline"),
        (6, "pipeline.stages.decode"),
        (7, "pipeline.journal"),
    ]


def reachable(name: str) -> set[str]:
    """Entries of the table that a module may come to, by way of others."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        for other in MAY_IMPORT[entry(waiting.pop(), MAY_IMPORT)]:
            if entry(other, MAY_IMPORT) not in found:
                found.add(entry(other, MAY_IMPORT))
                waiting.append(other)
    return found


def test_the_table_itself_has_no_circles() -> None:
    assert [name for name in MAY_IMPORT if name in reachable(name)] == []


def test_the_table_names_what_is_there() -> None:
    named = {*MAY_IMPORT, *OUTSIDE, *(other for others in MAY_IMPORT.values() for other in others)}
    assert named - NAMES == set()


@pytest.mark.parametrize(
    ("name", "never"),
    [
        ("stages", ("training", "journal", "database", "export", "jobs", "engine", "worker", "chain", "cli")),
        ("worker", ("journal", "database", "lock", "export", "jobs", "training", "cli")),
        ("training", ("journal", "database", "export", "jobs", "backlog", "intake", "engine", "worker", "cli")),
        ("export", ("journal", "jobs", "engine", "chain", "stages", "ann", "training")),
        ("journal", ("export", "jobs", "engine", "worker", "chain", "stages", "ann", "training")),
        ("intake", ("training", "backlog", "cli")),
        ("ann", ("records", "settings", "stages", "chain", "training")),
        ("records", tuple(name for name in MAY_IMPORT if name != "records")),
        ("errors", tuple(name for name in MAY_IMPORT if name != "errors")),
        ("settings", tuple(name for name in MAY_IMPORT if name not in ("settings", "errors"))),
    ],
)
def test_what_the_design_rules_out_stays_out_by_way_of_others_too(name: str, never: tuple[str, ...]) -> None:
    """Against a careless change of the table above."""
    assert reachable(name) & set(never) == set()


def test_only_main_imports_the_commands() -> None:
    assert [name for name, others in MAY_IMPORT.items() if "cli" in others] == ["__main__"]


# a reader's rights


def public_parts(file: Path) -> Iterator[ast.FunctionDef | ast.ClassDef]:
    """Functions and classes at the top of a module whose names have no underscore."""
    for node in tree(file).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            yield node


@pytest.mark.parametrize("file", MODULES, ids=name_of)
def test_every_module_and_every_public_function_and_class_says_what_it_is_for(file: Path) -> None:
    silent = [] if ast.get_docstring(tree(file)) else [f"{place(file, 1)}: the module"]
    silent += [f"{place(file, node.lineno)}: {node.name}" for node in public_parts(file) if not ast.get_docstring(node)]
    assert silent == [], "without a docstring: " + ", ".join(silent)


@pytest.mark.parametrize("file", MODULES, ids=name_of)
def test_no_file_is_too_long_to_read_in_one_sitting(file: Path) -> None:
    assert len(file.read_text(encoding="utf-8").splitlines()) <= LONGEST


def test_only_the_download_of_training_data_uses_the_network() -> None:
    """Nothing leaves the machine; and nothing that reads scans comes near what trains."""
    libraries = ("socket", "socketserver", "ssl", "urllib", "http", "ftplib", "smtplib", "xmlrpc", "asyncio")
    users = {name_of(file) for file in MODULES for _, name in imports(file) if name.partition(".")[0] in libraries}
    assert users == {"training.download"}
    for name in ("backlog", "intake", "jobs", "engine", "worker", "chain", "stages", "ann", "report", ""):
        assert "training" not in reachable(name)


def test_workers_touch_no_network_and_start_no_shell() -> None:
    """Scans come from anywhere; what reads them has no business with either."""
    forbidden = ("socket", "urllib", "http", "ftplib", "ctypes", "pickle", "shelve", "marshal")
    for file in MODULES:
        if entry(name_of(file), MAY_IMPORT) not in ("worker", "chain", "stages", "stages.pdf_renderer", "stages.image_decoder"):
            continue
        for line, imported in imports(file):
            assert imported.partition(".")[0] not in forbidden, f"{place(file, line)}: {imported}"
