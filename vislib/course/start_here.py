"""What belongs to notebook 00: the maps of all fills side by side, and checkers. The explorer is that of notebook 04."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from vislib import data, models
from vislib.course.figures import figure, overlay, shown
from vislib.course.names import beside
from vislib.course.occlusion import explorer
from vislib.course.verdict import NOT_YET, Verdict, attempt, tensor_verdict
from vislib.models import Classifier

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["check_cover", "check_smallest", "explorer", "in_a_row"]

SMALL = 0.08  # of the picture: less than half of the rectangle over the legs


def in_a_row(image: Tensor, maps: Mapping[str, Tensor], label: str, columns: int = 4, width: float = 9.0) -> "Figure":
    """Draw signed heatmaps (1, H, W) of one image (1, C, H, W) in rows of `columns`, on one scale with its bar beside them."""
    limit = max(float(heat.abs().max()) for heat in maps.values())
    columns = min(columns, len(maps))
    rows = -(-len(maps) // columns)
    made, axes = figure(rows, columns, (width, rows * ((width - 1) / columns + 0.3)))
    for axis in axes.flat:
        axis.axis("off")
    for axis, (name, heat) in zip(axes.flat, maps.items(), strict=False):
        scale = overlay(axis, image[0], heat[0], signed=True, limit=limit)
        axis.set_title(beside(shown(name)))
    made.colorbar(scale, ax=axes, shrink=0.8, aspect=25, pad=0.02).set_label(label)
    return made


def check_cover(function: Callable[[Tensor, int, int, int, int], Tensor | None]) -> Verdict:
    """Check `cover(image, top, left, height, width)`: a copy of an image (1, C, H, W) with a rectangle in black."""
    image = torch.rand(1, 3, 9, 11, generator=torch.Generator().manual_seed(0)) / 2 + 0.25
    before, expected = image.clone(), image.clone()
    expected[:, :, 3:7, 2:7] = 0
    answer = attempt(function, image, 3, 2, 4, 5)
    if bad := tensor_verdict(answer, tuple(image.shape)):
        return bad
    if not torch.equal(image, before):
        return Verdict(
            "wrong", "Your function changes the image itself, and the next question is asked of a broken one."
        )
    if torch.equal(answer, expected):
        return Verdict("right", "Right: black where you asked for it, and the image itself is as it was.")
    if torch.equal(answer, before):
        return Verdict("wrong", "Your copy is the image as it was; nothing is covered.")
    wrong = before.clone()
    wrong[:, :, 2:7, 3:7] = 0
    if torch.equal(answer, wrong):
        return Verdict("wrong", "Your rectangle is turned: rows come first, so `top` and `height` belong to them.")
    wrong = before.clone()
    wrong[:, :, 3:4, 2:5] = 0
    if torch.equal(answer, wrong):
        return Verdict("wrong", "Your rectangle ends at `height` and `width`; expected top + height and left + width.")
    off = (answer != expected).any(1)[0].nonzero()[0].tolist()
    return Verdict("wrong", f"The pixel in row {off[0]}, column {off[1]} is not as expected.")


def check_smallest(function: Callable[[], Any]) -> Verdict:
    """Check `smallest()`: (top, left, height, width) of a black rectangle that hides the tripod from the network."""
    answer = attempt(function)
    if answer is None or isinstance(answer, Verdict):
        return NOT_YET if answer is None else answer
    whole = isinstance(answer, tuple | list) and len(answer) == 4 and all(type(number) is int for number in answer)
    if not whole:
        return Verdict("wrong", f"Your function returns {answer!r:.60}; expected four ints: top, left, height, width.")
    top, left, height, width = answer
    model, image, target = _tripod()
    rows, columns = image.shape[-2:]
    if not (0 <= top < top + height <= rows and 0 <= left < left + width <= columns):
        return Verdict("wrong", f"Your rectangle leaves the picture, which has {rows} rows and {columns} columns.")
    copy = image.clone()
    copy[..., top : top + height, left : left + width] = 0
    with torch.no_grad():
        logits = model(copy)
    share, says = height * width / (rows * columns), int(logits.argmax())
    found = f"Your rectangle hides {share:.1%} of the picture, and the network says {model.classes[says]}"
    if says == target:
        left_over = float(logits.softmax(1)[0, target])
        return Verdict("wrong", f"{found} still ({left_over:.2f}); find a place that it needs more.")
    if share > SMALL:
        return Verdict("wrong", f"{found}. Good, but can you do it with less than {SMALL:.0%}?")
    return Verdict("right", f"{found}. Can a neighbour do it with less?")


@cache
def _tripod() -> tuple[Classifier, Tensor, int]:
    model = models.load()
    return model, model.preprocess(data.photo("cameraman")), model.index("tripod")
