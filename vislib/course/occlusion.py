"""What belongs to notebook 04: a patch that the reader moves, and checkers."""

from collections.abc import Callable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from vislib.course.encoding import encoded_image
from vislib.course.names import on_page
from vislib.course.verdict import Verdict, attempt, tensor_verdict
from vislib.explain import check_logits
from vislib.fills import NAMES, canvas, inpaint, patches, windows
from vislib.incremental import IncrementalModel
from vislib.models import Classifier

if TYPE_CHECKING:
    from vislib.course.frame import Explorer


def explorer(
    model: Classifier,
    image: Tensor,
    target: int,
    *,
    patch: int = 48,
    fill: str = "black",
    place: tuple[int, int] | None = None,
) -> "Explorer":
    """Move a patch over an image (1, C, H, W) and watch the answer: sliders for place and size, a menu for the fill.

    Args:
        model, image, target: what is asked; the image is a batch of one.
        patch, fill: what the patch is at first.
        place: its row and column at first, in pixels; None: the middle.
    """
    import ipywidgets as widgets

    from vislib.course.frame import SIDE, Explorer, check_one, still

    checked = check_one(model, image, target)
    patches(fill, image, (1, 1))  # says which fills there are
    height, width = image.shape[-2:]
    seen = IncrementalModel(model, image)
    check_logits(seen.clean, image, checked)
    clean = seen.clean.softmax(1)[0]
    names = model.classes or [str(k) for k in range(len(clean))]
    likeliest = clean.topk(min(5, len(clean))).indices.cpu().tolist()
    shown = [target, *[k for k in likeliest if k != target][:4]]
    side = min(height, width)
    smallest = max(min(8, side // 4), 1)
    largest = max(side // 2, smallest)
    patch = min(max(patch, smallest), largest)

    def slider(name: str, value: int, low: int, high: int) -> Any:
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
        picture.value = encoded_image(now[0], "png")
        bars.value = _bars(names, shown, clean, probabilities)

    for control in (top, left, size, under):
        control.observe(draw, "value")
    draw()
    page = still(
        encoded_image(covered()[0][0], "jpeg"),
        bars.value,
        alt="A patch covers the middle of the image",
        caption="A still of the explorer: run this cell in JupyterLab to move the patch.",
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
            f'<tr><td style="text-align:right;padding-right:8px">{on_page(classes[k])}</td>'
            f'<td style="width:150px"><div style="background:#0072b2;height:12px;width:{150 * value:.0f}px"></div></td>'
            f"<td>{value:.2f} ({before:.2f})</td></tr>"
        )
    first = int(now.argmax())
    return (
        f"<p>The network says <strong>{on_page(classes[first])}</strong> ({float(now[first]):.2f}).</p>"
        '<table style="font-size:90%;line-height:1.3"><caption style="text-align:left">probability with the patch '
        f"(and without)</caption>{''.join(rows)}</table>"
    )


def check_spread(function: Callable[[Tensor, int, int, int], Tensor | None]) -> Verdict:
    """Check `spread(drops, size, patch, stride)`: the mean drop of the patches that cover each pixel, (size, size)."""
    size, patch, stride = 7, 3, 2
    drops = torch.arange(9.0).reshape(3, 3)
    total, count = torch.zeros(size, size), torch.zeros(size, size)
    for i in range(3):
        for j in range(3):
            window = (slice(i * stride, i * stride + patch), slice(j * stride, j * stride + patch))
            total[window] += drops[i, j]
            count[window] += 1
    answer = attempt(function, drops.clone(), size, patch, stride)
    if bad := tensor_verdict(answer, (size, size)):
        return bad
    if torch.allclose(answer.float(), total / count, atol=1e-5):
        return Verdict("right", "Right: every pixel has the mean of the patches that cover it.")
    if torch.allclose(answer.float(), total, atol=1e-5):
        return Verdict(
            "wrong", "You add the drops up: a pixel under four patches then looks four times as important. Divide."
        )
    if torch.allclose(answer.float().T, total / count, atol=1e-5):
        return Verdict(
            "wrong", "Your map is mirrored at the diagonal: rows are the first index of `drops`, columns the second."
        )
    if not bool(answer[-1].any()):
        return Verdict("wrong", "Your last row of pixels is never covered: the last patch starts at size - patch.")
    expected = total / count
    off = (answer.float() - expected).abs().nan_to_num(nan=torch.inf)
    row, column = divmod(int(off.argmax()), size)
    return Verdict(
        "wrong",
        f"At pixel ({row}, {column}) expected {float(expected[row, column]):g}, and yours is {float(answer[row, column]):g}.",
    )


def check_own_fill(function: Callable[[Tensor], Tensor | None]) -> Verdict:
    """Check a reader's own fill: images (B, C, H, W) -> a canvas of the same shape, in [0, 1], that hides the image."""
    images = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    before = images.clone()
    answer = attempt(function, images)
    if bad := tensor_verdict(answer, tuple(images.shape)):
        return bad
    if not torch.equal(images, before):
        return Verdict("wrong", "Your fill changes the images themselves; work on a copy.")
    if not answer.is_floating_point() or not 0 <= float(answer.min()) <= float(answer.max()) <= 1:
        return Verdict("wrong", "Your fill leaves the pixel range; expected floating point values in [0, 1].")
    if float((answer - images).abs().mean()) < 0.01:
        return Verdict("wrong", "Your fill is nearly the image itself, so the patch would hide nothing.")
    return Verdict("right", "Right: this fill can go straight into `occlusion(..., fill=...)`.")
