"""The stability rule against its definition, over histories of any kind."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from pipeline.folders import Stamp
from pipeline.intake.stability import EMPTY_PATIENCE, Stability

SETTLE = 2.0
PATHS = [Path("a"), Path("b")]

stamps = st.builds(Stamp, st.integers(0, 2), st.integers(0, 1))
folders = st.dictionaries(st.sampled_from(PATHS), stamps)
stirs = st.lists(st.sampled_from(PATHS), max_size=1)
steps = st.lists(st.tuples(st.sampled_from([0.1, 0.5, 1.0, 2.0, 11.0]), folders, stirs), max_size=30)


@given(steps)
def test_a_file_is_reported_when_it_has_been_still_and_once(steps: list[tuple[float, dict[Path, Stamp], list[Path]]]) -> None:
    stability = Stability(SETTLE)
    now = 0.0
    since: dict[Path, float] = {}  # the definition, told the other way round: what was the last time that something was new
    last: dict[Path, Stamp] = {}
    reported: set[Path] = set()
    for pause, folder, stirred in steps:
        now += pause
        for path in PATHS:
            if folder.get(path) != last.get(path):
                reported.discard(path)
                since[path] = now
        last = folder
        ready = stability.look(folder.items(), now)
        expected = [
            (path, stamp)
            for path, stamp in folder.items()
            if path not in reported and now - since[path] >= SETTLE * (1 if stamp.size else EMPTY_PATIENCE)
        ]
        assert ready == expected
        reported.update(path for path, _ in ready)
        assert stability.pending == len(folder.keys() - reported)
        for path in stirred:
            stability.stir(path, now)
            if path not in reported:
                since[path] = now


def test_forgotten_files_are_reported_again_after_another_wait() -> None:
    stability = Stability(SETTLE)
    file = (Path("a"), Stamp(1, 1))
    assert stability.look([file], 0.0) == []
    assert stability.look([file], 2.0) == [file]
    stability.forget(file[0])
    assert stability.look([file], 3.0) == []
    assert stability.look([file], 5.0) == [file]


def test_no_wait_means_at_once() -> None:
    file = (Path("a"), Stamp(1, 1))
    assert Stability(0.0).look([file], 0.0) == [file]
