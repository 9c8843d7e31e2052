"""Destroy a network block by block, and watch what its heatmaps do."""

import base64
import html
from collections.abc import Mapping, Sequence
from typing import Any

import ipywidgets as widgets
import torch
from torch import Tensor

from vislib.course.explore._frame import SIDE, Explorer, encoded
from vislib.course.plots.gradients import clipped
from vislib.sanity import spearman


def cascade(images: Tensor, maps: Mapping[str, Tensor], names: Sequence[str], blocks: Sequence[str]) -> Explorer:
    """Move a slider over the depth of the destruction; see the map beside that of the trained network, and their likeness.

    Args:
        images: (B, C, H, W), pixels in [0, 1].
        maps: method -> unsigned heatmaps (blocks + 1, B, H, W), the first ones of the trained network.
        names: of the images.
        blocks: what is destroyed at each step.

    Raises:
        ValueError: if there are not as many names as images, or not one batch of maps more than blocks.
    """
    expected = (len(blocks) + 1, len(images), *images.shape[2:])
    for method, heat in maps.items():
        if heat.shape != expected or len(names) != len(images):
            raise ValueError(
                f"the maps of {method} have shape {tuple(heat.shape)}, with {len(names)} names; expected {expected} "
                "and a name for each image."
            )
    method = widgets.Dropdown(options=list(maps), description="method")
    name = widgets.Dropdown(options=list(names), description="image")
    depth = widgets.IntSlider(
        len(blocks) // 2, 0, len(blocks), description="random", layout=widgets.Layout(width="320px")
    )
    pictures = [widgets.Image(format="png", layout=widgets.Layout(width=f"{SIDE * 3 // 4}px")) for _ in range(2)]
    words = widgets.HTML()

    def pair() -> Tensor:
        k = list(names).index(str(name.value))
        both = maps[str(method.value)][[0, int(depth.value)], k]
        return torch.stack([_shaded(images[k], heat) for heat in clipped(both)])

    def sentence() -> str:
        k, now = list(names).index(str(name.value)), int(depth.value)
        heat = maps[str(method.value)][:, k]
        like = float(spearman(heat[:1], heat[now : now + 1]))
        what = f"down to <code>{html.escape(blocks[now - 1])}</code>" if now else "nothing"
        return f"<p>Random: {what}. Left the trained network, right this one. Spearman: <strong>{like:.2f}</strong></p>"

    def draw(change: Any = None) -> None:
        for widget, picture in zip(pictures, pair(), strict=True):
            widget.value = encoded(picture, "png")
        words.value = sentence()

    for control in (method, name, depth):
        control.observe(draw, "value")
    draw()
    still = base64.b64encode(encoded(torch.cat(list(pair()), dim=2), "jpeg")).decode()
    page = (
        f'<figure><img alt="Two heatmaps, of the trained and of a half destroyed network" width="{SIDE * 3 // 2}" '
        f'src="data:image/jpeg;base64,{still}">{words.value}<figcaption>A still of the explorer: run this cell in '
        "JupyterLab to move the slider.</figcaption></figure>"
    )
    row = widgets.HBox(pictures, layout=widgets.Layout(flex_flow="row wrap"))
    return Explorer([widgets.HBox([method, name]), depth, row, words], "Cascade explorer", page)


def _shaded(image: Tensor, heat: Tensor) -> Tensor:
    """Return a map in [0, 1] over a pale grey copy of its image, in the course's colours for unsigned maps."""
    from matplotlib import colormaps

    colours = torch.from_numpy(colormaps["viridis"](heat.detach().cpu().float().numpy())[..., :3]).permute(2, 0, 1)
    pale = 0.62 + 0.38 * image.detach().cpu().float().mean(0)
    return (0.25 * pale + 0.75 * colours).float()
