"""Step along the gradient and watch the answer; guess the answer with and without a map."""

import base64
import html
from collections.abc import Sequence
from typing import Any

import ipywidgets as widgets
import torch
from torch import Tensor

from vislib.course.explore._frame import SIDE, Explorer, encoded
from vislib.explain import check_inputs
from vislib.gradients import pixel_gradient
from vislib.models import Classifier

_WAYS = {"down the gradient": -1, "up the gradient": 1, "at random": 0}


def step(model: Classifier, image: Tensor, target: int, *, size: float = 0.5) -> Explorer:
    """Move every value of an image (1, C, H, W) by the same small amount, up, down or at random, and watch the answer.

    Args:
        model, image, target: what is asked; the image is a batch of one.
        size: how far each value moves at first, in units of 1/255.
    """
    check_inputs(model, image, target)
    if len(image) != 1:
        raise ValueError(f"image has shape {tuple(image.shape)}; expected one image (1, C, H, W).")
    sign = pixel_gradient(model, image, target).sign()
    coin = torch.rand(image.shape, generator=torch.Generator().manual_seed(0)).to(image)
    signs = {1: sign, -1: -sign, 0: torch.where(coin < 0.5, -1.0, 1.0)}
    way = widgets.Dropdown(options=list(_WAYS), description="way")
    far = widgets.FloatSlider(size, min=0, max=4, step=0.1, description="size / 255", continuous_update=False)
    picture = widgets.Image(format="png", layout=widgets.Layout(width=f"{SIDE}px"))
    words = widgets.HTML()

    def moved() -> Tensor:
        return (image + float(far.value) / 255 * signs[_WAYS[str(way.value)]]).clamp(0, 1)

    def draw(change: Any = None) -> None:
        now = moved()
        picture.value = encoded(now[0], "png")
        with torch.no_grad():
            rows = model.top(now, k=3)[0]
        cells = "".join(f"<tr><td>{html.escape(name)}</td><td>{value:.2f}</td></tr>" for name, value in rows)
        words.value = f"<table><caption>probability</caption>{cells}</table>"

    for control in (way, far):
        control.observe(draw, "value")
    draw()
    page = _still(moved()[0], words.value, "A photograph after a step too small to be seen")
    return Explorer([widgets.HBox([picture, widgets.VBox([way, far, words])])], "Step explorer", page)


def guess(images: Tensor, maps: Tensor, answers: Sequence[str], others: Sequence[str], *, seed: int = 0) -> Explorer:
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
    if not len(images) == len(maps) == len(answers) == len(others):
        raise ValueError(
            f"there are {len(images)} images, {len(maps)} maps, {len(answers)} answers and {len(others)} others; "
            "expected as many of each."
        )
    half = len(images) // 2
    first = torch.rand(len(images), generator=torch.Generator().manual_seed(seed)) < 0.5
    right: list[bool] = []
    picture = widgets.Image(format="png", layout=widgets.Layout(width=f"{SIDE}px"))
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
            picture.value = encoded(seen(k), "png")
        with_map = right[half:]
        words.value = (
            f"<p>{'Done' if done else f'Image {k + 1} of {len(images)}'}. Without a map: {sum(right[:half])} of "
            f"{len(right[:half])} right. With a map: {sum(with_map)} of {len(with_map)} right.</p>"
        )

    def pick(button: widgets.Button) -> None:
        if len(right) < len(images):
            right.append(button.description == answers[len(right)])
            draw()

    for button in buttons:
        button.on_click(pick)
    draw()
    page = _still(seen(len(images) - 1), words.value, "A scene with a heatmap in red over it")
    return Explorer([widgets.HBox([picture, widgets.VBox([*buttons, words])])], "Guess the answer", page)


def _order(answer: str, other: str, first: bool) -> tuple[str, str]:
    return (answer, other) if first else (other, answer)


def _tinted(image: Tensor, heat: Tensor) -> Tensor:
    """Return a pale grey image with the map in red."""
    red = torch.tensor([0.8, 0.1, 0.1], device=image.device)[:, None, None]
    pale = 0.4 + 0.6 * image.mean(0, keepdim=True)
    weight = heat.clamp(0, 1).detach()
    return pale * (1 - weight) + red * weight


def _still(image: Tensor, text: str, alt: str) -> str:
    data = base64.b64encode(encoded(image, "jpeg")).decode()
    return (
        f'<figure><img alt="{alt}" width="{SIDE}" src="data:image/jpeg;base64,{data}">{text}'
        "<figcaption>A still: run this cell in JupyterLab.</figcaption></figure>"
    )
