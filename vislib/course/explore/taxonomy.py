"""Ask for an explanation as three different people."""

import base64
import html
from collections.abc import Mapping
from typing import NamedTuple

import ipywidgets as widgets
import torch
from torch import Tensor

from vislib.course.explore._frame import SIDE, Explorer, encoded
from vislib.explain import check_inputs
from vislib.fills import canvas
from vislib.models import Classifier
from vislib.occlusion import occlusion, occlusion_grid

WHO = ("an end user", "the engineer who debugs", "an auditor")


class _Sheet(NamedTuple):
    picture: Tensor
    words: str


def audience(
    model: Classifier, image: Tensor, target: int, *, patch: int = 48, facts: Mapping[str, str] | None = None
) -> Explorer:
    """Choose who asks about one answer, and see how the explanation changes.

    Args:
        model, image, target: what is asked; the image is a batch of one (1, C, H, W).
        patch: side of the square that covers the image for the heatmap, in pixels.
        facts: what an auditor reads besides the checks, such as the data that the model was trained on.
    """
    check_inputs(model, image, target)
    if len(image) != 1:
        raise ValueError(f"image has shape {tuple(image.shape)}; expected one image (1, C, H, W).")
    sheets = dict(zip(WHO, _sheets(model, image, target, patch, facts or {}), strict=True))
    menu = widgets.Dropdown(options=WHO, description="who asks?", layout=widgets.Layout(width="320px"))
    height, width = image.shape[-2:]
    picture = widgets.Image(
        format="png", layout=widgets.Layout(width=f"{SIDE}px", height=f"{SIDE * height // width}px")
    )
    words = widgets.HTML()

    def draw(change: object = None) -> None:
        sheet = sheets[menu.value]
        picture.value, words.value = encoded(sheet.picture, "png"), sheet.words

    menu.observe(draw, "value")
    draw()
    page = "".join(
        f'<figure style="flex: 1 1 15em; margin: 0"><img alt="The picture for {who}" width="{SIDE}" src="data:image/jpeg;base64,'
        f'{base64.b64encode(encoded(sheet.picture, "jpeg")).decode()}"><figcaption>For {who}: {sheet.words}</figcaption></figure>'
        for who, sheet in sheets.items()
    )
    page = f'<div style="display: flex; flex-wrap: wrap; gap: 1.5em">{page}</div>'
    row = widgets.HBox([picture, widgets.VBox([menu, words])], layout=widgets.Layout(flex_flow="row wrap"))
    return Explorer([row], "Audience explorer", page)


@torch.no_grad()
def _sheets(model: Classifier, image: Tensor, target: int, patch: int, facts: Mapping[str, str]) -> tuple[_Sheet, ...]:
    name = html.escape(model.classes[target])
    logits = model(image)[0]
    sure = float(logits.softmax(0)[target])
    drops = occlusion_grid(model, image, target, patch=patch, stride=patch // 2)[0]
    row, col = divmod(int(drops.argmax()), drops.shape[1])
    top, left = (min(at * (patch // 2), side - patch) for at, side in ((row, image.shape[2]), (col, image.shape[3])))
    covered = image.clone()
    window = (..., slice(top, top + patch), slice(left, left + patch))
    covered[window] = canvas("mean", image)[window]
    [[(then, chance)]] = model.top(covered, k=1)
    user = f"<p>I think this is <b>{name}</b>, mostly because of what is inside the frame.</p>"
    rows = "".join(
        f"<tr><td>{html.escape(model.classes[k])}</td><td>{float(logits[k]):.1f}</td></tr>"
        for k in logits.topk(min(4, len(logits))).indices.tolist()
    )
    engineer = (
        f"<table><tr><th>class</th><th>logit</th></tr>{rows}</table><p>Red: covering this place makes <b>{name}</b> less "
        f"likely; it has {sure:.2f} now. Cover the frame of the end user, and the first answer is "
        f"<b>{html.escape(then)}</b> with {chance:.2f}.</p>"
    )
    checks = {"mirrored": image.flip(3), "in grey": image.mean(1, keepdim=True).expand_as(image), "darker": image * 0.6}
    answers = {check: int(model(changed).argmax()) for check, changed in checks.items()}
    known = "".join(f"<li>{html.escape(key)}: {html.escape(value)}</li>" for key, value in facts.items())
    passed = "".join(
        f"<li>{check}: {'same answer' if k == target else f'<b>changes</b> to {html.escape(model.classes[k])}'}</li>"
        for check, k in answers.items()
    )
    auditor = f"<ul>{known}<li>probability of {name} here: {sure:.2f}</li>{passed}</ul>"
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
