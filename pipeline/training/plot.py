"""Draws a learning curve with matplotlib, which nothing that reads scans imports."""

from __future__ import annotations

import io
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Name → value after each epoch, the first first; NaN where it was not measured.
Columns = Mapping[str, Sequence[float]]

#: Told apart by the colour-blind too (Okabe & Ito 2008, Color universal design).
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")
_INK, _GREY, _GRID = "#222222", "#777777", "#e4e4e4"
#: Shares wrong that a tick may stand at, times a power of ten: the first of few, the last of very many.
_TICKS = (
    (1.0,),
    (1.0, 2.0, 5.0),
    (1.0, 2.0, 3.0, 5.0),
    (1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0),
    tuple(1 + i / 10 for i in range(90)),
)
#: Ticks that a panel is best served with.
_BEST = 7
#: From that many epochs on, the first get more room than the last.
_MANY = 40
_SMALL = 8.5
#: Lowest distance between the labels in the margin, as a share of a high panel's height.
_APART = 0.055


@dataclass(frozen=True)
class Published:
    """An accuracy that somebody else published: a mark at that epoch, or a line across where no epoch is known."""

    epoch: float | None
    accuracy: float
    label: str
    column: str = ""  # the one that it is to be compared with, whose colour it gets


@dataclass(frozen=True)
class _Label:
    """A text for the margin at the right of a panel, at the height `y` (as far as there is room)."""

    y: float
    text: str
    colour: str
    bold: bool


def draw_curve(columns: Columns, title: str, published: Sequence[Published] = ()) -> bytes:
    """A PNG: accuracies above, losses below; the epochs on a logarithmic axis if they are many.

    Accuracies are drawn by the share that is wrong, on a logarithmic axis: 99.7% and 99.8% are as far apart as 97% and 98%.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    losses = {name: values for name, values in columns.items() if name.endswith("loss")}
    shares = {name: values for name, values in columns.items() if name not in losses}
    height = 6.4 if losses and shares else 4.8
    figure = Figure(figsize=(9.5, height), dpi=150, facecolor="white")
    FigureCanvasAgg(figure)
    heights = [3.0, 1.0] if losses and shares else [1.0]
    panels = figure.subplots(len(heights), 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0]
    figure.subplots_adjust(left=0.075, right=0.775, top=1 - 0.64 / height, bottom=0.54 / height, hspace=0.1)
    figure.text(0.075, 1 - 0.34 / height, title, fontsize=13, fontweight="bold", color=_INK)

    epochs = max(len(values) for values in columns.values())
    for panel in panels:
        _style(panel, epochs)
    if shares:
        _draw_shares(panels[0], shares, published, epochs)
    if losses:
        _draw_losses(panels[-1], losses)
    panels[-1].set_xlabel("epochs", color=_GREY)

    stream = io.BytesIO()
    # no text is cut off, however long; without the library's name the same curve gives the same bytes
    figure.savefig(stream, format="png", bbox_inches="tight", pad_inches=0.15, metadata={"Software": None})
    return stream.getvalue()


def _style(panel: Axes, epochs: int) -> None:
    panel.set_axisbelow(True)
    panel.grid(color=_GRID, linewidth=0.8)
    panel.tick_params(length=0, labelcolor=_GREY)
    panel.spines[["top", "right", "left"]].set_visible(False)
    panel.spines["bottom"].set_color(_GREY)
    if epochs >= _MANY:
        panel.set_xscale("log")
        panel.set_xlim(0.93, epochs * 1.04)
        ticks = [tick for tick in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000) if tick < 0.8 * epochs]
        panel.set_xticks([*ticks, epochs], [str(tick) for tick in (*ticks, epochs)])
        panel.minorticks_off()
    else:
        room = 0.03 * max(epochs - 1, 10 if epochs == 1 else 1)
        panel.set_xlim(1 - room, epochs + room)
        panel.locator_params(axis="x", integer=True, min_n_ticks=1)


def _draw_shares(panel: Axes, shares: Columns, published: Sequence[Published], epochs: int) -> None:
    colours = dict(zip(shares, itertools.cycle(_COLOURS), strict=False))
    labels, seen = [], []
    for name, values in shares.items():
        if last := _draw_line(panel, [_height(value) for value in values], colours[name]):
            labels.append(_Label(last, f"{name} {1 - 10**-last:.2%}", colours[name], bold=True))
        seen += [_height(value) for value in values if not math.isnan(value)]
    for one in published:
        colour, height = colours.get(one.column, _GREY), _height(one.accuracy)
        if one.epoch is None or one.epoch > epochs:
            panel.axhline(height, color=colour, linewidth=1, linestyle=(0, (4, 3)), alpha=0.7)
        else:
            panel.plot([one.epoch], [height], "D", color=colour, markerfacecolor="none", markersize=8, clip_on=False, zorder=4)
        if one.epoch is not None and one.epoch < 0.5 * epochs:  # beside the mark, where the margin is far
            panel.annotate(one.label, (one.epoch, height), (9, -11), textcoords="offset points", color=colour, fontsize=_SMALL)
        else:
            labels.append(_Label(height, one.label, colour, bold=False))
        seen.append(height)
    low, high = min(seen, default=0.0), max(seen, default=1.0)
    margin = max(0.02, 0.08 * (high - low))
    low, high = max(-0.02, low - margin), high + margin
    panel.set_ylim(low, high)
    ticks = _ticks(low, high)
    panel.set_yticks([_height(tick) for tick in ticks], [f"{100 * tick:.6g}%" for tick in ticks])
    panel.set_title("accuracy", loc="left", fontsize=10, color=_GREY, pad=4)
    _label_margin(panel, labels)


def _draw_losses(panel: Axes, losses: Columns) -> None:
    labels = []
    for (name, values), colour in zip(losses.items(), itertools.cycle((_INK, *_COLOURS)), strict=False):
        if last := _draw_line(panel, values, colour):
            labels.append(_Label(last, f"{name} {last:.4g}", colour, bold=True))
    panel.set_ylim(bottom=0)
    panel.locator_params(axis="y", nbins=4)
    panel.set_title("loss", loc="left", fontsize=10, color=_GREY, pad=4)
    _label_margin(panel, labels)


def _draw_line(panel: Axes, heights: Sequence[float], colour: str) -> float | None:
    """Draws what was measured, joined across what was not; returns the last height."""
    known = [(epoch, height) for epoch, height in enumerate(heights, start=1) if not math.isnan(height)]
    if not known:
        return None
    marker = "o" if len(known) < _MANY else ""
    panel.plot(*zip(*known, strict=True), color=colour, linewidth=2, marker=marker, markersize=4, solid_capstyle="round")
    return known[-1][1]


def _label_margin(panel: Axes, labels: list[_Label]) -> None:
    """Writes the labels at the right of the panel, each as near to its height as the others let it, and leads to them."""
    low, high = panel.get_ylim()
    labels = sorted(labels, key=lambda label: label.y)
    wanted = [(label.y - low) / (high - low) for label in labels]
    apart = _APART * (1.0 if panel.get_position().height > 0.5 else 3.0)
    for label, place, given in zip(labels, wanted, _spread(wanted, apart), strict=True):
        panel.annotate(
            label.text,
            (1.0, place),
            (1.035, given),
            xycoords="axes fraction",
            textcoords="axes fraction",
            color=label.colour,
            fontsize=_SMALL + label.bold,
            fontweight="bold" if label.bold else "normal",
            verticalalignment="center",
            arrowprops={"arrowstyle": "-", "color": label.colour, "linewidth": 0.7, "alpha": 0.6, "shrinkA": 1, "shrinkB": 3},
        )


def _spread(wanted: Sequence[float], apart: float) -> list[float]:
    """Places at least `apart` from one another, in the same (rising) order, each near to where it is wanted.

    Those that are too near to one another become a block around the middle of where they want to be.
    """
    blocks: list[tuple[float, int]] = []  # the middle of each, and how many are in it
    for place in wanted:
        middle, n = place, 1
        while blocks and middle - blocks[-1][0] < apart * (n + blocks[-1][1]) / 2:
            before, m = blocks.pop()
            middle, n = (middle * n + before * m) / (n + m), n + m
        blocks.append((middle, n))
    return [middle + apart * (i - (n - 1) / 2) for middle, n in blocks for i in range(n)]


def _height(share: float) -> float:
    """Where a share of right answers is drawn: 90% at 1, 99% at 2, 99.9% at 3."""
    return -math.log10(max(1 - share, 1e-5))


def _ticks(low: float, high: float) -> list[float]:
    """Round shares between these heights, about as many as are good to read."""
    choices = []
    for multiples in _TICKS:
        wrong = {round(multiple * 10.0**-power, 7) for power in range(1, 6) for multiple in multiples} | {1.0}
        choices.append(sorted(1 - w for w in wrong if low <= _height(1 - w) <= high))
    return min(choices, key=lambda ticks: abs(len(ticks) - _BEST))
