"""The chain: the stages in the order they run, timed, with one error type out."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import cv2

from pipeline.ann import Model, load_model
from pipeline.errors import ModelError, ScanError
from pipeline.files import write_atomically
from pipeline.forms import Form, forms_in_use
from pipeline.records import Failure, Image, Page, PageResult, Reading, ScanResult, TabledPage
from pipeline.settings import Settings
from pipeline.stages.clean import clean, draw_clean
from pipeline.stages.decode import decode
from pipeline.stages.glyph import SIZE
from pipeline.stages.interpret import draw_readings, interpret
from pipeline.stages.kit import Kit
from pipeline.stages.lone import single_cell, single_glyph
from pipeline.stages.printedtable import find_all_tables
from pipeline.stages.recognise import draw_glyphs, recognise
from pipeline.stages.reconcile import reconcile
from pipeline.stages.sampling import likelier_turn
from pipeline.stages.segment import draw_segments, segment
from pipeline.stages.table import draw_tables
from pipeline.stages.upright import reads_better, reads_well, turned, unturned

#: The model that ships with the package.
SHIPPED_MODEL = Path(__file__).parent / "models" / "digits.pkl"
#: The reader of whole numbers that ships with it.
SHIPPED_READER = SHIPPED_MODEL.with_name("numbers.pkl")


#: What a stage makes of a page.
Record = TypeVar("Record")


@dataclass(frozen=True, slots=True)
class Stage:
    """A step of the chain: a pure function of the last one's output, and a picture of what it made, drawn when asked."""

    name: str
    run: Callable[[Any, Kit], Any]
    draw: Callable[[Any], Image] | None = None


#: Page → CleanPage → TabledPage → SegmentedPage → ScoredPage → ReadPage → PageResult.
CHAIN: tuple[Stage, ...] = (
    Stage("clean", clean, draw_clean),
    Stage("table", find_all_tables, draw_tables),
    Stage("segment", segment, draw_segments),
    Stage("recognise", recognise, draw_glyphs),
    Stage("interpret", interpret, draw_readings),
    Stage("reconcile", reconcile),
)


def read_page(page: Page, kit: Kit, trace: Path | None = None) -> PageResult:
    """One page through the chain, the right way up. With `trace`, every stage's picture is put into that folder."""
    tabled, best = _run(page, kit)
    best_turn = 0
    if not reads_well(best) and (turn := likelier_turn(tabled, kit)):
        result = run_chain(turned(page, turn), kit)
        if reads_better(result, best):
            best, best_turn = result, turn
    if trace:
        run_chain(turned(page, best_turn), kit, trace)
    return unturned(best, best_turn, page)


def page_as(kind: type[Record], page: Page, kit: Kit) -> Record:
    """One page, as it lies, through the chain up to the stage that makes such a record of it."""
    value: object = page
    for stage in CHAIN:
        value = stage.run(value, kit)
        if isinstance(value, kind):
            return value
    raise AssertionError(f"no stage makes a {kind.__name__}")


def run_chain(page: Page, kit: Kit, trace: Path | None = None) -> PageResult:
    """One page through the stages as it lies."""
    return _run(page, kit, trace)[1]


def _run(page: Page, kit: Kit, trace: Path | None = None) -> tuple[TabledPage, PageResult]:
    """What the page's tables are, and what they say."""
    seconds: dict[str, float] = {}
    values: list[Any] = [page]
    for number, stage in enumerate(CHAIN, 1):
        start = time.perf_counter()
        values.append(stage.run(values[-1], kit))
        seconds[stage.name] = time.perf_counter() - start
        if trace and stage.draw:
            _save(stage.draw(values[-1]), trace / f"page-{page.number}-{number}-{stage.name}.png")
    tabled: TabledPage = next(value for value in values if isinstance(value, TabledPage))
    result: PageResult = values[-1]
    return tabled, replace(result, seconds=seconds)


def read_scan(
    data: bytes,
    settings: Settings | None = None,
    trace: Path | None = None,
    tell: Callable[[], None] = lambda: None,
) -> ScanResult:
    """The bytes of a scan to readings, page by page. A page that can't be decoded ends the scan; those before it count.

    `tell` is called after each page. Raises ModelError if the model can't be loaded, FormError if a form is wrong; what is
    wrong with the scan itself is in the result.
    """
    settings = settings or Settings()
    kit = kit_of(settings)
    pages: list[PageResult] = []
    try:
        for page in decode(data, settings):
            pages.append(read_page(page, kit, trace))
            tell()
    except ScanError as error:
        return ScanResult(tuple(pages), Failure(type(error).__name__, error.message, error.remedy))
    return ScanResult(tuple(pages))


def read_number(data: bytes, settings: Settings | None = None) -> Reading:
    """The number on a picture of nothing else: any size, dark on light or light on dark, or 28×28 MNIST pixels.

    Raises ScanError if the picture can't be decoded, ModelError if the model can't be loaded.
    """
    settings = settings or Settings()
    kit = kit_of(settings)
    page = next(iter(decode(data, kit.settings)))
    segmented = single_glyph(page) if page.image.shape[:2] == (SIZE, SIZE) else segment(single_cell(page), kit)
    return interpret(recognise(segmented, kit), kit).readings[0]


def warm_up(settings: Settings) -> None:
    """Loads the models and the forms, so that the first scan does not wait for them. Raises ModelError, FormError."""
    kit_of(settings)


def kit_of(settings: Settings) -> Kit:
    """What stages need: the settings, the models and the forms. Raises ModelError, FormError."""
    reader = read_model(SHIPPED_READER) if SHIPPED_READER.is_file() else None
    return Kit(settings, model_of(settings), reader, forms_of(settings))


def model_file(settings: Settings) -> Path:
    """The file of the network in use: the settings' model, else the one learned from corrections, else the one that ships."""
    return settings.own_model if settings.model or settings.own_model.is_file() else SHIPPED_MODEL


def model_of(settings: Settings) -> Model:
    """The network in use; loaded once a process, and again when its file changes. Raises ModelError."""
    return read_model(model_file(settings))


@functools.lru_cache(maxsize=8)
def _forms(folder: Path, name: str) -> tuple[Form, ...]:
    return forms_in_use(folder, name)


def forms_of(settings: Settings) -> tuple[Form, ...]:
    """The forms that pages may be of; loaded once a process. Raises FormError."""
    return _forms(settings.forms, settings.form)


def read_model(file: Path) -> Model:
    """The model in a file, read anew only if that has changed. Raises ModelError."""
    try:
        stamp = file.stat()
    except OSError as error:
        raise ModelError(f"the model {file} can't be read: {error.strerror}") from error
    return _model(file, stamp.st_mtime_ns, stamp.st_size)


@functools.lru_cache(maxsize=2)
def _model(file: Path, mtime_ns: int, size: int) -> Model:
    try:
        data = file.read_bytes()
    except OSError as error:
        raise ModelError(f"the model {file} can't be read: {error.strerror}") from error
    return load_model(data, str(file))


def _save(picture: Image, file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(file, cv2.imencode(".png", picture)[1].tobytes())
