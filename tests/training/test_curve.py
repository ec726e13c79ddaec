"""The learning curve: the CSV holds what was measured and comes back, the picture shows it."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.errors import DataError, OutputError
from pipeline.training.curve import read_curve, record_epoch, write_curve
from pipeline.training.plot import Published, _spread, _ticks, draw_curve

COLUMNS = {"train": [0.3, 0.55, 0.7], "test": [0.31, 0.52, 0.65], "loss": [0.6, 0.4, 0.25]}


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    return tmp_path / "net.csv", tmp_path / "net.png"


def decoded(picture: bytes) -> NDArray[np.uint8]:
    image = cv2.imdecode(np.frombuffer(picture, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    return image.astype(np.uint8)


# the table


def test_the_csv_has_a_line_for_each_epoch(files: tuple[Path, Path]) -> None:
    write_curve(*files, COLUMNS, "title")
    assert files[0].read_text(encoding="utf-8") == "epoch,train,test,loss\n1,0.3,0.31,0.6\n2,0.55,0.52,0.4\n3,0.7,0.65,0.25\n"


def test_what_is_written_comes_back_to_the_last_bit(files: tuple[Path, Path]) -> None:
    columns = {"a, with a comma": [1 / 3, math.pi / 4], "loss": [1e-17, 123456.789]}
    write_curve(*files, columns, "title")
    assert read_curve(files[0]) == columns


def test_what_was_not_measured_is_empty(files: tuple[Path, Path]) -> None:
    write_curve(*files, {"test": [math.nan, 0.5], "train": [0.25, math.nan]}, "title")
    assert files[0].read_text(encoding="utf-8") == "epoch,test,train\n1,,0.25\n2,0.5,\n"
    back = read_curve(files[0])
    assert math.isnan(back["test"][0]) and math.isnan(back["train"][1])
    assert (back["test"][1], back["train"][0]) == (0.5, 0.25)


@pytest.mark.parametrize("columns", [{}, {"a": []}, {"a": [0.5], "b": [0.5, 0.6]}])
def test_columns_that_make_no_table_are_refused(files: tuple[Path, Path], columns: dict[str, list[float]]) -> None:
    with pytest.raises(ValueError, match="learning curve"):
        write_curve(*files, columns, "title")
    assert not files[0].exists()


def test_without_a_file_there_is_no_curve(tmp_path: Path) -> None:
    assert read_curve(tmp_path / "none.csv") == {}


@pytest.mark.parametrize(
    "content",
    [b"", b"name,value\n1,2\n", b"epoch,a\n2,0.5\n", b"epoch,a\n1,0.5,0.6\n", b"epoch,a\n1,x\n", b"epoch,a\n\n", b"\xff\xfe"],
)
def test_another_file_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "net.csv"
    file.write_bytes(content)
    with pytest.raises(DataError, match=r"net\.csv is no learning curve"):
        read_curve(file)


def test_neither_file_is_replaced_unless_both_can_be(files: tuple[Path, Path]) -> None:
    write_curve(*files, COLUMNS, "title")
    before = files[0].read_bytes()
    files[1].unlink()
    files[1].mkdir()
    with pytest.raises(OutputError, match=r"net\.png"):
        write_curve(*files, {"test": [0.9]}, "title")
    assert files[0].read_bytes() == before
    assert sorted(files[0].parent.iterdir()) == sorted(files)


# epoch by epoch


def test_epochs_are_added_one_by_one(files: tuple[Path, Path]) -> None:
    for epoch in (1, 2, 3):
        record_epoch(*files, epoch, {name: values[epoch - 1] for name, values in COLUMNS.items()}, "title")
    assert read_curve(files[0]) == COLUMNS
    assert files[1].read_bytes() == draw_curve(COLUMNS, "title")


def test_a_run_that_goes_on_from_a_checkpoint_keeps_what_was_before_it_only(files: tuple[Path, Path]) -> None:
    write_curve(*files, COLUMNS, "title")
    record_epoch(*files, 3, {"train": 0.75, "test": 0.7, "loss": 0.2}, "title")
    assert read_curve(files[0]) == {"train": [0.3, 0.55, 0.75], "test": [0.31, 0.52, 0.7], "loss": [0.6, 0.4, 0.2]}


def test_a_new_run_forgets_the_old_one(files: tuple[Path, Path]) -> None:
    files[0].write_text("not a curve at all")
    record_epoch(*files, 1, {"test": 0.4}, "title")
    assert read_curve(files[0]) == {"test": [0.4]}


def test_epochs_and_columns_that_were_not_recorded_are_left_empty(files: tuple[Path, Path]) -> None:
    record_epoch(*files, 1, {"old": 0.4}, "title")
    record_epoch(*files, 3, {"new": 0.5}, "title")
    assert files[0].read_text(encoding="utf-8") == "epoch,old,new\n1,0.4,\n2,,\n3,,0.5\n"


# the picture


@pytest.mark.parametrize("epochs", [1, 2, 30, 350])
def test_there_is_a_picture_whatever_the_number_of_epochs(epochs: int) -> None:
    shares = [1 - 0.7 / epoch for epoch in range(1, epochs + 1)]
    image = decoded(draw_curve({"test": shares, "loss": [1 - share for share in shares]}, "title"))
    assert image.shape[0] > 600 and image.shape[1] > 900
    assert 0.02 < (image < 250).any(axis=2).mean() < 0.5


@pytest.mark.parametrize(
    "columns",
    [
        {"test": [1.0, 1.0]},
        {"test": [0.0, 0.0]},
        {"test": [0.5, math.nan]},
        {"test": [math.nan]},
        {"loss": [0.5, 0.25]},
        {"loss": [0.0]},
        {"validation loss": [math.nan], "test": [0.7]},
        {str(i): [0.9] for i in range(9)},
    ],
)
def test_odd_curves_are_drawn_too(columns: dict[str, list[float]]) -> None:
    assert (decoded(draw_curve(columns, "title")) < 250).any()


def test_the_same_curve_gives_the_same_picture() -> None:
    assert draw_curve(COLUMNS, "title") == draw_curve(COLUMNS, "title")


@pytest.mark.parametrize("epoch", [1, 3, None, 350])
def test_what_was_published_is_drawn_in(epoch: int | None) -> None:
    """In orange, the colour of the column that it is compared with; there is none of that colour else in this picture."""

    def orange(published: list[Published]) -> int:
        blue, green, red = np.moveaxis(decoded(draw_curve({"a": [0.3, 0.5, 0.6], "b": [math.nan] * 3}, "t", published)), 2, 0)
        return int(np.count_nonzero((red > 180) & (blue < 60) & (green < 130)))

    assert orange([]) == 0
    assert orange([Published(epoch, 0.4, "published", "b")]) > 50


def test_a_higher_accuracy_is_drawn_higher() -> None:
    def height(share: float) -> float:
        published = [Published(None, 0.5, "low"), Published(None, 0.99, "high")]
        blue, green, red = np.moveaxis(decoded(draw_curve({"a": [share] * 3}, "t", published))[:, 200:900], 2, 0)
        return float(np.flatnonzero((blue > 150) & (red < 60) & (green < 160)).mean())

    assert height(0.6) > height(0.9) > height(0.95) > height(0.98)


def test_labels_do_not_lie_on_one_another() -> None:
    given = _spread([0.1, 0.5, 0.5, 0.51, 0.9, 0.93], 0.1)
    assert min(np.diff(given)) >= 0.1 - 1e-9
    assert given[0] == 0.1
    assert np.mean(given[1:4]) == pytest.approx(np.mean([0.5, 0.5, 0.51]))


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.5), (0.5, 3.0), (1.9, 2.7), (2.5, 2.56), (-0.02, 0.3)])
def test_there_are_some_ticks_but_not_too_many(low: float, high: float) -> None:
    assert 2 <= len(_ticks(low, high)) <= 14


def test_what_reads_scans_does_not_load_matplotlib() -> None:
    command = "import sys, pipeline.cli, pipeline.training.command; print('matplotlib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", command], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
