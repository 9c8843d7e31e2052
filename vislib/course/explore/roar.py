"""Choose an explainer and a share of pixels; see what the network was shown, and how well it did."""

import base64
import html
from collections.abc import Mapping
from typing import Any

import ipywidgets as widgets
import torch
from torch import Tensor

from vislib.course.explore._frame import SIDE, Explorer, encoded
from vislib.roar import RoarResult
from vislib.roar.removal import Removal, Removed, ranks


def roar(
    images: Tensor,
    maps: Mapping[str, Tensor],
    result: RoarResult,
    *,
    colour: Tensor,
    masks: RoarResult | None = None,
) -> Explorer:
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
    for name in maps:
        result.values(name)
    orders = {name: ranks(heat, 0) for name, heat in maps.items()}
    shares = {f"{fraction:.0%}": fraction for fraction in result.fractions}
    who = widgets.Dropdown(options=list(maps), description="ranked by", layout=widgets.Layout(width="320px"))
    share = widgets.SelectionSlider(
        options=list(shares), value=list(shares)[len(shares) // 2], description="removed", continuous_update=False
    )
    picture, words = widgets.Image(format="png"), widgets.HTML()

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
            f'<tr><td style="padding-right:8px">{html.escape(name)}</td><td style="width:150px"><div style="background:#0072b2;'
            f'height:12px;width:{150 * value:.0f}px"></div></td><td>{value:.3f}</td></tr>'
            for name, value in rows.items()
        )
        return f'<table style="font-size:90%;line-height:1.3"><caption style="text-align:left">accuracy</caption>{cells}</table>'

    def draw(change: Any = None) -> None:
        picture.value, words.value = encoded(seen(), "png"), table()

    for control in (who, share):
        control.observe(draw, "value")
    draw()
    page = (
        f'<figure><img alt="Images without {share.value} of their pixels, ranked by {html.escape(who.value)}" width="{SIDE}" '
        f'src="data:image/jpeg;base64,{base64.b64encode(encoded(seen(), "jpeg")).decode()}">{words.value}'
        "<figcaption>A still of the explorer: run this cell in JupyterLab to choose.</figcaption></figure>"
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
    scale = max(round(SIDE * 1.5) // sheet.shape[-1], 1)
    return sheet.repeat_interleave(scale, 1).repeat_interleave(scale, 2)
