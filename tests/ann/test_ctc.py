"""Connectionist temporal classification against the sum over all paths, one by one, and against PyTorch."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from pipeline.ann.ctc import best_text, best_texts, ctc_loss, log_likelihoods, log_softmax, shortened

CLASSES = 4  # a, b, c and the blank


def logits(steps: int, n: int = 1, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(0, 1.5, (CLASSES, steps, n)).astype(np.float32)


def text_of(path: tuple[int, ...], silent: frozenset[int]) -> list[int]:
    """What a path says: marks that stand for nothing are pauses, then repeats are joined."""
    heard = [CLASSES - 1 if guess in silent else guess for guess in path]
    return [guess for guess, _ in itertools.groupby(heard) if guess != CLASSES - 1]


def by_hand(given: NDArray[np.float32], text: list[int], silent: frozenset[int] = frozenset()) -> float:
    """The negative log of the sum over every path there is."""
    chances = np.exp(log_softmax(given)).astype(np.float64)
    total = 0.0
    for path in itertools.product(range(CLASSES), repeat=given.shape[1]):
        if text_of(path, silent) == text:
            total += float(np.prod([chances[guess, t] for t, guess in enumerate(path)]))
    return -float(np.log(total))


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 5), st.lists(st.integers(0, 2), max_size=3), st.integers(0, 99))
def test_the_loss_is_the_sum_over_all_paths(steps: int, text: list[int], seed: int) -> None:
    given_ = logits(steps, seed=seed)[:, :, 0]
    needed = len(text) + sum(a == b for a, b in itertools.pairwise(text))
    loss, gradient = ctc_loss(given_[:, :, None], [text])
    if needed > steps:
        assert loss == 0 and not gradient.any()
    else:
        assert loss == pytest.approx(by_hand(given_, text), rel=1e-5, abs=1e-6)


def test_marks_that_the_label_leaves_out_may_be_there_or_not() -> None:
    given_, text = logits(5)[:, :, 0], [0, 2]
    silent = np.array([[False, True, False, False]])
    loss, _ = ctc_loss(given_[:, :, None], [text], silent)
    assert loss == pytest.approx(by_hand(given_, text, frozenset({1})), rel=1e-5)
    assert loss < by_hand(given_, text)


@pytest.mark.parametrize("with_silent", [False, True])
def test_the_gradient_is_the_derivative(with_silent: bool) -> None:
    given_ = logits(6, 3).astype(np.float64)
    texts = [[0, 0], [], [2, 1, 0]]
    silent = np.array([[False, True, False, False], [True, False, False, False], [False] * 4]) if with_silent else None
    _, gradient = ctc_loss(given_.astype(np.float32), texts, silent)
    step = 1e-2
    for place in np.ndindex(given_.shape):
        values = []
        for sign in (1, -1):
            moved = given_.copy()
            moved[place] += sign * step
            values.append(ctc_loss(moved.astype(np.float32), texts, silent)[0])
        assert gradient[place] == pytest.approx((values[0] - values[1]) / (2 * step), abs=2e-4)


def test_examples_do_not_mix() -> None:
    given_, texts = logits(7, 4), [[0], [1, 1, 2], [], [2, 0]]
    loss, gradient = ctc_loss(given_, texts)
    alone = [ctc_loss(given_[:, :, i : i + 1], [text]) for i, text in enumerate(texts)]
    assert loss == pytest.approx(np.mean([one for one, _ in alone]), rel=1e-6)
    np.testing.assert_allclose(gradient, np.concatenate([g for _, g in alone], axis=2) / 4, atol=1e-6)


def test_it_is_what_pytorch_has() -> None:
    torch = pytest.importorskip("torch")
    given_, texts = logits(9, 3, seed=5), [[0, 1], [2, 2, 1], [1]]
    theirs = torch.from_numpy(given_.transpose(1, 2, 0).copy()).requires_grad_()
    loss = torch.nn.functional.ctc_loss(
        theirs.log_softmax(2),
        torch.tensor([letter for text in texts for letter in text]),
        torch.full((3,), 9),
        torch.tensor([len(text) for text in texts]),
        blank=CLASSES - 1,
        reduction="sum",
    )
    (loss / 3).backward()
    mine, gradient = ctc_loss(given_, texts)
    assert mine == pytest.approx(loss.item() / 3, rel=1e-5)
    np.testing.assert_allclose(gradient, theirs.grad.numpy().transpose(2, 0, 1), atol=1e-5)


def test_the_best_text_joins_repeats_and_leaves_pauses_out() -> None:
    guesses = [3, 0, 0, 3, 0, 2, 2, 3]
    logs = np.full((CLASSES, len(guesses)), -9, np.float32)
    logs[guesses, np.arange(len(guesses))] = 0
    assert best_text(logs) == [0, 0, 2]
    assert best_text(logs[:, :0]) == []


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 5), st.integers(0, 999))
def test_likelihoods_of_several_texts_are_the_sums_over_their_paths(steps: int, seed: int) -> None:
    given_ = logits(steps, seed=seed)[:, :, 0]
    texts = [[], [0], [1, 1], [2, 0], [0, 1, 2]]
    found = log_likelihoods(log_softmax(given_), texts)
    for text, log in zip(texts, found, strict=True):
        if len(text) + sum(a == b for a, b in itertools.pairwise(text)) > steps:
            assert log == -np.inf
        else:
            assert log == pytest.approx(-by_hand(given_, text), rel=1e-5, abs=1e-6)


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 5), st.integers(0, 999))
def test_a_wide_beam_finds_all_texts_and_their_probabilities(steps: int, seed: int) -> None:
    logs = log_softmax(logits(steps, seed=seed)[:, :, 0])
    found = best_texts(logs, most=2000, least=0.0)
    assert np.exp([log for _, log in found]).sum() == pytest.approx(1, rel=1e-5)
    assert [log for _, log in found] == sorted((log for _, log in found), reverse=True)
    exact = log_likelihoods(logs, [text for text, _ in found])
    assert exact == pytest.approx(np.array([log for _, log in found]), rel=1e-5, abs=1e-6)


def test_a_narrow_beam_finds_the_best_text_of_sure_guesses() -> None:
    rng = np.random.default_rng(0)
    given_ = rng.normal(0, 0.5, (CLASSES, 40, 1)).astype(np.float32)
    given_[rng.integers(0, CLASSES, 40), np.arange(40)] += 6
    logs = log_softmax(given_)[:, :, 0]
    found = best_texts(logs, most=4)
    assert len(found) == 4
    assert list(found[0][0]) == best_text(logs)
    assert found[0][1] <= float(log_likelihoods(logs, [found[0][0]])[0]) + 1e-9


@settings(max_examples=25, deadline=None)
@given(st.lists(st.booleans(), min_size=1, max_size=12), st.integers(0, 999))
def test_long_pauses_are_left_out_without_a_change(pauses: list[bool], seed: int) -> None:
    guesses = logits(len(pauses), seed=seed)[:, :, 0]
    guesses[-1, pauses] = guesses[:-1].max(initial=0.0) + 16  # hardly a millionth is left for all letters
    logs = log_softmax(guesses)
    short = shortened(logs)
    assert short.shape[1] == sum(not (pause and before) for before, pause in itertools.pairwise([False, *pauses]))
    texts = [text for text, log in best_texts(logs) if log > -10]
    assert np.exp(log_likelihoods(short, texts)) == pytest.approx(np.exp(log_likelihoods(logs, texts)), abs=2e-5)


def test_nothing_is_left_out_of_what_was_not_guessed() -> None:
    assert shortened(np.zeros((CLASSES, 0), np.float32)).shape == (CLASSES, 0)
