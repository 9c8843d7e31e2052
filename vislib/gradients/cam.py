"""Grad-CAM: the maps of one layer, weighted by the mean gradient of each."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vislib.explain import Score, check_inputs, logit, pair
from vislib.gradients.feature_maps import maps
from vislib.gradients.sensitivity import on_copies, total_score
from vislib.memory import in_flight


def grad_cam(
    model: nn.Module,
    images: Tensor,
    target: int | Tensor,
    *,
    score: Score = logit,
    layer: str | None = None,
    grid: tuple[int, int] | None = None,
    batch_size: int | None = None,
) -> Tensor:
    """Explain by the maps of one layer, weighted by the mean gradient of each; the positive part, enlarged. Unsigned.

    Args:
        model, images, target, score, batch_size: as in `gradient`.
        layer: its name, as in ``model.named_modules()``; None: the last whose map is as large as that of the last layer
            with weights, so after norm, activation and concatenation. When a layer runs twice, its last run counts. Maps
            may have their channels last, and tokens (B, T, C) may come in place of maps.
        grid: height and width of the map that the last of the tokens make; None: those of the last map before them.

    Returns:
        Heatmap (B, H, W), in units of the score, bilinearly upsampled from the layer's size.

    Raises:
        TypeError, ValueError: as in `gradient`, and for a layer that is unknown, has no maps, or that the score does
            not depend on, and for a network of tokens whose layer is not named.

    Selvaraju et al. 2017, Grad-CAM, https://arxiv.org/abs/1610.02391
    """
    classes = check_inputs(model, images, target)
    grid = None if grid is None else pair(grid, "grid")
    batch = in_flight(model, images, len(images), batch_size)
    groups = zip(images.split(batch), classes.split(batch), strict=True)
    return enlarged(torch.cat([_cam(model, some, of, score, layer, grid) for some, of in groups]), images)


def _cam(
    model: nn.Module, images: Tensor, classes: Tensor, score: Score, layer: str | None, grid: tuple[int, int] | None
) -> Tensor:
    """Return the weighted sum of a layer's maps, (B, h, w)."""

    def work(pixels: Tensor) -> Tensor:
        with maps(model, layer) as found:
            value = total_score(model, pixels, classes, score)
            name, activation, dim, size = found()
        reached = value.requires_grad and activation.requires_grad
        (grads,) = torch.autograd.grad(value, activation, allow_unused=True) if reached else (None,)
        if grads is None and layer is None:  # the cut was made elsewhere, see `maps`
            return _cam(model, images, classes, score, name, grid)
        if grads is None:
            raise ValueError(f"the score has no gradient at the layer {name!r}; expected one that it depends on.")
        weights, seen = (on_grid(t.movedim(dim, 1), grid or size, name) for t in (grads, activation.detach()))
        if grads.ndim == 3 and not weights.any():
            raise ValueError(f"the score depends on no place of the layer {name!r}; expected an earlier layer.")
        return (weights.mean((2, 3), keepdim=True) * seen).sum(1).relu()

    return on_copies(images, work)


def on_grid(x: Tensor, grid: tuple[int, int] | None, name: str) -> Tensor:
    """Return maps (B, C, h, w) as they are, and the last of tokens (B, C, T) as maps.

    Up to 16 before them may stand for no place, such as the class token and registers.
    """
    if x.ndim == 4:
        return x
    extra = -1 if grid is None else x.shape[2] - grid[0] * grid[1]
    if grid is None or not 0 <= extra <= 16:
        raise ValueError(f"{name} has {x.shape[2]} tokens; expected grid=(height, width) of those that are places.")
    return x[..., extra:].reshape(*x.shape[:2], *grid)


def enlarged(heat: Tensor, images: Tensor) -> Tensor:
    """Return maps (B, h, w) as large as the images, bilinearly, (B, H, W)."""
    return F.interpolate(heat[:, None], images.shape[-2:], mode="bilinear", align_corners=False)[:, 0]
