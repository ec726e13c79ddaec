"""Connectionist temporal classification (Graves et al. 2006): texts out of a row of guesses, without saying where a letter is.

At each of T steps a network guesses a class or the blank; a text is the guesses with repeats joined and blanks left out. Its
probability is the sum over all rows of guesses that come to it. Here the blank is the last class.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.ann.layers import Floats

Doubles = NDArray[np.float64]


def log_softmax(logits: Floats) -> Floats:
    """Log probabilities over the first axis."""
    shifted: Floats = logits - logits.max(axis=0, keepdims=True)
    shifted -= np.log(np.exp(shifted).sum(axis=0, keepdims=True))
    return shifted


def ctc_loss(logits: Floats, texts: Sequence[Sequence[int]], silent: NDArray[np.bool_] | None = None) -> tuple[float, Floats]:
    """Logits (classes, T, n) and n texts of class numbers → the mean negative log probability, and its gradient by the logits.

    `silent` (n, classes) marks, for each example, classes that may stand where the text says nothing: marks that are on the
    paper but not in the label. A text that can't come out of T steps counts for nothing.
    """
    classes, steps, n = logits.shape
    blank = classes - 1
    logs = log_softmax(logits).astype(np.float64).transpose(1, 2, 0)  # (T, n, classes)
    quiet = np.zeros((n, classes), bool) if silent is None else silent.copy()
    quiet[:, blank] = True
    nothing = _log_sum(np.where(quiet, logs, -np.inf), axis=2)  # (T, n)

    lengths = np.array([len(text) for text in texts])
    states = 2 * int(lengths.max(initial=0)) + 1  # nothing, letter, nothing, … letter, nothing
    letters = np.full((n, states), blank)
    for i, text in enumerate(texts):
        letters[i, 1 : 2 * len(text) : 2] = text
    spoken = np.arange(states) % 2 == 1
    emitted = np.where(
        spoken, np.take_along_axis(logs, np.broadcast_to(letters, (steps, n, states)), axis=2), nothing[:, :, None]
    )
    # from letter to letter without a pause, unless they are the same
    may_skip = np.zeros((n, states), bool)
    may_skip[:, 3::2] = letters[:, 3::2] != letters[:, 1:-2:2]

    last = 2 * lengths
    forward = _paths(emitted, may_skip)
    ends = np.zeros((n, states), bool)
    ends[np.arange(n), last] = ends[np.arange(n), np.maximum(last - 1, 0)] = True
    total = _log_sum(np.where(ends, forward[-1], -np.inf), axis=1)  # (n,)
    backward = _backward_paths(emitted, may_skip, ends)

    possible = np.isfinite(total)
    with np.errstate(invalid="ignore"):
        share = np.exp(forward + backward - emitted - np.where(possible, total, 0)[:, None])  # (T, n, states)
    share[:, ~possible] = 0
    one_hot = np.zeros((n, states, classes))
    one_hot[np.arange(n)[:, None], np.arange(states), letters] = spoken
    meant = np.matmul(share.transpose(1, 0, 2), one_hot).transpose(1, 0, 2)  # (T, n, classes)
    pauses = share[:, :, ~spoken].sum(axis=2)
    meant += np.where(quiet, np.exp(logs - nothing[:, :, None]), 0) * pauses[:, :, None]
    gradient = (np.exp(logs) - meant) * possible[:, None] / n
    return -float(total[possible].sum()) / n, gradient.transpose(2, 0, 1).astype(np.float32)


def best_text(logs: Floats) -> list[int]:
    """Log probabilities (classes, T) → the text of the single most probable row of guesses."""
    guesses = logs.argmax(axis=0)
    kept = guesses[np.insert(guesses[1:] != guesses[:-1], 0, True)] if guesses.size else guesses
    return [int(guess) for guess in kept if guess != len(logs) - 1]


def _paths(emitted: Doubles, may_skip: NDArray[np.bool_]) -> Doubles:
    """(T, n, states): the log probability of all ways to be in a state at a step."""
    out = np.full(emitted.shape, -np.inf)
    out[0, :, :2] = emitted[0, :, :2]
    for t in range(1, len(emitted)):
        before = out[t - 1]
        ways = np.full((3, *before.shape), -np.inf)
        ways[0] = before
        ways[1, :, 1:] = before[:, :-1]
        ways[2, :, 2:] = np.where(may_skip[:, 2:], before[:, :-2], -np.inf)
        out[t] = _log_sum(ways, axis=0) + emitted[t]
    return out


def _backward_paths(emitted: Doubles, may_skip: NDArray[np.bool_], ends: NDArray[np.bool_]) -> Doubles:
    """(T, n, states): the log probability of all ways on from a state at a step to an end, the step itself included."""
    out = np.full(emitted.shape, -np.inf)
    out[-1] = np.where(ends, emitted[-1], -np.inf)
    for t in range(len(emitted) - 2, -1, -1):
        after = out[t + 1]
        ways = np.full((3, *after.shape), -np.inf)
        ways[0] = after
        ways[1, :, :-1] = after[:, 1:]
        ways[2, :, :-2] = np.where(may_skip[:, 2:], after[:, 2:], -np.inf)
        out[t] = _log_sum(ways, axis=0) + emitted[t]
    return out


def _log_sum(logs: Doubles, axis: int) -> Doubles:
    """The log of the sum of exponentials; of nothing but impossibilities, another one."""
    top = logs.max(axis=axis)
    safe = np.where(np.isfinite(top), top, 0.0)
    with np.errstate(divide="ignore"):
        total: Doubles = np.log(np.exp(logs - np.expand_dims(safe, axis)).sum(axis=axis)) + safe
    return total
