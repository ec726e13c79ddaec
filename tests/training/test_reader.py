"""The reader of whole numbers: it learns, the seed decides all, and a broken-off run goes on as if nothing had been."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.ann import Network
from pipeline.training.reader import READER_LABELS, ReaderProgress, ReaderRecipe, _rate, collate, exactly, train_reader
from pipeline.training.strings import StringExample, StringSource
from tests.training.datafolder import digits, idx

RECIPE = ReaderRecipe(
    (
        *(("conv", 6, 5, 2), ("pool",), ("norm",), ("relu",), ("conv", 8, 3, 1), ("pool",), ("norm",), ("relu",)),
        *(("pool", "rows"), ("pool", "rows"), ("pool", "rows"), ("conv", len(READER_LABELS), 1, 0)),
    ),
    rounds=2,
    batches=8,
    batch=4,
    rate=1e-2,
)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """As many digits as are held out, and 900 more; what draws strings in another process can't be told to hold out fewer."""
    folder = tmp_path_factory.mktemp("data")
    images, labels = digits()
    for part, times in (("train", 6), ("t10k", 1)):
        (folder / f"{part}-images-idx3-ubyte").write_bytes(idx(np.concatenate([images] * times)[:5900]))
        (folder / f"{part}-labels-idx1-ubyte").write_bytes(idx(np.concatenate([labels] * times)[:5900].astype(np.uint8)))
    return folder


def weights(network: Network) -> list[bytes]:
    return [array.tobytes() for array in network.arrays()]


def example(width: int, text: str, digits_only: bool = False) -> StringExample:
    return StringExample(np.full((32, width), 9, np.uint8), text, digits_only)


def test_strips_are_put_together_with_paper_on_the_right() -> None:
    strips = collate([example(24, "12"), example(40, "-3.5", digits_only=True)])
    assert strips.images.shape == (2, 32, 40)
    assert (strips.images[0, :, :24] == 9).all() and not strips.images[0, :, 24:].any()
    assert strips.texts == ((1, 2), tuple(READER_LABELS.index(c) for c in "-3.5"))
    assert not strips.silent[0].any()
    assert [READER_LABELS[i] for i in np.flatnonzero(strips.silent[1])] == [".", "-", "/"]


class Says(Network):
    """A network that always guesses the same row of labels."""

    def __init__(self, text: str) -> None:
        super().__init__((("conv", 1, 1, 0), ("pool", "rows")), (2, 4))
        self.guesses = [READER_LABELS.index(character if character != "_" else "") for character in text]

    def forward(
        self, x: np.ndarray[tuple[int, ...], np.dtype[np.float32]], train: bool = False
    ) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        logits = np.zeros((len(READER_LABELS), 1, len(self.guesses), x.shape[3]), np.float32)
        logits[self.guesses, 0, np.arange(len(self.guesses))] = 9
        return logits


@pytest.mark.parametrize(
    ("guesses", "text", "digits_only", "right"),
    [
        ("11_2", "12", False, True),
        ("1_12", "12", False, False),
        ("1.2_", "12", False, False),
        ("1.2-", "12", True, True),
        ("1.2-", "1.2-", False, True),
        ("____", "", False, True),
    ],
)
def test_a_string_is_read_exactly_or_not(guesses: str, text: str, digits_only: bool, right: bool) -> None:
    assert exactly(Says(guesses), [collate([example(32, text, digits_only)])]) == float(right)


def test_it_learns_the_seed_decides_and_a_run_goes_on_where_it_was(data: Path, tmp_path: Path) -> None:
    seen: list[ReaderProgress] = []
    sample = StringSource(data).batch(6, np.random.default_rng(5))
    ticks: list[tuple[int, float]] = []
    whole = train_reader(data, RECIPE, [sample], tmp_path / "a.npz", seen.append, lambda *tick: ticks.append(tick))
    assert whole.history == tuple(seen)
    assert ticks[-1] == (2, 1.0)
    assert [progress.round for progress in seen] == [1, 2]
    assert seen[1].loss < seen[0].loss
    assert len(seen[0].exact) == 1

    class BrokenOff(Exception):
        pass

    def stop(progress: ReaderProgress) -> None:
        raise BrokenOff

    with pytest.raises(BrokenOff):
        train_reader(data, RECIPE, [], tmp_path / "b.npz", stop)
    again: list[ReaderProgress] = []
    resumed = train_reader(data, RECIPE, [], tmp_path / "b.npz", again.append)
    assert [progress.round for progress in again] == [2]
    assert [progress.round for progress in resumed.history] == [1, 2]
    assert weights(resumed.network) == weights(whole.network)
    assert weights(train_reader(data, replace(RECIPE, seed=2), []).network) != weights(whole.network)


def test_the_rate_climbs_and_falls() -> None:
    rates = [_rate(replace(RECIPE, rounds=5, rate=1.0), at) for at in np.linspace(0, 5, 51)]
    assert 0 < rates[0] < 0.05 and max(rates) == rates[10] == 1.0 and rates[-1] == pytest.approx(0, abs=1e-9)
