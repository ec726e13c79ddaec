from __future__ import annotations

import os
import random
import signal
import stat
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import OutputError
from pipeline.files import atomic_file, atomic_files, fsync_folder, natural_key, remove_leftovers, write_atomically

OLD, NEW = b"old content", b"new content" * 1000


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def run_python(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)


def test_writes_and_replaces(tmp_path: Path) -> None:
    target = tmp_path / "a.bin"
    write_atomically(target, OLD)
    write_atomically(target, NEW)
    assert target.read_bytes() == NEW
    assert names(tmp_path) == ["a.bin"]


def test_longest_name_fits(tmp_path: Path) -> None:
    target = tmp_path / ("é" * 127)
    write_atomically(target, NEW)
    assert target.read_bytes() == NEW


@pytest.mark.skipif(os.name == "nt", reason="POSIX permissions")
@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o002, 0o664), (0o077, 0o600)])
def test_permissions_follow_the_umask(tmp_path: Path, umask: int, mode: int) -> None:
    before = os.umask(umask)
    try:
        write_atomically(tmp_path / "a", b"")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == mode


def test_an_error_in_the_block_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "a"
    write_atomically(target, OLD)
    with pytest.raises(ZeroDivisionError), atomic_file(target) as stream:
        stream.write(NEW)
        raise ZeroDivisionError
    assert target.read_bytes() == OLD
    assert names(tmp_path) == ["a"]


def test_the_block_s_own_file_errors_are_not_called_write_errors(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), atomic_file(tmp_path / "a"):
        (tmp_path / "nowhere").read_bytes()


def test_files_that_belong_together_are_replaced_together(tmp_path: Path) -> None:
    first, second = tmp_path / "1", tmp_path / "2"
    with atomic_files([first, second]) as streams:
        for stream in streams:
            stream.write(OLD)
    with pytest.raises(ZeroDivisionError), atomic_files([first, second]) as streams:
        for stream in streams:
            stream.write(NEW)
        raise ZeroDivisionError
    assert first.read_bytes() == second.read_bytes() == OLD
    assert names(tmp_path) == ["1", "2"]


def test_a_folder_in_place_of_the_file(tmp_path: Path) -> None:
    write_atomically(tmp_path / "1", OLD)
    (tmp_path / "2").mkdir()
    with pytest.raises(OutputError, match="2 can't be written: Is a directory"), atomic_files([tmp_path / "1", tmp_path / "2"]):
        pytest.fail("must fail before the work")
    assert (tmp_path / "1").read_bytes() == OLD


def test_a_file_in_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "outbox").write_bytes(b"")
    with pytest.raises(OutputError, match=r"a\.csv can't be written: Not a directory"):
        write_atomically(tmp_path / "outbox" / "a.csv", NEW)


def test_a_read_only_file_is_respected(tmp_path: Path) -> None:
    target = tmp_path / "a"
    write_atomically(target, OLD)
    target.chmod(0o444)
    if os.access(target, os.W_OK):
        pytest.skip("this user may write anything")
    with pytest.raises(OutputError, match="a can't be written: Permission denied"):
        write_atomically(target, NEW)
    assert target.read_bytes() == OLD


@pytest.mark.skipif(os.name == "nt", reason="RLIMIT_FSIZE")
def test_a_full_disk_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "a"
    write_atomically(target, OLD)
    done = run_python(
        """
        import resource, sys
        from pathlib import Path
        from pipeline.files import write_atomically
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
        try:
            write_atomically(Path(sys.argv[1]), bytes(200_000))
        except Exception as error:
            print(type(error).__name__, error)
        """,
        target,
    )
    assert done.stdout.startswith(f"OutputError {target} can't be written: File too large"), done.stderr
    assert target.read_bytes() == OLD
    assert names(tmp_path) == ["a"]


@pytest.mark.skipif(os.name == "nt", reason="SIGKILL")
def test_kill_in_the_middle_leaves_the_old_file(tmp_path: Path) -> None:
    target = tmp_path / "a"
    write_atomically(target, OLD)
    done = run_python(
        """
        import os, signal, sys
        from pathlib import Path
        from pipeline.files import atomic_file
        with atomic_file(Path(sys.argv[1])) as stream:
            stream.write(bytes(200_000))
            stream.flush()
            os.kill(os.getpid(), signal.SIGKILL)
        """,
        target,
    )
    assert done.returncode == -signal.SIGKILL
    assert target.read_bytes() == OLD
    assert all(name.startswith(".") for name in names(tmp_path) if name != "a")
    write_atomically(target, NEW)
    assert target.read_bytes() == NEW


def test_leftovers_go_after_a_day(tmp_path: Path) -> None:
    old, new, other = tmp_path / ".pipeline-1.tmp", tmp_path / ".pipeline-2.tmp", tmp_path / "other.tmp"
    for path in (old, new, other):
        path.write_bytes(b"")
    for path in (old, other):
        os.utime(path, (0, 0))
    remove_leftovers(tmp_path)
    assert names(tmp_path) == [new.name, other.name]
    remove_leftovers(tmp_path / "nowhere")


def test_fsync_folder_that_is_not_there(tmp_path: Path) -> None:
    fsync_folder(tmp_path)
    if os.name != "nt":
        with pytest.raises(OutputError, match="nowhere"):
            fsync_folder(tmp_path / "nowhere")


def test_natural_order() -> None:
    expected = ["", "1", "2", "11", "a", "A1", "a2", "a2b1", "a2b10", "a11", "p. ٩", "p. 10", "p. ११", "Ж2", "Ж10"]
    shuffled = random.Random(1).sample(expected, len(expected))
    assert sorted(shuffled, key=natural_key) == expected


def test_numbers_of_any_length() -> None:
    long, longer = "1" + "0" * 5000, "2" + "0" * 5000
    assert natural_key(long) < natural_key(longer)


anything = st.text(st.characters(codec=None)) | st.text("aA019٣-")


@given(anything, anything, anything)
def test_natural_key_is_a_total_order(a: str, b: str, c: str) -> None:
    ka, kb, kc = natural_key(a), natural_key(b), natural_key(c)
    assert (ka < kb) + (kb < ka) + (a == b) == 1
    if ka < kb < kc:
        assert ka < kc


@given(st.text("ab- "), st.integers(0, 10**9), st.integers(0, 10**9), st.integers(0, 3))
def test_numbers_sort_by_value(prefix: str, first: int, second: int, zeros: int) -> None:
    if first < second:
        assert natural_key(f"{prefix}{'0' * zeros}{first}") < natural_key(f"{prefix}{second}")
