"""When spreadsheets are written."""

from __future__ import annotations

from pipeline.intake.burst import Burst


def test_a_single_scan_is_written_soon() -> None:
    burst = Burst(quiet=2, longest=10)
    assert burst.next() is None
    burst.note("9B", 100.0)
    assert burst.next() == 102.0
    assert burst.due(101.9) == []
    assert burst.due(102.0) == ["9B"]
    burst.written("9B")
    assert burst.due(1000.0) == []


def test_a_long_burst_is_written_now_and_then() -> None:
    burst = Burst(quiet=2, longest=10)
    writes = []
    for tenth in range(1000):  # a scan every tenth of a second
        now = tenth / 10
        burst.note("9B", now)
        if burst.due(now):
            writes.append(now)
            burst.written("9B")
    assert 9 <= len(writes) <= 10


def test_large_workbooks_are_written_less_often() -> None:
    burst = Burst(quiet=2, longest=10)
    burst.note("9B", 0.0)
    burst.written("9B", seconds=6.0)
    for second in range(59):
        burst.note("9B", float(second))
    assert burst.due(59.0) == []
    assert burst.due(60.0) == ["9B"]


def test_a_failed_write_is_tried_again_later() -> None:
    burst = Burst(quiet=2, longest=10)
    burst.failed("9B", 100.0, pause=10.0)
    assert burst.due(109.0) == []
    burst.note("9B", 105.0)
    assert burst.due(109.0) == []
    assert burst.due(110.0) == ["9B"]
    assert burst.jobs == ["9B"]
