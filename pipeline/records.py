"""What flows through the chain: frozen dataclasses without behaviour beyond small properties.

Coordinates are pixels, x to the right and y down. "Page pixels" are those of the decoded page as a viewer shows it (EXIF
orientation applied); "clean pixels" are those of the straightened working image that the stages see. Rows, columns, tables and
pages count from 1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

#: uint8 array (height, width), or (height, width, 3) in BGR order.
Image = NDArray[np.uint8]
Floats = NDArray[np.float32]
#: 3×3 homography, column vectors (x, y, 1).
Matrix = NDArray[np.float64]

#: ok, corrected and verified are accepted without a person; review and unreadable are not; blank is an empty cell.
Status = Literal["ok", "corrected", "verified", "blank", "review", "unreadable"]
#: The reason given for writing that is no number and is passed on as its picture (names, headings).
TEXT_REASON = "text, not a number"
#: The reason given for a value that a person entered.
ENTERED_REASON = "entered by a person"
#: What is in a cell: a number, a grade, nothing, a mark that is no number (a dash for nil, AB, a tick), what was struck out,
#: writing that is none of these, ink that nothing fits.
Kind = Literal["number", "grade", "blank", "mark", "struck", "text", "unreadable"]


@dataclass(frozen=True, slots=True)
class Box:
    """An upright rectangle in pixels; right and bottom are exclusive."""

    x: int
    y: int
    width: int
    height: int

    @property
    def right(self) -> int:
        return self.x + self.width

    @property
    def bottom(self) -> int:
        return self.y + self.height


@dataclass(frozen=True, slots=True, eq=False)
class Page:
    """One decoded page of a scan, upright by EXIF; `image` is grey or BGR."""

    number: int
    image: Image


@dataclass(frozen=True, slots=True, eq=False)
class PrintedPage:
    """What the marks on a form printed by us say: where its paper lies, and `tag`, the text that names the form.

    `to_page` takes millimetres from the paper's top left corner to page pixels. The tag is empty if it can't be read.
    """

    tag: str
    is_landscape: bool
    to_page: Matrix


@dataclass(frozen=True, slots=True, eq=False)
class CleanPage:
    """The page made straight and even: `grey` has white paper (255), `ink` is 255 where there is ink or ruling.

    `printed` is what marks say of it, if there are any; then the whole image is its paper, from edge to edge.
    """

    page: Page
    grey: Image
    ink: Image
    to_page: Matrix  # clean pixels → page pixels
    stroke_width: float  # median width of strokes and rulings, clean pixels
    pen: float  # the same of what is written alone
    printed: PrintedPage | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Cell:
    """A place in the ruled grid. `corners` are top left, top right, bottom right, bottom left in clean pixels, shape (4, 2)."""

    row: int
    column: int
    corners: Floats
    box: Box  # bounding box in page pixels


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Every cell of a grid of rows × columns, in reading order, the empty ones included."""

    number: int
    rows: int
    columns: int
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True, eq=False)
class TabledPage:
    """A clean page, its tables, and its ink without the rulings. `note` says why there is no table, where there is none."""

    clean: CleanPage
    tables: tuple[Table, ...]
    ink: Image
    note: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Segment:
    """One candidate for one character: the pieces of ink `first` up to, not including, `last`, from left to right.

    `spread` is how far apart its separate pieces stand: the share of the narrower piece's width that does not lie above or
    below the others, at worst; 0 for a single piece and for one that was only cut.
    """

    first: int
    last: int
    box: Box  # clean pixels
    area: int  # ink pixels
    spread: float
    glyph: Image  # 28×28, white on black, normalised as the network was trained


#: A column: the number of its table, and its own.
Place = tuple[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class Lattice:
    """All candidate segments of one cell's ink, which is cut into pieces from left to right; none if the cell is blank.

    `cuts[i]` is how much ink was cut through, in stroke widths, between piece i and piece i + 1; 0 at a natural gap. `ink` is
    all of it in one picture, white on black and grey, in clean pixels; None if there is none, or far too much. `ink_at` are the
    column and the row of the page that the picture's upper left corner has.
    """

    cell: Cell
    table: int
    cuts: tuple[float, ...]
    segments: tuple[Segment, ...]
    note: str = ""  # why the ink is no lattice, where it is none (too much of it, say)
    ink: Image | None = None
    ink_at: tuple[int, int] = (0, 0)

    @property
    def place(self) -> Place:
        """The column that the cell is in."""
        return self.table, self.cell.column


@dataclass(frozen=True, slots=True, eq=False)
class SegmentedPage:
    """A page's lattices, one for each cell of each table, in the order of the tables' cells.

    `pen` is the median stroke width of the writing in the cells, in clean pixels.
    """

    tabled: TabledPage
    lattices: tuple[Lattice, ...]
    pen: float


@dataclass(frozen=True, slots=True, eq=False)
class ScoredPage:
    """What the networks say to a page's lattices, which they were shown in pieces and whole.

    `probabilities[i]` has a row for each segment of `lattices[i]` and a column for each of the digit network's `labels`.
    `looks[i]` are the log probabilities that the reader of whole numbers gave its own labels (the last: nothing) from left to
    right, shape (labels, steps), each time it looked at the cell: not where there is no ink, twice where it was not sure.
    """

    segmented: SegmentedPage
    labels: tuple[str, ...]
    probabilities: tuple[Floats, ...]
    reader_labels: tuple[str, ...] = ()
    looks: tuple[tuple[Floats, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Reading:
    """What we think a cell says. `confidence` is the probability that `text` is right; alternatives are the next best.

    `score` is the log probability of the best way through the lattice, `lead` how far the next text's is behind; `evidence` is
    all that the confidence is made of.
    """

    kind: Kind
    text: str
    value: str
    confidence: float
    alternatives: tuple[tuple[str, float], ...] = ()
    score: float = 0.0
    lead: float = 0.0
    evidence: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class ReadPage:
    """`readings[i]` is what `lattices[i]` of the segmented page says; `forms` names the form of each table that has one."""

    segmented: SegmentedPage
    readings: tuple[Reading, ...]
    forms: Mapping[int, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CellReading:
    """One cell as it goes into the journal and the spreadsheets: a line of JOB.readings.csv."""

    table: int
    row: int
    column: int
    name: str  # column name from the form, or C3
    value: str  # the number or the grade, empty if blank
    text: str  # what was read, marks that say nothing left out
    confidence: float  # 0 to 1
    status: Status
    reason: str  # why a person should look, or what changed or confirmed the value; empty if there is nothing to say
    box: Box  # page pixels
    kind: Kind = "number"
    candidates: tuple[tuple[str, float], ...] = ()  # texts as read from the ink alone, and their probabilities; best first
    picture: bytes = field(default=b"", repr=False)  # PNG of a cell that a person may want to see

    @property
    def is_text(self) -> bool:
        """Whether it is writing that is passed on, not a number in doubt."""
        return self.status == "review" and self.reason == TEXT_REASON

    @property
    def is_entered(self) -> bool:
        """Whether a person has said what it is."""
        return self.status in ("verified", "blank") and self.reason == ENTERED_REASON


#: holds: the sheet adds up here. mistake: everything is read for sure, and it does not. open: a cell in it is in doubt.
SumState = Literal["holds", "mistake", "open"]


@dataclass(frozen=True, slots=True)
class SumCheck:
    """One place where the paper should add up: the cell (row, column) is to be `constant` + Σ weight · cell over `terms`.

    `digits` is how many decimals that is rounded to, None if it is exact; `expected` is what it comes to, empty if a cell of it
    has no number.
    """

    rule: str
    row: int
    column: int
    terms: tuple[tuple[int, int, float], ...]  # row, column, weight
    constant: float
    digits: int | None
    state: SumState
    expected: str


@dataclass(frozen=True, slots=True)
class TableNote:
    """What is known of one table of a page: the form it was taken for, and the rules, given by that or found in the numbers."""

    table: int
    form: str = ""
    rules: tuple[str, ...] = ()
    are_found: bool = False
    checks: tuple[SumCheck, ...] = ()


@dataclass(frozen=True, slots=True)
class PageResult:
    """What the chain made of one page. `note` says why there is nothing to read, where there is nothing."""

    number: int
    readings: tuple[CellReading, ...]
    note: str = ""
    seconds: Mapping[str, float] = field(default_factory=dict)  # stage → time
    tables: tuple[TableNote, ...] = ()


@dataclass(frozen=True, slots=True)
class Edit:
    """What a person said that a cell of a scan holds; an empty value is a blank."""

    page: int
    table: int
    row: int
    column: int
    value: str


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a scan, or the rest of it, could not be read; `error` is the class name of the ScanError."""

    error: str
    message: str
    remedy: str


@dataclass(frozen=True, slots=True)
class ScanResult:
    """A worker's answer for one file: the pages that could be read, and what stopped it, if something did."""

    pages: tuple[PageResult, ...]
    failure: Failure | None = None


#: done: every page read. failed: not, or not every page. duplicate: same content as another scan of the job. ignored: a file
#: of a backlog folder that is no scan (a README, say), listed and left.
Outcome = Literal["done", "failed", "duplicate", "ignored"]


@dataclass(frozen=True, slots=True)
class ScanEntry:
    """One scan of a job as the spreadsheets show it: a line of the Files sheet and the readings behind it."""

    file: str  # path as the user knows it
    outcome: Outcome
    message: str  # the failure and its remedy, what it duplicates, a page's note
    pages: tuple[PageResult, ...]
    source: str = field(default="", compare=False)  # absolute path of the original, empty if that is not known


@dataclass(frozen=True, slots=True)
class Written:
    """The spreadsheets of a job, as written."""

    readings_csv: str
    table_csv: str
    workbook: str
    notes: tuple[str, ...] = ()  # what a person should know about it
    reviews: tuple[str, ...] = ()  # further workbooks, with what is to review
