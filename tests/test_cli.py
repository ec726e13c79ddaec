"""The commands, as a user types them."""

from __future__ import annotations

import csv
import os
import pty
import subprocess
import sys
from functools import partial
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

import pipeline
from pipeline import backlog, cli, errors, intake
from pipeline.records import Reading
from pipeline.settings import Settings
from tests.scanning import pool, write_plainly


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every test works in an empty folder, on scans that are text."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("PIPELINE_")]:
        monkeypatch.delenv(name)

    monkeypatch.setattr(backlog, "run_batch", partial(backlog.run_batch, make_engine=pool, writer=write_plainly))
    monkeypatch.setattr(intake, "watch", partial(intake.watch, make_engine=pool, writer=write_plainly))
    return tmp_path


@pytest.fixture
def numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """`read_number` for images that are text."""

    def read_number(image: bytes, settings: Settings) -> Reading:
        if image == b"bad":
            raise errors.CorruptScan("It can't be decoded")
        return Reading("number", image.decode(), image.decode(), 0.98765)

    monkeypatch.setattr(pipeline, "read_number", read_number)


def call(*arguments: str, text: str | None = None) -> Result:
    return CliRunner().invoke(cli.cli, arguments, input=text)


def put(**files: str) -> None:
    Path("scans").mkdir(exist_ok=True)
    for name, text in files.items():
        Path("scans", name.replace("_", ".")).write_text(text)


def commands(group: click.Command = cli.cli, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    inner = group.commands if isinstance(group, click.Group) else {}
    return [path, *(found for name, command in inner.items() for found in commands(command, (*path, name)))]


@pytest.mark.parametrize("flag", ["-h", "--help"])
@pytest.mark.parametrize("command", commands(), ids=" ".join)
def test_every_command_and_option_has_help(command: tuple[str, ...], flag: str) -> None:
    result = call(*command, flag)
    assert result.exit_code == 0
    found: click.Command = cli.cli
    for name in command:
        assert isinstance(found, click.Group)
        found = found.commands[name]
    assert found.help
    assert all(option.help for option in found.params if isinstance(option, click.Option))


def test_help_lists_the_exit_codes_and_completion() -> None:
    output = call("--help").output
    for code, meaning in errors.EXIT_CODES:
        assert f"{code}  {meaning}" in output
    assert "_PIPELINE_COMPLETE=bash_source" in output


def test_version() -> None:
    assert call("--version").output == f"pipeline, version {pipeline.__version__}\n"


def test_run_tells_where_and_what() -> None:
    put(a_png="1", b_png="bad", c_png="1", d_txt="x")
    result = call("run", "--batch", "scans", "--output", "out", "--job", "9B")
    assert result.exit_code == 1
    assert result.stdout.splitlines() == [
        "9B: 1 read, 1 duplicate, 1 ignored, 1 failed",
        "  scans/b.png: It can't be decoded. Scan it again.",
        "1 scan, 1 page, 1 cell; none to look at",
        "  out/9B.csv",
        "  out/9B.csv",
        "  out/9B.csv",
    ]
    assert call("run", "--batch", "scans", "--output", "out", "--job", "9B").exit_code == 1
    put(b_png="2")
    assert call("run", "--batch", "scans", "--output", "out", "--job", "9B").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["run"], 2),
        (["run", "--batch", "nowhere"], 2),
        (["run", "--batch", "scans", "--output", "scans/out"], 2),
        (["run", "--batch", "scans", "--job", "a/b"], 2),
        (["run", "--batch", "scans", "--threshold", "2"], 3),
        (["--config", "nowhere.toml", "run", "--batch", "scans"], 3),
        (["run", "--batch", "scans", "--state", "file/state"], 5),
        (["watch", "--inbox", "scans", "--output", "scans/out"], 2),
        (["watch", "--settle", "-1"], 3),
        (["read"], 2),
        (["nonsense"], 2),
    ],
)
def test_errors_have_a_line_and_a_code(arguments: list[str], code: int) -> None:
    put(a_png="1")
    Path("file").touch()
    result = call(*arguments)
    assert result.exit_code == code
    assert "Traceback" not in result.stderr
    assert result.stderr.strip()
    assert result.stdout == ""


def test_ctrl_c_is_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*arguments: object, **options: object) -> None:
        raise KeyboardInterrupt

    put(a_png="1")
    monkeypatch.setattr(backlog, "run_batch", interrupt)
    assert call("run", "--batch", "scans").exit_code == 130


def test_watch_once() -> None:
    Path("inbox/9B").mkdir(parents=True)
    Path("inbox/9B/a.png").write_text("1")
    result = call("watch", "--once", "--settle", "0.05", "--output", "out")
    assert (result.exit_code, result.stdout.splitlines()[0]) == (0, "9B: 1 read")
    assert Path("inbox/processed/9B/a.png").exists()
    Path("inbox/9B/b.png").write_text("bad")
    result = call("-q", "watch", "--once", "--settle", "0.05", "--output", "out", "--poll")
    assert result.exit_code == 1
    assert "  9B/b.png: It can't be decoded. Scan it again." in result.stdout.splitlines()


def test_environment_and_flags_reach_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    put(a_png="1")
    monkeypatch.setenv("PIPELINE_OUTBOX", "from environment")
    assert call("run", "--batch", "scans").exit_code == 0
    assert Path("from environment/scans.csv").exists()


@pytest.mark.usefixtures("numbers")
def test_read_prints_a_line_an_image() -> None:
    put(a_png="17", b_png="bad", c_png="4")
    result = call("read", "scans/a.png", "scans/b.png", "scans/c.png", "scans/none.png")
    assert result.exit_code == 1
    assert result.stdout == "scans/a.png\t17\t0.9877\nscans/c.png\t4\t0.9877\n"
    assert [line.split(":")[1].strip() for line in result.stderr.splitlines()] == ["scans/b.png", "scans/none.png"]


@pytest.mark.usefixtures("numbers")
def test_read_appends_to_a_csv() -> None:
    put(a_png="17", b_png="4")
    assert call("read", "scans/a.png", "--save", "out.csv").exit_code == 0
    Path("out.csv").write_bytes(Path("out.csv").read_bytes().rstrip())  # as an editor might leave it
    assert call("read", "scans/b.png", "--save", "out.csv").exit_code == 0
    assert Path("out.csv").read_text() == "path,value\nscans/a.png,17\nscans/b.png,4\n"


@pytest.mark.usefixtures("numbers")
@pytest.mark.parametrize("name", ["=1+1.png", "+a.png", "-a.png", "@a.png", "\ta.png", "\ra.png"])
def test_read_saves_no_formulas(name: str) -> None:
    Path(name).write_text("-5")
    result = call("read", "--save", "out.csv", "--", name)
    assert result.exit_code == 0
    with Path("out.csv").open(newline="") as stream:
        assert list(csv.reader(stream)) == [["path", "value"], [f"'{name}", "-5"]]
    assert len(result.stdout.splitlines()) == 1


@pytest.mark.usefixtures("numbers")
def test_read_asks_nothing_without_a_terminal() -> None:
    put(a_png="17")
    assert "Save" not in call("read", "scans/a.png", text="y\n\n").output


@pytest.mark.usefixtures("numbers")
def test_read_refuses_both_flags_and_files_that_cannot_be_written() -> None:
    put(a_png="17")
    assert call("read", "scans/a.png", "--save", "a.csv", "--no-save").exit_code == 2
    assert call("read", "scans/a.png", "--save", "nowhere/a.csv").exit_code == 6


ASKING = """
import pipeline
from pipeline import cli
from pipeline.records import Reading
pipeline.read_number = lambda image, settings: Reading("number", "7", "7", 1.0)
cli.main()
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
@pytest.mark.parametrize(
    ("answers", "flags", "file", "code"),
    [
        ("y\n\n", [], "readings.csv", 0),
        ("y\nmine.csv\n", [], "mine.csv", 0),
        ("n\n", [], None, 0),
        ("", ["--no-save"], None, 0),
        ("\x04", [], None, 130),  # Ctrl-D
    ],
)
def test_read_asks_in_a_terminal(answers: str, flags: list[str], file: str | None, code: int) -> None:
    put(a_png="7")
    master, slave = pty.openpty()
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", ASKING, "read", "scans/a.png", *flags]
    process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave, env=environment)
    os.close(slave)
    shown = b""
    while answers and b"CSV?" not in shown:
        shown += os.read(master, 1000)
    os.write(master, answers.encode())
    assert process.wait(20) == code
    os.close(master)
    assert [path.name for path in Path.cwd().glob("*.csv")] == ([file] if file else [])


def test_a_closed_pipe_is_quiet() -> None:
    command = f"{sys.executable} -m pipeline --help | true"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    result = subprocess.run(["bash", "-c", command], capture_output=True, env=environment, check=False)
    assert result.stderr == b""
