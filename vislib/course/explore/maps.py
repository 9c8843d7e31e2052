"""Look around on a map: search a class, or point at a dot."""

import base64
import html
import io
import math
from collections.abc import Sequence
from typing import Any

import ipywidgets as widgets
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from vislib.course.explore._frame import SIDE, Explorer, Page, encoded
from vislib.embedding import nearest


def neighbours(
    classes: Sequence[str], weights: Tensor, points: Tensor, *, start: str | None = None, k: int = 8
) -> Explorer:
    """Search a class; see its nearest classes among the weights (K, D) and on the map (K, 2), and where all of them lie."""
    names = [f"{name} ({i})" if classes.count(name) > 1 else name for i, name in enumerate(classes)]
    full, plane = nearest(weights, k=k).cpu(), nearest(points, k=k).cpu()
    box = widgets.Combobox(
        value=start or names[0],
        options=names,
        ensure_option=True,
        continuous_update=False,
        description="class",
        placeholder="type a few letters",
        layout=widgets.Layout(width="320px"),
    )
    picture = widgets.Image(format="png", layout=widgets.Layout(width=f"{SIDE}px", height=f"{SIDE}px"))
    table = widgets.HTML()

    def draw(change: Any = None) -> None:
        if box.value not in names:
            return
        i = names.index(box.value)
        picture.value = _dots(points, i, full[i].tolist(), plane[i].tolist())
        table.value = _neighbour_table(names, i, full[i].tolist(), plane[i].tolist())

    box.observe(draw, "value")
    draw()
    page = (
        f'<figure><img alt="The map with {html.escape(box.value)} and its neighbours marked" width="{SIDE}" '
        f'src="data:image/png;base64,{base64.b64encode(picture.value).decode()}">{table.value}'
        "<figcaption>A still of the explorer: run this cell in JupyterLab to search for a class.</figcaption></figure>"
    )
    row = widgets.HBox([picture, widgets.VBox([box, table])], layout=widgets.Layout(flex_flow="row wrap"))
    return Explorer([row], "Neighbour explorer", page)


def _neighbour_table(names: Sequence[str], i: int, full: Sequence[int], plane: Sequence[int]) -> str:
    rows = "".join(
        f'<tr><td style="padding-right:24px">{html.escape(names[a])}{" ●" if a in plane else ""}</td>'
        f"<td>{html.escape(names[b])}{' ●' if b in full else ''}</td></tr>"
        for a, b in zip(full, plane, strict=True)
    )
    return (
        f'<table style="font-size:90%;line-height:1.3"><caption style="text-align:left">nearest to <b>'
        f"{html.escape(names[i])}</b> (●: in both lists)</caption><tr>"
        f'<th style="text-align:left;color:#0072b2">among all weights</th>'
        f'<th style="text-align:left;color:#d55e00">on the map</th></tr>{rows}</table>'
    )


def _dots(points: Tensor, chosen: int, full: Sequence[int], plane: Sequence[int]) -> bytes:
    """Draw all points in grey, the chosen one in black, and its neighbours of both kinds: discs and rings."""
    from PIL import ImageDraw

    side, scale = 2 * SIDE, 0.94 * 2 * SIDE
    at = points.detach().cpu().double()
    at = (at - at.amin(0)) / (at.amax(0) - at.amin(0)).clamp(min=1e-12)
    x, y = (0.03 * side + scale * at[:, 0]).tolist(), (0.97 * side - scale * at[:, 1]).tolist()
    picture = Image.new("RGB", (side, side), "white")
    pen = ImageDraw.Draw(picture)
    for j in range(len(at)):
        pen.circle((x[j], y[j]), 3, fill="#c8c8c8")
    for j in full:
        pen.circle((x[j], y[j]), 7, fill="#0072b2")
    for j in plane:
        pen.circle((x[j], y[j]), 10, outline="#d55e00", width=3)
    pen.circle((x[chosen], y[chosen]), 8, fill="black")
    file = io.BytesIO()
    picture.resize((SIDE, SIDE), Image.Resampling.LANCZOS).save(file, "PNG")
    return file.getvalue()


def hover(
    points: Tensor, images: Tensor, groups: Tensor, names: Sequence[str], *, title: str = "", thumb: int = 32
) -> Page:
    """Draw a map (N, 2) on which each point shows its image (N, C, H, W) and its group's name under the mouse."""
    from vislib.course.plots.maps import PALETTE

    columns = math.ceil(len(images) ** 0.5)
    small = F.interpolate(images.detach().cpu().float(), (thumb, thumb), mode="area")
    sheet = F.pad(small, (0, 0, 0, 0, 0, 0, 0, columns**2 - len(small))).expand(-1, 3, -1, -1)
    sheet = sheet.unflatten(0, (columns, columns)).permute(2, 0, 3, 1, 4).reshape(3, columns * thumb, columns * thumb)
    at = points.detach().cpu().double()
    at = 2 + 96 * (at - at.amin(0)) / (at.amax(0) - at.amin(0)).clamp(min=1e-12)
    dots = "".join(
        f'<b class="g{k}" style="left:{x:.1f}%;bottom:{y:.1f}%"><i style="background-position:'
        f'-{2 * thumb * (i % columns)}px -{2 * thumb * (i // columns)}px" title="{i}: {html.escape(names[k])}"></i></b>'
        for i, ((x, y), k) in enumerate(zip(at.tolist(), groups.tolist(), strict=True))
    )
    colours = "".join(f".vlmap .g{k}{{background:{PALETTE[k % 8]}}}" for k in range(len(names)))
    legend = " ".join(
        f'<span style="color:{PALETTE[k % 8]}">●</span>&nbsp;{html.escape(name)}' for k, name in enumerate(names)
    )
    url = base64.b64encode(encoded(sheet, "JPEG")).decode()
    page = (
        f"<style>.vlmap{{position:relative;width:560px;height:420px;background:#fff;border:1px solid #ccc}}"
        ".vlmap b{position:absolute;width:9px;height:9px;margin:-4px;border-radius:50%;opacity:.85}"
        f".vlmap i{{display:none;position:absolute;left:10px;bottom:10px;width:{2 * thumb}px;height:{2 * thumb}px;"
        f"background-image:url(data:image/jpeg;base64,{url});background-size:{2 * thumb * columns}px;"
        "border:2px solid #000;z-index:9}.vlmap b:hover{outline:2px solid #000;z-index:8}.vlmap b:hover i{display:block}"
        f'{colours}</style><figure style="margin:0"><figcaption>{html.escape(title)} {legend}</figcaption>'
        f'<div class="vlmap" role="img" aria-label="{html.escape(title)}">{dots}</div></figure>'
    )
    return Page("Map", page)
