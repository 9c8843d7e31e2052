"""How a gradient is taken of whatever network: in the layout and by the way back that it allows, or not at all."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any, TypeVar

import torch
from torch import Tensor

from vislib.look import computable

Result = TypeVar("Result")
_REENTRANT = ("torch.utils.checkpoint is incompatible with", "this checkpoint() is not necessary")
_STEPS = ("Round", "Floor", "Ceil", "Trunc", "Sign", "Sgn", "FakeQuant")  # whose derivative is 0 everywhere


@computable()
def differentiating(
    work: Callable[[torch.memory_format], Result],
    layouts: Sequence[torch.memory_format] = (torch.channels_last, torch.contiguous_format),
) -> Result:
    """Return what `work` makes with autograd on, of images in the first of these layouts that the network takes.

    Raises:
        ValueError: if a checkpoint in the network has no way back to the pixels.
        TypeError: if PyTorch has no code for a step, or for its way back, in the network's type.
    """
    layout, *others = layouts
    cudnn = torch.backends.cudnn.enabled
    with torch.inference_mode(False), torch.enable_grad():
        while True:
            try:
                with nullcontext() if cudnn else torch.backends.cudnn.flags(enabled=False):
                    return work(layout)
            except RuntimeError as error:
                if "view size is not compatible" in str(error) and others:
                    layout = others.pop(0)
                elif "cudnn RNN backward" in str(error) and cudnn:
                    cudnn = False  # which has no way back through recurrent layers in evaluation mode
                elif any(sign in str(error) for sign in _REENTRANT):
                    raise ValueError(
                        "the network's checkpoint has no way back to the pixels; expected use_reentrant=False, or none."
                    ) from error
                else:
                    raise


def straightened(total: Tensor) -> Tensor:
    """Return the score, after seeing to it that its way back through BatchNorm tells the places of a map from its channels.

    On a CPU PyTorch takes the layout of a map, and of the gradient that comes back to it, from the stride of the batch,
    which may be any number if the batch is one, as of tokens that were a map, or become one. Among them are all batches in
    InstanceNorm, which makes one image of the channels of all.
    """
    for node in _way_back(total):
        if "BatchNorm" in type(node).__name__ and hasattr(node, "_raw_saved_input"):
            try:
                node._raw_saved_input.register_hooks(_straight, _straight)
                node.register_prehook(lambda grads: (*map(_straight, grads),))
            except RuntimeError:  # a checkpoint keeps the map: the gradient gets a layout that fits any
                node.register_prehook(lambda grads: (*(_straight(grad, turn=True) for grad in grads),))
    return total


def _straight(x: Tensor | None, turn: bool = False) -> Tensor | None:
    """Return a map (1, C, h, w) with the stride that a second one would have."""
    if x is None or x.ndim < 4 or len(x) > 1 or (x.stride(0) == x.numel() and not turn):
        return x
    x = x.transpose(1, -1).contiguous().transpose(1, -1) if turn else x
    return x.as_strided(x.shape, (x.numel(), *x.stride()[1:]))


def slope(total: Tensor, pixels: Tensor) -> Tensor:
    """Return the gradient of a score with respect to the pixels.

    Raises:
        ValueError: as `check_slope`.
    """
    (grads,) = torch.autograd.grad(total, pixels, allow_unused=True) if total.requires_grad else (None,)
    return check_slope(total, grads)


def check_slope(total: Tensor, grads: Tensor | None) -> Tensor:
    """Return the gradient; raise if the pixels do not reach the score by steps that PyTorch can differentiate."""
    if grads is None or (not grads.any() and any(type(n).__name__.startswith(_STEPS) for n in _way_back(total))):
        smooth = "that PyTorch can differentiate, without detach, no_grad, rounding or integers on the way"
        raise ValueError(f"the score has no gradient at the pixels; expected a model and a score {smooth}.")
    return grads


def _way_back(total: Tensor) -> set[Any]:
    """Return the steps of the way back from a score."""
    met: set[Any] = set()
    reached: set[Any] = {total.grad_fn} - {None}
    while reached:
        met |= reached
        reached = {node for known in reached for node, _ in known.next_functions} - met - {None}
    return met
