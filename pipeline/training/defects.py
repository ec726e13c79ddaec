"""What happens to a sheet on its way to us: skew, shadows, stains, faint rulings, and the scanner's own doing."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.records import Box, Image, Matrix
from pipeline.training.lying import bent, desk, raised, stapled
from pipeline.training.pages import RenderedSheet, painted


@dataclass(frozen=True, slots=True)
class Defects:
    """How much of everything; all zero is the sheet as drawn."""

    skew: float = 0.0  # degrees, clockwise
    perspective: float = 0.0  # how far corners are moved inwards, as a share of the page's side
    gaps: float = 0.0  # share of the rulings' length that is missing
    faint: float = 0.0  # share of the rulings' darkness that is missing
    dotted: float = 0.0  # share of each dot's place along the rulings that is empty
    stains: int = 0  # rings and spots
    stamps: int = 0  # of a rubber stamp, in red
    holes: int = 0  # punched along the left edge, dark behind
    staples: int = 0  # in the upper left corner, bright and dark at once
    curl: float = 0.0  # how far rows rise in the middle of the page, as a share of its height
    fold: float = 0.0  # how far rows rise at a crease from top to bottom, likewise
    desk: float = 0.0  # of wood, around the paper, as a share of its side
    through: float = 0.0  # how much of the writing on the back shows through, 0 to 1
    border: float = 0.0  # black around the paper, as a share of its side
    light: float = 0.0  # how much darker the darkest corner is, 0 to 1
    blur: float = 0.0  # standard deviation, pixels
    noise: float = 0.0  # standard deviation, grey levels
    bilevel: bool = False  # black and white only
    grey: bool = False
    jpeg: int = 0  # quality of the JPEG it went through; 0 is none


def ordinary(rng: np.random.Generator) -> Defects:
    """What any office scan has some of."""
    return Defects(
        skew=float(rng.normal(0, 1.5)),
        noise=float(rng.uniform(0, 6)),
        blur=float(rng.uniform(0, 0.8)),
        light=float(rng.uniform(0, 0.25)),
        jpeg=int(rng.integers(40, 95)),
    )


@dataclass(frozen=True, slots=True, eq=False)
class AgedSheet:
    """The scan, grey or BGR, and the way back to the sheet as drawn: a homography, sheet pixels → scan pixels.

    Where the paper is not flat, what was at (x, y) of the sheet lies at (x, y - `raised[x]`) before that.
    """

    image: Image
    from_sheet: Matrix
    raised: NDArray[np.float64]

    def place_of(self, box: Box) -> tuple[float, float, float, float]:
        """Left, top, right and bottom of what a box of the sheet has become."""
        corners = np.array([[x, y] for x in (box.x, box.right) for y in (box.y, box.bottom)], np.float64)
        corners[:, 1] -= self.raised[np.clip(corners[:, 0].astype(int), 0, self.raised.size - 1)]
        placed = cv2.perspectiveTransform(corners[None], self.from_sheet)[0]
        (left, top), (right, bottom) = placed.min(axis=0), placed.max(axis=0)
        return float(left), float(top), float(right), float(bottom)


def age(sheet: RenderedSheet, defects: Defects, rng: np.random.Generator) -> AgedSheet:
    """Apply the defects in the order in which paper, light and scanner do. The canvas grows so that nothing is cut off."""
    image = _used(sheet, defects, rng)
    up = raised(image.shape, defects.curl, defects.fold)
    if up.any():
        image = bent(image, up, crease=bool(defects.fold))
    image, matrix = _moved(image, defects, rng)
    if defects.border:
        image, matrix = _bordered(image, matrix, defects.border)
    if defects.light:
        image = _shaded(image, defects.light, rng)
    if defects.blur:
        image = np.asarray(cv2.GaussianBlur(image, (0, 0), defects.blur), np.uint8)
    if defects.grey or defects.bilevel:
        image = np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2GRAY), np.uint8)
    if defects.noise:
        grain = rng.standard_normal(image.shape, np.float32) * np.float32(defects.noise)
        image = np.clip(image + grain, 0, 255).astype(np.uint8)
    if defects.bilevel:
        image = np.where(image > 185, 255, 0).astype(np.uint8)
    if defects.jpeg:
        data = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, defects.jpeg])[1]
        image = np.asarray(cv2.imdecode(data, cv2.IMREAD_UNCHANGED), np.uint8)
    return AgedSheet(image, matrix, up)


def _used(sheet: RenderedSheet, defects: Defects, rng: np.random.Generator) -> Image:
    """The sheet with what happens to paper before it is scanned."""
    image = sheet.image
    if defects.gaps or defects.faint or defects.dotted:
        ruling = _worn(sheet.ruling, defects, rng)
        image = painted(painted(sheet.printed, ruling, sheet.ruling_colour), sheet.ink, sheet.pen)
    for _ in range(defects.stains):
        image = _stained(image, rng)
    for _ in range(defects.stamps):
        image = _stamped(image, rng)
    if defects.through:
        image = _shown_through(image, sheet, defects.through)
    if defects.holes:
        image = _punched(image, defects.holes)
    if defects.staples:
        image = stapled(image, defects.staples, rng)
    return image


def _worn(ruling: Image, defects: Defects, rng: np.random.Generator) -> Image:
    """Rulings with pieces missing, each a few pixels to a centimetre long, and printed faintly."""
    height, width = ruling.shape
    worn = np.asarray(ruling * (1 - defects.faint), np.float32)
    if defects.gaps:
        patches = cv2.resize(rng.random((height // 12 + 1, width // 12 + 1)), (width, height), interpolation=cv2.INTER_CUBIC)
        worn[patches < np.quantile(patches[::7, ::7], defects.gaps)] = 0
    if defects.dotted:
        period = max(4, height // 300)
        y, x = np.mgrid[:height, :width]
        worn[((y % period) < defects.dotted * period) & _run(ruling, 0, period)] = 0
        worn[((x % period) < defects.dotted * period) & _run(ruling, 1, period)] = 0
    return worn.astype(np.uint8)


def _run(ruling: Image, axis: int, period: int) -> NDArray[np.bool_]:
    """Where a ruling runs down (axis 0) or across the sheet."""
    shape = (4 * period, 1) if axis == 0 else (1, 4 * period)
    return np.asarray(cv2.morphologyEx(ruling, cv2.MORPH_OPEN, np.ones(shape, np.uint8)) > 0)


def _stamped(image: Image, rng: np.random.Generator) -> Image:
    """A round stamp with a word across it."""
    height, width = image.shape[:2]
    radius = round(0.07 * width)
    layer = np.zeros((height, width), np.uint8)
    centre = int(rng.integers(radius, width - radius)), int(rng.integers(radius, height - radius))
    cv2.circle(layer, centre, radius, 255, max(2, radius // 18), cv2.LINE_AA)
    cv2.circle(layer, centre, round(0.8 * radius), 255, max(1, radius // 40), cv2.LINE_AA)
    size, thick = radius / 70, max(2, radius // 30)
    (wide, high), _ = cv2.getTextSize("PAID", cv2.FONT_HERSHEY_SIMPLEX, size, thick)
    place = centre[0] - wide // 2, centre[1] + high // 2
    cv2.putText(layer, "PAID", place, cv2.FONT_HERSHEY_SIMPLEX, size, 255, thick, cv2.LINE_AA)
    return painted(image, np.asarray(layer * 0.6, np.uint8), (70, 60, 200))


def _shown_through(image: Image, sheet: RenderedSheet, strength: float) -> Image:
    """The sheet's own writing and rulings, mirrored and soft, as if they were on its back."""
    back = cv2.GaussianBlur(np.maximum(sheet.ink, sheet.ruling)[:, ::-1], (0, 0), image.shape[0] / 1200)
    return painted(image, np.asarray(back * strength, np.uint8), (120, 120, 120))


def _punched(image: Image, holes: int) -> Image:
    height, width = image.shape[:2]
    punched = image.copy()
    for i in range(holes):
        centre = round(0.045 * width), round(height * (i + 1) / (holes + 1))
        cv2.circle(punched, centre, round(0.014 * width), (25, 25, 25), -1, cv2.LINE_AA)
    return punched


def _bordered(image: Image, matrix: Matrix, share: float) -> tuple[Image, Matrix]:
    """On a black ground, as some scanners leave it."""
    reach = round(share * image.shape[1])
    around = cv2.copyMakeBorder(image, reach, reach, reach, reach, cv2.BORDER_CONSTANT, value=(12, 12, 12))
    shift = np.array([[1, 0, reach], [0, 1, reach], [0, 0, 1]], np.float64)
    return np.asarray(around, np.uint8), shift @ matrix


def _stained(image: Image, rng: np.random.Generator) -> Image:
    """A coffee ring or a soft spot, which darkens what it lies on."""
    height, width = image.shape[:2]
    centre = int(rng.integers(0, width)), int(rng.integers(0, height))
    radius = int(rng.uniform(0.03, 0.12) * width)
    layer = np.zeros((height, width), np.uint8)
    ring = rng.random() < 0.5
    cv2.ellipse(layer, centre, (radius, round(radius * 0.93)), 0, 0, 360, 255, max(radius // 10, 2) if ring else -1)
    soft = np.asarray(cv2.GaussianBlur(layer, (0, 0), max(radius / 25, 1.0)), np.float32)
    colour = np.array((70, 120, 150), np.float32)  # brown
    share = soft[..., None] / 255 * float(rng.uniform(0.15, 0.4))
    return np.asarray(np.rint(image * (1 - share * (1 - colour / 255))), np.uint8)


def _moved(image: Image, defects: Defects, rng: np.random.Generator) -> tuple[Image, Matrix]:
    """Turn and tilt the sheet on a canvas of its own colour that holds all of it."""
    if not (defects.skew or defects.perspective or defects.desk):
        return image, np.eye(3)
    height, width = image.shape[:2]
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    inwards = np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]]) * rng.random((4, 2)) * defects.perspective * (width, height)
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), -defects.skew, 1.0)
    target = cv2.transform((corners + inwards)[None].astype(np.float32), turn)[0]
    low, high = target.min(axis=0), target.max(axis=0)
    low, high = low - defects.desk * width, high + defects.desk * width
    matrix = cv2.getPerspectiveTransform(corners, (target - low).astype(np.float32))
    size = (int(np.ceil(high[0] - low[0])), int(np.ceil(high[1] - low[1])))
    paper = tuple(float(v) for v in np.median(image[::8, ::8].reshape(-1, 3), axis=0))
    moved = cv2.warpPerspective(image, matrix, size, flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_CONSTANT, borderValue=paper)
    if defects.desk:
        paper_only = cv2.warpPerspective(np.full((height, width), 255, np.uint8), matrix, size, flags=cv2.INTER_LINEAR)
        moved = np.where(paper_only[..., None] > 127, moved, desk((size[1], size[0]), rng))
    return np.asarray(moved, np.uint8), np.asarray(matrix, np.float64)


def _shaded(image: Image, strength: float, rng: np.random.Generator) -> Image:
    """Light that falls off towards one side, with a soft shadow."""
    height, width = image.shape[:2]
    y, x = np.mgrid[0:1:64j, 0:1:64j]
    angle = float(rng.uniform(0, 2 * np.pi))
    slope = (x - 0.5) * np.cos(angle) + (y - 0.5) * np.sin(angle)
    shadow = np.exp(-(((x - rng.random()) / 0.4) ** 2 + ((y - rng.random()) / 0.4) ** 2))
    dark = 0.7 * (slope - slope.min()) / np.ptp(slope) + 0.3 * shadow
    shade = np.asarray(1 - strength * np.clip(dark, 0, 1), np.float32)
    field = cv2.resize(shade, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.asarray(np.rint(image * field[..., None]).clip(0, 255), np.uint8)
