"""What gradient maps need before they can be drawn, and one figure of them."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from torch import Tensor

from vislib.course.plots import figure, overlay

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def clipped(heat: Tensor, share: float = 0.99) -> Tensor:
    """Return heatmaps (B, H, W), each divided by the value below which `share` of its absolute values lie, within [-1, 1].

    A few pixels of a gradient map are far above the rest, and would leave it dark. A map of zeros stays as it is.
    """
    limit = heat.abs().flatten(1).quantile(share, dim=1)[:, None, None]
    return (heat / limit.where(limit > 0, 1)).clamp(-1, 1)


def by_word(images: Tensor, rows: Mapping[str, Mapping[str, Tensor]], *, width: float = 9.0) -> "Figure":
    """Draw unsigned maps of the first image, a column per method and a row per word that is explained.

    Args:
        images: (B, C, H, W), pixels in [0, 1].
        rows: word -> method -> heatmaps (B, H, W); each map is cut at its own 99th percentile.
        width: of the figure, in inches.
    """
    columns = max(len(maps) for maps in rows.values())
    cell = (width - 1.1) / columns
    made, axes = figure(len(rows), columns, (width, len(rows) * cell + 0.3))
    for r, (word, maps) in enumerate(rows.items()):
        for axis, (method, heat) in zip(axes[r], maps.items(), strict=True):
            scale = overlay(axis, images[0], clipped(heat[:1])[0], signed=False, limit=1.0)
            axis.set_title("" if r else method)
        axes[r, 0].text(-0.04, 0.5, word, transform=axes[r, 0].transAxes, rotation=90, ha="right", va="center")
    made.colorbar(scale, ax=axes, shrink=0.6, aspect=25, pad=0.02).set_label("share of the map's 99th percentile")
    return made
