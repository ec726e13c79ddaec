"""The unit and the Dockerfile, as far as they can be tried without systemd and Docker at work."""

from __future__ import annotations

import configparser
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline import cli
from pipeline.errors import EXIT_CODES
from pipeline.settings import Settings

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "config" / "deploy" / "pipeline.service"
DOCKERFILE = ROOT / "config" / "deploy" / "Dockerfile"


def unit() -> configparser.ConfigParser:
    parser = configparser.ConfigParser(strict=True, interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(UNIT.read_text(encoding="utf-8"))
    return parser


def test_the_unit_suits_the_program() -> None:
    service = unit()["Service"]
    command = service["ExecStart"].split()
    assert command[0].endswith("/bin/pipeline")
    context = cli.cli.make_context("pipeline", command[1:])  # an option that is not there would be refused
    assert command[-1] in cli.cli.commands and context.params["log"] == "json"
    codes = {int(code) for code in service["RestartPreventExitStatus"].split()}
    assert codes <= {code for code, _ in EXIT_CODES} and 0 not in codes and 5 not in codes
    assert int(service["TimeoutStopSec"]) > Settings().leave
    assert service["KillMode"] == "mixed"
    assert "HUP" in service["ExecReload"]


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze")
def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    program = tmp_path / "pipeline"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    copy = tmp_path / "pipeline.service"
    copy.write_text(UNIT.read_text().replace("/opt/pipeline/bin/pipeline", str(program)))
    result = subprocess.run(["systemd-analyze", "verify", "--man=no", str(copy)], capture_output=True, text=True, check=False)
    about_ours = [line for line in result.stderr.splitlines() if "pipeline" in line]
    assert result.returncode == 0, result.stderr
    assert about_ours == []


def instructions_of(dockerfile: Path) -> list[list[str]]:
    """Its instructions, each the word and the rest."""
    lines = re.sub(r"\\\n", " ", dockerfile.read_text(encoding="utf-8")).splitlines()
    return [line.split(maxsplit=1) for line in lines if line and not line.startswith("#")]


def test_the_dockerfile_suits_the_project() -> None:
    instructions = instructions_of(DOCKERFILE)
    known = {"FROM", "WORKDIR", "COPY", "RUN", "USER", "VOLUME", "ENV", "STOPSIGNAL", "HEALTHCHECK", "ENTRYPOINT", "CMD"}
    assert {word for word, _ in instructions} <= known
    for word, rest in instructions:
        if word == "COPY" and "--from" not in rest:
            for source in rest.split()[:-1]:
                assert (ROOT / source).exists(), source
    last = {word: rest for word, rest in instructions}  # noqa: C416 - the last of each
    assert last["USER"] != "root"
    command = re.findall(r'"([^"]+)"', last["CMD"])
    assert cli.cli.make_context("pipeline", list(command)).params["log"] == "json"
    health = re.findall(r'"([^"]+)"', last["HEALTHCHECK"])
    assert health[1] in cli.cli.commands


@pytest.mark.slow
def test_what_the_dockerfile_copies_is_all_that_the_program_needs(tmp_path: Path) -> None:
    """Installed from that alone, without what it depends on, it passes the container's own check of its health."""
    pytest.importorskip("setuptools", "70.1", reason="older ones build no wheel by themselves")
    source, installed, data = (tmp_path / name for name in ("src", "installed", "data"))
    for folder in (source, data):
        folder.mkdir()
    for word, rest in instructions_of(DOCKERFILE):
        if word == "COPY" and "--from" not in rest:
            *names, target = rest.split()
            for name in names:
                if (ROOT / name).is_dir():
                    shutil.copytree(ROOT / name, source / target, ignore=shutil.ignore_patterns("__pycache__"))
                else:
                    shutil.copy(ROOT / name, source / target)
    [(_, build), *_] = [each for each in instructions_of(DOCKERFILE) if each[0] == "RUN"]
    assert build.endswith("/bin/pip install --no-cache-dir .")
    pip = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--no-cache-dir",
        "--quiet",
        "--no-deps",
        "--no-build-isolation",
        "--no-index",
    ]
    subprocess.run([*pip, "--target", str(installed), "."], cwd=source, check=True, timeout=900)
    last = {word: rest for word, rest in instructions_of(DOCKERFILE)}  # noqa: C416 - the last of each
    _, *health = re.findall(r'"([^"]+)"', last["HEALTHCHECK"])
    environment = {**os.environ, "PYTHONPATH": str(installed), "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-P", "-m", "pipeline", *health]
    result = subprocess.run(command, cwd=data, env=environment, capture_output=True, text=True, check=False, timeout=900)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "model and forms" in result.stdout
