"""How a gradient is taken of whatever network: in the layout and by the way back that it allows, or not at all."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any, TypeVar

import torch
from torch import Tensor

from vislib.look import computable

Result = TypeVar("Result")
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
                elif "checkpoint" in str(error):
                    raise ValueError(
                        "the network's checkpoint has no way back to the pixels; expected use_reentrant=False, or none."
                    ) from error
                else:
                    raise


def slope(total: Tensor, pixels: Tensor) -> Tensor:
    """Return the gradient of a score with respect to the pixels.

    Raises:
        ValueError: as `check_slope`.
    """
    (grads,) = torch.autograd.grad(total, pixels, allow_unused=True) if total.requires_grad else (None,)
    check_slope(total, grads)
    assert grads is not None
    return grads


def check_slope(total: Tensor, grads: Tensor | None) -> None:
    """Raise if the pixels do not reach the score by steps that PyTorch can differentiate."""
    if grads is None or (not grads.any() and _rounds(total)):
        raise ValueError(
            "the score has no gradient at the pixels; expected a model and a score that PyTorch can differentiate, "
            "without detach, no_grad, rounding or integers on the way."
        )


def _rounds(total: Tensor) -> bool:
    """Tell whether a step on the way back has the derivative 0."""
    met: set[Any] = set()
    reached: set[Any] = {total.grad_fn}
    while reached:
        met |= reached
        reached = {node for known in reached for node, _ in known.next_functions if node is not None} - met
    return any(type(node).__name__.startswith(_STEPS) for node in met)
