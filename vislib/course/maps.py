"""Maps, which notebooks 02 and 03 draw: points in a plane in the colours of their groups, with names that do not overlap."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from vislib.course.figures import figure, legends
from vislib.course.names import beside

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Annotation


# The palette of Okabe and Ito, which colour-blind eyes can tell apart, and two more for the ten digits; beyond, the marker helps.
PALETTE = (
    *("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7a5c00", "#000000"),
    *("#6a3d9a", "#9acd32"),
)
MARKERS = "os^DvP*X"
_OWN = dict(
    zip(("blue", "red", "green", "magenta", "yellow", "cyan"), PALETTE, strict=False)
)  # groups that are colours
_PALE = "#b8b8b8"
_CLEAR = 7  # pixels from a point that has to be seen to the frame of a label


def panels(
    maps: Mapping[str, Tensor],
    groups: Sequence[Tensor | Sequence[Tensor]],
    names: Sequence[Sequence[str]],
    *,
    rows: Sequence[str] = (),
    notes: Mapping[str, Sequence[str]] | None = None,
    width: float = 9.0,
    height: float | None = None,
    pale: str | None = None,
) -> "Figure":
    """Draw several maps (N, 2) side by side, one row per colouring; axes without units carry no numbers.

    Args:
        maps: title -> points (N, 2).
        groups: one colouring (N,) per row, or one per map.
        names: the names of each row's groups, for its legend.
        rows: what each row is coloured by.
        notes: title -> a line under each panel, one per row.
        width: of the figure, in inches.
        height: of a panel, in inches; None means a third of the width, or less where there are more than three maps.
        pale: a group to draw in pale grey, below the others.
    """
    cell = width / max(len(maps), 3) if height is None else height
    made, axes = figure(len(groups), len(maps), (width, len(groups) * (cell + 0.7)))
    for r, (colouring, legend) in enumerate(zip(groups, names, strict=True)):
        for c, (axis, (title, points)) in enumerate(zip(axes[r], maps.items(), strict=True)):
            own = colouring if isinstance(colouring, Tensor) and colouring.ndim == 1 else colouring[c]
            dots(axis, points, own, legend, pale=pale, size=9 if height is None else 14)
            axis.set(xticks=[], yticks=[], xlabel=notes[title][r] if notes else "")
            axis.set_aspect("equal", adjustable="datalim")  # a width may be compared with a height
            if r == 0:
                axis.set_title(beside(title))
            axis.spines[["top", "right", "left", "bottom"]].set(visible=True, color="#cccccc")
        if rows:
            axes[r, 0].set_ylabel(beside(rows[r]))
    legends(made, [axes[r, 0] for r in range(len(groups))])
    return made


def dots(axis: "Axes", points: Tensor, groups: Tensor, names: Sequence[str], *, pale: str | None, size: float) -> None:
    """Draw points (N, 2) in the look of their group, with an entry for the legend; those of the group `pale` lie below."""
    for k, name in enumerate(names):
        x, y = points[groups == k].detach().cpu().double().T
        last = name == pale
        axis.scatter(
            x,
            y,
            s=size,
            marker=MARKERS[k % 8 if k < 8 else (k + 3) % 8],
            color=colour(k, name, names, pale),
            alpha=0.6 if last else 0.85,
            linewidths=0,
            zorder=1 if last else 2,
            label=beside(name),
        )


def colour(k: int, name: str, names: Sequence[str], pale: str | None) -> str:
    """Return the colour of the group of number k; a group that is named after a colour of the palette has that one."""
    return _PALE if name == pale else _OWN.get(name, PALETTE[k % len(PALETTE)])


def rings(axis: "Axes", points: Tensor, chosen: Sequence[int]) -> Tensor:
    """Draw a ring round some of the points; return where they lie, (len(chosen), 2)."""
    at = points[list(chosen)].detach().cpu().double().reshape(-1, 2)
    if len(at):
        axis.scatter(at[:, 0], at[:, 1], s=48, facecolors="none", edgecolors="black", linewidths=1.1, zorder=3)
    return at


def label(axis: "Axes", at: Tensor, text: str, colour: str, *, bold: bool, above: float = 9) -> "Annotation":
    """Write a name in a frame over a place (2,), with a line to it."""
    return axis.annotate(
        beside(text),
        (float(at[0]), float(at[1])),
        xytext=(0, above),
        textcoords="offset points",
        ha="center",
        va="center",
        color="black",
        fontsize=11,
        fontweight="bold" if bold else "normal",
        zorder=4,
        bbox={
            "boxstyle": "round,pad=0.15",
            "facecolor": "white",
            "edgecolor": colour,
            "alpha": 0.88,
            "linewidth": 1.2 if bold else 0.5,
        },
        arrowprops={"arrowstyle": "-", "color": "#404040", "linewidth": 0.7, "shrinkA": 0, "shrinkB": 2},
    )


def spread_labels(
    made: "Figure", axis: "Axes", labels: Sequence["Annotation"], clear: Tensor | None = None, *, rounds: int = 300
) -> None:
    """Push labels apart until no two overlap and all lie inside the axes; a thin line leads back to the point.

    `clear` (N, 2) are places on the map that no label may cover.
    """
    made.canvas.draw()
    frame = axis.get_window_extent()
    scale = 72 / made.dpi
    boxes = [box(label) for label in labels]
    half = np.array([[box.width, box.height] for box in boxes]).reshape(-1, 2) / 2 + 2
    centre = np.array([[box.x0 + box.width / 2, box.y0 + box.height / 2] for box in boxes]).reshape(-1, 2)
    start = centre.copy()
    low, high = np.array([frame.x0, frame.y0]), np.array([frame.x1, frame.y1])
    pins = axis.transData.transform(np.empty((0, 2)) if clear is None else clear.numpy())
    for i, label in enumerate(labels if len(pins) else []):
        point = axis.transData.transform(label.xy)
        right, up = (pins - point).T
        if ((np.abs(right) < 20) & (up > 0) & (up < 40)).any():  # another one above: this label goes below
            centre[i, 1] = 2 * point[1] - centre[i, 1]
    for turn in range(rounds):
        moved = np.zeros_like(centre)
        for i in range(len(labels)):
            for j in range(i):
                gap = centre[i] - centre[j]
                overlap = half[i] + half[j] - np.abs(gap)
                if (overlap > 0).all():  # part them along the shorter way
                    way = int(np.argmin(overlap))
                    push = (overlap[way] / 2 + 0.5) * (1 if gap[way] >= 0 else -1)
                    moved[i, way] += push
                    moved[j, way] -= push
            for pin in pins:
                gap = centre[i] - pin
                overlap = half[i] + _CLEAR - np.abs(gap)
                if (overlap > 0).all():
                    way = int(np.argmin(overlap)) if turn < rounds / 2 else 0  # caught between two: step aside
                    moved[i, way] += (overlap[way] + 0.5) * (1 if gap[way] >= 0 else -1)
        if not moved.any():
            break
        centre = np.clip(centre + moved, low + half, high - half)
    for label, shift in zip(labels, centre - start, strict=True):
        x, y = label.get_position()
        label.set_position((x + shift[0] * scale, y + shift[1] * scale))


def box(label: Any) -> Any:
    """Return the rectangle of a label's text and frame, without its line, in pixels."""
    return label.get_bbox_patch().get_window_extent()
