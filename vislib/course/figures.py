"""The figures that several notebooks draw with. Each function returns a figure, which displays and describes itself.

Signed maps use a diverging scale centred on 0, unsigned ones a sequential scale; both are readable for colour-blind
eyes. Maps that are drawn together share one scale.
"""

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from vislib.course.described import PICTURE, peaks
from vislib.course.names import beside

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


SIGNED, UNSIGNED = "RdBu_r", "viridis"
BLUE, ORANGE, GREY = "#0072b2", "#d55e00", "#8c8c8c"  # from the palette of Okabe and Ito
_LETTER = 0.098  # inches, of 12 points
_SCREEN = 5.6  # inches: what JupyterLab shows at once of a figure, on a screen of 1280 × 720
_LEAST = 1.5  # inches: a picture that one is asked to look at
_PENCIL = 0.4  # how dark the lines of an image are on its map
_SHOWN = {"sobel": "edges (Sobel)", "gray": "grey"}


def show(figure: "Figure") -> None:
    """Display a figure in the middle of a cell; at the end of a cell, a figure displays itself."""
    from IPython.display import display

    display(figure)


def figure(
    rows: int, columns: int, size: tuple[float, float], **options: Any
) -> tuple["Figure", "np.ndarray[Any, Any]"]:
    """Return a figure in the course's style and its axes (rows, columns); size in inches."""
    from matplotlib import rc_context
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    from vislib.course.drawn import STYLE, Drawn

    with rc_context(STYLE):
        made = Drawn(figsize=size, layout="constrained")
        FigureCanvasAgg(made)
        axes = made.subplots(rows, columns, squeeze=False, **options)
    return made, axes


def pictures(
    images: Tensor | Sequence[Tensor],
    titles: Sequence[str] = (),
    *,
    names: Sequence[str] = (),
    columns: int = 6,
    width: float = 9.0,
) -> "Figure":
    """Draw images (N, C, H, W), pixels in [0, 1], in rows, each under its title, and left of each row its name."""
    images = list(images)
    columns = min(columns, len(images))
    rows = -(-len(images) // columns)
    aside = max((len(line) * _LETTER + 0.1 for name in names for line in name.split("\n")), default=0.0)
    cell = (width - min(aside, width / 3)) / columns
    titles, size = _fitting(titles, cell)
    above = 0.22 * max((title.count("\n") + 1 for title in titles), default=0)
    cell = min(cell, max(_SCREEN / rows - above, _LEAST))
    made, axes = figure(rows, columns, (columns * cell + aside, rows * (cell + above)))
    for axis, name in zip(axes[:, 0], names, strict=False):
        axis.text(-0.06, 0.5, beside(name), transform=axis.transAxes, ha="right", va="center", fontsize=12)
    for axis in axes.flat:
        axis.axis("off")
    for axis, image in zip(axes.flat, images, strict=False):
        draw_image(axis, image)
    for axis, title in zip(axes.flat, titles, strict=False):
        axis.set_title(beside(title), fontsize=size)
    return made


def _fitting(titles: Sequence[str], inches: float) -> tuple[list[str], int]:
    """Return titles and a size in points with which their lines fit above panels so wide; where none does, broken ones."""
    longest = max((len(line) for title in titles for line in title.split("\n")), default=0)
    for size in (12, 11, 10):
        if longest * _LETTER * size / 12 <= inches:
            return list(titles), size
    return [wrapped(title, inches) for title in titles], 12


def wrapped(title: str, inches: float) -> str:
    """Return a title broken into lines that stand above a panel of so many inches without touching the next one's."""
    most = max(int(inches / _LETTER), 8)
    return "\n".join(part for line in title.split("\n") for part in textwrap.wrap(line, most) or [""])


def answer(image: Tensor, top: Sequence[tuple[str, float]], *, title: str = "") -> "Figure":
    """Draw an image (C, H, W) beside the classes and probabilities that a model gave it (`Classifier.top`)."""
    made, axes = figure(1, 2, (8.0, 3.2), width_ratios=(1, 1.3))
    draw_image(axes[0, 0], image)
    axes[0, 0].set_title(beside(title))
    bars = axes[0, 1]
    places, values = range(len(top)), [value for _, value in top]  # not the names, of which two may be the same
    drawn = bars.barh(places, values, color=[BLUE, *[GREY] * (len(top) - 1)])
    bars.bar_label(drawn, [f"{value:.2f}" for value in values], padding=4)
    bars.set(xlim=(0, 1.12), xlabel="probability", xticks=(0, 0.5, 1))
    bars.set_yticks(places, [beside(name) for name, _ in top])
    bars.invert_yaxis()
    bars.tick_params(left=False)
    return made


def heatmaps(
    images: Tensor,
    maps: Mapping[str, Tensor],
    *,
    signed: bool = True,
    label: str = "",
    titles: Sequence[str] = (),
    columns: int = 4,
    shared: bool = True,
    outline: bool = False,
    width: float = 9.0,
) -> "Figure":
    """Draw heatmaps over their images, with the plain image first.

    Args:
        images: (B, C, H, W), pixels in [0, 1]. With one image, the maps run on in rows of `columns`; with several,
            each image has a column, and each map a row.
        maps: name -> heatmap (B, H, W).
        signed: diverging colours centred on 0, or sequential ones from 0.
        label: what the colour bar shows, with its unit.
        titles: a name per image.
        columns: panels in a row, where there is one image.
        shared: one scale for all maps; False gives each map its own, whose end stands below its name.
        outline: only the outline of what is bright in the image goes with a map, so that a 0 has its own colour.
        width: in inches, of the panels together, where they are many.
    """
    several = len(images) > 1
    heats = {name: heat.detach().cpu().float() for name, heat in maps.items()}
    limit = _limit(list(heats.values()))
    limits = {name: limit if shared else _limit([heat]) for name, heat in heats.items()}
    names = {name: name if shared else f"{name}\n(to {'± ' if signed else ''}{limits[name]:.2g})" for name in heats}
    plain = list(titles) or [""] * len(images)
    if several:
        grid: list[tuple[Tensor, Tensor | None, str, str]] = [
            (x, None, t, "") for x, t in zip(images, plain, strict=True)
        ]
        grid += [(x, h, n, "") for n, heat in heats.items() for x, h in zip(images, heat, strict=True)]
        columns = len(images)
    else:
        grid = [(images[0], None, "", plain[0] or "image"), *((images[0], h[0], n, names[n]) for n, h in heats.items())]
        columns = min(columns, len(grid))
    rows = -(-len(grid) // columns)
    above = 0.3 if several else 0.35 * rows
    cell = min(width / (columns + 0.6), 2.9, max((_SCREEN - above) / rows, _LEAST))
    made, axes = figure(rows, columns, (cell * columns + 1.2, rows * cell + above))
    for axis in axes.flat:
        axis.axis("off")
    scale = None
    for place, (axis, (image, heat, name, title)) in enumerate(zip(axes.flat, grid, strict=False)):
        if heat is None:
            draw_image(axis, image)
            title = wrapped(title or name, cell)
        else:
            scale = overlay(axis, image, heat, signed=signed, limit=limits[name], outline=outline)
            if several and place % columns == 0:
                name_row(axis, names[name])
        axis.set_title(beside(title))
    if scale is not None:
        bar = made.colorbar(scale, ax=axes, shrink=0.9 if rows == 1 else 0.6, aspect=25, pad=0.02)
        bar.set_label(label)
        if not shared:
            bar.set_ticks([scale.norm.vmin, 0, scale.norm.vmax] if signed else [0, scale.norm.vmax])
            bar.set_ticklabels(["− end", "0", "+ end"] if signed else ["0", "end"])
    return made


def name_row(axis: "Axes", name: str) -> None:
    """Write the name of a row left of its first panel: upright where it is a letter, else turned to run along the row."""
    letter = len(name) <= 2
    look: Any = {"fontsize": 16, "weight": "bold"} if letter else {"fontsize": 12, "rotation": 90}
    axis.text(-0.06, 0.5, beside(name), transform=axis.transAxes, ha="right", va="center", **look)


def overlay(axis: "Axes", image: Tensor, heat: Tensor, *, signed: bool, limit: float, outline: bool = False) -> Any:
    """Draw a heatmap (H, W) opaque, so that each colour is that of the bar, and return the colour scale.

    Over a signed map its image (C, H, W) is drawn as with a pencil; with `outline`, as the one edge of what is bright.
    """
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    norm = Normalize(-limit if signed else 0, limit)
    scale = ScalarMappable(norm, SIGNED if signed else UNSIGNED)
    values = heat.cpu().float().numpy()
    colours = scale.to_rgba(values)
    grey = image.detach().cpu().float().mean(0).numpy()
    if signed and not outline and grey.shape == values.shape:  # a coarser map stays as it is
        colours[..., :3] *= 1 - _PENCIL * edges(grey)[..., None]
    colours[np.isnan(values)] = 0  # unknown: the image alone
    axis.imshow(0.62 + 0.38 * (np.zeros_like(grey) if outline else grey), cmap="gray", vmin=0, vmax=1)
    axis.imshow(colours, label=peaks(values))
    if outline and grey.min() < 0.5 < grey.max():
        axis.contour(grey, levels=[0.5], colors="black", linewidths=1)
    axis.axis("off")
    return scale


def edges(grey: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
    """Return how sharply an image (H, W) changes at each pixel, from 0 to 1 where it does so most."""
    from scipy.ndimage import gaussian_gradient_magnitude

    change = gaussian_gradient_magnitude(grey, max(len(grey) / 224, 1))
    sharp: np.ndarray[Any, Any] = np.clip(change / max(np.quantile(change, 0.99), 0.1), 0, 1) ** 1.5
    return sharp


def clipped(heat: Tensor, share: float = 0.99) -> Tensor:
    """Return heatmaps (B, H, W), each divided by the value below which `share` of its absolute values lie, within [-1, 1].

    A few pixels of a gradient map are far above the rest, and would leave it dark. A map of zeros stays as it is.
    """
    limit = heat.abs().flatten(1).quantile(share, dim=1)[:, None, None]
    return (heat / limit.where(limit > 0, 1)).clamp(-1, 1)


def lines(
    x: Sequence[float],
    curves: Mapping[str, Sequence[float]],
    *,
    xlabel: str,
    ylabel: str,
    ticks: Sequence[str] = (),
    chance: Sequence[float] = (),
    size: tuple[float, float] = (7.0, 3.4),
) -> "Figure":
    """Draw a curve per name, labelled at its right end rather than in a legend.

    `ticks` are words for the values of x; at the heights `chance`, what guessing gives, dashed lines are drawn.
    """
    made, axes = figure(1, 1, size)
    axis = axes[0, 0]
    colours = (BLUE, ORANGE, "#009e73", "#cc79a7", GREY)
    for (name, values), colour, marker in zip(curves.items(), colours, "osD^v", strict=False):
        axis.plot(x, values, color=colour, marker=marker, markersize=5, label=beside(name))
    low, high = axis.get_ylim()
    heights = _apart([values[-1] for values in curves.values()], 0.066 * (high - low) * 3.4 / size[1])
    for name, height, colour in zip(curves, heights, colours, strict=False):
        where: Any = {"va": "center", "xytext": (6, 0), "textcoords": "offset points"}
        axis.annotate(f" {beside(name)}", (x[-1], height), color=colour, fontsize=12, **where)
    for height in chance:
        axis.axhline(height, color=GREY, linestyle="--", linewidth=1, zorder=0)
    axis.set(xlabel=xlabel, ylabel=ylabel)
    if ticks:
        axis.set_xticks(x, [beside(tick) for tick in ticks])
    axis.grid(alpha=0.25)
    axis.margins(x=0.02)
    return made


def _apart(heights: Sequence[float], gap: float) -> list[float]:
    """Return heights in the same order, moved as little as needed to lie at least `gap` apart, downwards from the highest."""
    moved, last = list(heights), float("inf")
    for i in sorted(range(len(heights)), key=lambda i: -heights[i]):
        moved[i] = last = min(heights[i], last - gap)
    return moved


def bars(
    values: Mapping[str, Sequence[float]],
    ticks: Sequence[str],
    *,
    ylabel: str,
    spans: Mapping[str, Sequence[tuple[float, float]]] | None = None,
    floor: float | None = None,
    floor_name: str = "floor",
    size: tuple[float, float] = (9.0, 3.0),
) -> "Figure":
    """Draw groups of bars, one colour per name, each with its value on top; `floor` is a dashed line with a name.

    With one group of bars there is no legend, and the floor has its name at its right end. `spans` are the ends of an
    interval for each bar, drawn as a thin line over it.
    """
    made, axes = figure(1, 1, size)
    axis = axes[0, 0]
    width = 0.8 / len(values)
    near = 0.12 * max(max(heights) for heights in values.values())
    for j, (name, heights) in enumerate(values.items()):
        at = np.arange(len(ticks)) + (j - (len(values) - 1) / 2) * width
        axis.bar(at, heights, 0.94 * width, label=beside(name), color=(BLUE, ORANGE, GREY, "#009e73")[j % 4])
        ends = spans[name] if spans else [(height, height) for height in heights]
        if spans:
            axis.vlines(at, *zip(*ends, strict=True), color="black", linewidth=1.2)
        for x, height, (_, top) in zip(at, heights, ends, strict=True):
            # a number stands above its interval, and above the floor's line where that would cross it
            foot = floor if floor is not None and 0 <= floor - top < near else top
            where: Any = {"textcoords": "offset points", "ha": "center", "va": "bottom"}
            axis.annotate(f"{height:.2f}", (x, foot), (0, 1), fontsize=10, **where)
    if floor is not None:
        axis.axhline(floor, color="black", linestyle="--", linewidth=1, label=f"{beside(floor_name)}: {floor:.2g}")
    fitted, letters = _fitting(ticks, 0.85 * size[0] / len(ticks))
    axis.set(xticks=range(len(ticks)), ylabel=ylabel)
    axis.set_xticklabels(map(beside, ticks), fontsize=letters if fitted == list(ticks) else 10)
    axis.margins(y=0.15)
    if len(values) > 1:
        legends(made, [axis])
    elif floor is not None:
        axis.annotate(
            f" {beside(floor_name)}:\n {floor:.2g}", (1, floor), xycoords=("axes fraction", "data"), va="center"
        )
    return made


def legends(made: "Figure", axes: Sequence["Axes"]) -> None:
    """Put a legend below the figure; where the first and the last axes have different ones, one above and one below."""
    (first, names), (last, others) = (axes[i].get_legend_handles_labels() for i in (0, -1))
    look: Any = {
        "markerscale": 2.2,
        "frameon": False,
        "handletextpad": 0.2,
        "columnspacing": 1.1,
        "borderaxespad": 0.1,
    }
    made.legend(last, others, ncols=len(others), loc="outside lower center", **look)
    if names != others:
        made.legend(first, names, ncols=len(names), loc="outside upper center", **look)


def shown(name: str) -> str:
    """Return the name of an explainer as a figure has it."""
    return _SHOWN.get(name, name)


def coloured(heat: Tensor) -> Tensor:
    """Return a map (H, W) in [0, 1] in the course's colours for unsigned maps, opaque, (3, H, W)."""
    from matplotlib import colormaps

    return torch.from_numpy(colormaps[UNSIGNED](heat.detach().cpu().float().numpy())[..., :3]).permute(2, 0, 1).float()


def draw_image(axis: "Axes", image: Tensor) -> None:
    """Draw an image (C, H, W), pixels in [0, 1], grey or coloured."""
    pixels = image.detach().cpu().float().clamp(0, 1).numpy()
    shades = pixels.transpose(1, 2, 0) if len(pixels) == 3 else pixels[0]
    axis.imshow(shades, cmap="gray", vmin=0, vmax=1, label=PICTURE)
    axis.axis("off")


def _limit(maps: Sequence[Tensor]) -> float:
    """Return the largest finite absolute value, or 1 where there is none above 0, so that a scale always exists."""
    largest = max((float(heat.abs().nan_to_num(0, posinf=0).max()) for heat in maps), default=0.0)
    return largest if largest > 0 else 1.0
