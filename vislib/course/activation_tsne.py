"""What belongs to notebook 03: neighbours as pictures, the room that neighbours have, maps with images, and checkers."""

import base64
import html
import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F
from torch import Tensor

from vislib import HERE, device
from vislib.activations import record
from vislib.course.described import described
from vislib.course.encoding import encoded_figure, encoded_image
from vislib.course.figures import BLUE, ORANGE, draw_image, figure, legends, pictures
from vislib.course.maps import colour, dots, label, rings, spread_labels
from vislib.course.names import beside, on_page
from vislib.course.verdict import NOT_YET, Verdict, attempt, tensor_verdict
from vislib.data import OBJECTS, PHOTOS, TEXTURES, ImageSet, photo
from vislib.embedding import nearest, neighbour_accuracy, tsne
from vislib.models import Classifier
from vislib.nets import SmallCNN

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from vislib.course.frame import Explorer

_PERPLEXITIES = (2, 5, 10, 20, 30, 50, 100)


def named(scenes: ImageSet) -> list[str]:
    """Return what each scene shows, such as "star on brick"."""
    seen = scenes.attributes
    return [f"{OBJECTS[o]} on {TEXTURES[t]}" for o, t in zip(seen["object"], seen["texture"], strict=True)]


def untrained(seed: int = 0) -> Classifier:
    """Return a network of the same architecture as those of the scenes, with random weights."""
    network = SmallCNN(seed=seed)
    return Classifier(network, mean=0.5, std=0.25, input_size=64, name="untrained").to(device()).eval()


def neighbours(scenes: ImageSet, views: Mapping[str, Tensor], query: int, k: int = 5) -> "Figure":
    """Draw a scene and its k nearest in each view (N, …), one row per view, each under what it shows."""
    rows = [[query, *nearest(x, k=k)[query].tolist()] for x in views.values()]
    titles, chosen = named(scenes), [i for row in rows for i in row]
    return pictures(scenes.images[chosen], [titles[i] for i in chosen], names=list(views), columns=k + 1)


def shares(views: Mapping[str, Tensor], labels: Sequence[Tensor]) -> dict[str, list[str]]:
    """Return, for each view (N, …), a line per labelling (N,): the accuracy of the ten nearest neighbours."""
    return {
        name: [f"10 nearest: {neighbour_accuracy(x, known.to(x.device)):.2f}" for known in labels]
        for name, x in views.items()
    }


def layers(model: Classifier, images: Tensor, names: Sequence[str]) -> dict[str, Tensor]:
    """Return the activations of some layers, flattened, (N, D), computed in batches that need little memory."""
    parts = []
    for some in images.split(54):
        with record(model.network, names) as seen:
            model(some)
        parts.append({name: seen[name].flatten(1).cpu() for name in names})
    return {name: torch.cat([part[name] for part in parts]) for name in names}


def probe(learn: Tensor, labels: Tensor, test: Tensor, known: Tensor) -> float:
    """Return how often a linear probe, learned on activations (N, D) and labels (N,), is right on others, standardised alike."""
    from sklearn.linear_model import RidgeClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    reader = make_pipeline(StandardScaler(), RidgeClassifier()).fit(learn.cpu().numpy(), labels.cpu().numpy())
    return float(reader.score(test.cpu().numpy(), known.cpu().numpy()))


def groups(gaps: tuple[float, float], seed: int = 1, n: int = 200) -> tuple[Tensor, Tensor]:
    """Return points (n, 20) of three equal Gaussians on a line, these gaps apart, and the group of each (n,)."""
    group = torch.arange(n, device="cpu") * 3 // n
    points = torch.randn(n, 20, generator=torch.Generator().manual_seed(seed), **HERE)
    points[:, 0] += torch.tensor([0.0, gaps[0], sum(gaps)], **HERE)[group]
    return points, group


def clouds(times: float, seed: int = 1, n: int = 200) -> tuple[Tensor, Tensor]:
    """Return points (n, 20) of two Gaussians far apart, the second `times` as wide, and the group of each (n,)."""
    pair = torch.arange(n, device="cpu") * 2 // n
    points = torch.randn(n, 20, generator=torch.Generator().manual_seed(seed), **HERE)
    return points * torch.tensor([1.0, times], **HERE)[pair, None] + 40.0 * pair[:, None], pair


def crowding(dimensions: Sequence[int] = (2, 3, 5, 10, 20, 40, 64), n: int = 300) -> "Figure":
    """Draw how many points are nearly as near as the nearest, and the two curves of t-SNE that make room for them."""
    made, axes = figure(1, 2, (9.0, 3.4))
    room, curves = axes[0]
    generator = torch.Generator().manual_seed(0)
    crowds = []
    for d in dimensions:
        points = torch.randn(n, d, generator=generator, **HERE)
        away = torch.cdist(points, points).fill_diagonal_(torch.inf)
        crowds.append(float((away < 1.5 * away.amin(1, keepdim=True)).float().sum(1).mean() / (n - 1)))
    room.plot(dimensions, crowds, marker="o", color=BLUE, label="share of the points")
    room.set(
        title="nearly as near as the nearest", xlabel="dimensions", ylabel="share of the other points", ylim=(0, 1)
    )
    distance = torch.linspace(0, 4, 81, **HERE)
    curves.plot(distance, (-distance.square()).exp(), color=BLUE, label="in the data: exp(−d²)")
    curves.plot(distance, 1 / (1 + distance.square()), color=ORANGE, linestyle="--", label="on the map: 1 / (1 + d²)")
    curves.set(title="how alike, by distance", xlabel="distance d", ylabel="similarity")
    curves.legend(frameon=False)
    return made


def gallery(
    points: Tensor,
    images: Tensor,
    chosen: Sequence[int],
    *,
    groups: Tensor,
    names: Sequence[str],
    missed: Sequence[int] = (),
) -> "Figure":
    """Draw a map (N, 2) and, beside it, the images (N, C, H, W) of some of its points, numbered in both.

    The points in `missed` are ringed too, and called so.
    """
    made, axes = figure(1, 2, (9.0, 4.6), width_ratios=(1.15, 1))
    axis, side = axes[0]
    dots(axis, points, groups, names, pale=None, size=18)
    legends(made, [axis])
    axis.set(xticks=[], yticks=[])
    ringed = rings(axis, points, [*chosen, *missed])
    above = [(str(number), 16) for number in range(1, len(chosen) + 1)] + [("missed", -42)] * len(missed)
    labels = [label(axis, at, text, "black", bold=True, above=y) for at, (text, y) in zip(ringed, above, strict=True)]
    spread_labels(made, axis, labels, ringed)
    columns = 3
    side.axis("off")
    for number, i in enumerate(chosen, 1):
        row, column = divmod(number - 1, columns)
        box = side.inset_axes((column / columns, 1 - (row + 1) / columns + 0.02, 0.9 / columns, 0.86 / columns))
        draw_image(box, images[i])
        box.set_title(f"{number}: {beside(names[int(groups[i])])}", fontsize=11, pad=2)
    return made


def pieces(model: Classifier, count: int, *, seed: int = 0) -> ImageSet:
    """Cut squares out of each packaged photograph, half of them from its left half and half from its right one.

    The labels are the photographs; the attribute "half" is 0 on the left, 1 on the right. Two squares from different
    halves share no pixel. The images are what the model takes.
    """
    generator = torch.Generator().manual_seed(seed)
    cut, labels = [], torch.arange(len(PHOTOS)).repeat_interleave(count)
    for name in PHOTOS:
        image = photo(name)
        width, height = image.width // 2, image.height
        for k in range(count):
            size, x, y = torch.rand(3, generator=generator).tolist()
            side = int(min(width, height) * (0.5 + 0.4 * size))
            left, top = int(x * (width - side)) + k % 2 * width, int(y * (height - side))
            cut.append(model.preprocess(image.crop((left, top, left + side, top + side))))
    half = torch.arange(len(labels)) % count % 2
    return ImageSet(torch.cat(cut), labels, list(PHOTOS), attributes={"half": half})


def across(x: Tensor, cut: ImageSet, k: int = 5) -> float:
    """Return the share of a square's k nearest (N, …) in the opposite halves that are of its own photograph."""
    half, labels, flat = cut.attributes["half"], cut.labels, x.flatten(1).cpu()
    away = torch.cdist(flat, flat).masked_fill(half[:, None] == half, torch.inf)
    return float((labels[away.topk(k, largest=False).indices] == labels[:, None]).float().mean())


def collages(
    maps: Mapping[str, Tensor], cut: ImageSet, views: Mapping[str, Tensor], *, side: float = 0.062
) -> "Figure":
    """Draw maps (N, 2) of the squares of `pieces`, each point as its picture, over how well the views (N, …) agree across halves.

    `side` is that of a picture, as a share of the map's.
    """
    made, axes = figure(1, len(maps), (9.0, 9.4 / len(maps)))
    small = F.interpolate(cut.images.cpu(), (40, 40), mode="area")
    for axis, (title, points) in zip(axes[0], maps.items(), strict=True):
        at = _in_unit(points)
        dots(axis, at, cut.labels, cut.classes, pale=None, size=1)
        for (x, y), image in zip(at.tolist(), small, strict=True):
            axis.imshow(
                image.permute(1, 2, 0).numpy(),
                extent=(x - side / 2, x + side / 2, y - side / 2, y + side / 2),
                zorder=3,
                label="_",
            )
        told = f"of the same photograph, across halves: {across(views[title], cut):.2f}"
        axis.set(xlim=(-side, 1 + side), ylim=(-side, 1 + side), xticks=[], yticks=[], xlabel=told)
        axis.set_title(beside(title))
        axis.spines[["top", "right", "left", "bottom"]].set(visible=True, color="#cccccc")
    return made


def explorer(
    x: Tensor,
    images: Tensor,
    groups: Tensor,
    names: Sequence[str],
    *,
    known: Mapping[int, Tensor] | None = None,
    title: str = "",
    thumb: int = 32,
) -> "Explorer":
    """Move the perplexity of a t-SNE map of activations (N, D), and point at a dot to see its image (N, C, H, W).

    `known` are maps (N, 2) that exist already, by perplexity; the others are computed when the slider stops there.
    """
    import ipywidgets as widgets

    from vislib.course.frame import Explorer, still

    points, k = dict(known or {}), min(10, len(x) - 1)
    choices = sorted({p for p in _PERPLEXITIES if p <= (len(x) - 1) / 3} | set(points)) or [1]
    slider = widgets.SelectionSlider(
        options=choices, value=30 if 30 in choices else choices[-1], continuous_update=False, description="perplexity"
    )
    look, table, words = widgets.HTML(_sheet(images, names, title, thumb)), widgets.HTML(), widgets.HTML()
    whole = neighbour_accuracy(x, groups.to(x.device), k=k)

    def draw(change: Any = None) -> None:
        chosen = slider.value
        if chosen not in points:
            words.value = f"The map of {len(x)} points is being computed; this takes some seconds."
            points[chosen] = tsne(x, perplexity=chosen)
        table.value = _dots(points[chosen], groups, names, thumb)
        words.value = (
            f"The {k} nearest name a point's group for {neighbour_accuracy(points[chosen], groups.to(x.device), k=k):.0%} "
            f"on this map, and for {whole:.0%} by all numbers of the layer."
        )

    slider.observe(draw, "value")
    draw()
    made, axes = figure(1, 1, (5.6, 4.6))
    dots(axes[0, 0], points[slider.value], groups, names, pale=None, size=12)
    axes[0, 0].set(xticks=[], yticks=[], title=beside(f"{title} perplexity {slider.value}".strip()))
    legends(made, [axes[0, 0]])
    page = still(
        encoded_figure(made),
        f"<p>{on_page(title)} {words.value}</p>",
        alt=described(made),
        caption="A still of the explorer: run this cell in JupyterLab to move the perplexity, and to see a dot's image.",
        width=560,
    )
    return Explorer([look, slider, table, words], "Map explorer", page)


def _in_unit(points: Tensor) -> Tensor:
    at = points.detach().cpu().double()
    return (at - at.amin(0)) / (at.amax(0) - at.amin(0)).clamp(min=1e-12)


def _sheet(images: Tensor, names: Sequence[str], title: str, thumb: int) -> str:
    """Return the legend, and the style that holds all images in one file; twice as large on the screen as in it."""
    columns = math.ceil(len(images) ** 0.5)
    small = F.interpolate(images.detach().cpu().float(), (thumb, thumb), mode="area")
    sheet = F.pad(small, (0, 0, 0, 0, 0, 0, 0, columns**2 - len(small))).expand(-1, 3, -1, -1)
    sheet = sheet.unflatten(0, (columns, columns)).permute(2, 0, 3, 1, 4).reshape(3, columns * thumb, columns * thumb)
    file = encoded_image(sheet, "JPEG")
    colours = "".join(f".vlmap .g{k}{{background:{colour(k, name, names, None)}}}" for k, name in enumerate(names))
    legend = " ".join(
        f'<span style="color:{colour(k, name, names, None)}">●</span>&nbsp;{on_page(name)}'
        for k, name in enumerate(names)
    )
    return (
        "<style>.vlmap{position:relative;width:560px;height:420px;background:#fff;border:1px solid #ccc}"
        ".vlmap b{position:absolute;width:9px;height:9px;margin:-4px;border-radius:50%;opacity:.85}"
        f".vlmap i{{display:none;position:absolute;left:10px;bottom:10px;width:{2 * thumb}px;height:{2 * thumb}px;"
        f"background-image:url(data:image/jpeg;base64,{base64.b64encode(file).decode()});"
        f"background-size:{2 * thumb * columns}px;border:2px solid #000;z-index:9}}"
        ".vlmap b:hover{outline:2px solid #000;z-index:8}.vlmap b:hover i{display:block}"
        f"{colours}</style>{on_page(title)} {legend}"
    )


def _dots(points: Tensor, groups: Tensor, names: Sequence[str], thumb: int) -> str:
    """Return a map (N, 2) as a page whose dots show their image, out of the sheet, under the mouse."""
    columns = math.ceil(len(points) ** 0.5)
    places = (2 + 96 * _in_unit(points)).tolist()
    drawn = "".join(
        f'<b class="g{k}" style="left:{x:.1f}%;bottom:{y:.1f}%"><i style="background-position:'
        f'-{2 * thumb * (i % columns)}px -{2 * thumb * (i // columns)}px" title="{i}: {html.escape(names[k])}"></i></b>'
        for i, ((x, y), k) in enumerate(zip(places, groups.tolist(), strict=True))
    )
    return f'<div class="vlmap" role="img" aria-label="Map of {len(points)} points">{drawn}</div>'


def check_support(function: Callable[[Tensor, Tensor, int], Tensor | None]) -> Verdict:
    """Check `support(x, labels, k)`: for each point the share of its k nearest others that have its label, (N,)."""
    x = torch.randn(20, 3, generator=torch.Generator().manual_seed(2))
    labels = torch.arange(20) % 3
    order = torch.cdist(x, x).argsort(1)

    def shares(columns: slice) -> Tensor:
        return (labels[order[:, columns]] == labels[:, None]).float().mean(1)

    answer = attempt(function, x.clone(), labels.clone(), 5)
    if bad := tensor_verdict(answer, (20,)):
        return bad
    answer = answer.float()
    if torch.allclose(answer, shares(slice(1, 6)), atol=1e-5):
        return Verdict("right", "Right: a point with support 0 stands alone among strangers.")
    if torch.allclose(answer, shares(slice(0, 5)), atol=1e-5):
        return Verdict("wrong", "You count the point itself, which is its own nearest neighbour and always agrees.")
    if torch.allclose(answer, 5 * shares(slice(1, 6)), atol=1e-5):
        return Verdict("wrong", "You return how many neighbours agree; expected their share, from 0 to 1.")
    if torch.allclose(answer, shares(slice(-5, None)), atol=1e-5):
        return Verdict("wrong", "You take the farthest points: sort the distances upwards.")
    return Verdict(
        "wrong", f"The first point has support {float(shares(slice(1, 6))[0]):.2f}, and yours {float(answer[0]):.2f}."
    )


def check_kept(function: Callable[[Tensor, Tensor, int], float | None]) -> Verdict:
    """Check `kept(before, after, k)`: the share of the k nearest neighbours in `before` that are so in `after` too."""
    generator = torch.Generator().manual_seed(3)
    before = torch.randn(25, 6, generator=generator)
    after = before[:, :2] + 0.1 * torch.randn(25, 2, generator=generator)

    def share(first: int) -> float:
        old, new = (torch.cdist(p, p).argsort(1)[:, first : first + 6].tolist() for p in (before, after))
        return sum(len(set(a) & set(b)) for a, b in zip(old, new, strict=True)) / (25 * 6)

    answer = attempt(function, before.clone(), after.clone(), 6)
    if answer is None or isinstance(answer, Verdict):
        return NOT_YET if answer is None else answer
    if isinstance(answer, Tensor) and answer.numel() == 1:
        answer = answer.item()
    if not isinstance(answer, int | float):
        return Verdict("wrong", f"Your function returns a {type(answer).__name__}; expected one number.")
    if abs(answer - share(1)) < 1e-5:
        return Verdict("right", "Right: 1 would be a map that keeps every neighbour.")
    if abs(answer - share(0)) < 1e-5:
        return Verdict("wrong", "You count each point as its own neighbour, and that one is always kept.")
    if abs(answer - 6 * share(1)) < 1e-4 or abs(answer - 150 * share(1)) < 1e-3:
        return Verdict("wrong", "You return a count; divide by k and by the number of points.")
    return Verdict("wrong", f"Expected {share(1):.3f}, and yours is {answer:.3f}.")
