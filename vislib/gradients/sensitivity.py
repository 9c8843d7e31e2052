"""The gradient of the score with respect to the pixels of copies of each image, a bounded number at once."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch import Tensor

from vislib.differentiation import differentiating, slope
from vislib.explain import Score, answers, scores, widened
from vislib.memory import in_flight
from vislib.progress import progress_bar

Forward = Callable[[Tensor], Any]
Copies = Callable[[slice, int, int], Tensor]
"""(which images, first copy, last copy + 1) -> these copies of them, (b, d, C, H, W)."""


def gradients(
    forward: Forward,
    images: Tensor,
    classes: Tensor,
    score: Score,
    n: int,
    copies: Copies,
    batch_size: int | None,
    progress: bool = False,
) -> Iterator[tuple[slice, Tensor]]:
    """Yield (which images, gradients (b, d, C, H, W)) until each image has had its copies 0 to n - 1, in order."""
    batch = in_flight(forward, images, n * len(images), batch_size)
    together = min(batch, len(images))
    with progress_bar(n * len(images), "gradients", progress) as bar:
        for start in range(0, len(images), together):
            which = slice(start, min(start + together, len(images)))
            some = max(batch // together, 1)
            for first in range(0, n, some):
                block = copies(which, first, min(first + some, n))
                of = classes[which].repeat_interleave(block.shape[1])
                yield which, widened(_gradient(forward, block.flatten(0, 1), of, score)).reshape(block.shape)
                bar.update(block.shape[0] * block.shape[1])


def mean(parts: Iterable[tuple[slice, Tensor]], images: Tensor, n: int) -> Tensor:
    """Return the mean of what comes in parts of the n copies of each image, (B, C, H, W)."""
    total = torch.zeros_like(widened(images))
    for which, grads in parts:
        total[which] += grads.sum(1)
    return total / n


def _gradient(forward: Forward, images: Tensor, classes: Tensor, score: Score) -> Tensor:
    def work(pixels: Tensor) -> Tensor:
        total = total_score(forward, pixels.requires_grad_(), classes, score)
        return slope(total, pixels).contiguous()

    return on_copies(images, work)


def total_score(forward: Forward, pixels: Tensor, classes: Tensor, score: Score) -> Tensor:
    """Return the sum of the scores, whose gradient is that of each image's own score."""
    classes = classes.clone()  # made in inference mode, it could not be kept for the way back
    return scores(score, answers(forward, pixels, classes), classes).sum()


def on_copies(images: Tensor, work: Callable[[Tensor], Tensor]) -> Tensor:
    """Return `work` of a copy of the images, in the layout that is faster on their device, with autograd on."""
    last = images.device.type == "cpu" and images.shape[1] > 1
    layouts = (torch.channels_last, torch.contiguous_format)[not last :]
    return differentiating(lambda layout: work(images.detach().clone(memory_format=layout)), layouts)
