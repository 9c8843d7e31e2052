"""Inversion: a picture to which a layer answers as it does to an image."""

from typing import Any

import torch
from torch import Tensor, nn

from vislib.explain import check_inputs, takes, widened
from vislib.incremental.lean import lean
from vislib.look import shown
from vislib.reconstruction.ascent import Ascent, climb, layer_answer


@takes(Ascent)
@torch.inference_mode(False)
def invert(model: nn.Module, images: Tensor, layer: str, *, total_variation: float = 0.1, **options: Any) -> Tensor:
    """Return pictures (B, C, H, W) to which a layer answers as it does to the images: what has the layer kept of them?

    Minimised is the squared distance between the activations, as a share of the squared length of the images'.

    Args:
        model: any network on pixels (B, C, H, W).
        images: (B, C, H, W), pixels in [0, 1].
        layer: a name as in ``model.named_modules()``.
        steps, seed, parametrisation, total_variation, l2, learning_rate, batch_size, watch, progress: as in
            `reconstruct`; the scores that `watch` sees are the distances, with a minus.

    Raises:
        TypeError, ValueError: for images or an option that does not fit, a layer that is unknown, or that answers 0 or
            not with one answer per image, or a model in training mode.

    Mahendran & Vedaldi 2015, Understanding Deep Image Representations by Inverting Them,
    https://arxiv.org/abs/1412.0035
    """
    check_inputs(model, images)
    how = Ascent(total_variation=total_variation, **options)
    with torch.no_grad():
        wanted, alone = (layer_answer(model, some, layer) for some in (images, images[:1]))
    if len(alone) != 1:
        raise ValueError(f"the layer {layer!r} answers to one image with {shown(alone)}; expected (1, ...).")
    wanted = widened(wanted.flatten(1))
    if not bool(wanted.any(1).all()):
        raise ValueError(f"the layer {layer!r} answers to an image with zeros alone; expected what can be imitated.")
    network = lean(model, images[:1], layer)

    def rise(pictures: Tensor, index: Tensor) -> Tensor:
        goal = wanted[index]
        distance = (layer_answer(network, pictures, layer).flatten(1) - goal).square().sum(1)
        return -distance / goal.square().sum(1).clamp(min=torch.finfo(goal.dtype).tiny)

    return climb(model, rise, torch.full_like(images, 0.5), how)
