"""What belongs to notebook 07: maps of networks going to pieces, how much of them is left, an explorer, and checkers."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from itertools import combinations
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from vislib import controls, data, sanity
from vislib.activations import record
from vislib.course import results
from vislib.course.encoding import encoded_image
from vislib.course.figures import BLUE, GREY, ORANGE, clipped, coloured, draw_image, figure, name_row, overlay
from vislib.course.names import beside, on_page
from vislib.course.verdict import NOT_YET, Verdict, attempt, number, tensor_verdict
from vislib.intervals import crossed, verdict
from vislib.models import Classifier
from vislib.sanity import interval, spearman

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

    from vislib.course.frame import Explorer


PHOTOS = list(data.PHOTOS)  # in the order of the stored tables
NAMES = {
    "gradient": "gradient",
    "input_x_gradient": "input × gradient",
    "smoothgrad": "SmoothGrad",
    "integrated_gradients": "integrated gradients",
    "guided_backprop": "guided backprop",
    "grad_cam": "Grad-CAM",
    "occlusion": "occlusion",
    "sobel": "Sobel (control)",
}
METHODS = list(NAMES)[:-1]
FOR_LABELS = list(NAMES)[:6]
MEASURES = {
    "Spearman": "spearman",
    "Spearman, absolute": "absolute",
    "SSIM, absolute": "ssim",
    "HOG, absolute": "hog",
}
WAYS = {
    "all pixels": "spearman",
    "all, absolute": "absolute",
    "ink only": "ink",
    "ink, absolute": "ink_absolute",
}
SAME = 0.9  # a wholly random network more like the trained one than this: no network has a say


def photographs(model: Classifier) -> tuple[Tensor, Tensor]:
    """Return the ten photographs of the tables, (10, 3, H, W), and the class that the model names for each."""
    photos = torch.cat([model.preprocess(data.photo(name)) for name in PHOTOS])
    with torch.no_grad():
        return photos, model(photos).argmax(1)


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
    made, axes = figure(len(rows), columns, (width, len(rows) * cell + 0.22 * lines + 0.1))
    for r, (name, maps) in enumerate(rows.items()):
        axes[r, 0].axis("off")
        draw_image(axes[r, 0], image)
        name_row(axes[r, 0], name)
        for c, heat in enumerate(clipped(maps), start=1):
            scale = overlay(axes[r, c], image, heat, signed=False, limit=1.0)
            if r == 0:
                axes[r, c].set_title(beside(titles[c - 1]), fontsize=11)
    made.colorbar(scale, ax=axes, shrink=0.6, aspect=25, pad=0.02).set_label("share of the map's 99th percentile")
    return made


def twin_maps(images: Tensor, rows: Mapping[str, Mapping[str, Tensor]], *, width: float = 8.8) -> "Figure":
    """Draw maps of several networks side by side, image after image: a row per method, each map cut at its own 99th percentile.

    Args:
        images: (B, 1, H, W), pixels in [0, 1]; their outline is drawn on each map.
        rows: method -> network -> maps (B, H, W); a method with values below 0 is drawn in colours centred on 0.
        width: of the figure, in inches.
    """
    networks = list(next(iter(rows.values())))
    columns = len(images) * len(networks)
    made, axes = figure(len(rows), columns, (width, len(rows) * (width - 1.2) / columns + 0.4))
    for r, (method, maps) in enumerate(rows.items()):
        signed = any(bool((heat < 0).any()) for heat in maps.values())
        for c, axis in enumerate(axes[r]):
            k, name = c // len(networks), networks[c % len(networks)]
            heat = clipped(maps[name][k : k + 1])[0]
            scale = overlay(axis, images[k], heat, signed=signed, limit=1.0, outline=True)
            axis.set_title("" if r else beside(name), fontsize=11)
        name_row(axes[r, 0], method)
        bar = made.colorbar(scale, ax=list(axes[r]), shrink=0.8, aspect=12, pad=0.01)
        bar.set_ticks([-1, 0, 1] if signed else [0, 1])
    return made


def cascades(kept: Mapping[str, tuple[Tensor, Tensor]], *, columns: int = 4, ylabel: str = "similarity") -> "Figure":
    """Draw a panel per method: how alike its maps stay to those of the trained network.

    Bands are 95 % intervals over seeds and photographs; the trained network itself is a hollow dot at 0. Dashed: the end of
    the curve, all blocks random, from which all is counted. Dotted: two independent random networks with each other.

    Args:
        kept: name -> values (seeds, layers, B) and floor (pairs, B), as in :class:`vislib.sanity.Cascade`.
        columns: panels in a row.
        ylabel: what is measured.
    """
    columns = min(columns, len(kept))
    rows = -(-len(kept) // columns)
    made, axes = figure(rows, columns, (9.0, 2.25 * rows + 0.4), sharex=True, sharey=True)
    for axis, (name, (values, floor)) in zip(axes.flat, kept.items(), strict=False):
        depths = range(1, values.shape[1] + 1)
        for level, style, what in ((values[:, -1], "--", "all blocks random"), (floor, ":", "two random networks")):
            axis.axhline(float(level.mean()), color=GREY, linestyle=style, linewidth=1.5, label=what)
        low, high = interval(values)
        axis.fill_between(depths, low.tolist(), high.tolist(), color=BLUE, alpha=0.25, linewidth=0)
        axis.plot(depths, values.mean((0, 2)).tolist(), color=BLUE, linewidth=1.8, label="similarity")
        axis.plot([0], [1], "o", markerfacecolor="white", color=BLUE, markersize=5, clip_on=False)
        axis.set_title(beside(name))
        axis.set(xticks=[1, 10, 19] if len(depths) == 19 else [1, len(depths)], yticks=[0, 0.5, 1])
        axis.grid(alpha=0.25)
    for axis in list(axes.flat)[len(kept) :]:
        axis.axis("off")
    made.supxlabel("random blocks, counted from the output")
    made.supylabel(ylabel)
    return made


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
                label=beside(reference),
            )
            axis.plot([float(values.mean())], [place], "o", color=BLUE, markersize=6, label=beside(value))
        axis.axvline(0, color=GREY, linewidth=0.8)
        axis.set_title(beside(title), fontsize=11)
        axis.set(yticks=range(len(names)), yticklabels=map(beside, names), ylim=(len(names) - 0.5, -0.5), xlim=xlim)
        axis.grid(axis="x", alpha=0.25)
    made.supxlabel(xlabel)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    found = dict(zip(labels, handles, strict=True))
    made.legend(found.values(), found.keys(), ncols=2, reverse=True, loc="outside upper center", frameon=False)
    return made


def columns_of(maps: Sequence[Tensor], index: int) -> Tensor:
    """Return the maps of one image, (N, H, W), from several batches of maps (B, H, W)."""
    return torch.stack([heat[index] for heat in maps])


@cache
def _table(name: str) -> Any:
    return results.stored(name)


def kept(method: str, measure: str = "spearman") -> tuple[Tensor, Tensor]:
    """Return from the tables how alike a method's maps stay (seeds, blocks, photographs), and those of two random networks."""
    tables = _table("sanity"), _table("sanity_floor")
    values, floor = (torch.tensor(table[table.method == method][measure].tolist()) for table in tables)
    return values.unflatten(0, (tables[0].seed.nunique(), -1)), floor


def ends(method: str, measure: str) -> tuple[Tensor, Tensor]:
    """Return how alike a wholly random network's maps are to the trained one's, and two random ones' (photographs,)."""
    values, floor = kept(method, measure)
    return values[:, -1].mean(0), floor.mean(0)


def twins(method: str, measure: str) -> tuple[Tensor, Tensor]:
    """Return from the table how alike a method's maps are: true against shuffled labels, and the ceiling; a value per pair."""
    table = _table("sanity_labels").set_index(["method", "against"])
    values, ceiling = (torch.tensor(table.loc[(method, kind), measure].tolist()) for kind in ("permuted", "true"))
    return values, ceiling


def left(method: str, depth: int, measure: str = "spearman") -> tuple[float, float, float, str]:
    """Return how much of a map is left with so many random blocks, from the tables: share, low, high, verdict.

    0 is a wholly random network's map and 1 the trained network's own. The method fails where the whole 95 % interval
    lies above a half, and passes where it lies below. A method whose wholly random network draws the same map has
    nothing to lose, and fails.
    """
    values = kept(method, measure)[0].double()
    now, end = values[:, depth - 1], values[:, -1]
    if end.mean() > SAME:
        return 1.0, 1.0, 1.0, "fails"
    above, way = now - (1 + end) / 2, 1 - float(end.mean())
    low, high = (0.5 + float(side) / way for side in crossed(above.numpy()))
    return 0.5 + float(above.mean()) / way, low, high, _PASSES[verdict(low - 0.5, high - 0.5, better="lower")]


_PASSES = {"better": "passes", "worse": "fails", "inconclusive": "inconclusive"}


def left_for_labels(method: str, way: str = "ink") -> tuple[float, float, float, str]:
    """Return which share of its ceiling a method keeps when the labels are shuffled: mean, least, most, verdict.

    The method fails where each of the ten pairs of networks keeps more than half, and passes where each keeps less.
    """
    values, ceiling = twins(method, way)
    shares = values / ceiling.mean()
    low, high = float(shares.min()), float(shares.max())
    return float(shares.mean()), low, high, "fails" if low > 0.5 else "passes" if high < 0.5 else "inconclusive"


def checks() -> "DataFrame":
    """Return both checks of all methods, as `vislib.course.review.board` draws them: "better" is passed."""
    import pandas as pd

    verdicts = {said: name for name, said in _PASSES.items()}
    rows = [(NAMES[method], "random weights", *left(method, 10)) for method in NAMES]
    for test, way in (("random labels, with signs", "ink"), ("random labels, absolute", "ink_absolute")):
        rows += [(NAMES[method], test, *left_for_labels(method, way)) for method in FOR_LABELS]
        rows.append((NAMES["sobel"], test, 1.0, 1.0, 1.0, "fails"))  # no network has a say in it
    table = pd.DataFrame(rows, columns=["explainer", "test", "value", "low", "high", "verdict"])
    return table.replace({"verdict": verdicts})


def by_labels() -> dict[str, dict[str, tuple[Tensor, Tensor]]]:
    """Return for each way of comparing and each method what `twins` does, as `dots` draws it."""
    return {title: {NAMES[m]: twins(m, way) for m in FOR_LABELS} for title, way in WAYS.items()}


def by_measure() -> dict[str, dict[str, tuple[Tensor, Tensor]]]:
    """Return for each measure and each method what `ends` does, as `dots` draws it."""
    return {title: {NAMES[m]: ends(m, measure) for m in METHODS} for title, measure in MEASURES.items()}


def like_edges() -> dict[str, tuple[Tensor, Tensor]]:
    """Return how each method correlates with the edges: the trained network, and the mean of random ones (photographs,)."""
    table = _table("sanity_edges").set_index("method")
    return {name: (torch.tensor(table.trained[m]), torch.tensor(table.random[m])) for m, name in NAMES.items()}


def left_by_measure() -> "DataFrame":
    """Return what `left` does after 1, 4 and 10 random blocks, a column per measure; ! fails, ? is inconclusive."""
    import pandas as pd

    marks = {"passes": "", "inconclusive": "?", "fails": "!"}
    columns = {}
    for title, measure in MEASURES.items():
        found = {NAMES[m]: [left(m, depth, measure) for depth in (1, 4, 10)] for m in METHODS}
        columns[title] = {m: " / ".join(f"{x:z.2f}{marks[said]}" for x, _, _, said in row) for m, row in found.items()}
    return pd.DataFrame(columns)


class Below(nn.Module):
    """A network up to a block: its answers (B, channels) are the means of the block's channels."""

    def __init__(self, model: nn.Module, block: str) -> None:
        super().__init__()
        self.model, self.block = model, f"network.{block}"
        self.eval()

    def forward(self, images: Tensor) -> Tensor:
        """Return the means over the map, (B, channels), for images (B, 3, H, W)."""
        with record(self.model, [self.block], detach=False) as seen:
            self.model(images)
        return seen[self.block].mean((2, 3))


def mixture(answers: Tensor, target: Tensor) -> Tensor:
    """Return a meaningless score (B,): one random mixture of all answers (B, K), the same for every target."""
    return answers @ torch.randn(answers.shape[1], generator=torch.Generator().manual_seed(0)).to(answers)


def explorer(images: Tensor, maps: Mapping[str, Tensor], names: Sequence[str], blocks: Sequence[str]) -> "Explorer":
    """Move a slider over the depth of the destruction; see the map beside that of the trained network, and their likeness.

    Args:
        images: (B, C, H, W), pixels in [0, 1].
        maps: method -> unsigned heatmaps (blocks + 1, B, H, W), the first ones of the trained network.
        names: of the images.
        blocks: what is destroyed at each step.

    Raises:
        ValueError: if there are not as many names as images, or not one batch of maps more than blocks.
    """
    import ipywidgets as widgets

    from vislib.course.frame import SIDE, Explorer, Image, still

    expected = (len(blocks) + 1, len(images), *images.shape[2:])
    for method, heat in maps.items():
        if heat.shape != expected or len(names) != len(images):
            raise ValueError(
                f"the maps of {method} have shape {tuple(heat.shape)}, with {len(names)} names; expected {expected} "
                "and a name for each image."
            )
    method = widgets.Dropdown(options=list(maps), description="method")
    name = widgets.Dropdown(options=list(names), index=0, description="image")
    depth = widgets.IntSlider(
        len(blocks) // 2, 0, len(blocks), description="random", layout=widgets.Layout(width="320px")
    )
    whose = ("The photograph", "The map of the trained network", "The map of the random one")
    pictures = [Image(alt=alt, width=SIDE * 3 // 4) for alt in whose]
    words = widgets.HTML()

    def three() -> list[Tensor]:
        k = int(name.index)
        both = maps[str(method.value)][[0, int(depth.value)], k]
        plain = images[k].detach().cpu().float().expand(3, -1, -1)
        return [plain, *(coloured(heat) for heat in clipped(both))]

    def sentence() -> str:
        k, now = int(name.index), int(depth.value)
        heat = maps[str(method.value)][:, k]
        like = float(spearman(heat[:1], heat[now : now + 1]))
        what = f"down to <code>{on_page(blocks[now - 1])}</code>" if now else "nothing"
        which = "In the middle the trained network's map, on the right this one's."
        return f"<p>Random: {what}. {which} Spearman: <strong>{like:.2f}</strong></p>"

    def draw(change: Any = None) -> None:
        for widget, picture in zip(pictures, three(), strict=True):
            widget.value = encoded_image(picture, "png")
        words.value = sentence()

    for control, what in ((method, "value"), (name, "index"), (depth, "value")):  # two images may have one name
        control.observe(draw, what)
    draw()
    page = still(
        encoded_image(torch.cat(three(), dim=2), "jpeg"),
        words.value,
        alt="A picture and two heatmaps, of the trained and of a half destroyed network",
        caption="A still of the explorer: run this cell in JupyterLab to move the slider.",
        width=SIDE * 9 // 4,
    )
    row = widgets.HBox(pictures, layout=widgets.Layout(flex_flow="row wrap"))
    return Explorer([widgets.HBox([method, name]), depth, row, words], "Cascade explorer", page)


def _network() -> nn.Sequential:
    """Return a network with two layers of one shape in it, as if it were trained: all its parameters are 3."""
    inner = nn.Sequential(nn.Linear(40, 40), nn.ReLU(), nn.Linear(40, 40))
    network = nn.Sequential(inner, nn.ReLU(), nn.Linear(40, 2))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.fill_(3.0)
    return network.eval()


def check_destroyed(function: Callable[[nn.Module, int], nn.Module | None]) -> Verdict:
    """Check `destroyed(network, seed)`: a copy whose layers all have new random weights, each by its own initialiser."""
    with torch.random.fork_rng(devices=[]):
        network = _network()
        answer = attempt(function, network, 0)
        again, other = (attempt(function, _network(), seed) for seed in (0, 1))
    if answer is None or isinstance(answer, Verdict):
        return NOT_YET if answer is None else answer
    for returned in (answer, again, other):
        if isinstance(returned, Verdict):
            return returned
        if not isinstance(returned, nn.Module):
            return Verdict("wrong", f"Your function returns a {type(returned).__name__}; expected a network.")
        if returned.state_dict().keys() != network.state_dict().keys():
            return Verdict("wrong", "Your network has other layers than the one that it should be a copy of.")
    if any((p != 3).any() for p in network.parameters()):
        return Verdict("wrong", "The network itself has changed: work on copy.deepcopy(network).")
    drawn = [parameter.detach() for parameter in answer.parameters()]
    first, second = (answer.get_parameter(f"0.{i}.weight").detach() for i in (0, 2))
    if any((parameter == 3).all() for parameter in drawn):
        return Verdict(
            "wrong", "A layer still has its old weights or biases; call reset_parameters on each that has it."
        )
    if torch.equal(first, second):
        return Verdict(
            "wrong", "Two layers of one shape have got the same weights: set the seed once, before the first layer."
        )
    bound = 40**-0.5  # PyTorch draws a linear layer's weights and biases evenly between -bound and bound
    if max(float(parameter.abs().max()) for parameter in drawn) > 1.001 * bound or float(first.min()) >= 0:
        return Verdict("wrong", "These are not the weights that the layers begin with; leave them to reset_parameters.")
    if not torch.equal(first, again.get_parameter("0.0.weight")):
        return Verdict("wrong", "The same seed gives other weights: call torch.manual_seed(seed).")
    if torch.equal(first, other.get_parameter("0.0.weight")):
        return Verdict("wrong", "Another seed gives the same weights: call torch.manual_seed(seed).")
    return Verdict("right", "Right: a copy, one stream of random numbers, and each layer's own initialiser.")


def check_ground(function: Callable[[Tensor, Callable[[Tensor, Tensor], Tensor]], float | None]) -> Verdict:
    """Check `ground(maps, alike)`: the mean similarity of all pairs of different maps (N, H, W)."""
    maps = torch.tensor([0.0, 1.0, 3.0, 7.0])[:, None, None].expand(-1, 2, 2).clone()

    def alike(a: Tensor, b: Tensor) -> Tensor:
        return 1 - (a - b).abs().mean() / 10

    def mean(pairs: list[tuple[int, int]]) -> float:
        return sum(float(alike(maps[i], maps[j])) for i, j in pairs) / len(pairs)

    answer = number(attempt(function, maps.clone(), alike))
    if isinstance(answer, Verdict):
        return answer
    everything = [(i, j) for i in range(4) for j in range(4)]
    expected = mean(list(combinations(range(4), 2)))
    if abs(answer - expected) < 1e-5:
        return Verdict("right", "Right: 4 networks make 6 pairs, and no network is compared with itself.")
    if abs(answer - mean(everything)) < 1e-5:
        return Verdict("wrong", "You compare each map with itself too, which gives 1 and lifts the floor.")
    if abs(answer - mean([(0, j) for j in range(1, 4)])) < 1e-5:
        return Verdict("wrong", "You compare with the first map only; take all pairs.")
    if abs(answer - mean([(i, i + 1) for i in range(3)])) < 1e-5:
        return Verdict("wrong", "You compare neighbours only; take all pairs.")
    if abs(answer - 6 * expected) < 1e-4:
        return Verdict("wrong", "That is the sum; divide it by the number of pairs.")
    return Verdict("wrong", f"For the maps of the checker expected {expected:.3f}, and yours is {answer:.3f}.")


def check_fraud(function: Callable[[nn.Module, Tensor, Tensor], Tensor | None]) -> Verdict:
    """Check `fraud(model, images, target)`: maps that pass the check of random weights and draw the edges of the image.

    With the last block random they must be below 0.5 alike to what they were, and at least 0.6 alike to the edges.
    """
    from vislib import models

    scenes, judge = data.shapes(8, seed=1, device="cpu"), models.trained("shapes_object", device="cpu")
    edges = controls.sobel(judge, scenes.images, scenes.labels)
    broken = next(iter(sanity.randomised(judge, scenes.images)))[1]
    with torch.random.fork_rng(devices=[]):
        maps = [attempt(function, net, scenes.images.clone(), scenes.labels) for net in (judge, judge, broken)]
    for answer in maps:
        if bad := tensor_verdict(answer, tuple(edges.shape)):
            return bad
    maps = [answer.detach().float() for answer in maps]
    like, kept_up = (float(spearman(maps[0], other).mean()) for other in (edges, maps[2]))
    if not torch.equal(maps[0], maps[1]):
        return Verdict("wrong", "Asked twice about one network, your method gives two maps; let the weights seed it.")
    if like < 0.6:
        return Verdict("wrong", f"Your maps correlate with the edges at {like:.2f}; expected 0.6 or more.")
    if kept_up >= 0.5:
        return Verdict(
            "wrong", f"With one random block your maps still correlate at {kept_up:.2f}; expected below 0.5."
        )
    return Verdict(
        "right", f"Right: {like:.2f} like the edges, and only {kept_up:.2f} like itself. It passes, and is a fraud."
    )
