"""Figures of notebook 07, and the stored numbers in them: maps while the network goes to pieces, and how much of them is left."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from vislib.course import results
from vislib.course.plots import BLUE, GREY, ORANGE, _picture, figure, overlay
from vislib.course.plots.gradients import clipped
from vislib.sanity import interval

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def strips(image: Tensor, rows: Mapping[str, Tensor], titles: Sequence[str], *, width: float = 9.0) -> "Figure":
    """Draw one photograph, and beside it rows of unsigned maps, each cut at its own 99th percentile.

    Args:
        image: (C, H, W), pixels in [0, 1].
        rows: name -> maps (N, H, W), from left to right.
        titles: one for each map of a row.
        width: of the figure, in inches.
    """
    columns = len(titles) + 1
    cell = (width - 0.9) / columns  # beside the colour bar
    lines = max(title.count("\n") + 1 for title in titles)
    made, axes = figure(len(rows), columns, (width, len(rows) * cell + 0.2 * lines + 0.1))
    for r, (name, maps) in enumerate(rows.items()):
        axes[r, 0].axis("off")
        _picture(axes[r, 0], image)
        axes[r, 0].text(
            -0.06, 0.5, name, transform=axes[r, 0].transAxes, rotation=90, ha="right", va="center", fontsize=10
        )
        for c, heat in enumerate(clipped(maps), start=1):
            scale = overlay(axes[r, c], image, heat, signed=False, limit=1.0)
            if r == 0:
                axes[r, c].set_title(titles[c - 1], fontsize=10)
    made.colorbar(scale, ax=axes, shrink=0.6, aspect=25, pad=0.02).set_label("share of the map's 99th percentile")
    return made


def cascades(kept: Mapping[str, tuple[Tensor, Tensor]], *, columns: int = 4, ylabel: str = "similarity") -> "Figure":
    """Draw a panel per method: how alike its maps stay to those of the trained network, and its floor as a dashed line.

    Bands are 95 % intervals over seeds and photographs; the trained network itself is a hollow dot at 0.

    Args:
        kept: name -> values (seeds, layers, B) and floor (pairs, B), as in :class:`vislib.sanity.Cascade`.
        columns: panels in a row.
        ylabel: what is measured.
    """
    rows = -(-len(kept) // columns)
    made, axes = figure(rows, columns, (9.0, 2.25 * rows + 0.4), sharex=True, sharey=True)
    for axis, (name, (values, floor)) in zip(axes.flat, kept.items(), strict=False):
        depths = range(1, values.shape[1] + 1)
        _band(axis, [0, len(depths)], floor[:, None].expand(-1, 2, -1), GREY, "--")
        _band(axis, depths, values, BLUE, "-")
        axis.plot([0], [1], "o", markerfacecolor="white", color=BLUE, markersize=5, clip_on=False)
        axis.set_title(name)
        axis.set(xticks=[1, 10, 19] if len(depths) == 19 else [1, len(depths)], yticks=[0, 0.5, 1])
        axis.grid(alpha=0.25)
    for axis in list(axes.flat)[len(kept) :]:
        axis.axis("off")
    made.supxlabel("random blocks, counted from the output", fontsize=11)
    made.supylabel(ylabel, fontsize=11)
    return made


def _band(axis: "Axes", x: Sequence[int], values: Tensor, colour: str, style: str) -> None:
    low, high = interval(values)
    axis.fill_between(x, low.tolist(), high.tolist(), color=colour, alpha=0.25, linewidth=0)
    axis.plot(x, values.mean((0, 2)).tolist(), style, color=colour, linewidth=1.8)


def dots(
    panels: Mapping[str, Mapping[str, tuple[Tensor, Tensor]]],
    *,
    value: str,
    reference: str,
    xlabel: str = "similarity",
    xlim: tuple[float, float] = (-0.35, 1.12),
) -> "Figure":
    """Draw a panel per way of measuring and a line per method: a dot for the mean with all its values as ticks, and a diamond.

    Args:
        panels: title -> name -> (values (N,), reference values (M,)).
        value: what the dots are, for the legend.
        reference: what the diamonds are.
        xlabel: what is measured.
        xlim: the ends of the scale.
    """
    names = list(next(iter(panels.values())))
    made, axes = figure(1, len(panels), (9.0, 0.33 * len(names) + 1.25), sharey=True)
    for axis, (title, of) in zip(axes[0], panels.items(), strict=True):
        for place, (values, others) in enumerate(of.values()):
            axis.plot(values.tolist(), [place] * len(values), "|", color=BLUE, markersize=9, alpha=0.5)
            axis.plot(
                [float(others.mean())],
                [place],
                "D",
                color=ORANGE,
                markerfacecolor="white",
                markersize=9,
                label=reference,
            )
            axis.plot([float(values.mean())], [place], "o", color=BLUE, markersize=6, label=value)
        axis.axvline(0, color=GREY, linewidth=0.8)
        axis.set_title(title, fontsize=10)
        axis.set(yticks=range(len(names)), yticklabels=names, ylim=(len(names) - 0.5, -0.5), xlim=xlim)
        axis.grid(axis="x", alpha=0.25)
    made.supxlabel(xlabel, fontsize=11)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    found = dict(zip(labels, handles, strict=True))
    made.legend(found.values(), found.keys(), ncols=2, loc="outside upper center", frameon=False)
    return made


def columns_of(maps: Sequence[Tensor], index: int) -> Tensor:
    """Return the maps of one image, (N, H, W), from several batches of maps (B, H, W)."""
    return torch.stack([heat[index] for heat in maps])


@cache
def _table(name: str) -> Any:
    return results.stored(name)


def kept(method: str, measure: str = "spearman") -> tuple[Tensor, Tensor]:
    """Return from the tables how alike a method's maps stay (seeds, blocks, photographs), and its floor (pairs, photographs)."""
    tables = _table("sanity"), _table("sanity_floor")
    values, floor = (torch.tensor(table[table.method == method][measure].tolist()) for table in tables)
    return values.unflatten(0, (tables[0].seed.nunique(), -1)), floor


def twins(method: str, measure: str) -> tuple[Tensor, Tensor]:
    """Return from the table how alike a method's maps are: true against shuffled labels, and the ceiling; a value per pair."""
    table = _table("sanity_labels").set_index(["method", "against"])
    values, ceiling = (torch.tensor(table.loc[(method, kind), measure].tolist()) for kind in ("permuted", "true"))
    return values, ceiling
