"""Interactive explorers, the one module with widgets. Each shows plain HTML where there is no kernel."""

import base64
import html
import io
import math
from collections.abc import Sequence
from typing import Any

import ipywidgets as widgets
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from vislib._check import check_inputs, check_logits
from vislib.embedding import nearest
from vislib.fills import FILLS, canvas
from vislib.models import Classifier

_SIDE = 320  # pixels on the screen


class Explorer(widgets.VBox):  # type: ignore[misc]
    """A box of widgets with a plain page beside it, for readers without a kernel."""

    def __init__(self, children: Sequence[widgets.Widget], name: str, page: str) -> None:
        super().__init__(children=list(children))
        self._name, self._page = name, page

    def _repr_mimebundle_(self, **options: Any) -> Any:
        bundle = super()._repr_mimebundle_(**options)
        data = bundle[0] if isinstance(bundle, tuple) else bundle
        return {**(data or {}), "text/plain": f"{self._name}: run this cell in JupyterLab", "text/html": self._page}


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
    canvas(fill, image)  # says which fills there are
    height, width = image.shape[-2:]
    with torch.no_grad():
        logits = model(image)
    check_logits(logits, image, classes)
    clean = logits.softmax(1)[0]
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
    under = widgets.Dropdown(options=list(FILLS), value=fill, description="fill", layout=widgets.Layout(width="320px"))
    picture = widgets.Image(
        format="png", layout=widgets.Layout(width=f"{_SIDE}px", height=f"{_SIDE * height // width}px")
    )
    bars = widgets.HTML()

    def covered() -> Tensor:
        window = (..., slice(top.value, top.value + size.value), slice(left.value, left.value + size.value))
        copy = image.clone()
        copy[window] = canvas(under.value, image)[window]
        return copy

    def draw(change: Any = None) -> None:
        now = covered()
        with torch.no_grad():
            probabilities = model(now).softmax(1)[0]
        picture.value = _encoded(now[0], "png")
        bars.value = _bars(names, shown, clean, probabilities)

    for control in (top, left, size, under):
        control.observe(draw, "value")
    draw()
    page = (
        f'<figure><img alt="A patch covers the middle of the image" width="{_SIDE}" '
        f'src="data:image/jpeg;base64,{base64.b64encode(_encoded(covered()[0], "jpeg")).decode()}">{bars.value}'
        "<figcaption>A still of the explorer: run this cell in JupyterLab to move the patch.</figcaption></figure>"
    )
    controls = widgets.VBox([top, left, size, under, bars])
    return Explorer(
        [widgets.HBox([picture, controls], layout=widgets.Layout(flex_flow="row wrap"))], "Occlusion explorer", page
    )


def _encoded(image: Tensor, kind: str) -> bytes:
    """Return an image (C, H, W) as a file: PNG for the screen, JPEG for what is stored in a notebook."""
    pixels = (image.detach().cpu().clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()
    file = io.BytesIO()
    Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels).save(
        file, kind, **({"compress_level": 1} if kind == "png" else {"quality": 80})
    )
    return file.getvalue()


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
    picture = widgets.Image(format="png", layout=widgets.Layout(width=f"{_SIDE}px", height=f"{_SIDE}px"))
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
        f'<figure><img alt="The map with {html.escape(box.value)} and its neighbours marked" width="{_SIDE}" '
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

    side, scale = 2 * _SIDE, 0.94 * 2 * _SIDE
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
    picture.resize((_SIDE, _SIDE), Image.Resampling.LANCZOS).save(file, "PNG")
    return file.getvalue()


class Page:
    """A page that needs no kernel: it reacts to the mouse by itself."""

    def __init__(self, name: str, page: str) -> None:
        self._name, self._page = name, page

    def _repr_mimebundle_(self, **options: Any) -> dict[str, str]:
        return {"text/plain": f"{self._name}: point at a dot to see its image", "text/html": self._page}


def hover(
    points: Tensor, images: Tensor, groups: Tensor, names: Sequence[str], *, title: str = "", thumb: int = 32
) -> Page:
    """Draw a map (N, 2) on which each point shows its image (N, C, H, W) and its group's name under the mouse."""
    from vislib.plots_maps import PALETTE

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
    url = base64.b64encode(_encoded(sheet, "JPEG")).decode()
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
