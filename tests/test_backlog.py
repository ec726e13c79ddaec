"""A backlog folder, run again and again as people would: what is read, what is not, and what the spreadsheets say."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.backlog import run_batch
from pipeline.engine import SerialEngine
from pipeline.errors import OutputError, StateError, UsageError
from pipeline.jobs.summary import Summary
from pipeline.lock import only_one
from pipeline.records import Written
from pipeline.settings import Settings
from pipeline.worker import Answer, Task, Tell
from tests.scanning import no_start, pool, read_text, rows, serial, tree, write_plainly

Run = Callable[..., Summary]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a batch of the folder "scans" into "out"."""
    monkeypatch.chdir(tmp_path)
    Path("scans").mkdir()

    def run(batch: str = "scans", **options: object) -> Summary:
        arguments: dict[str, object] = {"make_engine": serial, "writer": write_plainly, **options}
        return run_batch(Path(batch), Settings(outbox=Path("out"), workers=2), **arguments)  # type: ignore[arg-type]

    return run


def put(**files: str) -> None:
    """Files of the folder "scans"; a double underscore stands for a slash, one for a dot."""
    for name, text in files.items():
        path = Path("scans") / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_text(text)


def out(job: str = "scans") -> dict[str, tuple[str, str, str]]:
    return rows(Path("out"), job)


def counts(summary: Summary) -> tuple[int, int, int, int, int]:
    return summary.read, len(summary.failed), summary.duplicates, summary.ignored, summary.unchanged


def test_everything_that_is_a_scan_is_read(run: Run) -> None:
    put(b_png="2", sub__a_TIFF="3\n4", a_png="1", README_txt="hello", _hidden_png="5", _git__x_png="6")
    Path("scans/no suffix").write_bytes(b"\x89PNG\r\n\x1a\n")
    summary = run()
    assert counts(summary) == (4, 0, 0, 1, 0)
    found = out()
    assert list(found) == ["scans/a.png", "scans/b.png", "scans/no suffix", "scans/README.txt", "scans/sub/a.TIFF"]
    assert found["scans/sub/a.TIFF"] == ("done", "", "3 4")
    assert found["scans/README.txt"][0] == "ignored"
    assert summary.totals.pages == 6


def test_a_second_run_reads_only_what_is_new_changed_or_failed(run: Run) -> None:
    put(a_png="1", b_png="2", c_png="bad", d_txt="x")
    assert counts(run()) == (2, 1, 0, 1, 0)
    written = Path("out/scans.csv").read_bytes()
    assert counts(run()) == (0, 1, 0, 0, 3)
    assert Path("out/scans.csv").read_bytes() == written
    put(b_png="20", c_png="3", e_png="5")
    assert counts(run()) == (3, 0, 0, 0, 2)
    assert [cells for _, _, cells in out().values()] == ["1", "20", "3", "", "5"]


def test_one_bad_scan_stops_nothing(run: Run) -> None:
    put(a_png="1", b_png="2\nbad", c_png="die", d_png="4", e_png="")
    summary = run(make_engine=pool)
    assert [failed.file for failed in summary.failed] == ["scans/b.png", "scans/c.png", "scans/e.png"]
    found = out()
    assert found["scans/a.png"] == ("done", "", "1")
    assert found["scans/b.png"] == ("failed", "It can't be decoded. Scan it again. Its first page was read.", "2")
    assert found["scans/c.png"][1].startswith("The process that read the scan was killed, twice.")
    assert found["scans/d.png"] == ("done", "", "4")


def test_same_content_is_read_once(run: Run) -> None:
    put(scan2_png="1", scan11_png="1", scan3_png="2")
    assert counts(run()) == (2, 0, 1, 0, 0)
    assert out()["scans/scan11.png"] == ("duplicate", "Same content as scans/scan2.png.", "")
    assert counts(run()) == (0, 0, 0, 0, 3)


def test_a_duplicate_whose_original_changes_is_read(run: Run) -> None:
    put(a_png="1", b_png="1")
    run()
    put(a_png="changed")
    assert counts(run()) == (2, 0, 0, 0, 0)
    assert [(outcome, cells) for outcome, _, cells in out().values()] == [("done", "changed"), ("done", "1")]


def test_a_renamed_file_is_not_read_again(run: Run) -> None:
    put(a_png="1", b_png="2")
    run()
    Path("scans/a.png").rename("scans/c.png")
    assert counts(run()) == (0, 0, 0, 0, 2)
    assert {file: cells for file, (_, _, cells) in out().items()} == {"scans/b.png": "2", "scans/c.png": "1"}


def test_a_file_renamed_over_another_replaces_it(run: Run) -> None:
    put(a_png="1", b_png="2")
    run()
    Path("scans/a.png").replace("scans/b.png")
    run()
    assert {file: cells for file, (_, _, cells) in out().items()} == {"scans/b.png": "1"}


def test_two_files_that_swap_names_swap_readings(run: Run) -> None:
    put(a_png="1", b_png="22")
    run()
    Path("scans/a.png").rename("scans/x")
    Path("scans/b.png").rename("scans/a.png")
    Path("scans/x").rename("scans/b.png")
    run()
    assert {file: cells for file, (_, _, cells) in out().items()} == {"scans/a.png": "22", "scans/b.png": "1"}


def test_a_vanished_file_stays_in_the_job(run: Run) -> None:
    put(a_png="1", b_png="2")
    run()
    Path("scans/a.png").unlink()
    assert counts(run()) == (0, 0, 0, 0, 1)
    assert list(out()) == ["scans/a.png", "scans/b.png"]


def test_a_touched_file_is_not_read_again(run: Run) -> None:
    put(a_png="1")
    run()
    os.utime("scans/a.png", (1, 1))
    assert counts(run()) == (0, 0, 0, 0, 1)


def test_links_are_not_followed(run: Run, tmp_path: Path) -> None:
    put(a_png="1")
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret/s.png").write_text("9")
    Path("scans/link.png").symlink_to(tmp_path / "secret/s.png")
    Path("scans/folder").symlink_to(tmp_path / "secret")
    os.mkfifo("scans/fifo.png")
    run()
    assert list(out()) == ["scans/a.png"]


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="everything may be read")
def test_a_file_that_may_not_be_read_fails(run: Run) -> None:
    put(a_png="1", b_png="2")
    Path("scans/a.png").chmod(0)
    assert counts(run()) == (1, 1, 0, 0, 0)
    Path("scans/a.png").chmod(0o600)
    assert counts(run()) == (1, 0, 0, 0, 1)


@pytest.mark.parametrize("batch", [".", "../scans", "scans/../scans/", "scans"])
def test_job_is_named_for_the_folder(run: Run, batch: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(a_png="1")
    if batch.startswith("."):
        monkeypatch.chdir("scans")
    settings = Settings(outbox=tmp_path / "out")
    assert run_batch(Path(batch), settings, make_engine=serial, writer=write_plainly).job == "scans"
    [file] = rows(settings.outbox, "scans")
    assert file == {".": "a.png", "../scans": "../scans/a.png"}.get(batch, "scans/a.png")


@pytest.mark.parametrize("job", ["", "a/b", "..", "con", "x.readings", "a\nb", "x" * 201, "end.", "end "])
def test_a_job_needs_a_name_for_files(run: Run, job: str) -> None:
    with pytest.raises(UsageError, match="name"):
        run(job=job)


@pytest.mark.parametrize("output", ["scans", "scans/out", "scans/../scans/deep/out"])
def test_output_inside_the_input_is_refused(run: Run, output: str) -> None:
    with pytest.raises(UsageError, match="inside"):
        run_batch(Path("scans"), Settings(outbox=Path(output)), make_engine=serial)
    with pytest.raises(UsageError, match="inside"):
        run(trace=Path(output))
    assert tree(Path("scans")) == {}


def test_two_folders_may_make_one_job(run: Run) -> None:
    put(a_png="1")
    shutil.copytree("scans", "more")
    Path("more/b.png").write_text("2")
    run(job="all")
    summary = run("more", job="all")
    assert counts(summary) == (1, 0, 1, 0, 0)
    assert list(out("all")) == ["more/a.png", "more/b.png", "scans/a.png"]


def test_same_name_typed_in_two_places(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(a_png="1")
    run()
    (tmp_path / "b" / "scans").mkdir(parents=True)
    (tmp_path / "b" / "scans" / "a.png").write_text("2")
    monkeypatch.chdir("b")
    run_batch(Path("scans"), Settings(outbox=tmp_path / "out"), make_engine=serial, writer=write_plainly)
    assert list(rows(tmp_path / "out", "scans")) == [f"{tmp_path}/b/scans/a.png", "scans/a.png"]


def test_what_a_crash_left_is_read_the_next_time(run: Run) -> None:
    put(a_png="1", b_png="2", c_png="3")

    def crash(job: str, scans: object, outbox: Path, announce: object) -> Written:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(writer=crash)
    assert counts(run()) == (0, 0, 0, 0, 3)

    put(d_png="4")

    def stuck(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(progress=stuck)
    assert counts(run()) == (1, 0, 0, 0, 3)


def test_an_interrupted_scan_that_then_vanishes_leaves_nothing(run: Run) -> None:
    put(a_png="1", b_png="1")

    def stuck(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(progress=stuck)
    Path("scans/a.png").unlink()
    assert counts(run()) == (1, 0, 0, 0, 0)
    assert list(out()) == ["scans/b.png"]


def test_a_file_changed_while_it_waits_is_recorded_as_it_was_read(run: Run) -> None:
    put(a_png="1")

    def edit(task: Task, tell: Tell) -> Answer:
        put(a_png="2")
        return read_text(task, tell)

    run(make_engine=lambda settings: SerialEngine(settings, edit, no_start))
    assert out()["scans/a.png"][2] == "2"
    assert counts(run()) == (0, 0, 0, 0, 1)


def test_one_run_of_a_job_at_a_time(run: Run) -> None:
    put(a_png="1")
    with only_one(Path("out/.pipeline/scans.run.lock"), "A run"), pytest.raises(StateError, match=f"process {os.getpid()}"):
        run()
    run()


def test_an_output_that_cannot_be_written_keeps_the_readings(run: Run) -> None:
    put(a_png="1")

    def full(job: str, scans: object, outbox: Path, announce: object) -> Written:
        raise OutputError("No space left")

    with pytest.raises(OutputError):
        run(writer=full)
    assert counts(run()) == (0, 0, 0, 0, 1)
    assert out()["scans/a.png"][2] == "1"


def test_progress_ends_at_the_total(run: Run) -> None:
    put(a_png="1", b_png="1", c_png="3", d_txt="4")
    seen: list[tuple[int, int]] = []
    run(progress=lambda done, total: seen.append((done, total)))
    assert seen == sorted(seen)
    assert seen[-1] == (4, 4)


def test_a_large_unchanged_backlog_is_quick(run: Run) -> None:
    for number in range(200):
        Path(f"scans/{number}.txt").touch()
    run()
    start = time.perf_counter()
    assert run().unchanged == 200
    assert time.perf_counter() - start < 0.5
