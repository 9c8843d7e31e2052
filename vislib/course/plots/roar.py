"""Figures of notebook 08: curves of retrained networks, differences with their intervals, and two rankings compared."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from vislib.course.plots import BLUE, GREY, ORANGE, figure
from vislib.course.plots.maps import _label, spread_labels
from vislib.intervals import Floats
from vislib.roar import RoarResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from pandas import DataFrame, Series

_NAMES = "retrained; not retrained; the mask alone; retrained, {}; chance"  # in the order of the legend
_ENOUGH = 5  # seeds; of fewer each one is drawn, and no interval
_SHOWN = {"sobel": "edges (Sobel)"}


def curves(
    result: RoarResult,
    names: Sequence[str] = (),
    *,
    masks: RoarResult | None = None,
    against: str = "random",
    chance: float | None = None,
    columns: int = 4,
    width: float = 9.0,
) -> "Figure":
    """Draw a panel per explainer: its accuracy over the share of removed pixels, beside all that it must be compared with.

    Args:
        result: of a sweep; with five seeds or more a band shows the interval, with fewer a dot each seed.
        names: which explainers; all but `against` unless given.
        masks: what was learned from the shape of the holes alone.
        against: the control that is drawn in every panel.
        chance: the accuracy of guessing.
        columns: panels in a row.
        width: of the figure, in inches.
    """
    names = list(names) or [name for name in result.explainers if name != against]
    columns = min(columns, len(names))
    rows = -(-len(names) // columns)
    made, axes = figure(rows, columns, (width, 0.5 + 1.95 * rows), sharex=True, sharey=True)
    x = [100 * fraction for fraction in result.fractions]
    bands = result.intervals().groupby("explainer") if len(result.values(names[0])) >= _ENOUGH else None
    for axis in axes.flat[len(names) :]:
        axis.axis("off")
    for axis, name in zip(axes.flat, names, strict=False):
        if chance is not None:
            axis.axhline(chance, color="#c8c8c8", linewidth=1, label="chance")
        if against in result.explainers and name != against:
            axis.plot(
                x, result.values(against).mean(0), color=GREY, marker="s", markersize=3.5, label=f"retrained, {against}"
            )
        if masks is not None and name in masks.explainers:
            style: Any = {"color": ORANGE, "linestyle": "--", "marker": "D", "markersize": 3.5}
            axis.plot(x, masks.values(name).mean(0), label="the mask alone", **style)
        _before(axis, result, name, x)
        _retrained(axis, result.values(name), x, None if bands is None else bands.get_group(name))
        axis.set_title(shown(name))
        axis.grid(alpha=0.25)
        axis.set(ylim=(0, 1.03), xticks=[10, 50, 90], yticks=[0, 0.5, 1])
    made.supxlabel(
        "pixels ranked lowest removed, in %" if result.setting.get("keep") else "pixels removed, in %",
        fontsize=11,
    )
    made.supylabel("accuracy", fontsize=11)
    lines = {line.get_label(): line for axis in axes.flat for line in axis.lines}
    named = [name for name in _NAMES.format(against).split("; ") if name in lines]
    handles = [lines[name] for name in named]
    made.legend(handles, named, loc="outside upper center", ncols=len(named), fontsize=10, frameon=False)
    return made


def shown(name: str) -> str:
    """Return the name of an explainer as a figure has it."""
    return _SHOWN.get(name, name)


def _retrained(axis: "Axes", values: Floats, x: Sequence[float], band: "DataFrame | None") -> None:
    axis.plot(x, values.mean(0), color=BLUE, marker="o", markersize=4.5, label="retrained")
    if band is None:
        axis.plot(np.tile(x, len(values)), values.ravel(), ".", color=BLUE, alpha=0.5, markersize=5)
    else:
        axis.fill_between(x, band["low"], band["high"], color=BLUE, alpha=0.25, linewidth=0)


def _before(axis: "Axes", result: RoarResult, name: str, x: Sequence[float]) -> None:
    if result.before is None or name not in set(result.before["explainer"]):
        return
    rows = result.before[result.before["explainer"] == name].sort_values("fraction")
    axis.plot(x, rows["accuracy"], color=BLUE, linestyle=":", linewidth=1.8, label="not retrained")


def differences(
    panels: Mapping[str, "DataFrame"], *, xlabel: str, better: str = "lower", width: float = 9.0
) -> "Figure":
    """Draw differences with their intervals: a dot and a bar per explainer; grey where the interval holds 0.

    Args:
        panels: title -> explainer, mean, low, high, verdict, as from `RoarResult.area_differences`.
        xlabel: what is subtracted from what.
        better: the verdict, "lower" or "higher", that speaks for a method.
        width: of the figure, in inches.
    """
    rows = max(len(table) for table in panels.values())
    made, axes = figure(1, len(panels), (width, 0.9 + 0.27 * rows))
    for axis, (title, table) in zip(axes[0], panels.items(), strict=True):
        axis.axvline(0, color="black", linewidth=1)
        for place, row in enumerate(table.itertuples()):
            told = row.verdict != "cannot be told"
            colour = (BLUE if row.verdict == better else ORANGE) if told else GREY
            axis.plot([row.low, row.high], [place, place], color=colour, linewidth=3, solid_capstyle="butt")
            axis.plot([row.mean], [place], "o" if told else "s", color=colour, markersize=6)
        names = [shown(name) for name in table["explainer"]]
        axis.set(title=title, yticks=range(len(table)), yticklabels=names, ylim=(len(table) - 0.5, -0.5))
        axis.grid(axis="x", alpha=0.25)
        axis.tick_params(left=False)
    made.supxlabel(xlabel, fontsize=11)
    return made


def agreement(
    one: "Series", other: "Series", *, xlabel: str, ylabel: str, size: tuple[float, float] = (6.4, 4.2)
) -> "Figure":
    """Draw a dot per explainer: what one benchmark says of it against what another says, each a series by name."""
    made, axes = figure(1, 1, size)
    axis = axes[0, 0]
    names = [name for name in one.index if name in other.index]
    axis.plot(one[names], other[names], "o", color=BLUE, markersize=6)
    axis.set(xlabel=xlabel, ylabel=ylabel)
    axis.grid(alpha=0.25)
    axis.margins(0.12)
    labels = [_label(axis, torch.tensor([one[name], other[name]]), shown(name), "black", bold=False) for name in names]
    spread_labels(made, axis, labels)
    return made
