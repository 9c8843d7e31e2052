"""Figures of notebook 01: what a network tells about itself, and what each route costs."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

from vislib.course.plots import BLUE, GREY, ORANGE, _picture, figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def told(
    images: Tensor, rows: Mapping[str, tuple[Tensor, Sequence[str]]], *, titles: Sequence[str] = (), width: float = 9.0
) -> "Figure":
    """Draw images (N, C, H, W) once per row, each with the outline of a mask and a line of words below.

    Args:
        images: pixels in [0, 1].
        rows: name -> masks (N, H, W), of which the outline at 0.5 is drawn, and one line per image.
        titles: a line above each image of the first row.
        width: of the figure, in inches.
    """
    cell = width / len(images)
    made, axes = figure(len(rows), len(images), (width, len(rows) * (cell + 0.45) + 0.3))
    for r, (name, (masks, words)) in enumerate(rows.items()):
        for c, (image, mask, line) in enumerate(zip(images, masks, words, strict=True)):
            axis = axes[r, c]
            _picture(axis, image)
            for colour, thickness in (("black", 3.5), ("white", 1.8)):
                axis.contour(mask.detach().cpu().float().numpy(), [0.5], colors=colour, linewidths=thickness)
            axis.text(0.5, -0.03, line, transform=axis.transAxes, ha="center", va="top", fontsize=10)
            if r == 0 and titles:
                axis.set_title(titles[c])
        if name:
            axes[r, 0].text(
                -0.06, 0.5, name, transform=axes[r, 0].transAxes, rotation=90, ha="right", va="center", fontsize=11
            )
    return made


def intervals(
    panels: Mapping[str, Mapping[str, Sequence[float]]], *, size: tuple[float, float] = (9.0, 2.6)
) -> "Figure":
    """Draw, per panel and name, the mean of several seeds as a dot, all seeds as ticks, and a line over their middle 80 %."""
    made, axes = figure(1, len(panels), size, sharey=True)
    for axis, (label, values) in zip(axes[0], panels.items(), strict=True):
        for place, (seeds, colour) in enumerate(zip(values.values(), (GREY, BLUE, ORANGE, "#009e73"), strict=False)):
            axis.plot(seeds, [place] * len(seeds), "|", color=colour, markersize=12, alpha=0.6)
            axis.plot(np.quantile(seeds, [0.1, 0.9]), [place] * 2, color=colour, linewidth=3)
            axis.plot([np.mean(seeds)], [place], "o", color=colour, markersize=8)
        axis.set(xlabel=label, yticks=range(len(values)), yticklabels=list(values), ylim=(len(values) - 0.5, -0.5))
        axis.grid(axis="x", alpha=0.25)
    return made
