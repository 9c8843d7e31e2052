"""What belongs to notebook 05: maps by class, a step along the gradient, a guessing game, and checkers."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from vislib.course.encoding import encoded_image
from vislib.course.figures import BLUE, ORANGE, bars, clipped, draw_image, figure, heatmaps, name_row, overlay
from vislib.course.names import beside, on_page
from vislib.course.verdict import Verdict, attempt, tensor_verdict
from vislib.data import TASKS, ImageSet, shapes
from vislib.explain import Explainer, logit
from vislib.gradients import pixel_gradient
from vislib.intervals import interval
from vislib.models import Classifier, trained

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from vislib.course.frame import Explorer


_WAYS = {"down the gradient": -1, "up the gradient": 1, "at random": 0}


Asked = Mapping[str, tuple[Classifier, Tensor]]
"""What it is called -> a network, and the class that it is asked about for each image."""


def cut(
    images: Tensor, maps: Mapping[str, Tensor], *, signed: bool = False, width: float = 7.5, **options: Any
) -> "Figure":
    """Draw heatmaps (B, H, W), each cut at the 99th percentile of its own absolute values; options as in `heatmaps`."""
    shares = {name: clipped(heat) for name, heat in maps.items()}
    return heatmaps(images, shares, signed=signed, label="share of the map's 99th percentile", width=width, **options)


def two_slopes(model: Classifier, image: Tensor, target: int) -> "Figure":
    """Draw the logit of a class over the brightness of two pixels of an image (1, 1, H, W), and its gradient map.

    The two are pixels of ink: where the logit is steepest, and where it is flattest. A line has the slope at the present value.
    """
    slope = pixel_gradient(model, image, target)[0, 0]
    ink = image[0, 0] > 0.5
    places = (slope.abs() * ink).argmax(), slope.abs().where(ink, torch.inf).argmin()
    made, axes = figure(1, 3, (9.6, 3.2))
    digit, curves, heat = axes[0]
    values, height = torch.linspace(0, 1, 21), float(logit(model(image), torch.tensor([target], device=image.device)))
    for place, name, colour in zip(places, ("steep", "flat"), (ORANGE, BLUE), strict=True):
        tried = image.repeat(len(values), 1, 1, 1)
        tried.flatten(1)[:, place] = values.to(image)
        scores = logit(model(tried), torch.full((len(values),), target, device=image.device))
        now, at = float(image.flatten()[place]), float(slope.flatten()[place])
        curves.plot(values, scores.tolist(), color=colour, label=name)
        curves.axline((now, height), slope=at, color=colour, linestyle="--", linewidth=1)
        curves.plot(now, height, "o", color=colour)
        row, column = divmod(int(place), image.shape[3])
        for axis in (digit, heat):
            axis.plot(
                column, row, "o", markersize=13, markerfacecolor="none", markeredgecolor=colour, markeredgewidth=2
            )
    draw_image(digit, image[0])
    digit.set_title("two pixels of ink")
    curves.set(xlabel="brightness of the pixel", ylabel=f"logit of {model.classes[target]}")
    curves.legend(frameon=False)
    curves.margins(x=0.02)
    scale = overlay(heat, image[0], slope.abs(), signed=False, limit=float(slope.abs().max()))
    heat.set_title("the gradient map")
    made.colorbar(scale, ax=heat, shrink=0.8, aspect=25, pad=0.02).set_label("slope, up or down")
    return made


def rescaled(slopes: Tensor) -> Tensor:
    """Return signed gradients (B, C, H, W) as papers draw them: colours about grey, each image to its own scale."""
    limit = slopes.abs().flatten(1).quantile(0.99, dim=1)[:, None, None, None]
    return (0.5 + 0.5 * slopes / limit).clamp(0, 1)


def alike(a: Tensor, b: Tensor) -> Tensor:
    """Return the correlation of two maps of each image, (B, …) and (B, …) -> (B,)."""
    return torch.stack(
        [torch.corrcoef(torch.stack([u.flatten(), v.flatten()]))[0, 1] for u, v in zip(a, b, strict=True)]
    )


def coarse(heat: Tensor) -> Tensor:
    """Return the means of heatmaps (B, H, W) over squares of 16 x 16 pixels."""
    return torch.nn.functional.avg_pool2d(heat[:, None], 16)[:, 0]


def vividness(model: object, images: Tensor, target: object) -> Tensor:
    """Return how far each pixel of images (B, C, H, W) is from its image's mean colour, (B, H, W): no network is asked."""
    return (images - images.mean((2, 3), keepdim=True)).abs().sum(1)


def known_truth(n: int, *, seed: int) -> tuple[ImageSet, dict[str, tuple[Classifier, Tensor]]]:
    """Return n scenes of an object on a texture, and the two networks that name the one and the other, with the answers."""
    scenes = shapes(n, seed=seed)
    objects, textures = scenes.labels, scenes.attributes["texture"]
    return scenes, {
        "object network": (trained("shapes_object"), objects),
        "texture network": (trained("shapes_texture"), textures),
    }


def means(values: Mapping[str, Sequence[Tensor]], ticks: Sequence[str]) -> "Figure":
    """Draw the mean of each set of values (n,) as a bar with its 95 % interval; name -> a set per tick; 1 is chance."""
    arrays = {name: [some.cpu().double().numpy() for some in sets] for name, sets in values.items()}
    spans = {name: [tuple(map(float, interval(some))) for some in sets] for name, sets in arrays.items()}
    heights = {name: [float(some.mean()) for some in sets] for name, sets in arrays.items()}
    look: Any = {"floor": 1.0, "floor_name": "chance", "size": (10.0, 3.4)}
    return bars(heights, ticks, ylabel="times chance", spans=spans, **look)  # type: ignore[arg-type]


def game(scenes: ImageSet, asked: Asked, explainer: Explainer) -> "Explorer":
    """Let the reader `guess` which of two networks was asked about each scene: heads the first, tails the second."""
    heads = (torch.rand(len(scenes), generator=torch.Generator().manual_seed(0)) < 0.5).tolist()
    said, maps = [], []
    for task, (network, of) in zip(TASKS, asked.values(), strict=False):
        said.append([TASKS[task][k] for k in network(scenes.images).argmax(1)])
        maps.append(clipped(explainer(network, scenes.images, of[: len(scenes)]).clamp(min=0)))
    first = [0 if head else 1 for head in heads]
    answers, others = ([said[abs(k - off)][i] for i, k in enumerate(first)] for off in (0, 1))
    return guess(scenes.images, torch.stack([maps[k][i] for i, k in enumerate(first)]), answers, others)


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
            axis.set_title("" if r else beside(method))
        name_row(axes[r, 0], word)
    made.colorbar(scale, ax=axes, shrink=0.6, aspect=25, pad=0.02).set_label("share of the map's 99th percentile")
    return made


def explorer(model: Classifier, image: Tensor, target: int, *, size: float = 0.5) -> "Explorer":
    """Move every value of an image (1, C, H, W) by the same small amount, up, down or at random, and watch the answer.

    Args:
        model, image, target: what is asked; the image is a batch of one.
        size: how far each value moves at first, in units of 1/255.
    """
    import ipywidgets as widgets

    from vislib.course.frame import SIDE, Explorer, Image, check_one

    check_one(model, image, target)
    sign = pixel_gradient(model, image, target).sign()
    coin = torch.rand(image.shape, generator=torch.Generator().manual_seed(0)).to(image)
    signs = {1: sign, -1: -sign, 0: torch.where(coin < 0.5, -1.0, 1.0)}
    way = widgets.Dropdown(options=list(_WAYS), description="way")
    far = widgets.FloatSlider(size, min=0, max=4, step=0.1, description="size / 255", continuous_update=False)
    picture = Image(alt="The photograph after the step", width=SIDE)
    words = widgets.HTML()

    def moved() -> Tensor:
        return (image + float(far.value) / 255 * signs[_WAYS[str(way.value)]]).clamp(0, 1)

    def draw(change: Any = None) -> None:
        now = moved()
        picture.value = encoded_image(now[0], "png")
        with torch.no_grad():
            rows = model.top(now, k=3)[0]
        cells = "".join(f"<tr><td>{on_page(name)}</td><td>{value:.2f}</td></tr>" for name, value in rows)
        words.value = (
            f"<table><caption>probability after {float(far.value):g}/255, {way.value}</caption>{cells}</table>"
        )

    for control in (way, far):
        control.observe(draw, "value")
    draw()
    page = _still(moved()[0], words.value, "A photograph after a step too small to be seen")
    return Explorer([widgets.HBox([picture, widgets.VBox([way, far, words])])], "Step explorer", page)


def guess(images: Tensor, maps: Tensor, answers: Sequence[str], others: Sequence[str], *, seed: int = 0) -> "Explorer":
    """Let the reader guess a model's answers, in the first half without a map and in the second with one; shows the score.

    Args:
        images: (B, C, H, W).
        maps: heatmaps (B, H, W) in [0, 1], drawn in red.
        answers: what the model says of each image.
        others: what it does not say of each.
        seed: of the order of the two buttons.

    Raises:
        ValueError: if there are not as many maps, answers and others as images.
    """
    import ipywidgets as widgets

    from vislib.course.frame import SIDE, Explorer, Image

    if not len(images) == len(maps) == len(answers) == len(others):
        raise ValueError(
            f"there are {len(images)} images, {len(maps)} maps, {len(answers)} answers and {len(others)} others; "
            "expected as many of each."
        )
    half = len(images) // 2
    first = torch.rand(len(images), generator=torch.Generator().manual_seed(seed)) < 0.5
    right: list[bool] = []
    picture = Image(alt="A scene, with a heatmap in red over it in the second half", width=SIDE)
    buttons = [widgets.Button(), widgets.Button()]
    words = widgets.HTML()

    def seen(k: int) -> Tensor:
        return images[k] if k < half else _tinted(images[k], maps[k])

    def draw() -> None:
        k = len(right)
        done = k == len(images)
        for button, word in zip(
            buttons, ("", "") if done else _order(answers[k], others[k], bool(first[k])), strict=True
        ):
            button.description, button.disabled = word, done
        if not done:
            picture.value = encoded_image(seen(k), "png")
        with_map = right[half:]
        words.value = (
            f"<p>{'Done' if done else f'Image {k + 1} of {len(images)}'}. Without a map: {sum(right[:half])} of "
            f"{len(right[:half])} right. With a map: {sum(with_map)} of {len(with_map)} right.</p>"
        )

    def pick(button: Any) -> None:
        if len(right) < len(images):
            right.append(button.description == answers[len(right)])
            draw()

    for button in buttons:
        button.on_click(pick)
    draw()
    choice = _order(answers[-1], others[-1], bool(first[-1]))
    question = f"<p>Did the network say <em>{on_page(choice[0])}</em> or <em>{on_page(choice[1])}</em>?</p>"
    page = _still(seen(len(images) - 1), question, "A scene with a heatmap in red over it")
    return Explorer([widgets.HBox([picture, widgets.VBox([*buttons, words])])], "Guess the answer", page)


def _order(answer: str, other: str, first: bool) -> tuple[str, str]:
    return (answer, other) if first else (other, answer)


def _still(image: Tensor, words: str, alt: str) -> str:
    from vislib.course.frame import still

    return still(encoded_image(image, "jpeg"), words, alt=alt, caption="A still: run this cell in JupyterLab.")


def _tinted(image: Tensor, heat: Tensor) -> Tensor:
    """Return a pale grey image with the map in red."""
    red = torch.tensor([0.8, 0.1, 0.1], device=image.device)[:, None, None]
    pale = 0.4 + 0.6 * image.mean(0, keepdim=True)
    weight = heat.clamp(0, 1).detach()
    return pale * (1 - weight) + red * weight


def check_integrate(function: Callable[[Callable[[Tensor], Tensor], Tensor, Tensor, int], Tensor | None]) -> Verdict:
    """Check `integrate(slope, x, start, steps)`: (x - start) times the mean of slope at the midpoints of `steps` pieces."""
    x, start, steps = torch.tensor([1.0, 2.0, -1.0]), torch.tensor([0.5, 0.0, 1.0]), 4

    def slope(at: Tensor) -> Tensor:
        return 3 * at.square() + 1

    def mean(shift: float, origin: Tensor) -> Tensor:
        return torch.stack([slope(origin + (k + shift) / steps * (x - origin)) for k in range(steps)]).mean(0)

    expected = (x - start) * mean(0.5, start)
    answer = attempt(function, slope, x.clone(), start.clone(), steps)
    if bad := tensor_verdict(answer, (3,)):
        return bad
    answer = answer.float()
    wrong = {
        "You return the mean gradient; multiply it by x - start.": mean(0.5, start),
        "You add the gradients up; divide by the number of steps.": steps * expected,
        "You multiply by x; the distance is x - start.": x * mean(0.5, start),
        "You take the beginning of each piece; take its middle, (k + 1/2) / steps.": (x - start) * mean(0.0, start),
        "You take the end of each piece; take its middle, (k + 1/2) / steps.": (x - start) * mean(1.0, start),
        "You start at 0; the way begins at `start`.": (x - start) * mean(0.5, torch.zeros(3)),
    }
    if torch.allclose(answer, expected, atol=1e-4):
        return Verdict("right", "Right: the distance times the mean slope on the way.")
    for message, value in wrong.items():
        if torch.allclose(answer, value, atol=1e-4):
            return Verdict("wrong", message)
    return Verdict("wrong", f"The first value is {float(expected[0]):.3f}, and yours is {float(answer[0]):.3f}.")
