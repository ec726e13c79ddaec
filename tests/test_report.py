"""The bar of `pipeline train`: there at a terminal, and nowhere else."""

from __future__ import annotations

import io
import sys

import pytest

from pipeline.report import TrainingBar


class Terminal(io.StringIO):
    """Says that it is one."""

    def isatty(self) -> bool:
        return True


def shown(monkeypatch: pytest.MonkeyPatch, stream: io.StringIO) -> str:
    monkeypatch.setattr(sys, "stderr", stream)
    with TrainingBar() as bar:
        for epoch in ("epoch 1 of 3", "epoch 2 of 3"):
            for share in (0.001, 0.5, 1.0):
                bar.show(epoch, share)
        bar.show("epoch 3 of 3", 0.25)
    return stream.getvalue()


def test_each_epoch_has_a_bar_with_a_line_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = shown(monkeypatch, Terminal()).removesuffix("\n").split("\n")
    assert len(lines) == 3
    for number, line in enumerate(lines, 1):
        assert f"epoch {number} of 3" in line and f"epoch {number + 1} of 3" not in line
    assert ["100%" in line for line in lines] == [True, True, False]


def test_elsewhere_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(monkeypatch, io.StringIO()) == ""
