"""Walk through an ascent, and see which tests the picture passes at each step."""

import base64
from typing import Any

import ipywidgets as widgets
import torch
from torch import Tensor

from vislib.course.explore._frame import SIDE, Explorer, encoded
from vislib.explain import probability
from vislib.models import Classifier
from vislib.reconstruction import History, moved, resized


def reconstruction(model: Classifier, history: History, target: int, *, other: Classifier | None = None) -> Explorer:
    """Move a slider over the kept steps of an ascent and watch the picture and its tests.

    Args:
        model: the network that was climbed.
        history: of one picture, with steps that were kept.
        target: its class.
        other: a second network to ask.

    Raises:
        ValueError: if the history has kept no pictures, or is of several.
    """
    steps = sorted(history.pictures)
    if not steps or any(len(history.pictures[s]) != 1 for s in steps):
        raise ValueError(
            f"the history has kept {len(steps)} steps of {len(history.scores[0]) if history.scores else 0} pictures; "
            "expected some steps of one picture: reconstruct(..., watch=History(keep=[0, 8, 64]))."
        )
    pictures = torch.cat([history.pictures[s] for s in steps])
    bars = _tests(model, pictures, target, other)
    slider = widgets.IntSlider(
        len(steps) - 1, 0, len(steps) - 1, description="picture", layout=widgets.Layout(width="320px")
    )
    picture = widgets.Image(format="png", layout=widgets.Layout(width=f"{SIDE}px", height=f"{SIDE}px"))
    text = widgets.HTML()

    def table(i: int) -> str:
        rows = "".join(
            f'<tr><td style="text-align:right;padding-right:8px">{name}</td>'
            f'<td style="width:150px"><div style="background:#0072b2;height:12px;width:{150 * values[i]:.0f}px"></div></td>'
            f"<td>{values[i]:.2f}</td></tr>"
            for name, values in bars.items()
        )
        return (
            f"<p>Step <strong>{steps[i]}</strong></p>"
            '<table style="font-size:90%;line-height:1.3"><caption style="text-align:left">probability of the class'
            f"</caption>{rows}</table>"
        )

    def draw(change: Any = None) -> None:
        picture.value = encoded(pictures[slider.value], "png")
        text.value = table(slider.value)

    slider.observe(draw, "value")
    draw()
    page = (
        f'<figure><img alt="The picture at the last step that was kept" width="{SIDE}" '
        f'src="data:image/jpeg;base64,{base64.b64encode(encoded(pictures[-1], "jpeg")).decode()}">{text.value}'
        "<figcaption>A still of the explorer: run this cell in JupyterLab to walk through the steps.</figcaption></figure>"
    )
    controls = widgets.VBox([slider, text])
    return Explorer(
        [widgets.HBox([picture, controls], layout=widgets.Layout(flex_flow="row wrap"))],
        "Reconstruction explorer",
        page,
    )


@torch.no_grad()
def _tests(model: Classifier, pictures: Tensor, target: int, other: Classifier | None) -> dict[str, list[float]]:
    """Return the probability of the class in each test, by picture."""
    n = 8

    def ask(network: Classifier, images: Tensor) -> Tensor:
        return probability(network(images), torch.full((len(images),), target, device=images.device))

    found = {
        "as it is": ask(model, pictures),
        f"moved ({n} times)": ask(model, moved(pictures, n=n)).reshape(-1, n).mean(1),
    }
    if other is not None:
        found["second network"] = ask(other, resized(pictures, other.input_size))
    return {name: values.tolist() for name, values in found.items()}
