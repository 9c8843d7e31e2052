"""What belongs to notebook 08: curves of retrained networks, differences and rankings, an explorer, and checkers."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from vislib import data, nets
from vislib.course import results
from vislib.course.described import PICTURE
from vislib.course.encoding import encoded_image
from vislib.course.figures import BLUE, GREY, ORANGE, UNSIGNED, clipped, draw_image, figure, shown
from vislib.course.maps import label, spread_labels
from vislib.course.names import beside, on_page
from vislib.course.verdict import Verdict, attempt, number, tensor_verdict
from vislib.data import ImageSet
from vislib.intervals import Floats
from vislib.models import Classifier
from vislib.roar import RoadResult, RoarResult
from vislib.roar.removal import Removal, Removed, ranks
from vislib.roar.sweep import Training, arrays, retrain

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from pandas import DataFrame, Series

    from vislib.course.frame import Explorer


_GONE = (0.34, 0.71, 0.91)  # sky blue, of the palette of Okabe and Ito
ON_DIGITS = [
    "gradient",
    "SmoothGrad²",
    "integrated gradients",
    "input × gradient",
    "guided backprop",
    "Grad-CAM",
    "occlusion",
    "sobel",
]
ON_SCENES = [
    "SmoothGrad",
    "integrated gradients",
    "VarGrad",
    "input × gradient",
    "gradient",
    "guided backprop",
    "occlusion",
    "Grad-CAM",
]
TRUTH = ["object", "object and its rim", "all but the object", "disc"]
_NAMES = (
    "retrained",
    "not retrained",
    "the mask alone",
    "retrained, {}",
    "not retrained, {}",
    "chance",
)  # as in the legend
_ENOUGH = 5  # seeds; of fewer each one is drawn, and no interval


def network(train: ImageSet, seed: int) -> Classifier:
    """Return an untrained network for a set of images, as small as those of the stored sweeps."""
    _, channels, size, _ = train.images.shape
    built = nets.SmallCNN(channels=channels, classes=len(train.classes), size=size, widths=(8, 16), seed=seed)
    return Classifier(built, classes=train.classes, mean=0.5, std=0.25, input_size=size).to(train.images.device)


def sweeps(name: str, clean: float | None = None) -> tuple[RoarResult, RoarResult]:
    """Return the stored sweep of "digits" or "shapes", and what was learned there from the shape of the holes alone.

    Args:
        name: of the data set; for shapes the object with its rim is among the rankings.
        clean: the accuracy on whole images, where the curves begin.
    """
    import pandas as pd

    rim = ["roar_rim"] if name == "shapes" else []
    tables = [pd.concat([results.stored(t + end) for t in (f"roar_{name}", *rim)]) for end in ("", "_masks")]
    asked = pd.concat([results.stored("roar_without"), results.stored("roar_without_truth")])
    before = asked[(asked["data"] == name) & (asked["fill"] == "mean") & (asked["order"] == "most_first")]
    return RoarResult(tables[0], before, clean), RoarResult(tables[1])


def areas(sweeps: Mapping[str, RoarResult]) -> "tuple[dict[str, Series], dict[str, Series]]":
    """Return by name of the data set the area under each curve of ROAR, and of the stored ROAD; blurred maps left out."""
    asked = results.stored("roar_without").query("fill == 'linear'")
    one, other = {}, {}
    for name, sweep in sweeps.items():
        road = RoadResult(asked[asked["data"] == name]).areas()
        plain = [found for found in sweep.explainers if found in road.index and not found.endswith("blurred")]
        one[name], other[name] = sweep.areas().set_index("explainer")["mean"][plain], road[plain]
    return one, other


def with_rim(masks: Tensor) -> Tensor:
    """Return masks (N, H, W) one pixel larger all round, as 0 and 1."""
    return torch.nn.functional.max_pool2d(masks.float()[:, None], 3, stride=1, padding=1)[:, 0]


def marked(images: Tensor, gone: Tensor) -> Tensor:
    """Return images (B, C, H, W) in colours, with the pixels that are gone (B, H, W) in blue: for the eye, no network sees it."""
    return torch.where(
        gone[:, None], torch.tensor(_GONE, device=images.device)[:, None, None], images.expand(-1, 3, -1, -1)
    )


def removed(
    image: Tensor,
    maps: Mapping[str, Tensor],
    result: RoarResult,
    *,
    at: Sequence[float],
    width: float = 8.2,
) -> "Figure":
    """Draw ROAR: an image, each ranking's map of it, more and more pixels of it `marked`, and what is still learned.

    Args:
        image: (C, H, W), pixels in [0, 1].
        maps: explainer -> unsigned maps (B, H, W), the first of this image, of explainers that the result has.
        result: the sweep, for the accuracy over each picture.
        at: which shares of removed pixels, of those that the result has.
        width: of the figure, in inches.
    """
    columns = 2 + len(at)
    made, axes = figure(len(maps), columns, (width, len(maps) * (width / columns + 0.4)))
    for line, (name, heat) in zip(axes, maps.items(), strict=True):
        draw_image(line[0], image)
        line[0].set_title("whole")
        line[1].imshow(clipped(heat[:1])[0].cpu().numpy(), cmap=UNSIGNED, vmin=0, vmax=1, label=PICTURE)
        line[1].axis("off")
        line[1].set_title(beside(shown(name)))
        order = ranks(heat[:1], 0)
        means = dict(zip(result.fractions, result.values(name).mean(0), strict=True))
        for axis, fraction in zip(line[2:], at, strict=True):
            draw_image(axis, marked(image[None], Removal(fraction).removed(order))[0])
            axis.set_title(f"{fraction:.0%} removed\nretrained {means[fraction]:.2f}")
    return made


def curves(
    result: RoarResult,
    names: Sequence[str] = (),
    *,
    masks: RoarResult | None = None,
    against: str = "random",
    chance: float | None = None,
    before: bool = True,
    columns: int = 4,
    width: float = 9.0,
) -> "Figure":
    """Draw a panel per explainer: its accuracy over the share of removed pixels, beside all that it must be compared with.

    Args:
        result: of a sweep; with five seeds or more a band shows the interval, with fewer a dot each seed. Where it has
            an accuracy on whole images, all curves begin there, at 0 %.
        names: which explainers; all but `against` unless given.
        masks: what was learned from the shape of the holes alone.
        against: the control that is drawn in every panel.
        chance: the accuracy of guessing, and of the mask alone where nothing is removed.
        before: draw what the first network, which is not retrained, reaches, too.
        columns: panels in a row.
        width: of the figure, in inches.
    """
    names = list(names) or [name for name in result.explainers if name != against]
    columns = min(columns, len(names))
    rows = -(-len(names) // columns)
    panel = 1.95 if rows > 1 else 3.0  # a row alone may be higher
    made, axes = figure(rows, columns, (width, 0.5 + panel * rows), sharex=True, sharey=True)
    start = [] if result.clean is None else [result.clean]
    x = [0.0] * len(start) + [100 * fraction for fraction in result.fractions]
    bands = result.intervals().groupby("explainer") if len(result.values(names[0])) >= _ENOUGH else None
    for axis in axes.flat[len(names) :]:
        axis.axis("off")
    for axis, name in zip(axes.flat, names, strict=False):
        if chance is not None:
            axis.axhline(chance, color="black", linewidth=0.8, linestyle=(0, (1, 4)), zorder=4, label="chance")
        if against in result.explainers and name != against:
            axis.plot(
                x,
                [*start, *result.values(against).mean(0)],
                color=GREY,
                marker="s",
                markersize=3.5,
                label=f"retrained, {beside(against)}",
            )
            if before:
                _before(axis, result, against, x, color=GREY, label=f"not retrained, {beside(against)}")
        if masks is not None and name in masks.explainers:
            style: Any = {"color": ORANGE, "linestyle": "--", "marker": "D", "markersize": 3.5, "zorder": 3}
            blind = start and [chance or 0.0]
            axis.plot(x, [*blind, *masks.values(name).mean(0)], label="the mask alone", **style)
        if before:
            _before(axis, result, name, x, color=BLUE, label="not retrained")
        _retrained(axis, result.values(name), start, x, None if bands is None else bands.get_group(name))
        axis.set_title(beside(shown(name)))
        axis.grid(alpha=0.25)
        axis.set(xlim=(-3, 93), ylim=(0, 1.03), xticks=[0, 50, 90], yticks=[0, 0.5, 1])
    made.supxlabel("pixels ranked lowest removed, in %" if result.setting.get("keep") else "pixels removed, in %")
    made.supylabel("accuracy")
    lines = {line.get_label(): line for axis in axes.flat for line in axis.lines}
    named = [name for name in (entry.format(beside(against)) for entry in _NAMES) if name in lines]
    handles = [lines[name] for name in named]
    columns = len(named) if len(named) < 6 else 3
    made.legend(handles, named, loc="outside upper center", ncols=columns)
    return made


def _retrained(
    axis: "Axes", values: Floats, start: Sequence[float], x: Sequence[float], band: "DataFrame | None"
) -> None:
    axis.plot(x, [*start, *values.mean(0)], color=BLUE, marker="o", markersize=5, linewidth=3.5, label="retrained")
    where = x[len(start) :]
    if band is None:
        axis.plot(np.tile(where, len(values)), values.ravel(), ".", color=BLUE, alpha=0.5, markersize=5)
    else:
        axis.fill_between(where, band["low"], band["high"], color=BLUE, alpha=0.25, linewidth=0)


def _before(axis: "Axes", result: RoarResult, name: str, x: Sequence[float], **style: Any) -> None:
    if result.before is None or name not in set(result.before["explainer"]):
        return
    rows = result.before[result.before["explainer"] == name].sort_values("fraction")
    start = [] if result.clean is None else [result.clean]
    axis.plot(x, [*start, *rows["accuracy"]], linestyle=":", linewidth=1.8, **style)


def differences(panels: Mapping[str, "DataFrame"], *, xlabel: str, width: float = 9.0) -> "Figure":
    """Draw differences with their intervals: a dot and a bar per explainer; grey where the interval contains 0.

    Args:
        panels: title -> explainer, mean, low, high, verdict, as from `RoarResult.area_differences`.
        xlabel: what is subtracted from what.
        width: of the figure, in inches.
    """
    rows = max(len(table) for table in panels.values())
    made, axes = figure(1, len(panels), (width, 0.9 + 0.27 * rows))
    for axis, (title, table) in zip(axes[0], panels.items(), strict=True):
        axis.axvline(0, color="black", linewidth=1)
        for place, row in enumerate(table.itertuples()):
            told = row.verdict != "inconclusive"
            colour = {"better": BLUE, "worse": ORANGE}.get(row.verdict, GREY)
            axis.plot([row.low, row.high], [place, place], color=colour, linewidth=3, solid_capstyle="butt")
            axis.plot([row.mean], [place], "o" if told else "s", color=colour, markersize=6)
        names = [shown(name) for name in table["explainer"]]
        axis.set(
            title=beside(title), yticks=range(len(table)), yticklabels=map(beside, names), ylim=(len(table) - 0.5, -0.5)
        )
        axis.locator_params(axis="x", nbins=3)
        axis.grid(axis="x", alpha=0.25)
        axis.tick_params(left=False)
    made.supxlabel(xlabel)
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
    labels = [label(axis, torch.tensor([one[name], other[name]]), shown(name), "black", bold=False) for name in names]
    spread_labels(made, axis, labels)
    return made


def explorer(
    images: Tensor,
    maps: Mapping[str, Tensor],
    result: RoarResult,
    *,
    colour: Tensor,
    masks: RoarResult | None = None,
) -> "Explorer":
    """Choose who ranks the pixels and how many go; see images without them, and the accuracies of the sweep.

    Args:
        images: a few images (B, C, H, W), pixels in [0, 1].
        maps: explainer -> heatmaps (B, H, W), of explainers that the result has.
        result: the sweep.
        colour: what a removed pixel becomes, (C, 1, 1).
        masks: what was learned from the shape of the holes alone.

    Raises:
        ValueError: if the result has not one of the explainers.
    """
    import ipywidgets as widgets

    from vislib.course.frame import Explorer, Image, still

    for name in maps:
        result.values(name)
    orders = {name: ranks(heat, 0) for name, heat in maps.items()}
    shares = {f"{fraction:.0%}": fraction for fraction in result.fractions}
    who = widgets.Dropdown(options=list(maps), description="ranked by", layout=widgets.Layout(width="320px"))
    share = widgets.SelectionSlider(
        options=list(shares), value=list(shares)[len(shares) // 2], description="removed", continuous_update=False
    )
    picture, words = Image(alt="The images without the pixels that were ranked highest"), widgets.HTML()

    def seen() -> Tensor:
        how = Removal(shares[share.value], keep=bool(result.setting.get("keep")))
        return _sheet(Removed(images, orders[who.value], how, colour)[: len(images)])

    def table() -> str:
        fraction = result.fractions.index(shares[share.value])
        rows = {f"retrained, {who.value}": result.values(who.value)[:, fraction].mean()}
        if "random" in result.explainers:
            rows["retrained, random"] = result.values("random")[:, fraction].mean()
        if masks is not None and who.value in masks.explainers:
            rows["from the mask alone"] = masks.values(who.value)[:, fraction].mean()
        cells = "".join(
            f'<tr><td style="padding-right:8px">{on_page(name)}</td><td style="width:150px"><div style="background:#0072b2;'
            f'height:12px;width:{150 * value:.0f}px"></div></td><td>{value:.3f}</td></tr>'
            for name, value in rows.items()
        )
        return f'<table style="font-size:90%;line-height:1.3"><caption style="text-align:left">accuracy</caption>{cells}</table>'

    def draw(change: Any = None) -> None:
        picture.value, words.value = encoded_image(seen(), "png"), table()

    for control in (who, share):
        control.observe(draw, "value")
    draw()
    page = still(
        encoded_image(seen(), "jpeg"),
        words.value,
        alt=f"Images without {share.value} of their pixels, ranked by {who.value}",
        caption="A still of the explorer: run this cell in JupyterLab to choose.",
    )
    controls = widgets.VBox([who, share, words])
    return Explorer(
        [widgets.HBox([picture, controls], layout=widgets.Layout(flex_flow="row wrap"))], "ROAR explorer", page
    )


def _sheet(images: Tensor) -> Tensor:
    """Return images (B, C, H, W) side by side in two rows, enlarged without smoothing, (C, H', W')."""
    columns = -(-len(images) // 2)
    room = torch.ones(2 * columns - len(images), *images.shape[1:]).to(images)
    grid = torch.cat([images, room]).unflatten(0, (2, columns))
    grid = torch.nn.functional.pad(grid, (1, 1, 1, 1), value=1.0)
    sheet = grid.permute(2, 0, 3, 1, 4).flatten(3, 4).flatten(1, 2)
    scale = max(480 // sheet.shape[-1], 1)
    return sheet.repeat_interleave(scale, 1).repeat_interleave(scale, 2)


def check_keep_top(function: Callable[[Tensor, Tensor, float, Tensor], Tensor | None]) -> Verdict:
    """Check `keep_top(images, heat, fraction, colour)`: what is ranked highest in each image stays, the rest is a colour."""
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(2, 3, 4, 5, generator=generator)
    heat = torch.stack([torch.randperm(20, generator=generator).float().reshape(4, 5) for _ in images])
    heat[0] *= 10  # one threshold for the whole batch would keep pixels of one image alone
    colour, fraction = torch.tensor([0.1, 0.5, 0.9])[:, None, None], 0.3

    def only(stays: Tensor, fill: Tensor | float = colour) -> Tensor:
        return torch.where(stays[:, None], images, fill)

    def top(values: Tensor, share: float) -> Tensor:
        return values >= values.flatten(1).sort(descending=True).values[:, round(share * 20) - 1][:, None, None]

    best = top(heat, fraction)
    expected = only(best)
    answer = attempt(function, images.clone(), heat.clone(), fraction, colour.clone())
    if bad := tensor_verdict(answer, (2, 3, 4, 5)):
        return bad
    whole = heat >= heat.flatten().sort(descending=True).values[round(fraction * 40) - 1]
    wrong = {
        "You keep the pixels that are ranked lowest.": only(top(-heat, fraction)),
        "You remove the pixels that are ranked highest: that is ROAR. Keep them, and remove the others.": only(~best),
        "The fraction is what stays; in yours it is what goes.": only(top(heat, 1 - fraction)),
        "You use one threshold for the whole batch; each image has its own ranking.": only(whole),
        "You fill with black; fill with `colour`.": only(best, 0.0),
        "You fill with one number; `colour` has one for each channel.": only(best, colour.mean()),
        "You return the images as they were.": images,
    }
    if torch.allclose(answer.float(), expected, atol=1e-6):
        return Verdict("right", "Right: each image keeps its own highest pixels, in all channels at once.")
    for message, value in wrong.items():
        if torch.allclose(answer.float(), value, atol=1e-6):
            return Verdict("wrong", message)
    stay = [(answer[i] == images[i]).all(0).sum().item() for i in range(2)]
    return Verdict("wrong", f"You keep {stay[0]} and {stay[1]} pixels of two images; expected 6 of 20 in each.")


def check_paired(function: Callable[[Tensor, Tensor], Any]) -> Verdict:
    """Check `paired(mine, random)`: the mean of the differences of two methods over seeds, and its standard error."""
    mine, random = torch.tensor([0.70, 0.78, 0.74, 0.66, 0.71]), torch.tensor([0.73, 0.80, 0.78, 0.69, 0.79])
    difference = mine - random
    n = len(mine)
    answer = attempt(function, mine.clone(), random.clone())
    if isinstance(answer, tuple | list) and len(answer) == 2:
        parts = [number(part) for part in answer]
        wrong_parts = [part for part in parts if isinstance(part, Verdict)]
        answer = wrong_parts[0] if wrong_parts else torch.tensor(parts)
    if bad := tensor_verdict(answer, (2,)):
        return bad
    mean, error = difference.mean(), difference.std() / n**0.5
    wrong = {
        "You take random minus mine; take mine minus random.": (-mean, error),
        "Your error is that of two independent samples; take the differences first, seed by seed.": (
            mean,
            ((mine.var() + random.var()) / n).sqrt(),
        ),
        "You give the standard deviation of one difference; divide by the root of the number of seeds.": (
            mean,
            difference.std(),
        ),
        "You divide by n inside the standard deviation; with few seeds divide by n - 1 (torch.std does).": (
            mean,
            difference.std(correction=0) / n**0.5,
        ),
    }
    if torch.allclose(answer.float(), torch.stack([mean, error]), atol=1e-5):
        return Verdict("right", "Right: what both methods share with a seed cancels, and the error shrinks.")
    for message, values in wrong.items():
        if torch.allclose(answer.float(), torch.stack(values), atol=1e-5):
            return Verdict("wrong", message)
    return Verdict(
        "wrong",
        f"Expected {float(mean):.4f} and {float(error):.4f}; yours are {float(answer[0]):.4f} and {float(answer[1]):.4f}.",
    )


def check_blind(function: Callable[[Tensor], Tensor | None]) -> Verdict:
    """Check `blind(images)`: a ranking of the pixels that asks no network, and does better in ROAR than the disc.

    One network is trained on scenes labelled by colour, without the 30 % of their pixels that it ranks highest. It has
    to reach less than each of the five of the stored sweep that were trained without the disc.
    """
    known, new = (data.shapes(k, size=32, seed=seed, label="colour") for k, seed in ((2160, 0), (1080, 1)))
    maps = [attempt(function, part.images.clone()) for part in (known, new)]
    for heat, part in zip(maps, (known, new), strict=True):
        if bad := tensor_verdict(heat, tuple(part.images[:, 0].shape)):
            return bad
    order = [ranks(heat.detach().float(), seed) for seed, heat in enumerate(maps)]
    given = arrays(known.images, known.labels, new.images, new.labels, *order)
    reached = retrain(lambda seed: network(known, seed), 0, Removal(0.3), Training(epochs=8), *given)
    discs, rims = (sweeps("shapes")[0].values(name)[:, 1] for name in ("disc", "object and its rim"))
    told = f"a retrained network reaches {reached:.2f} (the disc {discs.mean():.2f}, the object and its rim {rims.mean():.2f})"
    limit = discs.min() - 0.02  # a hundredth is another processor's, or the disc moved a little
    if reached < limit:
        return Verdict("right", f"Right: {told}. Your ranking knows no network, and explains none.")
    return Verdict("wrong", f"Without the 30 % that you rank highest {told}; expected below {limit:.2f}.")
