"""Occlusion: cover a part of the image, and see how far the score falls (Zeiler & Fergus 2014)."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from vislib._check import check_eval, check_images, check_inputs, check_logits, pair
from vislib._progress import progress_bar
from vislib.explain import Score, probability
from vislib.fills import Fill, canvas

_PIXELS_IN_FLIGHT = 32 * 224 * 224  # a batch that fits a small laptop with any common network


def occlusion(
    model: nn.Module,
    images: Tensor,
    target: int | Tensor,
    *,
    patch: int | tuple[int, int] = 32,
    stride: int | tuple[int, int] = 8,
    fill: Fill = "mean",
    score: Score = probability,
    batch_size: int | None = None,
    progress: bool = False,
) -> Tensor:
    """Explain by covering: each pixel gets the mean drop in score over all patches that cover it. Signed.

    A positive value is evidence for the target; a negative one says that covering the pixel *raises* the score.
    A patch slides over the image in steps of `stride`; the last one of each row and column is flush with the border,
    so that every pixel is covered.

    Args:
        model: maps pixels (B, C, H, W) to logits (B, K).
        images: (B, C, H, W), pixels in [0, 1].
        target: a class index, or one per image (B,).
        patch: side of the patch, or (height, width), in pixels.
        stride: step between patches, or (vertical, horizontal), in pixels; at most the patch.
        fill: what lies under the patch, see :mod:`vislib.fills`.
        score: the number whose drop is measured, see :mod:`vislib.explain`.
        batch_size: covered copies in flight; None chooses a safe number.
        progress: show a progress bar.

    Returns:
        Heatmap (B, H, W), in units of the score.

    Raises:
        TypeError, ValueError: for images, target, patch, stride or fill that do not fit, or a model in training mode.

    Zeiler & Fergus 2014, Visualizing and Understanding Convolutional Networks, https://arxiv.org/abs/1311.2901
    """
    grid = occlusion_grid(
        model,
        images,
        target,
        patch=patch,
        stride=stride,
        fill=fill,
        score=score,
        batch_size=batch_size,
        progress=progress,
    )
    rows, cols = (_windows(*sizes).to(grid) for sizes in _sizes(images, patch, stride))
    covering = rows.sum(0)[:, None] * cols.sum(0)  # (H, W): how many patches cover a pixel
    return torch.einsum("bij,ih,jw->bhw", grid, rows, cols) / covering


def occlusion_grid(
    model: nn.Module,
    images: Tensor,
    target: int | Tensor,
    *,
    patch: int | tuple[int, int] = 32,
    stride: int | tuple[int, int] = 8,
    fill: Fill = "mean",
    score: Score = probability,
    batch_size: int | None = None,
    progress: bool = False,
) -> Tensor:
    """Return the drop in score at each patch position, (B, rows, cols). Arguments and errors as in `occlusion`."""
    classes = check_inputs(model, images, target)

    def scores(logits: Tensor, index: Tensor) -> Tensor:
        return score(logits, classes[index])

    clean, covered = _sweep(model, images, classes, scores, patch, stride, fill, batch_size, progress)
    return clean[:, None, None] - covered


def occlusion_logits(
    model: nn.Module,
    images: Tensor,
    *,
    patch: int | tuple[int, int] = 32,
    stride: int | tuple[int, int] = 8,
    fill: Fill = "mean",
    batch_size: int | None = None,
    progress: bool = False,
) -> tuple[Tensor, Tensor]:
    """Return the logits of the clean images (B, K) and of every covered copy (B, rows, cols, K): all targets in one pass.

    Arguments and errors as in `occlusion`.
    """
    check_images(model, images)
    check_eval(model)
    return _sweep(model, images, None, lambda logits, index: logits, patch, stride, fill, batch_size, progress)


@torch.no_grad()
def _sweep(
    model: nn.Module,
    images: Tensor,
    target: Tensor | None,
    reduce: Callable[[Tensor, Tensor], Tensor],
    patch: int | tuple[int, int],
    stride: int | tuple[int, int],
    fill: Fill,
    batch_size: int | None,
    progress: bool,
) -> tuple[Tensor, Tensor]:
    """Apply `reduce(logits, index)` to the clean images and to all covered copies: (B, ...), (B, rows, cols, ...)."""
    (height, h, _), (width, w, _) = sizes = _sizes(images, patch, stride)
    tops, lefts = (_starts(*s) for s in sizes)
    under = canvas(fill, images)
    batch = images.shape[0]
    step = _batch_size(batch_size, height * width)
    everything = torch.arange(batch, device=images.device)

    def clean(part: Tensor) -> Tensor:
        logits = model(images[part])
        check_logits(logits, images[part], None if target is None else target[part])
        return reduce(logits, part)

    answers = torch.cat([clean(part) for part in everything.split(step)])
    places = [(b, top, left) for b in range(batch) for top in tops for left in lefts]
    covered = []
    with progress_bar(len(places), "occlusion", progress) as bar:
        for chunk in _chunks(places, step):
            index = torch.tensor([b for b, _, _ in chunk], device=images.device)
            copies = images[index]
            for copy, (b, top, left) in zip(copies, chunk, strict=True):
                copy[:, top : top + h, left : left + w] = under[b, :, top : top + h, left : left + w]
            covered.append(reduce(model(copies), index))
            bar.update(len(chunk))
    return answers, torch.cat(covered).unflatten(0, (batch, len(tops), len(lefts)))


def _chunks(places: list[tuple[int, int, int]], step: int) -> Iterator[list[tuple[int, int, int]]]:
    for start in range(0, len(places), step):
        yield places[start : start + step]


def _sizes(
    images: Tensor, patch: int | tuple[int, int], stride: int | tuple[int, int]
) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """Return (image, patch, stride) of each of the two directions, checked."""
    height, width = images.shape[-2:]
    (h, w), (down, right) = pair(patch, "patch"), pair(stride, "stride")
    if h > height or w > width:
        raise ValueError(f"patch is {h} x {w} pixels and the image {height} x {width}; expected a patch that fits.")
    if down > h or right > w:
        raise ValueError(
            f"stride is {down} x {right} pixels and the patch {h} x {w}; expected at most the patch, "
            "since pixels between two patches would never be covered."
        )
    return (height, h, down), (width, w, right)


def _starts(size: int, patch: int, stride: int) -> list[int]:
    """Return where the patches begin; the last one ends at the border."""
    return [*range(0, size - patch, stride), size - patch]


def _windows(size: int, patch: int, stride: int) -> Tensor:
    """Return one row per patch, (positions, size): 1 where it covers, else 0."""
    starts = torch.tensor(_starts(size, patch, stride))[:, None]
    pixels = torch.arange(size)
    return ((pixels >= starts) & (pixels < starts + patch)).float()


def _batch_size(batch_size: int | None, pixels: int) -> int:
    if batch_size is None:
        return min(max(_PIXELS_IN_FLIGHT // pixels, 1), 1024)
    if isinstance(batch_size, bool) or not isinstance(batch_size, int):
        raise TypeError(f"batch_size is {batch_size!r}; expected an int of at least 1, or None.")
    if batch_size < 1:
        raise ValueError(f"batch_size is {batch_size}; expected an int of at least 1, or None.")
    return batch_size
