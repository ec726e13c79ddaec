"""Strips to learn whole numbers from: written digit by digit in one hand, and real amounts; with all that goes wrong.

Everything goes through the same `strip` as what is read.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from pipeline.grades import LETTERS
from pipeline.records import Image
from pipeline.stages.strip import STEP, strip
from pipeline.training import digitways, letterways
from pipeline.training.hands import TALL, random_hand
from pipeline.training.penman import Penman
from pipeline.training.stringamounts import load_amounts, part_of
from pipeline.training.stringcells import in_a_cell, nothing
from pipeline.training.stringdefects import bent, fully_inked, inked, scanned, thinned, worn
from pipeline.training.stringglyphs import load_glyphs, load_letters
from pipeline.training.stringlines import Writer
from pipeline.training.stringtexts import label_of, random_text

#: Shares of real amounts, where there are some, and of blank cells.
REAL, BLANK = 0.12, 0.025
#: Of the others, share that is drawn stroke by stroke.
PENNED = 0.25
#: Real amounts are kept at so much of the size at which they are read: still more than a strip shows.
_KEPT = 0.5
#: Ink that can be seen, of 255.
_DARK = 100


@dataclass(frozen=True)
class StringExample:
    """A strip (32, w), white on black, and what it says, in characters of ALPHABET.

    With `digits_only`, points and dashes that are written may be missing from the text.
    """

    strip: Image
    text: str
    digits_only: bool


class StringSource:
    """Draws examples, no two alike. Raises DataError if there is no MNIST in the data folder; other sets are optional."""

    def __init__(self, data: Path) -> None:
        self._digits, self._letters = load_glyphs(data), load_letters(data)
        amounts = data / "strings" / "orand_car_a"
        found = load_amounts(amounts, held_out=False, scale=_KEPT) if (amounts / "labels.csv").is_file() else []
        self._amounts = [replace(amount, ink=fully_inked(amount.ink)) for amount in found if amount.ink.any()]

    @property
    def digest(self) -> str:
        """SHA-256 of all that strings are made of."""
        sources = "".join(glyphs.digest for _, glyphs in (*self._digits, *self._letters))
        drawn = repr((digitways.WAYS, digitways.WIDTHS, letterways.WAYS))
        hasher = hashlib.sha256((sources + drawn).encode())
        for amount in self._amounts:
            hasher.update(amount.digits.encode() + amount.ink.tobytes())
        return hasher.hexdigest()

    @property
    def names(self) -> tuple[str, ...]:
        """What is written with, and whether there are real amounts."""
        sources = dict.fromkeys(glyphs.name for _, glyphs in (*self._digits, *self._letters))
        return (*sources, "drawn characters", *(["real amounts"] if self._amounts else []))

    def draw(self, rng: np.random.Generator) -> StringExample:
        """The next example; the same state of `rng` gives the same."""
        while True:
            chance = float(rng.random())
            if chance < BLANK:
                example = self._blank(rng)
            elif chance < BLANK + REAL and self._amounts:
                example = self._real(rng)
            else:
                example = self._written(rng)
            shown = int((example.strip > _DARK).any(axis=0).sum())  # a lone point may be worn away altogether
            lost = bool(example.text) and shown <= len(example.text)
            if not lost and example.strip.shape[1] // STEP >= columns_needed(example.text):
                return example

    def batch(self, n: int, rng: np.random.Generator) -> list[StringExample]:
        """The next n."""
        return [self.draw(rng) for _ in range(n)]

    def _writer(self, text: str, rng: np.random.Generator) -> Writer | Penman:
        if rng.random() < PENNED:
            return Penman(random_hand(rng), rng)
        sources = self._letters if text[:1] in LETTERS else self._digits
        chances = np.cumsum([share for share, _ in sources])
        chosen = int(np.searchsorted(chances, rng.random() * chances[-1], side="right"))
        glyphs = sources[min(chosen, len(sources) - 1)][1]
        return Writer(glyphs, sources[0][1], random_hand(rng), rng)

    def _written(self, rng: np.random.Generator) -> StringExample:
        text = random_text(rng)
        writer = self._writer(text, rng)
        ink = writer.write(text)
        chance = rng.random(2)
        if chance[0] < 0.6:
            ink = thinned(ink, TALL * float(rng.uniform(0.055, 0.1)))
        elif chance[0] < 0.8:
            ink = inked(ink, rng)
        if chance[1] < 0.6:
            ink = bent(ink, TALL, 0.06, rng)
        cell = in_a_cell(worn(ink, TALL, rng), TALL, writer.stroke, writer.scraps(), rng)
        ink, digit = scanned(cell, TALL, rng)
        return StringExample(strip(ink, _told(digit, rng)), label_of(text), False)

    def _real(self, rng: np.random.Generator) -> StringExample:
        """A real amount or a part of it, now and then as it is, else as another hand and scanner would have made it."""
        amount = self._amounts[int(rng.integers(len(self._amounts)))]
        chance = rng.random(4)
        if chance[0] < 0.4:
            amount = part_of(amount, rng)
        ink, digit = amount.ink, amount.height
        if chance[1] < 0.75:
            ink = bent(ink, digit, 0.15, rng)
        if chance[2] < 0.3:
            ink = inked(ink, rng)
        if chance[3] < 0.75:
            ink, digit = scanned(worn(ink, digit, rng), digit, rng)
        return StringExample(strip(ink, _told(digit, rng)), amount.digits, True)

    def _blank(self, rng: np.random.Generator) -> StringExample:
        neighbour = str(rng.integers(10))
        writer = self._writer(neighbour, rng)
        writer.write(neighbour)
        ink, digit = scanned(nothing(TALL, writer.stroke, writer.scraps(), rng), TALL, rng)
        return StringExample(strip(ink, digit), "", False)


def _told(digit: float, rng: np.random.Generator) -> float | None:
    """What the reader knows of the digits' height: about what it is in the column, or nothing."""
    return digit * float(np.exp(rng.normal(0, 0.06))) if rng.random() < 0.5 else None


def columns_needed(text: str) -> int:
    """The network's columns that a text takes at least: one for each character, and one between two that are the same."""
    return len(text) + sum(a == b for a, b in pairwise(text))
