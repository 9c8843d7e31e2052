"""Move a patch, and watch the answer."""

import base64
import html
from collections.abc import Sequence
from functools import cache
from typing import Any

import ipywidgets as widgets
import torch
from torch import Tensor

from vislib.course.explore._frame import SIDE, Explorer, encoded
from vislib.explain import check_inputs, check_logits
from vislib.fills import NAMES, canvas, inpaint, patches, windows
from vislib.incremental import IncrementalModel
from vislib.models import Classifier


def occlusion(
    model: Classifier,
    image: Tensor,
    target: int,
    *,
    patch: int = 48,
    fill: str = "black",
    place: tuple[int, int] | None = None,
) -> Explorer:
    """Move a patch over an image (1, C, H, W) and watch the answer: sliders for place and size, a menu for the fill.

    Args:
        model, image, target: what is asked; the image is a batch of one.
        patch, fill: what the patch is at first.
        place: its row and column at first, in pixels; None: the middle.
    """
    classes = check_inputs(model, image, target)
    if len(image) != 1:
        raise ValueError(f"image has shape {tuple(image.shape)}; expected one image (1, C, H, W).")
    patches(fill, image, (1, 1))  # says which fills there are
    height, width = image.shape[-2:]
    seen = IncrementalModel(model, image)
    check_logits(seen.clean, image, classes)
    clean = seen.clean.softmax(1)[0]
    names = model.classes or [str(k) for k in range(len(clean))]
    likeliest = clean.topk(min(5, len(clean))).indices.cpu().tolist()
    shown = [target, *[k for k in likeliest if k != target][:4]]
    side = min(height, width)
    smallest = max(min(8, side // 4), 1)
    largest = max(side // 2, smallest)
    patch = min(max(patch, smallest), largest)

    def slider(name: str, value: int, low: int, high: int) -> widgets.IntSlider:
        return widgets.IntSlider(
            value,
            low,
            high,
            4 if side >= 64 else 1,
            description=name,
            continuous_update=True,
            layout=widgets.Layout(width="320px"),
        )

    size = slider("size", patch, smallest, largest)
    row, column = place or ((height - patch) // 2, (width - patch) // 2)
    top = slider("down", row, 0, height - smallest)
    left = slider("right", column, 0, width - smallest)
    under = widgets.Dropdown(options=NAMES, value=fill, description="fill", layout=widgets.Layout(width="320px"))
    picture = widgets.Image(
        format="png", layout=widgets.Layout(width=f"{SIDE}px", height=f"{SIDE * height // width}px")
    )
    bars = widgets.HTML()

    @cache
    def filled(name: str) -> Tensor:
        return canvas(name, image)

    def covered() -> tuple[Tensor, Tensor]:
        """Return the image with the patch in it, and the probabilities that it gets."""
        y, x = top.value, left.value
        shape = min(size.value, height - y), min(size.value, width - x)
        which, row, col = (torch.tensor([n], device=image.device) for n in (0, y, x))
        if under.value == "inpaint":
            content = inpaint(image, which, row, col, shape)
        else:
            content = windows(filled(under.value), which, row, col, shape)
        copy = image.clone()
        copy[..., y : y + shape[0], x : x + shape[1]] = content
        return copy, seen.run(content, row, col).softmax(1)[0]

    def draw(change: Any = None) -> None:
        now, probabilities = covered()
        picture.value = encoded(now[0], "png")
        bars.value = _bars(names, shown, clean, probabilities)

    for control in (top, left, size, under):
        control.observe(draw, "value")
    draw()
    page = (
        f'<figure><img alt="A patch covers the middle of the image" width="{SIDE}" '
        f'src="data:image/jpeg;base64,{base64.b64encode(encoded(covered()[0][0], "jpeg")).decode()}">{bars.value}'
        "<figcaption>A still of the explorer: run this cell in JupyterLab to move the patch.</figcaption></figure>"
    )
    controls = widgets.VBox([top, left, size, under, bars])
    return Explorer(
        [widgets.HBox([picture, controls], layout=widgets.Layout(flex_flow="row wrap"))], "Occlusion explorer", page
    )


def _bars(classes: Sequence[str], shown: Sequence[int], clean: Tensor, now: Tensor) -> str:
    """Return a table with a bar per class: the probability now, and in brackets without the patch."""
    rows = []
    for k in shown:
        value, before = float(now[k]), float(clean[k])
        rows.append(
            f'<tr><td style="text-align:right;padding-right:8px">{html.escape(classes[k])}</td>'
            f'<td style="width:150px"><div style="background:#0072b2;height:12px;width:{150 * value:.0f}px"></div></td>'
            f"<td>{value:.2f} ({before:.2f})</td></tr>"
        )
    first = int(now.argmax())
    return (
        f"<p>The network says <strong>{html.escape(classes[first])}</strong> ({float(now[first]):.2f}).</p>"
        '<table style="font-size:90%;line-height:1.3"><caption style="text-align:left">probability with the patch '
        f"(and without)</caption>{''.join(rows)}</table>"
    )
