"""When what failed is tried again."""

from __future__ import annotations

from pipeline.intake.backoff import Backoff


def test_pauses_grow_up_to_a_longest() -> None:
    backoff = Backoff(first=1.0, longest=60.0)
    now, pauses = 0.0, []
    for _ in range(10):
        pauses.append(backoff.failed("disk", "full", now))
        now += pauses[-1]
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60, 60, 60]
    assert backoff.faults["disk"].tries == 10
    assert backoff.faults["disk"].since == 0.0


def test_success_ends_a_fault_and_the_next_one_starts_anew() -> None:
    backoff = Backoff(first=1.0)
    for moment in (0.0, 1.0):
        backoff.failed("disk", "full", moment)
    backoff.succeeded("disk")
    assert backoff.faults == {} and backoff.next() is None
    assert backoff.failed("disk", "full", 9.0) == 1.0


def test_what_is_due_is_told_once_a_pause() -> None:
    backoff = Backoff(first=1.0)
    backoff.failed("a", "", 0.0)
    backoff.failed("b", "", 0.5)
    backoff.failed("b", "", 0.5)
    assert backoff.next() == 1.0
    assert backoff.take_due(0.9) == []
    assert backoff.take_due(1.0) == ["a"]
    assert backoff.take_due(1.5) == []
    assert backoff.take_due(2.5) == ["a", "b"]  # nothing has been heard of a


def test_keys_are_apart() -> None:
    backoff = Backoff(first=1.0)
    backoff.failed("a", "one", 0.0)
    backoff.succeeded("b")
    assert list(backoff.faults) == ["a"]
    assert backoff.faults["a"].message == "one"
