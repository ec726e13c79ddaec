"""`pipeline learn`: what people have corrected becomes lessons, and the network learns from them if that makes it better."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.ann import Model, load_model, save_model
from pipeline.chain import kit_of, model_of
from pipeline.errors import ScanError, UsageError
from pipeline.folders import sha256_of
from pipeline.journal import Journal
from pipeline.learned import keep
from pipeline.settings import Settings
from pipeline.states import Scan
from pipeline.training.card import card
from pipeline.training.datasets import LABELS, Corpus, load_corpus
from pipeline.training.download import data_folder
from pipeline.training.evaluate import share_read
from pipeline.training.finetune import FineRecipe, fine_tuned, missing_labels
from pipeline.training.lessons import Correction, Lesson, examples_of, lessons_in

#: Told while it learns: what is being done, and the share of it that is.
Show = Callable[[str, float], None]

#: Fewer lessons than this teach nothing that could be told from chance; every third is held out.
LEAST, _HELD_OUT = 30, 3
#: Non-characters among the old data: fewer than in training, where there is more of everything.
_NON_CHARACTERS = 8_000


@dataclass(frozen=True, slots=True)
class _Read:
    """What a network reads: corrections held out, their characters, and the standing validation set."""

    cells: int
    characters: int
    validation: float

    def is_better_than(self, other: _Read) -> bool:
        """At the corrections, and not worse at anything."""
        pairs = ((self.cells, other.cells), (self.characters, other.characters), (self.validation, other.validation))
        return all(mine >= its for mine, its in pairs) and (self.cells, self.characters) > (other.cells, other.characters)


def learn(settings: Settings, data: Path | None, show: Show | None = None, recipe: FineRecipe | None = None) -> Iterator[str]:
    """Fine-tunes the network in use on what people have corrected; yields lines that say what came of it.

    A network that reads more of the corrections held out, and no less of the standing validation set, is put in use; the old
    one is kept. Raises UsageError if there is too little to learn from, DataError without MNIST, ModelError, StateError,
    OutputError.
    """
    recipe, model = recipe or FineRecipe(), model_of(settings)
    if model.labels != LABELS:
        raise UsageError("the network in use knows other characters", "Make one with `pipeline train`, or set no model.")
    lessons, notes = _lessons(settings, show)
    yield from notes
    if len(lessons) < LEAST:
        raise UsageError(
            f"there are {len(lessons)} corrections to learn from; it takes {LEAST}",
            "Correct more cells, and leave the scans where they are.",
        )
    held_out, taught = lessons[::_HELD_OUT], [lesson for i, lesson in enumerate(lessons) if i % _HELD_OUT]
    examples = examples_of(taught)
    yield f"learning from {len(taught)} corrections, {len(examples)} characters; {len(held_out)} corrections are held out"
    corpus = load_corpus(data_folder(data), recipe.seed, _NON_CHARACTERS)
    if missing := missing_labels(corpus):
        yield f"no old data of {' '.join(missing)}: whether these are read as well as before is not known"
    tick = (lambda share: show("Learning", share)) if show else None
    learned = replace(model, network=fine_tuned(model.network, examples, corpus, recipe, tick))
    before, now = (_read_by(each, held_out, corpus) for each in (model, learned))
    characters = len(examples_of(held_out))
    told = (
        f"corrections held out, read right: {before.cells} of {len(held_out)} before, {now.cells} now",
        f"their characters: {before.characters} of {characters} before, {now.characters} now",
        f"validation set of {len(corpus.measured):,} characters: {before.validation:.3%} before, {now.validation:.3%} now",
    )
    yield from told
    if not now.is_better_than(before):
        yield "not kept: it is not better at the one, or worse at the other; the network in use stays as it is"
        return
    facts = {
        **model.facts,
        "learned from": f"{len(taught)} corrections, {len(examples)} characters, after training",
        "before that": model.digest[:16],
        **dict(line.split(": ", 1) for line in told),
    }
    content = save_model(replace(learned, facts=facts))
    file = keep(content, card(load_model(content), settings.own_model.name), settings)
    yield f"in use: {file}; `pipeline model --rollback` goes back"


def _lessons(settings: Settings, show: Show | None) -> tuple[list[Lesson], list[str]]:
    """All lessons, in an order that has nothing to do with where they are from, and what could not be used."""
    kit = kit_of(settings)
    found: list[tuple[int, Lesson]] = []
    total, gone = 0, 0
    with Journal(settings.state_folder) as journal:
        scans = journal.corrected()
        for number, scan in enumerate(scans):
            corrections = _corrections(journal, scan)
            total += len(corrections)
            try:
                data = scan.source.read_bytes()
                if sha256_of(scan.source) != scan.sha256:
                    raise FileNotFoundError
                for lesson in lessons_in(data, corrections, settings, kit):
                    cell = lesson.lattice.cell
                    found.append((zlib.crc32(f"{scan.sha256} {cell.box}".encode()), lesson))
            except (OSError, ScanError):
                gone += len(corrections)
            if show:
                show("Reading corrected scans", (number + 1) / len(scans))
    found.sort(key=lambda pair: pair[0])
    unused = total - gone - len(found)
    notes = [f"{total} corrections in {settings.state_folder}"]
    notes += [f"{gone} are of scans that are gone, or have changed"] if gone else []
    notes += [f"{unused} have no ink that fits what was entered"] if unused else []
    return [lesson for _, lesson in found], notes


def _corrections(journal: Journal, scan: Scan) -> list[Correction]:
    boxes = {(page.number, r.table, r.row, r.column): r.box for page in journal.pages(scan) for r in page.readings}
    edits = [edit for edit in journal.edits(scan) if edit.value]
    return [
        Correction(edit, boxes[place]) for edit in edits if (place := (edit.page, edit.table, edit.row, edit.column)) in boxes
    ]


def _read_by(model: Model, held_out: Sequence[Lesson], corpus: Corpus) -> _Read:
    examples = examples_of(held_out)
    characters = round(share_read(model, examples) * len(examples))
    cells = sum(lesson.is_read_by(model) for lesson in held_out)
    return _Read(cells, characters, share_read(model, corpus.measured))
