"""Integrated gradients: the mean gradient on the straight way from a baseline to the image."""

import torch
from torch import Tensor, nn

from vislib import HERE
from vislib.explain import Score, answers, check_count, check_inputs, logit, scores
from vislib.fills import Fill, canvas
from vislib.gradients.sensitivity import gradients, mean
from vislib.look import shown


def integrated_gradients(
    model: nn.Module,
    images: Tensor,
    target: int | Tensor,
    *,
    score: Score = logit,
    steps: int = 64,
    baseline: Fill = "black",
    batch_size: int | None = None,
    progress: bool = False,
) -> Tensor:
    """Explain by (image - baseline) times the mean gradient on the straight way between them. Signed.

    The map adds up to the score of the image minus that of the baseline (completeness), up to the error of the
    midpoint rule, which `completeness_gap` tells. Where the image equals the baseline the map is 0.

    Args:
        model, images, target, score: as in `gradient`.
        steps: points on the way, at (k + 1/2) / steps.
        baseline: what stands for *nothing*: any fill but "inpaint", see :mod:`vislib.fills`.
        batch_size: copies in flight; None chooses by the size of the activations.
        progress: show a progress bar.

    Returns:
        Heatmap (B, H, W), in units of the score; the channels are added with their signs.

    Raises:
        TypeError, ValueError: as in `gradient`, and for steps below 1 or a baseline that does not fit.

    Sundararajan, Taly & Yan 2017, Axiomatic Attribution for Deep Networks, https://arxiv.org/abs/1703.01365
    """
    classes = check_inputs(model, images, target)
    check_count(steps, "steps")
    start = canvas(baseline, images).detach()
    way = images.detach() - start
    at = ((torch.arange(steps, **HERE) + 0.5) / steps).to(images)[:, None, None, None]

    def copies(which: slice, first: int, last: int) -> Tensor:
        return start[which, None] + at[first:last] * way[which, None]

    parts = gradients(model, images, classes, score, steps, copies, batch_size, progress)
    return (way * mean(parts, images, steps)).sum(1)


@torch.no_grad()
def completeness_gap(
    model: nn.Module,
    images: Tensor,
    target: int | Tensor,
    heat: Tensor,
    *,
    score: Score = logit,
    baseline: Fill = "black",
) -> Tensor:
    """Return by how much the sum of each heatmap (B, H, W) misses score(image) - score(baseline), as a share of it, (B,).

    Arguments and errors as in `integrated_gradients`. It tends to 0 with the number of steps, but not steadily: a small gap
    at one number of steps may be an accident. What rounding makes is none, so that an image that equals the baseline has 0.
    """
    classes = check_inputs(model, images, target)
    if not isinstance(heat, Tensor) or heat.shape != images[:, 0].shape:
        raise ValueError(f"heat was given as {shown(heat)}; expected shape {tuple(images[:, 0].shape)}.")
    whole, nothing = (scores(score, answers(model, x, classes), classes) for x in (images, canvas(baseline, images)))
    missed = (heat.sum((1, 2)) - (whole - nothing)).abs()
    rounding = 8 * torch.finfo(missed.dtype).eps * torch.maximum(whole.abs(), nothing.abs())
    return torch.where(missed <= rounding, 0, missed / (whole - nothing).abs())
