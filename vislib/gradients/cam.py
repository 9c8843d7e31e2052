"""Grad-CAM: the maps of one layer, weighted by the mean gradient of each."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vislib.explain import Score, check_inputs, logit
from vislib.gradients.feature_maps import maps
from vislib.gradients.sensitivity import differentiating, in_flight, total_score


def grad_cam(
    model: nn.Module,
    images: Tensor,
    target: int | Tensor,
    *,
    score: Score = logit,
    layer: str | None = None,
    batch_size: int | None = None,
) -> Tensor:
    """Explain by the maps of one layer, weighted by the mean gradient of each; the positive part, enlarged. Unsigned.

    Args:
        model, images, target, score, batch_size: as in `gradient`.
        layer: its name, as in ``model.named_modules()``; None: the last of the size of the last convolution's map, so
            after its norm and activation. When a layer runs twice, its last run counts.

    Returns:
        Heatmap (B, H, W), in units of the score per unit of activation, bilinearly upsampled from the layer's size.

    Raises:
        TypeError, ValueError: as in `gradient`, and for a layer that is unknown, has no maps (B, C, h, w), or that
            the score does not depend on.

    Selvaraju et al. 2017, Grad-CAM, https://arxiv.org/abs/1610.02391
    """
    classes = check_inputs(model, images, target)
    batch = in_flight(model, images, len(images), batch_size)
    heats = []
    for group, of in zip(images.split(batch), classes.split(batch), strict=True):
        heats.append(
            F.interpolate(
                _cam(model, group, of, score, layer), images.shape[-2:], mode="bilinear", align_corners=False
            )[:, 0]
        )
    return torch.cat(heats)


def _cam(model: nn.Module, images: Tensor, classes: Tensor, score: Score, layer: str | None) -> Tensor:
    """Return the weighted sum of a layer's maps, (B, 1, h, w)."""

    def work(pixels: Tensor) -> Tensor:
        with maps(model, layer) as found:
            value = total_score(model, pixels, classes, score)
            name, activation = found()
        grads = None
        if value.requires_grad and activation.requires_grad:
            (grads,) = torch.autograd.grad(value, activation, allow_unused=True)
        if grads is None and layer is None:  # the cut was made elsewhere, see `maps`
            return _cam(model, images, classes, score, name)
        if grads is None:
            raise ValueError(f"the score has no gradient at the layer {name!r}; expected one that it depends on.")
        return (grads.mean((2, 3), keepdim=True) * activation.detach()).sum(1, keepdim=True).relu()

    return differentiating(images, work)
