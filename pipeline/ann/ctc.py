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

#: The log probability of a pause from which on it is sure.
_SURE = float(np.log1p(-1e-5))


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
    classes, _, n = logits.shape
    logs = log_softmax(logits).astype(np.float64).transpose(1, 2, 0)  # (T, n, classes)
    quiet = np.zeros((n, classes), bool) if silent is None else silent.copy()
    quiet[:, -1] = True
    nothing = _log_sum(np.where(quiet, logs, -np.inf), axis=2)  # (T, n)
    letters, may_skip, ends = _states(texts, classes - 1)
    states = letters.shape[1]
    spoken = np.arange(states) % 2 == 1
    emitted = _emitted(logs, letters, nothing)
    forward = _paths(emitted, may_skip)
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


def shortened(logs: Floats) -> Floats:
    """Log probabilities (classes, T) → the same guesses without the steps that only make a sure pause longer.

    Nothing is said at such a step but with a chance below a hundred-thousandth, so that no text that could be meant gains or
    loses by leaving it out; about half of all steps are of this kind.
    """
    is_sure = logs[-1] > _SURE
    return logs[:, np.insert(~(is_sure[1:] & is_sure[:-1]), 0, True)] if is_sure.size else logs


def log_likelihoods(logs: Floats, texts: Sequence[Sequence[int]]) -> Doubles:
    """Log probabilities (classes, T) of one row of guesses → for each text the log of the sum over all ways to say it."""
    given = logs.astype(np.float64).T[:, np.newaxis]  # (T, 1, classes)
    letters, may_skip, ends = _states(texts, len(logs) - 1)
    emitted = _emitted(np.broadcast_to(given, (len(given), len(texts), len(logs))), letters, given[:, :, -1])
    return _log_sum(np.where(ends, _paths(emitted, may_skip)[-1], -np.inf), axis=1)


def best_texts(logs: Floats, most: int = 8, least: float = 1e-4) -> list[tuple[tuple[int, ...], float]]:
    """Log probabilities (classes, T) → about the most probable texts, best first, each with its log probability.

    A beam of so many texts is kept from step to step, with the probability of all ways to have said each (Graves & Jaitly
    2014, prefix search). Guesses less probable than `least` are not followed. What is left out makes the result a lower bound.
    """
    chances = np.exp(logs.astype(np.float64))
    blank, scale = len(logs) - 1, 0.0
    beam: dict[tuple[int, ...], tuple[float, float]] = {(): (1.0, 0.0)}  # ended by a pause, and by its last letter
    for step in chances.T.tolist():
        likely = [letter for letter in range(blank) if step[letter] > least]
        longer: dict[tuple[int, ...], tuple[float, float]] = {}
        for text, (paused, spoken) in beam.items():
            before = longer.get(text, (0.0, 0.0))
            said = spoken * step[text[-1]] if text else 0.0
            longer[text] = before[0] + (paused + spoken) * step[blank], before[1] + said
            for letter in likely:
                ways = paused if text and letter == text[-1] else paused + spoken
                other = longer.get((*text, letter), (0.0, 0.0))
                longer[(*text, letter)] = other[0], other[1] + ways * step[letter]
        beam = dict(sorted(longer.items(), key=lambda item: (-sum(item[1]), item[0]))[:most])
        top = max(sum(ways) for ways in beam.values())
        scale += float(np.log(top))
        beam = {text: (paused / top, spoken / top) for text, (paused, spoken) in beam.items()}
    return [(text, scale + float(np.log(sum(ways)))) for text, ways in beam.items() if sum(ways) > 0]


def _states(texts: Sequence[Sequence[int]], blank: int) -> tuple[NDArray[np.int_], NDArray[np.bool_], NDArray[np.bool_]]:
    """(n, states) each: what is said in a state (nothing, letter, nothing, … letter, nothing), whether the pause before it may
    be left out, as between letters that are not the same, and whether a text may end in it."""
    n, lengths = len(texts), np.array([len(text) for text in texts], int)
    letters = np.full((n, 2 * int(lengths.max(initial=0)) + 1), blank)
    for i, text in enumerate(texts):
        letters[i, 1 : 2 * len(text) : 2] = text
    may_skip, ends = np.zeros(letters.shape, bool), np.zeros(letters.shape, bool)
    may_skip[:, 3::2] = letters[:, 3::2] != letters[:, 1:-2:2]
    ends[np.arange(n), 2 * lengths] = ends[np.arange(n), np.maximum(2 * lengths - 1, 0)] = True
    return letters, may_skip, ends


def _emitted(logs: Doubles, letters: NDArray[np.int_], nothing: Doubles) -> Doubles:
    """(T, n, states): log probabilities of what is said in each state, from those of all classes (T, n, classes)."""
    spoken = np.arange(letters.shape[1]) % 2 == 1
    said = np.take_along_axis(logs, np.broadcast_to(letters, (len(logs), *letters.shape)), axis=2)
    return np.where(spoken, said, nothing[:, :, None])


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
