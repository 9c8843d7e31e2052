"""What belongs to notebook 04: squares covered at once, what is read under a patch, a patch that moves, and checkers."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn.functional import max_pool2d

from vislib import data
from vislib.controls import sobel
from vislib.course.encoding import encoded_image
from vislib.course.names import on_page
from vislib.course.verdict import Verdict, attempt, tensor_verdict
from vislib.data.photographs import mine
from vislib.explain import answers
from vislib.fills import FILLS, canvas, patches
from vislib.models import Classifier
from vislib.occlusion import occlusion_logits

if TYPE_CHECKING:
    from vislib.course.frame import Explorer


PARTS = {"legs": (140, 90), "camera and face": (14, 66), "coat": (140, 0)}
"""First row and column of three rectangles of the tripod's photograph, 84 x 100 pixels, as in notebook 00."""


def cover(image: Tensor, squares: Tensor, content: Tensor, side: int = 32) -> Tensor:
    """Cover squares of an image (1, C, H, W), counted row by row, with what a canvas of its shape shows there."""
    covered, columns = image.clone(), image.shape[-1] // side
    for k in squares.tolist():
        row, column = divmod(k, columns)
        window = (..., slice(row * side, row * side + side), slice(column * side, column * side + side))
        covered[window] = content[window]
    return covered


def most_edges(model: Classifier, image: Tensor, count: int = 5, side: int = 32) -> Tensor:
    """Return the squares with the strongest edges, by a filter that knows nothing of the network, (count,)."""
    edges = sobel(model, image, 0)[0]
    return edges.unfold(0, side, side).unfold(1, side, side).mean((2, 3)).flatten().argsort(descending=True)[:count]


def on_part(heat: Tensor, part: str = "legs") -> float:
    """Return the share of the positive values of a map (1, H, W) that lies on a part of the tripod's photograph."""
    row, column = PARTS[part]
    positive = heat[0].clamp(min=0)
    return float(positive[row : row + 84, column : column + 100].sum() / positive.sum())


def most_at(heat: Tensor) -> str:
    """Return the part of the tripod's photograph on which a map (1, H, W) has the largest mean."""
    return max(PARTS, key=lambda part: float(heat[0, PARTS[part][0] :, PARTS[part][1] :][:84, :100].mean()))


def ranks(heat: Tensor, side: int = 32) -> Tensor:
    """Return the rank of each square of a map (1, H, W), 0 for the smallest, (count,)."""
    return heat[0, side // 2 :: side, side // 2 :: side].flatten().argsort().argsort().float()


def alike(a: Tensor, b: Tensor, side: int = 32) -> float:
    """Return the rank correlation of the squares of two maps (1, H, W)."""
    return float(torch.corrcoef(torch.stack([ranks(a, side), ranks(b, side)]))[0, 1])


def agreeing(heats: Mapping[str, Tensor], least: float = 0.01) -> Tensor:
    """Return under how many of the fills a place has a drop above `least`, for maps (1, H, W)."""
    return torch.stack([heat > least for heat in heats.values()]).sum(0).float()


def read_as(
    model: Classifier, images: Tensor, labels: Tensor, *, fill: str = "white", most: int = 5
) -> tuple[Tensor, list[str]]:
    """Patch each image where it is empty and costs the label most; return those that lose most, and what is read in them."""
    clean, covered = occlusion_logits(model, images, patch=7, stride=3, fill=fill)
    now, each = covered.softmax(-1), torch.arange(len(images), device=images.device)
    drops = clean.softmax(1)[each, labels][:, None, None] - now[each, :, :, labels]
    drops = drops.masked_fill(max_pool2d(images, 7, 3)[:, 0] != 0, -torch.inf).flatten(1)
    chosen = drops.amax(1).argsort(descending=True)[:most].tolist()
    under, changed, titles = canvas(fill, images), images.clone(), []
    for i in chosen:
        place = int(drops[i].argmax())
        row, column = (3 * part for part in divmod(place, now.shape[2]))
        window = (i, ..., slice(row, row + 7), slice(column, column + 7))
        changed[window] = under[window]
        probability, digit = now[i].flatten(0, 1)[place].max(0)
        titles.append(f"{int(labels[i])} read as {int(digit)}, {float(probability):.2f}")
    return changed[chosen], titles


def explorer(
    model: Classifier,
    image: Tensor | str,
    target: int | None = None,
    *,
    patch: int = 48,
    fill: str = "black",
    place: tuple[int, int] | None = None,
) -> "Explorer":
    """Drag a patch over a photograph and watch the answer; in menus, the other photographs, the fills and the classes.

    Args:
        model: what is asked.
        image: what is shown at first: a photograph as in `data.photo`, or an image (1, C, H, W).
        target: the class whose probability is shown at first; None: the likeliest.
        patch, fill: what the patch is at first.
        place: its row and column at first, in pixels; None: the middle.
    """
    from vislib.course.frame import Explorer, check_one, still
    from vislib.course.patch import Patch, bounds, cover_at

    given = {} if isinstance(image, str) else {"this image": image}
    start = image if isinstance(image, str) else "this image"

    def load(name: str) -> Tensor:
        return given[name] if name in given else model.preprocess(data.photo(name))

    first = load(start)
    checked = check_one(model, first, 0 if target is None else target)
    patches(fill, first, (1, 1))  # says which fills there are
    with torch.no_grad():
        answers(model, first, checked)
    size = min(max(patch, bounds(first)[0]), bounds(first)[1])
    top, left = place or tuple((side - size) // 2 for side in first.shape[-2:])
    names = dict.fromkeys([*given, *data.PHOTOS, *["mine"] * mine().is_file(), start])
    dragged = Patch(model, load, list(names), target, photo=start, fill=fill, top=top, left=left, size=size)
    covered = cover_at(first, fill, *(dragged.asked[name] for name in ("top", "left", "size")))
    page = still(
        encoded_image(covered[0], "jpeg"),
        _answer(dragged.answer),
        alt=f"A patch covers a part of the photograph: {fill}, {size} pixels each way",
        caption="A still of the explorer: run this cell in JupyterLab to drag the patch.",
    )
    return Explorer([dragged], "Occlusion explorer", page)


def _answer(answer: Mapping[str, Any]) -> str:
    """Return a table with a row per class: its probability with the patch, and without."""
    rows = "".join(
        f"<tr><td>{on_page(name)}</td><td>{now:.2f}</td><td>{before:.2f}</td></tr>"
        for name, now, before in zip(answer["classes"], answer["now"], answer["before"], strict=True)
    )
    return (
        f"<p>The network says {on_page(answer['says'])}.</p>"
        f"<table><tr><th>class</th><th>with the patch</th><th>without</th></tr>{rows}</table>"
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
    """Check a reader's own fill: images (B, C, H, W) -> a canvas of the same shape, in [0, 1], that hides the image.

    One image of the size of the photographs is filled, so that another photograph may lie under the patch.
    """
    images = torch.rand(1, 3, 224, 224, generator=torch.Generator().manual_seed(1)) / 2 + 0.1
    before = images.clone()
    answer = attempt(function, images)
    if bad := tensor_verdict(answer, tuple(images.shape)):
        return bad
    if not torch.equal(images, before):
        return Verdict("wrong", "Your fill changes the images themselves; work on a copy.")
    if not answer.is_floating_point() or not 0 <= float(answer.min()) <= float(answer.max()) <= 1:
        return Verdict("wrong", "Your fill leaves the pixel range; expected floating point values in [0, 1].")
    if float(torch.corrcoef(torch.stack([answer.detach().flatten(), images.flatten()]))[0, 1]) > 0.9:
        return Verdict("wrong", "Your fill is nearly the image itself, so the patch would hide nothing.")
    for name, fill in FILLS.items():
        if torch.allclose(answer, fill(images), atol=1e-3):
            return Verdict("wrong", f"Your fill is {name!r}, which is in the list; expected another one.")
    return Verdict("right", "Right: this fill can go straight into `occlusion(..., fill=...)`.")
