"""status, retry, history and doctor, as their users type them, on scans that are texts."""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pipeline import cli, intake
from pipeline.intake.service import STATE_LOCK
from pipeline.journal import Journal
from pipeline.lock import only_one
from pipeline.logs import JsonLines, TextLines
from pipeline.operate import doctor
from pipeline.operate.doctor import examine
from pipeline.settings import Settings
from tests.scanning import serial, write_plainly


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, and a watcher that reads texts."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("PIPELINE_")]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(intake, "watch", partial(intake.watch, make_engine=serial, writer=write_plainly))
    return tmp_path


def call(*arguments: str) -> Result:
    return CliRunner().invoke(cli.cli, arguments)


def watched(**files: str) -> None:
    Path("inbox/9B").mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        Path("inbox/9B", name.replace("_", ".")).write_text(text)
    call("-q", "watch", "--once", "--settle", "0.02")


def told(*arguments: str) -> dict[str, object]:
    result = call("status", "--json", *arguments)
    assert result.exit_code == 0, result.output
    found: dict[str, object] = json.loads(result.stdout)
    return found


def test_status_of_nothing() -> None:
    found = told()
    assert (found["watcher"], found["waiting"], found["done"], found["last_error"]) == ("", 0, 0, None)
    assert not Path("outbox").exists()  # looking changes nothing


@pytest.mark.skipif(os.name == "nt" or (os.geteuid() == 0 and not shutil.which("setpriv")), reason="needs setpriv")
def test_who_may_only_look_is_told_how_things_stand() -> None:
    """While a watcher is at work; its journal and its lock are another user's."""
    watched(a_png="1\n2")
    state = Path("outbox/.pipeline")
    without_might = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with only_one(state / STATE_LOCK, "A watcher"), Journal(state) as journal:
        assert journal.named("9B", "9B/a.png") is not None
        paths = [*state.iterdir(), state]
        for path in paths:
            path.chmod(0o555 if path.is_dir() else 0o444)
        try:
            command = [*without_might, sys.executable, "-m", "pipeline", "status", "--json"]
            result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        finally:
            for path in reversed(paths):
                path.chmod(0o755)
    assert result.returncode == 0, result.stderr
    assert (json.loads(result.stdout)["watcher"], json.loads(result.stdout)["done"]) == (str(os.getpid()), 1)


def test_status_tells_how_things_stand() -> None:
    watched(a_png="1\n2", b_png="bad", c_png="1\n2")
    Path("inbox/9B/d.png").write_text("4")
    Path("inbox/9B/e.png.part").write_text("5")
    found = told()
    counted = {
        name: found[name] for name in ("waiting", "running", "done", "failed", "duplicates", "pages", "review", "unfiled")
    }
    assert counted == {
        "waiting": 1,
        "running": 0,
        "done": 1,
        "failed": 1,
        "duplicates": 1,
        "pages": 2,
        "review": 0,
        "unfiled": 0,
    }
    assert isinstance(found["pages_per_minute"], float) and found["pages_per_minute"] > 0
    assert isinstance(found["last_error"], dict) and found["last_error"]["file"] == "9B/b.png"
    lines = call("status").stdout.splitlines()
    assert lines[1] == "Waiting   1"
    assert "Refused" not in "".join(lines)
    assert "9B/b.png: It can't be decoded. Scan it again." in lines[-1]


def test_status_tells_what_is_not_opened() -> None:
    Path("inbox/9B").mkdir(parents=True)
    Path("inbox/9B/a\x1b[2J\n.png").symlink_to("/etc/passwd")
    assert told()["refused"] == [f"{Path.cwd()}/inbox/9B/a\x1b[2J\n.png: a symbolic link"]
    [line] = [line for line in call("status").stdout.splitlines() if line.startswith("Refused")]
    assert line.endswith(r"inbox/9B/a\x1b[2J\n.png: a symbolic link")


def test_retry_and_what_status_says_of_it() -> None:
    watched(a_png="bad", b_png="x\nbad")
    assert told()["waiting"] == 0
    Path("inbox/rejected/9B/a.png").write_text("7")
    result = call("retry", "9B/a.png")
    assert (result.exit_code, result.stdout) == (0, "9B/a.png: to be read once more\n")
    assert told()["waiting"] == 1
    watched()
    assert told()["done"] == 1
    assert call("retry", "nothing.png").exit_code == 1
    assert "9B/b.png" in call("retry").stdout
    watched()
    assert call("retry").stdout.startswith("9B/b.png")


def test_retry_without_anything() -> None:
    assert call("retry").stdout == "No scan was rejected.\n"


def test_run_again_reads_the_inbox_anew() -> None:
    watched(a_png="1")
    assert call("run", "--again").stdout.splitlines()[0] == "0 to be read anew"
    Path("config/forms").mkdir(parents=True)
    Path("config/forms/x.toml").write_text('columns = [{ name = "a", type = "integer" }]')
    lines = call("-q", "run", "--again").stdout.splitlines()
    assert lines[:2] == ["1 to be read anew", "9B: 1 read"]
    assert call("run", "--again", "--job", "9B").exit_code == 2


@pytest.mark.parametrize("name", ["9B/a.png", "a.png", "inbox/processed/9B/a.png", "inbox/9B/a.png", "1"])
def test_history_by_any_name(name: str) -> None:
    watched(a_png="1")
    watched(b_png="bad")
    events = json.loads(call("history", "--json", name).stdout)
    assert [event["state"] for event in events] == ["waiting", "reading", "settled", "moving", "filed"]
    assert events[2]["outcome"] == "done" and "model" in events[2]["reader"]
    lines = call("history", name).stdout.splitlines()
    assert len(lines) == 5
    assert "9B/a.png: done  by pipeline" in lines[2] and "processed/9B/a.png" in lines[4]


def test_history_follows_a_content_from_name_to_name() -> None:
    watched(a_png="bad")
    watched(b_png="bad")
    assert {event["file"] for event in json.loads(call("history", "--json", "inbox/rejected/9B/a.png").stdout)} == {
        "9B/a.png",
        "9B/b.png",
    }


def test_history_of_nothing() -> None:
    result = call("history", "nothing.png")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "knows of no nothing.png" in result.stderr


def test_doctor_finds_all_in_order() -> None:
    watched(a_png="1")
    result = call("doctor", "--no-test", "--json")
    findings = {finding["what"]: finding["state"] for finding in json.loads(result.stdout)}
    assert {"versions", "folders", "inbox", "outbox", "state", "journal", "watcher", "model and forms"} <= findings.keys()
    assert result.exit_code == 0, result.stdout
    assert "bad" not in findings.values()


@pytest.mark.slow
def test_doctor_reads_a_scan() -> None:
    result = call("doctor")
    assert result.exit_code == 0, result.stdout
    assert "cells read right" in result.stdout


def state_of(what: str, settings: Settings) -> tuple[str, str]:
    found = [finding for finding in examine(settings, reads=False) if finding.what == what]
    return found[-1].state, found[-1].text


def test_doctor_tells_what_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings()
    watched(a_png="1")
    (tmp_path / "file").touch()
    assert state_of("outbox", Settings(outbox=tmp_path / "file" / "out"))[0] == "bad"
    assert state_of("folders", Settings(outbox=Path("inbox/out")))[0] == "bad"
    assert state_of("model and forms", Settings(model=Path("nowhere.pkl")))[0] == "bad"
    Path("config/forms").mkdir(parents=True)
    Path("config/forms/x.toml").write_text("columns = 3")
    assert "x.toml" in state_of("model and forms", settings)[1]
    for free, state in ((1e8, "bad"), (1e9, "warn"), (1e12, "ok")):
        monkeypatch.setattr(shutil, "disk_usage", lambda folder, free=free: shutil._ntuple_diskusage(1, 1, free))
        assert state_of("inbox", settings)[0] == state
    monkeypatch.setattr(doctor, "is_remote", lambda folder: True)
    assert state_of("state", settings)[0] == "warn"
    journal = Path("outbox/.pipeline/journal.sqlite")
    journal.write_bytes(b"no database at all" * 500)
    assert state_of("journal", settings)[0] == "bad"
    assert call("doctor", "--no-test").exit_code == 1


def record(**extra: object) -> logging.LogRecord:
    made = logging.LogRecord("pipeline.x", logging.WARNING, "x.py", 1, "%s: rejected", ("a\n\udcff.png",), None)
    made.__dict__.update(extra)
    return made


def test_a_line_of_json_says_which_scan() -> None:
    line = JsonLines().format(record(scan=7, job="9B", outcome="failed"))
    assert "\n" not in line and line.isascii()
    assert json.loads(line) | {"time": ""} == {
        "time": "",
        "level": "warning",
        "logger": "pipeline.x",
        "message": "a\n\udcff.png: rejected",
        "scan": 7,
        "job": "9B",
        "outcome": "failed",
    }


def test_a_line_of_text_says_which_scan() -> None:
    assert TextLines().format(record(scan=7)).endswith("rejected [scan 7]")
    assert TextLines().format(record()).endswith("rejected")


def test_a_name_of_a_file_makes_no_line_of_its_own() -> None:
    line = TextLines().format(record())
    assert line.endswith(r"WARNING a\n\xff.png: rejected")
