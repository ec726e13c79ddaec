"""The unit and the Dockerfile, as far as they can be tried without systemd and Docker at work."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
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


def test_the_dockerfile_suits_the_project() -> None:
    lines = re.sub(r"\\\n", " ", DOCKERFILE.read_text(encoding="utf-8")).splitlines()
    instructions = [line.split(maxsplit=1) for line in lines if line and not line.startswith("#")]
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
