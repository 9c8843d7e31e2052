"""Guided backpropagation's rule: of the gradient that comes back to a ReLU, only the positive part goes on."""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from vislib.activations import check_visible
from vislib.look import as_written

_NN: Any = torch._C._nn
_RELU = (torch.relu, torch.relu_, Tensor.relu, Tensor.relu_, F.relu, F.relu6, _NN.relu6, _NN.relu6_)
_HARDTANH = (F.hardtanh, _NN.hardtanh, _NN.hardtanh_)  # which ReLU6 is, from 0 to 6


class _Guided(TorchFunctionMode):
    """While this mode is on, every ReLU, whoever calls it, gets a hook on its result; the hook ends with the graph."""

    def __init__(self) -> None:
        super().__init__()
        self.met = False

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        rectifies = func in _RELU or (func in _HARDTANH and _lowest(*args, **(kwargs or {})) == 0)
        self.met |= rectifies
        if rectifies and result.requires_grad:
            result.register_hook(lambda grad: None if grad is None else grad.clamp(min=0))
        return result


def _lowest(input: Tensor, min_val: float = -1.0, *args: Any, **kwargs: Any) -> float:
    return min_val


def guided(model: nn.Module) -> Callable[[Tensor], Any]:
    """Return a model, to be asked by `answers`, whose ReLUs are guided; it raises a ValueError if the network has none."""

    def forward(images: Tensor) -> Any:
        with as_written(), _Guided() as mode:
            result = model(images)
        if not mode.met and torch.is_grad_enabled():
            check_visible(*model.modules())
            raise ValueError("the network has no ReLU; expected one with ReLU or ReLU6, which guided backprop guides.")
        return result

    forward.__wrapped__ = model  # type: ignore[attr-defined]
    return forward
