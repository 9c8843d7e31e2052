"""Does a heatmap tell the truth? Remove what it ranks highest, or compare it with what is known.

Each measure takes an explainer of the contract (:mod:`vislib.explain`) and says in `LABELS` which direction is better.
A heatmap that exists already is an explainer too: ``lambda *_: heatmap``.
"""

from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from vislib import HERE
from vislib.explain import Explainer, Score, answers, check_count, check_inputs, probability, scores, takes, widened
from vislib.fills import Fill, canvas
from vislib.look import check_heatmap
from vislib.memory import in_flight

_Kind = Literal["deletion", "insertion"]
LABELS = {
    "deletion": "area under the deletion curve (lower is better)",
    "insertion": "area under the insertion curve (higher is better)",
    "pointing_game": "highest pixel inside the mask (higher is better)",
    "mass_inside": "share of the positive heatmap inside the mask (higher is better)",
}


@dataclass(frozen=True)
class Curve:
    """What is left of the score while pixels go, or how much there is while they come.

    Args:
        fractions: (S + 1,), the share of pixels that are removed or inserted, from 0 to 1.
        scores: (B, S + 1), one curve per image.
        label: what the area is, and which direction is better.
    """

    fractions: Tensor
    scores: Tensor
    label: str

    @property
    def areas(self) -> Tensor:
        """The area under each curve, (B,), in units of the score."""
        return torch.trapezoid(self.scores, self.fractions, dim=1)


@dataclass(frozen=True, kw_only=True)
class Removing:
    """How pixels go or come, and what is measured meanwhile: the options of `deletion` and `insertion`, see there."""

    steps: int = 16
    fill: Fill = "mean"
    score: Score = probability
    seed: int = 0
    batch_size: int | None = None


@takes(Removing)
def deletion(model: nn.Module, images: Tensor, target: int | Tensor, explainer: Explainer, **options: Any) -> Curve:
    """Remove pixels, those with the highest values first: a good heatmap makes the score fall soon. Lower is better.

    Args:
        model: maps pixels (B, C, H, W) to logits (B, K).
        images: (B, C, H, W), pixels in [0, 1].
        target: a class index, or one per image (B,).
        explainer: what is tested.
        steps: in how many equal parts the pixels go.
        fill: what a removed pixel becomes, see :mod:`vislib.fills`, any but "inpaint"; the last image of the curve is
            this fill alone.
        score: the number whose fall is measured.
        seed: breaks ties between equal values.
        batch_size: images in flight; None chooses by their size.

    Returns:
        The curves, their areas, and the label.

    Raises:
        TypeError, ValueError: for images, target, steps, fill or batch_size that do not fit, a model in training mode, or
            an explainer that returns no heatmap (B, H, W).

    Petsiuk, Das & Saenko 2018, RISE, https://arxiv.org/abs/1806.07421
    """
    return _curve("deletion", model, images, target, explainer, Removing(**options))


@takes(Removing)
def insertion(model: nn.Module, images: Tensor, target: int | Tensor, explainer: Explainer, **options: Any) -> Curve:
    """Start from the fill and put pixels back, those with the highest values first. Higher is better.

    Arguments, result, errors and paper as in `deletion`; the fractions are the share of pixels put back.
    """
    return _curve("insertion", model, images, target, explainer, Removing(**options))


def pointing_game(
    model: nn.Module, images: Tensor, target: int | Tensor, explainer: Explainer, masks: Tensor
) -> Tensor:
    """Return whether the highest pixel of each heatmap lies inside the mask (B, H, W), as (B,). Higher is better.

    1 for a hit and 0 for a miss; of several highest pixels, the share that hits. Arguments and errors as in `deletion`,
    and for masks that are not bool (B, H, W).

    Zhang et al. 2018, Top-Down Neural Attention by Excitation Backprop, https://arxiv.org/abs/1608.00507
    """
    heatmap = _explained(model, images, target, explainer, masks)
    highest = heatmap == heatmap.amax((1, 2), keepdim=True)
    return (highest & masks).sum((1, 2)) / highest.sum((1, 2))


def mass_inside(model: nn.Module, images: Tensor, target: int | Tensor, explainer: Explainer, masks: Tensor) -> Tensor:
    """Return the share of each heatmap's positive values that lies inside the mask (B, H, W), as (B,). Higher is better.

    A heatmap without positive values points nowhere, and gets what an even one would: the mask's share of the image.
    Arguments and errors as in `pointing_game`.
    """
    heatmap = _explained(model, images, target, explainer, masks)
    positive = widened(heatmap).clamp(min=0)
    positive = positive.where(positive.sum((1, 2), keepdim=True) > 0, 1)
    return (positive * masks).sum((1, 2)) / positive.sum((1, 2))


def _curve(
    kind: _Kind, model: nn.Module, images: Tensor, target: int | Tensor, explainer: Explainer, how: Removing
) -> Curve:
    check_count(how.steps, "steps")
    classes = check_inputs(model, images, target)
    under = canvas(how.fill, images)
    start, end = (images, under) if kind == "deletion" else (under, images)
    place = _ranks(_explained(model, images, target, explainer), how.seed)[:, None]
    pixels = place[0].numel()
    limit = in_flight(model, images, len(images), how.batch_size)
    left = []
    with torch.no_grad():
        for step in range(how.steps + 1):
            changed = torch.where(place < round(step / how.steps * pixels), end, start)
            parts = zip(changed.split(limit), classes.split(limit), strict=True)
            left.append(torch.cat([scores(how.score, answers(model, some, which), which) for some, which in parts]))
    fractions = torch.linspace(0, 1, how.steps + 1, **HERE).to(images)
    return Curve(fractions, torch.stack(left, 1), LABELS[kind])


def _ranks(heatmap: Tensor, seed: int) -> Tensor:
    """Return each pixel's place, 0 for the highest, (B, H, W); equal values in a random order."""
    # One order for all images: an image has the same curve in any batch. `roar.removal.ranks` draws one for each image,
    # since a retrained network would learn where a common order begins.
    flat = heatmap.flatten(1)
    generator = torch.Generator().manual_seed(int(seed))
    shuffled = torch.randperm(flat.shape[1], generator=generator, device="cpu").to(flat.device)
    order = shuffled[flat[:, shuffled].argsort(dim=1, descending=True, stable=True)]
    return order.argsort(dim=1).reshape(heatmap.shape)


def _explained(model: nn.Module, images: Tensor, target: int | Tensor, explainer: Explainer, *masks: Tensor) -> Tensor:
    """Return the heatmap, checked, and check the masks that it is compared with."""
    check_inputs(model, images, target)
    expected = (len(images), *images.shape[-2:])
    for mask in masks:
        if not isinstance(mask, Tensor) or mask.dtype != torch.bool or mask.shape != expected:
            came = f"{mask.dtype} {tuple(mask.shape)}" if isinstance(mask, Tensor) else f"a {type(mask).__name__}"
            raise ValueError(f"masks is {came}; expected torch.bool {expected}.")
    heatmap = explainer(model, images, target)
    check_heatmap(heatmap, images)
    return heatmap.detach()
