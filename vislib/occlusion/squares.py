"""Occlusion: cover a part of the image, and see how far the score falls (Zeiler & Fergus 2014)."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from vislib.explain import Score, check_images, check_inputs, pair, probability, scores, takes
from vislib.fills import Fill, patches
from vislib.incremental import IncrementalModel
from vislib.look import check_logits
from vislib.progress import progress_bar


@dataclass(frozen=True, kw_only=True)
class Sliding:
    """How a patch slides, what lies under it, and how the covered copies are computed: the options, see `occlusion`."""

    patch: int | tuple[int, int] | None = None
    stride: int | tuple[int, int] | None = None
    fill: Fill = "mean"
    incremental: bool = True
    dtype: torch.dtype | None = None
    batch_size: int | None = None
    progress: bool = False


@takes(Sliding)
def occlusion(
    model: nn.Module, images: Tensor, target: int | Tensor, *, score: Score = probability, **options: Any
) -> Tensor:
    """Explain by covering: each pixel gets the mean drop in score over all patches that cover it. Signed.

    A positive value is evidence for the target; a negative one says that covering the pixel *raises* the score.
    A patch slides over the image in steps of `stride`; the last one of each row and column is flush with the border,
    so that every pixel is covered.

    Args:
        model: maps pixels (B, C, H, W) to logits (B, K).
        images: (B, C, H, W), pixels in [0, 1].
        target: a class index, or one per image (B,).
        patch: side of the patch, or (height, width), in pixels; None: 32, or half of a side of the image if that is less.
        stride: step between patches, or (vertical, horizontal), in pixels, at most the patch; None: 8, or the patch.
        fill: what lies under the patch, see :mod:`vislib.fills`.
        score: the number whose drop is measured, see :mod:`vislib.explain`.
        incremental: recompute only what a patch can reach (:mod:`vislib.incremental`): the same result, sooner. A
            network for which that is not possible runs in plain batches, as all do with False.
        dtype: the floating-point type to compute in, such as ``torch.bfloat16``; None: the model's own. A warning tells
            where half precision takes longer.
        batch_size: covered copies in flight; None chooses by the size of the activations, and takes half as many
            when memory runs out.
        progress: show a progress bar.

    Returns:
        Heatmap (B, H, W), in units of the score.

    Raises:
        TypeError, ValueError: for images, target, patch, stride or fill that do not fit, or a model in training mode.

    Zeiler & Fergus 2014, Visualizing and Understanding Convolutional Networks, https://arxiv.org/abs/1311.2901
    """
    check_images(model, images)
    (_, h, down), (_, w, right) = sizes = _sizes(images, Sliding(**options))
    if down > h or right > w:
        raise ValueError(
            f"stride is {down} x {right} pixels and the patch {h} x {w}; expected at most the patch, "
            "since pixels between two patches would never be covered."
        )
    grid = occlusion_grid(model, images, target, score=score, **options)
    rows, cols = (_windows(*each).to(grid) for each in sizes)
    covering = rows.sum(0)[:, None] * cols.sum(0)  # (H, W): how many patches cover a pixel
    return torch.einsum("bij,ih,jw->bhw", grid, rows, cols) / covering


@takes(Sliding)
def occlusion_grid(
    model: nn.Module, images: Tensor, target: int | Tensor, *, score: Score = probability, **options: Any
) -> Tensor:
    """Return the drop in score at each patch position, (B, rows, cols).

    Arguments and errors as in `occlusion`, but that a stride may exceed the patch.
    """
    classes = check_inputs(model, images, target)

    def reduce(logits: Tensor, index: Tensor) -> Tensor:
        return scores(score, logits, classes[index])

    clean, covered = _sweep(model, images, classes, reduce, Sliding(**options))
    return clean[:, None, None] - covered


@takes(Sliding)
def occlusion_logits(model: nn.Module, images: Tensor, **options: Any) -> tuple[Tensor, Tensor]:
    """Return the logits of the clean images (B, K) and of every covered copy (B, rows, cols, K): all targets in one pass.

    Arguments and errors as in `occlusion_grid`.
    """
    check_inputs(model, images)
    return _sweep(model, images, None, lambda logits, index: logits, Sliding(**options))


@torch.no_grad()
def _sweep(
    model: nn.Module, images: Tensor, target: Tensor | None, reduce: Score, how: Sliding
) -> tuple[Tensor, Tensor]:
    """Apply `reduce(logits, index)` to the clean images and to all covered copies: (B, ...), (B, rows, cols, ...)."""
    sizes = _sizes(images, how)
    tops, lefts = (np.array(_starts(*s)) for s in sizes)
    size = (sizes[0][1], sizes[1][1])
    under = patches(how.fill, images, size)
    seen = IncrementalModel(model, images, incremental=how.incremental, dtype=how.dtype, batch_size=how.batch_size)
    check_logits(seen.clean, images, target)
    which, rows, cols = (a.ravel() for a in np.meshgrid(np.arange(len(images)), tops, lefts, indexing="ij"))
    at = [torch.from_numpy(a).to(images.device) for a in (which, rows, cols)]
    clean = reduce(seen.clean, torch.arange(len(images), device=images.device))
    covered = clean.new_empty(len(rows), *clean.shape[1:])
    with progress_bar(len(rows), "occlusion", how.progress) as bar:
        for chosen, logits in seen.stream(lambda p: under(at[0][p], at[1][p], at[2][p]), size, rows, cols, which):
            covered[chosen] = reduce(logits, at[0][chosen])
            bar.update(len(chosen))
    return clean, covered.unflatten(0, (len(images), len(tops), len(lefts)))


def _sizes(images: Tensor, how: Sliding) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """Return (image, patch, stride) of each of the two directions, checked."""
    height, width = images.shape[-2:]
    half = (max(height // 2, 1), max(width // 2, 1))
    h, w = (min(32, side) for side in half) if how.patch is None else pair(how.patch, "patch")
    down, right = (min(8, h), min(8, w)) if how.stride is None else pair(how.stride, "stride")
    if h > height or w > width:
        raise ValueError(f"patch is {h} x {w} pixels and the image {height} x {width}; expected a patch that fits.")
    return (height, h, down), (width, w, right)


def _starts(size: int, patch: int, stride: int) -> list[int]:
    """Return where the patches begin; the last one ends at the border."""
    return [*range(0, size - patch, stride), size - patch]


def _windows(size: int, patch: int, stride: int) -> Tensor:
    """Return one row per patch, (positions, size): 1 where it covers, else 0."""
    starts = torch.tensor(_starts(size, patch, stride), device="cpu")[:, None]
    pixels = torch.arange(size, device="cpu")
    return ((pixels >= starts) & (pixels < starts + patch)).float()
