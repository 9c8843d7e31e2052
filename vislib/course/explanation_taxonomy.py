"""What belongs to notebook 01: what networks tell about themselves, three people who ask, and checkers."""

import base64
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vislib import controls, data, faithfulness
from vislib.course.encoding import encoded_image
from vislib.course.figures import BLUE, GREY, ORANGE, draw_image, figure, name_row
from vislib.course.names import beside, on_page
from vislib.course.networks import learned_words
from vislib.course.verdict import NOT_YET, Verdict, attempt, number
from vislib.data import TEXTURES
from vislib.explain import Explainer
from vislib.fills import canvas
from vislib.models import Classifier
from vislib.occlusion import occlusion, occlusion_grid

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from vislib.course.frame import Explorer


FACTS = {
    "trained on": "ImageNet, 1.28 million photographs of 1000 classes",
    "limit": "it must choose one of its classes, also when none fits",
}
"""What the default network's auditor reads besides the checks."""
WHO = ("an end user", "the engineer who debugs", "an auditor")


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
            draw_image(axis, image)
            for colour, thickness in (("black", 3.5), ("white", 1.8)):
                axis.contour(mask.detach().cpu().float().numpy(), [0.5], colors=colour, linewidths=thickness)
            axis.text(0.5, -0.03, beside(line), transform=axis.transAxes, ha="center", va="top", fontsize=11)
            if r == 0 and titles:
                axis.set_title(beside(titles[c]))
        if name:
            name_row(axes[r, 0], name)
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
        axis.set(
            xlabel=beside(label),
            yticks=range(len(values)),
            yticklabels=map(beside, values),
            ylim=(len(values) - 0.5, -0.5),
        )
        axis.grid(axis="x", alpha=0.25)
    return made


def sentences(model: Classifier, images: Tensor) -> list[str]:
    """Return what a model around a `SelfExplainingNet` says of each image (B, C, H, W): its class, and its word."""
    grounds = learned_words(model, images)[:, 0].tolist()
    return [
        f"{model.classes[k]}, on {TEXTURES[t]}" for k, t in zip(model(images).argmax(1).tolist(), grounds, strict=True)
    ]


def until_it_changes(model: Classifier, image: Tensor, heat: Tensor) -> tuple[Tensor, Tensor, str]:
    """Cover more and more of the highest part of a map (H, W) with the mean colour, until the first answer changes.

    Returns:
        What was covered, bool (H, W), at most a half; the image (1, C, H, W) so covered; and the answer to it.
    """
    before = after = model.top(image, k=1)[0][0][0]
    place, covered = torch.zeros_like(heat, dtype=torch.bool), image
    for share in (0.1, 0.2, 0.3, 0.4, 0.5):
        if after == before:
            place = heat >= heat.quantile(1 - share)
            covered = torch.where(place, canvas("mean", image), image)
            after = model.top(covered, k=1)[0][0][0]
    return place, covered, after


def covered_elsewhere(image: Tensor, place: Tensor, *, tries: int = 40, seed: int = 0) -> Tensor:
    """Return copies of an image (1, C, H, W) of which three tenths, in a grid of 7 x 7, have the mean colour, but not a place (H, W)."""
    blocks = torch.rand(tries, 1, 7, 7, generator=torch.Generator().manual_seed(seed)) < 0.3
    covered = F.interpolate(blocks.float(), image.shape[2:]).bool().to(place.device)
    return torch.where(covered & ~place, canvas("mean", image), image)


def patches_at_a_tile(images: Tensor, sides: Sequence[int]) -> tuple[Tensor, dict[str, tuple[Tensor, list[str]]]]:
    """Return the image (of N, C, H, W) with a white tile furthest left, its mirror image, and patches round that tile.

    Returns:
        What `told` draws: both images once per side of a patch, (2 * len(sides), C, H, W), and one row, with the patches as
        bool (2 * len(sides), H, W) and a line for each.
    """
    white = (images.amin(1) == 1).any(1)  # (N, W)
    image = images[white.int().argmax(1).where(white.any(1), white.shape[1]).argmin()]
    shown, places, lines = [], [], []
    for side in sides:
        for way, picture in (("left", image), ("right", image.flip(2))):
            middles = [(at.min() + at.max() + 1 - side) // 2 for at in (picture.amin(0) == 1).nonzero().T]
            top, left = (int(at.clamp(0, end - side)) for at, end in zip(middles, picture.shape[1:], strict=True))
            place = torch.zeros_like(picture[0], dtype=torch.bool)
            place[top : top + side, left : left + side] = True
            shown.append(picture)
            places.append(place)
            lines.append(f"{side} pixels, on the {way}")
    return torch.stack(shown), {"": (torch.stack(places), lines)}


class _Sheet(NamedTuple):
    picture: Tensor
    words: str


def explorer(
    model: Classifier, image: Tensor, target: int, *, patch: int = 48, facts: Mapping[str, str] | None = None
) -> "Explorer":
    """Choose who asks about one answer, and see how the explanation changes.

    Args:
        model, image, target: what is asked; the image is a batch of one (1, C, H, W).
        patch: side of the square that covers the image for the heatmap, in pixels.
        facts: what an auditor reads besides the checks, such as the data that the model was trained on.
    """
    import ipywidgets as widgets

    from vislib.course.frame import SIDE, Explorer, Image, check_one

    check_one(model, image, target)
    sheets = dict(zip(WHO, _sheets(model, image, target, patch, facts or {}), strict=True))
    menu = widgets.Dropdown(options=WHO, description="who asks?", layout=widgets.Layout(width="320px"))
    picture = Image(alt="The picture for whoever asks", width=SIDE)
    words = widgets.HTML()

    def draw(change: object = None) -> None:
        sheet = sheets[menu.value]
        picture.value, words.value = encoded_image(sheet.picture, "png"), sheet.words

    menu.observe(draw, "value")
    draw()
    page = "".join(
        f'<figure style="flex: 1 1 15em; margin: 0"><img alt="The picture for {who}" width="{SIDE}" src="data:image/jpeg;base64,'
        f'{base64.b64encode(encoded_image(sheet.picture, "jpeg")).decode()}"><figcaption>For {who}: {sheet.words}</figcaption></figure>'
        for who, sheet in sheets.items()
    )
    page = f'<div style="display: flex; flex-wrap: wrap; gap: 1.5em">{page}</div>'
    row = widgets.HBox([picture, widgets.VBox([menu, words])], layout=widgets.Layout(flex_flow="row wrap"))
    return Explorer([row], "Audience explorer", page)


@torch.no_grad()
def _sheets(model: Classifier, image: Tensor, target: int, patch: int, facts: Mapping[str, str]) -> tuple[_Sheet, ...]:
    name = on_page(model.classes[target])
    logits = model(image)[0]
    sure = float(logits.softmax(0)[target])
    drops = occlusion_grid(model, image, target, patch=patch, stride=patch // 2)[0]
    row, col = divmod(int(drops.argmax()), drops.shape[1])
    top, left = (min(at * (patch // 2), side - patch) for at, side in ((row, image.shape[2]), (col, image.shape[3])))
    covered = image.clone()
    window = (..., slice(top, top + patch), slice(left, left + patch))
    covered[window] = canvas("mean", image)[window]
    [[(then, chance)]] = model.top(covered, k=1)
    still = "still say" if then == model.classes[target] else "say"
    user = (
        f"<p>I think this is <b>{name}</b>. The place that counts most is inside the frame; without it I would {still} "
        f"<b>{on_page(then)}</b>.</p>"
    )
    rows = "".join(
        f"<tr><td>{on_page(model.classes[k])}</td><td>{float(logits[k]):.1f}</td></tr>"
        for k in logits.topk(min(4, len(logits))).indices.tolist()
    )
    engineer = (
        f"<table><tr><th>class</th><th>logit</th></tr>{rows}</table><p>Red: covering this place makes <b>{name}</b> less "
        f"likely; the one square that counts most costs {float(drops.max()):.2f} of {sure:.2f}. "
        f"Cover the frame of the end user, and the first answer is "
        f"<b>{on_page(then)}</b> with {chance:.2f}.</p>"
    )
    checks = {"mirrored": image.flip(3), "in grey": image.mean(1, keepdim=True).expand_as(image), "darker": image * 0.6}
    answers = {check: int(model(changed).argmax()) for check, changed in checks.items()}
    known = "".join(f"<li>{on_page(key)}: {on_page(value)}</li>" for key, value in facts.items())
    passed = "".join(
        f"<li>{check}: {'same answer' if k == target else f'<b>changes</b> to {on_page(model.classes[k])}'}</li>"
        for check, k in answers.items()
    )
    seen = f"<p>Asked four times: as it is, {', '.join(checks)}.</p>"
    auditor = f"{seen}<ul>{known}<li>probability of {name} here: {sure:.2f}</li>{passed}</ul>"
    heat = occlusion(model, image, target, patch=patch, stride=patch // 2)[0].clamp(min=0)
    return (
        _Sheet(_framed(image[0], top, left, patch), user),
        _Sheet(_tinted(image[0], heat), engineer),
        _Sheet(_quarters(image, list(checks.values())), auditor),
    )


def _framed(image: Tensor, top: int, left: int, patch: int) -> Tensor:
    framed = image.clone()
    for pad, value in ((3, 1.0), (1, 0.0)):
        edge = torch.zeros_like(image[0], dtype=torch.bool)
        edge[top : top + patch, left : left + patch] = True
        edge[top + pad : top + patch - pad, left + pad : left + patch - pad] = False
        framed[:, edge] = value
    return framed


def _tinted(image: Tensor, heat: Tensor) -> Tensor:
    strength = (heat / heat.max().clamp(min=1e-9))[None] * 0.8
    red = torch.tensor([0.8, 0.1, 0.1]).to(image)[: len(image), None, None]
    grey = 0.4 + 0.6 * image.mean(0, keepdim=True).expand_as(image)
    return grey * (1 - strength) + red * strength


def _quarters(image: Tensor, changed: list[Tensor]) -> Tensor:
    """Return the image and three changed ones as the quarters of one picture."""
    small = [one[0, :, ::2, ::2] for one in (image, *changed)]
    return torch.cat([torch.cat(small[:2], 2), torch.cat(small[2:], 2)], 1)


def check_inside(function: Callable[[Tensor, Tensor], float | None]) -> Verdict:
    """Check `inside(heat, mask)`: the share of a heatmap's positive values (H, W) that lies inside a mask (H, W)."""
    heat = torch.tensor([[4.0, 1, -2], [0, 3, -1], [2, -2, 0]])
    mask = torch.tensor([[True, False, True], [False, True, False], [False, True, False]])
    answer = number(attempt(function, heat.clone(), mask.clone()))
    if isinstance(answer, Verdict):
        return answer
    if abs(answer - 0.7) < 1e-5:
        return Verdict("right", "Right: 7 of the 10 units of positive evidence lie inside.")
    if abs(answer - float(heat[mask].sum() / heat.sum())) < 1e-5:
        return Verdict("wrong", "You add up the negative values too; evidence against is no evidence for the place.")
    if abs(answer - float(heat[mask].abs().sum() / heat.abs().sum())) < 1e-5:
        return Verdict("wrong", "You drop the signs: evidence against counts as evidence for.")
    if abs(answer - float((heat[mask] > 0).sum() / (heat > 0).sum())) < 1e-5:
        return Verdict("wrong", "You count pixels; add up their values.")
    if abs(answer - 7) < 1e-5:
        return Verdict("wrong", "That is the evidence inside; divide it by all the positive evidence.")
    return Verdict("wrong", f"For the map of the checker expected 0.7, and yours is {answer:.3g}.")


def check_followed(function: Callable[[Tensor, Tensor, Tensor], float | None]) -> Verdict:
    """Check `followed(before, after, marks)`: of the answers that changed, the share that changed to what the mark says."""
    before, after = torch.tensor([0, 1, 2, 3, 4, 5, 0]), torch.tensor([1, 1, 0, 5, 2, 5, 0])
    marks = torch.tensor([1, 1, 0, 4, 2, 5, 3])
    answer = number(attempt(function, before.clone(), after.clone(), marks.clone()))
    if isinstance(answer, Verdict):
        return answer
    changed, agrees = before != after, after == marks
    if abs(answer - 0.75) < 1e-5:
        return Verdict("right", "Right: three of the four that changed went where the mark points.")
    if abs(answer - float(agrees.float().mean())) < 1e-5:
        return Verdict("wrong", "You count every image; leave out those whose answer did not change.")
    if abs(answer - float(changed.float().mean())) < 1e-5:
        return Verdict("wrong", "That is how many changed; ask where they went.")
    if abs(answer - float((changed & agrees).float().mean())) < 1e-5:
        return Verdict("wrong", "You divide by all images; divide by those that changed.")
    if abs(answer - float(agrees[before != marks].float().mean())) < 1e-5:
        return Verdict("wrong", "You ask where the mark lies; ask whose answer changed.")
    return Verdict("wrong", f"For the answers of the checker expected 0.75, and yours is {answer:.3g}.")


def against_chance(explainer: Callable[..., Tensor | None], model: Classifier, *, steps: int = 8) -> Verdict:
    """Count on how many of the ten photographs an explainer makes the answer fall sooner than a random map does.

    Deletion, filled with the mean colour; eight of ten are called right.
    """

    def area(image: Tensor, target: Tensor, how: Explainer) -> float:
        return float(faithfulness.deletion(model, image, target, how, steps=steps, fill="mean").areas)

    wins = 0
    for name in data.PHOTOS:
        image = model.preprocess(data.photo(name))
        target = model(image).argmax(1)
        heat = attempt(explainer, model, image, target)
        if heat is None or isinstance(heat, Verdict):
            return NOT_YET if heat is None else heat
        if not isinstance(heat, Tensor) or heat.shape != image[:, 0].shape:
            came = tuple(heat.shape) if isinstance(heat, Tensor) else type(heat).__name__
            return Verdict("wrong", f"Your map of {name} is {came}; expected a tensor {tuple(image[:, 0].shape)}.")
        wins += area(image, target, _constant(heat)) < area(image, target, controls.chance)
    verdict = f"On {wins} of {len(data.PHOTOS)} photographs the answer falls sooner by your map than by a random one."
    return Verdict("right" if wins >= 8 else "wrong", verdict)


def _constant(heat: Tensor) -> Explainer:
    def explain(model: nn.Module, images: Tensor, target: int | Tensor) -> Tensor:
        return heat

    return explain
