from __future__ import annotations

import subprocess
import sys
from pathlib import Path

OPEN = """
import sys
from pathlib import Path
from pipeline.database import Database
sys.stdin.readline()
Database(Path(sys.argv[1]), [["CREATE TABLE t (x)"]]).close()
"""


def test_processes_that_open_a_new_database_at_once_wait_for_one_another(tmp_path: Path) -> None:
    for attempt in range(3):
        path = tmp_path / f"{attempt}.sqlite"
        command = [sys.executable, "-c", OPEN, str(path)]
        openers = [subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(6)]
        for opener in openers:
            assert opener.stdin
            opener.stdin.write("go\n")
            opener.stdin.flush()
        for opener in openers:
            _, error = opener.communicate(timeout=60)
            assert opener.returncode == 0, error
