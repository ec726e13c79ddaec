"""The whole program, as a user runs it: real scans in, spreadsheets out."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from openpyxl import load_workbook

from pipeline.intake.service import INBOX_LOCK
from pipeline.records import Image
from pipeline.training.defects import Defects, age
from pipeline.training.pages import Column, SheetSpec, render_sheet
from tests.handwriting import handwriting
from tests.scoring import lines, score
from tests.stages.scanfiles import encode, tiff

ROOT = Path(__file__).parents[1]
SAMPLES = ROOT / "pipeline" / "samples"
SCANS = Path(__file__).parent / "data" / "scans"
HEADER = "file,page,table,row,column,name,value,text,confidence,status,reason,x,y,width,height"
STATUSES = {"ok", "corrected", "verified", "blank", "review", "unreadable"}


def command(*arguments: str | Path) -> list[str]:
    """The installed program; the module, where the tests run from a checkout that is not installed."""
    installed = Path(sys.executable).with_name("pipeline")
    program = [str(installed)] if installed.exists() else [sys.executable, "-m", "pipeline"]
    return [*program, *map(str, arguments)]


def environment() -> dict[str, str]:
    """That of the tests, without settings, and with one thread a process for the arithmetic."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PIPELINE_")}
    return kept | {"PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path]), "OPENBLAS_NUM_THREADS": "1"}


def pipeline(folder: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(*arguments), cwd=folder, env=environment(), capture_output=True, text=True, timeout=240, check=False
    )


def page(seed: int) -> Image:
    """A small sheet that is like no other."""
    rng = np.random.default_rng(seed)
    columns = (Column("No.", 20, "printed"), Column("A", 26), Column("B", 26))
    rows = tuple((f"{100 + seed}", str(rng.integers(1000)), str(rng.integers(100))) for _ in range(4))
    spec = SheetSpec(f"Sheet {seed}", columns, rows, paper=(100.0, 90.0), dpi=110, ruling_width=2)
    return age(render_sheet(spec, handwriting(), rng), Defects(skew=float(rng.uniform(-1, 1))), rng).image


def sums(folder: Path) -> dict[str, str]:
    """Every file below a folder → its digest."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name != INBOX_LOCK)
    return {path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def sheet_rows(workbook: Path, sheet: str) -> list[tuple[object, ...]]:
    book = load_workbook(workbook, read_only=True)
    try:
        return [tuple(row) for row in book[sheet].iter_rows(values_only=True)]
    finally:
        book.close()


# --- run ----------------------------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_the_samples_come_out_right_and_a_second_run_changes_nothing(tmp_path: Path) -> None:
    shutil.copytree(SAMPLES, tmp_path / "samples")
    before = sums(tmp_path / "samples")
    first = pipeline(tmp_path, "run", "--batch", "samples", "--workers", "1")
    assert first.returncode == 0, first.stderr
    assert sums(tmp_path / "samples") == before  # the originals stay as they are

    written = {file.name: file for file in (tmp_path / "outbox").iterdir() if file.is_file()}
    assert sorted(written) == ["samples.csv", "samples.readings.csv", "samples.xlsx"]
    assert all(name in first.stdout for name in written)
    readings = written["samples.readings.csv"]
    assert readings.read_text(encoding="utf-8").splitlines()[0] == HEADER
    found = lines(readings)
    assert {line["status"] for line in found} <= STATUSES
    for line in found:
        assert 0 <= float(line["confidence"]) <= 1
        assert min(int(line[name]) for name in ("page", "table", "row", "column", "width", "height")) >= 1
        assert (line["status"] in {"review", "unreadable", "corrected", "verified"}) == bool(line["reason"])
        assert line["value"] == "" or line["status"] not in {"blank", "unreadable"}

    result = score(found, lines(SAMPLES / "truth.csv"))
    assert result.share(result.found) == 1
    assert result.share(result.exact) >= 0.95
    assert result.accepted_wrong <= 0.02 * result.accepted

    held = {name: file.read_bytes() for name, file in written.items() if name.endswith(".csv")}
    second = pipeline(tmp_path, "run", "--batch", "samples", "--workers", "1")
    assert second.returncode == 0
    assert "0 read" in second.stdout and "unchanged" in second.stdout
    assert {name: (tmp_path / "outbox" / name).read_bytes() for name in held} == held


@pytest.mark.slow
def test_bad_files_do_not_stop_the_others(tmp_path: Path) -> None:
    batch = tmp_path / "batch"
    (batch / "deep" / "er").mkdir(parents=True)
    good = encode(".png", page(1))
    (batch / "deep" / "er" / "good.png").write_bytes(good)
    (batch / "cut.png").write_bytes(good[: len(good) // 2])
    (batch / "empty.png").write_bytes(b"")
    (batch / "locked.pdf").write_bytes((SCANS / "encrypted.pdf").read_bytes())
    (batch / "half.tif").write_bytes(tiff([page(2), page(3)])[:-5000])
    (batch / "notes.txt").write_text("marks are due on Friday")
    result = pipeline(tmp_path, "run", "--batch", "batch", "--output", "out", "--job", "9B", "--workers", "1")
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    for name in ("cut.png", "empty.png", "locked.pdf", "half.tif"):
        [line] = [line for line in result.stdout.splitlines() if name in line]
        assert len(line) > len(name) + 20
    files = {
        str(row[0]).removeprefix("batch/"): " ".join(map(str, row[1:]))
        for row in sheet_rows(tmp_path / "out" / "9B.xlsx", "Files")
    }
    for name in ("cut.png", "empty.png", "locked.pdf", "half.tif"):
        assert "failed" in files[name].lower()
    assert "password" in files["locked.pdf"].lower()
    readings = lines(tmp_path / "out" / "9B.readings.csv")
    cells = Counter((line["file"], line["page"]) for line in readings)
    assert cells == {("batch/deep/er/good.png", "1"): 15, ("batch/half.tif", "1"): 15}  # the page before the damage counts
    assert sorted(path.name for path in batch.iterdir()) == [
        "cut.png",
        "deep",
        "empty.png",
        "half.tif",
        "locked.pdf",
        "notes.txt",
    ]


@pytest.mark.slow
@pytest.mark.skipif(not os.environ.get("PIPELINE_DATA"), reason="PIPELINE_DATA names no folder of real pages")
def test_real_mark_sheets(tmp_path: Path) -> None:
    folder = Path(os.environ["PIPELINE_DATA"]) / "pages" / "marksheets_ames"
    if not folder.is_dir():
        pytest.skip(f"no {folder}")
    result = pipeline(tmp_path, "run", "--batch", folder.resolve(), "--workers", "1")
    assert result.returncode == 0, result.stderr
    total = score(lines(tmp_path / "outbox" / "marksheets_ames.readings.csv"), lines(folder / "truth.csv"))
    assert total.cells > 0
    assert total.share(total.found) >= 0.99
    assert total.share(total.exact) >= 0.75


def test_read_tells_numbers_one_a_line(tmp_path: Path) -> None:
    images = {"one.png": 250 - 0.8 * np.pad(handwriting().digits[1][3], 8), "two.jpg": np.pad(handwriting().digits[2][5], 6)}
    for name, image in images.items():
        (tmp_path / name).write_bytes(encode(Path(name).suffix, np.asarray(image, np.uint8)))
    result = pipeline(tmp_path, "read", "--save", "numbers.csv", *images)
    assert result.returncode == 0, result.stderr
    told = [line.split("\t") for line in result.stdout.splitlines()]
    assert [fields[0] for fields in told] == list(images)
    assert [fields[1] for fields in told] == ["1", "2"]
    assert all(0 <= float(fields[2]) <= 1 for fields in told)
    assert [list(line.values()) for line in lines(tmp_path / "numbers.csv")] == [["one.png", "1"], ["two.jpg", "2"]]


# --- watch --------------------------------------------------------------------------------------------------------------------


@contextmanager
def watching(folder: Path) -> Iterator[subprocess.Popen[str]]:
    """`pipeline watch` at work in a folder; ended with SIGTERM, in good order."""
    with (folder / "watch.log").open("w") as log:
        arguments = command("watch", "--settle", "0.5", "--sweep", "2", "--workers", "1")
        process = subprocess.Popen(arguments, cwd=folder, env=environment(), stdout=log, stderr=log, text=True)
        try:
            until((folder / "outbox" / ".pipeline").exists, 30)
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                process.kill()
    assert process.returncode == 0, (folder / "watch.log").read_text()


def until(condition: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "nothing happened"
        time.sleep(0.1)


def drop(data: bytes, target: Path, kind: int) -> None:
    """Into the inbox at one go, by a rename, or slowly in pieces."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if kind == 0:
        target.write_bytes(data)
    elif kind == 1:
        partial = target.with_name(target.name + ".part")
        partial.write_bytes(data)
        partial.rename(target)
    else:
        for start in range(0, len(data), -(-len(data) // 8)):
            with target.open("ab") as stream:
                stream.write(data[start : start + -(-len(data) // 8)])
            time.sleep(0.2)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="ends the watcher with SIGTERM")
def test_thirty_scans_in_a_burst_all_come_out_once(tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    (inbox / "9B").mkdir(parents=True)
    folders = ["9B", "9B/late", "9C"]
    scans = {f"{folders[n % 3]}/scan {n}.{'jpg' if n % 2 else 'png'}": page(n) for n in range(30)}
    contents = {name: encode(Path(name).suffix, image) for name, image in scans.items()}
    assert len(set(contents.values())) == 30
    with watching(tmp_path):
        threads = [
            threading.Thread(target=drop, args=(data, inbox / name, number // 3 % 3))
            for number, (name, data) in enumerate(contents.items())
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        until(lambda: len(sums(inbox / "processed")) == 30, 150)
    # the originals are in processed/, each whole, and nowhere else
    assert sums(inbox) == {f"processed/{name}": hashlib.sha256(data).hexdigest() for name, data in contents.items()}
    cells: Counter[str] = Counter()
    for job in ("9B", "9C"):
        readings = lines(tmp_path / "outbox" / f"{job}.readings.csv")
        assert {line["file"].split("/")[0] for line in readings} == {job}
        places = Counter((line["file"], line["page"], line["table"], line["row"], line["column"]) for line in readings)
        assert set(places.values()) == {1}
        cells.update(line["file"] for line in readings)
        assert (tmp_path / "outbox" / f"{job}.xlsx").exists() and (tmp_path / "outbox" / f"{job}.csv").exists()
    assert cells == dict.fromkeys(contents, 15)
    # each scan's own number is in its cells: none was read in another's place
    for job in ("9B", "9C"):
        by_file: dict[str, list[str]] = {}
        for line in lines(tmp_path / "outbox" / f"{job}.readings.csv"):
            if line["column"] == "1" and line["row"] != "1":
                by_file.setdefault(line["file"], []).append(line["value"])
        right = [str(100 + int(Path(name).stem.split()[1])) in values for name, values in by_file.items()]
        assert np.mean(right) > 0.8


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="ends the watcher with SIGTERM")
def test_what_cannot_be_read_is_rejected_with_a_reason(tmp_path: Path) -> None:
    inbox = tmp_path / "inbox" / "9B"
    inbox.mkdir(parents=True)
    good = encode(".png", page(1))
    bad = {
        "cut.png": good[: len(good) // 2],
        "empty.jpg": b"",
        "locked.pdf": (SCANS / "encrypted.pdf").read_bytes(),
        "notes.txt": b"marks are due on Friday",
        "sound.png": b"RIFF\x10\0\0\0WAVEfmt ",
    }
    with watching(tmp_path):
        for name, data in (*bad.items(), ("good.png", good)):
            (inbox / name).write_bytes(data)
        until(lambda: len(sums(tmp_path / "inbox" / "rejected")) == 2 * len(bad), 60)
        until((tmp_path / "inbox" / "processed" / "9B" / "good.png").exists, 60)
    rejected = tmp_path / "inbox" / "rejected" / "9B"
    assert sorted(path.name for path in rejected.iterdir()) == sorted([*bad, *(f"{name}.txt" for name in bad)])
    for name, data in bad.items():
        assert (rejected / name).read_bytes() == data
        assert len((rejected / f"{name}.txt").read_text(encoding="utf-8")) > 20
    assert "password" in (rejected / "locked.pdf.txt").read_text(encoding="utf-8")
    files = {str(row[0]): " ".join(map(str, row[1:])).lower() for row in sheet_rows(tmp_path / "outbox" / "9B.xlsx", "Files")}
    assert all("failed" in files[f"9B/{name}"] for name in bad)
    assert {line["file"] for line in lines(tmp_path / "outbox" / "9B.readings.csv")} == {"9B/good.png"}
