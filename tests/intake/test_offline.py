"""Nothing leaves the machine: reading and watching use no network at all, in any of their processes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.stages.scanfiles import PDF_DRAWING, drawing, encode, pdf, tiff

#: Python loads it at every start, also in workers and in the children that decode.
AUDIT = """
import os, sys

def refuse(event, arguments):
    if event.startswith(("socket.", "urllib.", "http.", "ftplib.", "smtplib.", "ssl.")):
        with open(os.environ["TOLD"], "a") as told:
            told.write(f"{event} {arguments!r} {sys.argv}\\n")
        raise RuntimeError(f"{event} is not allowed here")

sys.addaudithook(refuse)
with open(os.environ["TOLD"] + ".started", "a") as told:
    told.write("x")
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "hook").mkdir()
    (tmp_path / "hook" / "sitecustomize.py").write_text(AUDIT)
    for name in ("scans", "inbox"):
        scans = tmp_path / name
        scans.mkdir()
        (scans / "a.png").write_bytes(encode(".png", drawing()))
        (scans / "b.tif").write_bytes(tiff([drawing()[::-1]]))
        (scans / "c.pdf").write_bytes(pdf([PDF_DRAWING]))
        (scans / "d.jpg").write_bytes(b"\xff\xd8\xffnot really")
    return tmp_path


def pipeline(folder: Path, *arguments: str, under: tuple[str, ...] = ()) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PIPELINE_")}
    environment |= {"PYTHONPATH": os.pathsep.join([str(folder / "hook"), *sys.path]), "OPENBLAS_NUM_THREADS": "1"}
    environment["TOLD"] = str(folder / "told")
    command = [*under, sys.executable, "-m", "pipeline", *arguments, "--workers", "1"]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300, check=False)


RUN, WATCH = ("run", "--batch", "scans"), ("watch", "--once", "--settle", "0.05")


@pytest.mark.slow
@pytest.mark.parametrize("command", [RUN, WATCH], ids=["run", "watch"])
def test_no_process_of_ours_asks_for_a_socket(folder: Path, command: tuple[str, ...]) -> None:
    result = pipeline(folder, *command)
    assert result.returncode == 1, result.stderr  # the last scan is none
    assert ": 3 read, 1 failed" in result.stdout
    assert not (folder / "told").exists(), (folder / "told").read_text()
    assert len((folder / "told.started").read_text()) >= 2  # the program and its worker


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which("unshare"), reason="needs Linux")
@pytest.mark.parametrize("command", [RUN, WATCH], ids=["run", "watch"])
def test_it_works_where_there_is_no_network(folder: Path, command: tuple[str, ...]) -> None:
    alone = ("unshare", "--net", "--map-root-user")
    if subprocess.run([*alone, "true"], capture_output=True, check=False).returncode:
        pytest.skip("may not make a network namespace")
    result = pipeline(folder, *command, under=alone)
    assert ": 3 read, 1 failed" in result.stdout, result.stderr


def test_the_hook_would_tell(folder: Path) -> None:
    """Or the test above would hold for whatever is not seen."""
    environment = {**os.environ, "PYTHONPATH": str(folder / "hook"), "TOLD": str(folder / "told")}
    command = [sys.executable, "-c", "import socket; socket.create_connection(('192.0.2.1', 9), 0.1)"]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert "is not allowed here" in result.stderr
    assert "socket." in (folder / "told").read_text()
