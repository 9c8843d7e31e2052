"""Guided backpropagation's rule: of the gradient that comes back to a ReLU, only the positive part goes on."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from vislib.activations import check_visible
from vislib.look import as_written

_RELUS = ("relu", "relu_", "relu6", "relu6_")
_BOUNDED = ("hardtanh", "hardtanh_", "clamp", "clamp_", "clip", "clip_", "clamp_min", "clamp_min_", "maximum")


class _Guided(TorchFunctionMode):
    """While this mode is on, every ReLU, whoever calls it, gets a hook on its result; the hook ends with the graph."""

    def __init__(self) -> None:
        super().__init__()
        self.met = False

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        name = getattr(func, "__name__", "")
        rectifies = name in _RELUS or (name in _BOUNDED and _bounds(*args, **(kwargs or {})) in ((0, None), (0, 6)))
        self.met |= rectifies
        if rectifies and result.requires_grad:
            result.register_hook(lambda grad: None if grad is None else grad.clamp(min=0))
        return result


def _bounds(
    x: Any, min: Any = None, max: Any = None, *_: Any, min_val: Any = None, max_val: Any = None, **__: Any
) -> Any:
    """Return between what a function keeps its argument."""
    bounds = (min_val if min is None else min, max_val if max is None else max)
    return tuple(bound.tolist() if isinstance(bound, Tensor) else bound for bound in bounds)


def guided(model: nn.Module) -> Callable[[Tensor], Any]:
    """Return a model, to be asked by `answers`, whose ReLUs are guided; it raises a ValueError if the network has none."""
    check_visible(*model.modules())

    def forward(images: Tensor) -> Any:
        with as_written(), _Guided() as mode:
            result = model(images)
        if not mode.met and torch.is_grad_enabled():
            raise ValueError("the network has no ReLU; expected one with ReLU or ReLU6, which guided backprop guides.")
        return result

    forward.__wrapped__ = model  # type: ignore[attr-defined]
    return forward
