"""`pipeline learn` and the way back: from what people have entered to a network in use."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from pipeline import learning
from pipeline.ann import Model, Network, load_model, save_model
from pipeline.chain import SHIPPED_MODEL, kit_of, model_file, model_of, read_page
from pipeline.cli import cli
from pipeline.errors import UsageError
from pipeline.folders import stamp_of
from pipeline.journal import Journal
from pipeline.learned import keep, roll_back
from pipeline.learning import learn
from pipeline.records import Edit, PageResult
from pipeline.settings import Settings
from pipeline.stages.decode import decode
from pipeline.training import datasets, negatives, printed
from pipeline.training.datasets import LABELS, Corpus, load_corpus
from pipeline.training.finetune import FineRecipe, fine_tuned, missing_labels
from pipeline.training.lessons import Correction, as_on_paper, examples_of, lessons_in
from pipeline.training.pages import Column, RenderedSheet, SheetSpec, render_sheet
from pipeline.training.trainer import Leg, Recipe, accuracy, train
from tests.handwriting import handwriting
from tests.training.datafolder import HELD_OUT, write_mnist

SMALL = (("pool",), ("conv", 6, 5, 0), ("pool",), ("norm",), ("relu",), ("dense", len(LABELS)))
QUICK = FineRecipe(batches=400, rate=5e-3, measured=1500)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with few old data; what is drawn beside them is little, too."""
    folder = tmp_path_factory.mktemp("data")
    write_mnist(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(datasets, "HELD_OUT", HELD_OUT)
        patch.setattr(datasets, "NEGATIVES_HELD_OUT", 60)
        patch.setattr(datasets, "make_printed", lambda rng: printed.make_printed(rng, each=6))
        patch.setattr(
            datasets,
            "make_negatives",
            lambda images, rng, n, is_digit, kinds=None: negatives.make_negatives(images, rng, min(n, 120), kinds=kinds),
        )
        yield folder


@pytest.fixture(scope="module")
def corpus(data: Path) -> Corpus:
    return load_corpus(data, 1)


@pytest.fixture(scope="module")
def pupil(corpus: Corpus) -> Model:
    """A network that has learned a little."""
    trained = train(corpus, Recipe(SMALL, legs=(Leg(1, 1e-2, 0.4),), batch=32))
    return Model(trained.network, LABELS, {"reading_bias": 0.25})


@pytest.fixture(scope="module")
def confused(pupil: Model) -> Model:
    """The pupil, but that it says 3 for 8 and 8 for 3: so that there is much to learn."""
    network = Network(pupil.network.architecture, pupil.network.size)
    network.set_arrays(pupil.network.arrays())
    for parameter in network.parameters[-2:]:
        parameter.value[[3, 8]] = parameter.value[[8, 3]]
    return replace(pupil, network=network)


@pytest.fixture(scope="module")
def sheet() -> RenderedSheet:
    rng = np.random.default_rng(4)
    rows = tuple(tuple(f"{n}" for n in row) for row in rng.integers(10, 999, (9, 5)))
    columns = tuple(Column(f"C{n}", 18) for n in range(5))
    return render_sheet(SheetSpec("Numbers", columns, rows, paper=(110.0, 130.0), dpi=150, straying=0.0), handwriting(), rng)


@pytest.fixture(scope="module")
def scan(sheet: RenderedSheet) -> bytes:
    return cv2.imencode(".png", np.rot90(sheet.image, 2))[1].tobytes()  # scanned on its head


@pytest.fixture(scope="module")
def page(sheet: RenderedSheet, scan: bytes) -> PageResult:
    """What was read of it."""
    from pipeline.chain import read_scan

    [page] = read_scan(scan, Settings(forms=Path("nowhere"))).pages
    return page


def entered(sheet: RenderedSheet, page: PageResult) -> list[Correction]:
    boxes = {(r.row, r.column): r.box for r in page.readings}
    truth = [(row + 1, column + 1, value) for row, column, value in sheet.truth if value != "?"]
    return [Correction(Edit(1, 1, row, column, value), boxes[row, column]) for row, column, value in truth]


def test_what_was_entered_is_found_in_the_ink(sheet: RenderedSheet, scan: bytes, page: PageResult) -> None:
    settings = Settings()
    corrections = entered(sheet, page)
    lessons = list(lessons_in(scan, corrections, settings, kit_of(settings)))
    assert len(lessons) >= 0.95 * len(corrections)
    model = model_of(settings)
    examples = examples_of(lessons)
    assert len(examples) == sum(len(lesson.texts[0]) for lesson in lessons)
    # the network that ships reads these, so that it can say whether the cuts are right
    assert accuracy(model.network, examples) > 0.97
    assert sum(lesson.is_read_by(model) for lesson in lessons) > 0.9 * len(lessons)


def test_a_column_that_was_taken_for_words_teaches_as_well() -> None:
    """A hand that the network knows nothing of, in long numbers: nobody else could teach it to read them."""
    rng = np.random.default_rng(5)
    rows = tuple((str(n),) for n in rng.integers(10_000_000, 99_999_999, 12))
    spec = SheetSpec("Rolls", (Column("C", 50),), rows, paper=(90.0, 150.0), dpi=150, straying=0.0)
    sheet = render_sheet(spec, handwriting(), rng)
    shipped = kit_of(Settings())
    ignorant = Model(Network(shipped.model.network.architecture, (28, 28), seed=1), shipped.model.labels)
    kit = replace(shipped, model=ignorant, reader=None)
    data = cv2.imencode(".png", sheet.image)[1].tobytes()
    [page] = (read_page(page, kit) for page in decode(data, kit.settings))
    assert {reading.kind for reading in page.readings if reading.row > 1} == {"text"}
    corrections = [c for c in entered(sheet, page) if c.edit.row > 1 and c.edit.value]
    assert len(list(lessons_in(data, corrections, kit.settings, kit))) > 0.5 * len(corrections)


def test_a_value_that_is_not_what_is_written_there_teaches_nothing(scan: bytes, page: PageResult, sheet: RenderedSheet) -> None:
    settings = Settings()
    wrong = [replace(c, edit=replace(c.edit, value="123456789")) for c in entered(sheet, page)]
    assert list(lessons_in(scan, wrong, settings, kit_of(settings))) == []
    moved = [replace(c, box=replace(c.box, x=c.box.x + 200)) for c in entered(sheet, page)]
    assert list(lessons_in(scan, moved, settings, kit_of(settings))) == []


@pytest.mark.parametrize(
    ("value", "paper"), [("7", "007"), ("52.5", "52.50"), ("0.5", ".5"), ("-3", "-3"), ("2.50", "2.5"), ("B+", "B+")]
)
def test_zeros_that_a_spreadsheet_drops_may_be_on_paper(value: str, paper: str) -> None:
    assert as_on_paper(value)[0] == value
    assert paper in as_on_paper(value)
    assert "" not in as_on_paper(value)


def test_fine_tuning_learns_new_things_and_keeps_the_old(pupil: Model, corpus: Corpus) -> None:
    """Here the new thing is a letter that the old data have none of: it looks like a 7 upside down."""
    sevens = corpus.train.images[corpus.train.labels == 7][:40, ::-1]
    lessons = datasets.Examples(np.ascontiguousarray(sevens), np.full(40, LABELS.index("A")))
    before, untouched = accuracy(pupil.network, corpus.calibration), pupil.network.arrays()
    far = fine_tuned(pupil.network, lessons, corpus, replace(QUICK, steps=(1.0,)))
    assert accuracy(pupil.network, lessons) < 0.1 and accuracy(far, lessons) > 0.7
    near = fine_tuned(pupil.network, lessons, corpus, replace(QUICK, steps=(1.0, 0.1)))
    assert accuracy(near, corpus.calibration) >= max(accuracy(far, corpus.calibration), before - 0.04)
    assert all(np.array_equal(one, other) for one, other in zip(untouched, pupil.network.arrays(), strict=True))
    assert "A" in missing_labels(corpus) and "7" not in missing_labels(corpus)  # so no last layer was fitted that knows no A


@pytest.fixture
def settings(tmp_path: Path, confused: Model, scan: bytes, page: PageResult, sheet: RenderedSheet) -> Settings:
    """An outbox whose journal has a scan with every cell corrected, read with the pupil from now on."""
    settings = Settings(outbox=tmp_path / "outbox", forms=tmp_path / "forms")
    file = tmp_path / "a.png"
    file.write_bytes(scan)
    stamp = stamp_of(file)
    assert stamp is not None
    with Journal(settings.state_folder) as journal:
        sha256 = hashlib.sha256(scan).hexdigest()
        kept = journal.add("9B", tmp_path, "a.png", file, stamp, sha256)
        kept = journal.settle(journal.start(kept), "done", "", [page], sha256)
        journal.enter(kept, [correction.edit for correction in entered(sheet, page)])
    settings.own_model.parent.mkdir()
    settings.own_model.write_bytes(save_model(confused))
    return settings


def test_a_network_that_is_better_is_put_in_use_and_taken_back(settings: Settings, data: Path) -> None:
    old = settings.own_model.read_bytes()
    shown: list[str] = []
    told = list(learn(settings, data, lambda what, share: shown.append(what), QUICK))
    assert told[-1].startswith("in use: "), told
    assert any("corrections held out, read right" in line for line in told) and any("validation set" in line for line in told)
    assert set(shown) == {"Reading corrected scans", "Learning"}
    assert settings.own_model.with_suffix(".1.pkl").read_bytes() == old
    learned = model_of(settings)
    assert learned.digest != load_model(old).digest
    assert learned.calibration["reading_bias"] == 0.25  # what makes confidence of the network's word is carried over
    assert "corrections" in str(learned.facts["learned from"])
    assert "corrections held out, read right" in settings.own_model.with_suffix(".md").read_text(encoding="utf-8")

    assert roll_back(settings) == settings.own_model
    assert settings.own_model.read_bytes() == old
    assert model_of(settings).digest == load_model(old).digest
    assert settings.own_model.with_suffix(".undone.pkl").is_file()
    assert roll_back(settings) is None  # before that there was none but the one that ships
    assert model_file(settings) == SHIPPED_MODEL
    with pytest.raises(UsageError, match="before"):
        roll_back(settings)


def test_a_network_that_is_no_better_is_not_kept(settings: Settings, data: Path) -> None:
    old = settings.own_model.read_bytes()
    told = list(learn(settings, data, recipe=replace(QUICK, batches=1, rate=0.0)))
    assert told[-1].startswith("not kept")
    assert settings.own_model.read_bytes() == old
    assert sorted(file.name for file in settings.own_model.parent.iterdir()) == ["digits.pkl"]


def test_scans_that_are_gone_are_said_to_be(settings: Settings, data: Path, tmp_path: Path) -> None:
    (tmp_path / "a.png").unlink()
    told = []
    with pytest.raises(UsageError, match="0 corrections to learn from"):
        for line in learn(settings, data):
            told.append(line)
    assert told[-1] == "45 are of scans that are gone, or have changed"


def test_nothing_that_is_worse_at_anything_counts_as_better() -> None:
    read = learning._Read
    assert read(5, 9, 0.9).is_better_than(read(4, 9, 0.9)) and read(4, 10, 0.9).is_better_than(read(4, 9, 0.9))
    for other in (read(4, 9, 0.9), read(5, 9, 0.91), read(6, 8, 0.9)):
        assert not read(4, 9, 0.9).is_better_than(other)


def test_a_model_of_the_settings_is_replaced_where_it_is(settings: Settings, tmp_path: Path, pupil: Model) -> None:
    mine = replace(settings, model=tmp_path / "mine.pkl")
    assert mine.model is not None
    mine.model.write_bytes(save_model(pupil))
    network = Network(SMALL, seed=9)
    assert keep(save_model(Model(network, LABELS)), "card", mine) == mine.model
    assert model_of(mine).digest != load_model(tmp_path.joinpath("mine.1.pkl").read_bytes()).digest
    assert roll_back(mine) == mine.model
    with pytest.raises(UsageError):
        roll_back(mine)


def test_the_commands(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(learning, "LEAST", 1000)
    result = CliRunner().invoke(cli, ["learn", "--data", str(data)])
    assert result.exit_code == 2 and "it takes 1000" in result.output
    result = CliRunner().invoke(cli, ["model", "--rollback"])
    assert (result.exit_code, result.output) == (0, "in use: the network that ships with the package\n")
    assert CliRunner().invoke(cli, ["model", "--rollback"]).exit_code == 2
