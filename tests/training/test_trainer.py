"""The trainer: it learns, the seed decides all, and a killed run goes on as if nothing had been."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np
import pytest

from pipeline.ann import Network
from pipeline.errors import DataError
from pipeline.training.datasets import LABELS, Corpus, Examples
from pipeline.training.trainer import Leg, Progress, Recipe, Trained, _rate, accuracy, train
from tests.training.datafolder import digits

ROOT = Path(__file__).parent.parent.parent
RECIPE = Recipe(
    (
        ("pool",),
        ("conv", 6, 5, 0),
        ("pool",),
        ("norm",),
        ("relu",),
        ("dense", 24),
        ("relu",),
        ("dropout", 0.2),
        ("dense", len(LABELS)),
    ),
    legs=(Leg(2, 1e-2, 0.4), Leg(1, 3e-3, 0.1)),
    batch=16,
)

ONE = (Leg(1, 1e-2, 0.4),)


@cache
def corpus(n: int = 320) -> Corpus:
    images, labels = digits()
    return Corpus(
        Examples(images[:n], labels[:n]), np.arange(n), (("MNIST", Examples(images[-150:], labels[-150:])),), ("some digits",)
    )


def weights(trained: Trained) -> list[bytes]:
    return [array.tobytes() for array in trained.network.arrays()]


@cache
def trained_in_one_go() -> list[bytes]:
    return weights(train(corpus(), RECIPE))


def test_the_loss_falls_from_epoch_to_epoch_and_digits_are_read() -> None:
    seen: list[Progress] = []
    ticks: list[tuple[int, float]] = []
    trained = train(corpus(), replace(RECIPE, legs=(Leg(8, 1e-2, 0.4),)), None, seen.append, lambda *tick: ticks.append(tick))
    assert trained.history == tuple(seen)
    assert ticks == [(epoch, (step + 1) / 20) for epoch in range(1, 9) for step in range(20)]
    assert [progress.epoch for progress in seen] == list(range(1, 9))
    assert seen[0].loss < np.log(len(LABELS)) + 0.5  # knows a little more than nothing
    assert seen[-1].loss < seen[3].loss < seen[0].loss
    assert seen[-1].validation > 0.6
    assert seen[-1].validation == seen[-1].digits == accuracy(trained.network, corpus().validation)


def test_the_seed_decides_everything() -> None:
    assert weights(train(corpus(), RECIPE)) == trained_in_one_go()
    assert weights(train(corpus(), replace(RECIPE, seed=2))) != trained_in_one_go()


KILLED = """
import os, signal
from pipeline.training.trainer import train
from pathlib import Path
from tests.training.test_trainer import RECIPE, corpus
train(corpus(), RECIPE, Path({checkpoint!r}), lambda progress: os.kill(os.getpid(), signal.SIGKILL))
"""


def test_a_run_that_was_killed_goes_on_and_ends_with_the_same_weights_bit_for_bit(tmp_path: Path) -> None:
    checkpoint = tmp_path / "new" / "state.npz"
    command = [sys.executable, "-c", KILLED.format(checkpoint=str(checkpoint))]
    assert subprocess.run(command, cwd=ROOT, check=False).returncode != 0
    seen: list[Progress] = []
    trained = train(corpus(), RECIPE, checkpoint, seen.append)
    assert [progress.epoch for progress in seen] == [2, 3]
    assert [progress.epoch for progress in trained.history] == [1, 2, 3]
    assert weights(trained) == trained_in_one_go()


class Interrupted(Exception):
    """In the middle of an epoch."""


def test_an_epoch_that_was_broken_off_is_done_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint = tmp_path / "state.npz"
    calls = 0
    step = Network.backward

    def backward(network: Network, gradient: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> None:
        nonlocal calls
        calls += 1
        if calls == 60:  # an epoch has 20 steps of two parts
            raise Interrupted
        step(network, gradient)

    with monkeypatch.context() as patch:
        patch.setattr(Network, "backward", backward)
        with pytest.raises(Interrupted):
            train(corpus(), RECIPE, checkpoint)
    assert weights(train(corpus(), RECIPE, checkpoint)) == trained_in_one_go()


def test_a_run_that_was_complete_is_not_trained_again(tmp_path: Path) -> None:
    checkpoint = tmp_path / "state.npz"
    train(corpus(), RECIPE, checkpoint)
    seen: list[Progress] = []
    assert weights(train(corpus(), RECIPE, checkpoint, seen.append)) == trained_in_one_go()
    assert seen == []


@pytest.mark.parametrize(
    "other", [replace(RECIPE, seed=2), replace(RECIPE, legs=ONE), replace(RECIPE, architecture=(("dense", 20),))]
)
def test_a_checkpoint_of_another_recipe_is_left_aside_and_then_replaced(tmp_path: Path, other: Recipe) -> None:
    checkpoint = tmp_path / "state.npz"
    train(corpus(), replace(other, legs=ONE), checkpoint)
    assert weights(train(corpus(), RECIPE, checkpoint)) == trained_in_one_go()
    seen: list[Progress] = []
    train(corpus(), RECIPE, checkpoint, seen.append)
    assert seen == []


def test_a_checkpoint_of_other_data_is_left_aside(tmp_path: Path) -> None:
    checkpoint = tmp_path / "state.npz"
    train(corpus(160), RECIPE, checkpoint)
    assert weights(train(corpus(), RECIPE, checkpoint)) == trained_in_one_go()


@pytest.mark.parametrize(
    "damage", ["empty", "cut", "cut by a byte", "flipped", "text", "other arrays", "fewer arrays", "pickled"]
)
def test_a_damaged_checkpoint_is_named_and_may_be_deleted(tmp_path: Path, damage: str) -> None:
    checkpoint = tmp_path / "state.npz"
    recipe = replace(RECIPE, legs=ONE)
    train(corpus(), recipe, checkpoint)
    data = checkpoint.read_bytes()
    with np.load(checkpoint) as loaded:
        arrays = dict(loaded)
    if damage == "other arrays":
        np.savez(checkpoint, x=np.zeros(3))
    elif damage == "fewer arrays":
        np.savez(checkpoint, **{name: array for name, array in arrays.items() if name != "a3"})
    elif damage == "pickled":
        np.savez(checkpoint, **{**arrays, "recipe": np.array([recipe], object)})
    else:
        middle = len(data) // 2
        flipped = data[:middle] + bytes(byte ^ 0x55 for byte in data[middle : middle + 50]) + data[middle + 50 :]
        damaged = {"empty": b"", "cut": data[:middle], "cut by a byte": data[:-1], "flipped": flipped, "text": b"<html>"}
        checkpoint.write_bytes(damaged[damage])
    with pytest.raises(DataError, match=r"state\.npz is damaged.*Delete it to train from the start\."):
        train(corpus(), recipe, checkpoint)


def test_the_rate_climbs_over_the_first_epoch_and_then_falls_to_nothing_in_each_leg() -> None:
    recipe = replace(RECIPE, legs=(Leg(5, 1.0, 0.4), Leg(2, 0.5, 0.1)))
    rates = [_rate(recipe, epoch) for epoch in np.linspace(0, 7, 141)]
    assert 0 < rates[0] < 0.05
    assert max(rates) == rates[20] == 1.0
    assert rates[:21] == sorted(rates[:21])
    assert rates[20:100] == sorted(rates[20:100], reverse=True)
    assert rates[60] == pytest.approx(0.5) and rates[99] < 0.001
    assert rates[100] == 0.5 and rates[120] == pytest.approx(0.25) and rates[140] == pytest.approx(0, abs=1e-9)
    assert rates[100:] == sorted(rates[100:], reverse=True)
    assert 0 < _rate(replace(recipe, legs=ONE), 0.99) < 1


def test_epochs_know_their_leg() -> None:
    assert [RECIPE.leg(epoch) for epoch in range(RECIPE.epochs)] == [(RECIPE.legs[0], 0)] * 2 + [(RECIPE.legs[1], 2)]


def test_the_last_odd_examples_of_an_epoch_are_left_out_and_too_few_teach_nothing() -> None:
    trained = train(corpus(15), RECIPE)  # a batch is 16
    fresh = Network(RECIPE.architecture, seed=RECIPE.seed)
    for mine, its in zip(trained.network.parameters, fresh.parameters, strict=True):
        np.testing.assert_array_equal(mine.value, its.value)


def test_accuracy_is_the_share_that_is_right() -> None:
    network = Network(RECIPE.architecture)
    images = digits()[0][:40]
    said = network.logits(images).argmax(axis=1).astype(np.int64)
    assert accuracy(network, Examples(images, said)) == 1.0
    said[:10] = (said[:10] + 1) % len(LABELS)
    assert accuracy(network, Examples(images, said)) == 0.75
