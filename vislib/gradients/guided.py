"""Guided backpropagation's rule: of the gradient that comes back to a ReLU, only the positive part goes on."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils import _pytree as pytree

from vislib.activations import check_visible
from vislib.look import as_written


class Watched(TorchFunctionMode):
    """A model, to be asked by `answers`, with this mode on at each of its runs."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        check_visible(*model.modules())
        self.__wrapped__ = model

    def __call__(self, images: Tensor) -> Any:
        with as_written(), self:
            return self.__wrapped__(images)


class Guided(Watched):
    """A model in which every ReLU, whatever its name, gets a hook on its result; the hook ends with the graph."""

    def __call__(self, images: Tensor) -> Any:
        """Run the model; raise a ValueError if it has no ReLU."""
        self.met = False
        result = super().__call__(images)
        if not self.met and isinstance(result, Tensor) and result.requires_grad and _depends(result, images):
            raise ValueError("the network has no ReLU; expected one with ReLU or ReLU6, which guided backprop guides.")
        return result

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        leaves, spec = pytree.tree_flatten((args, kwargs or {}))
        # Copies, since it may work in place.
        given = [(i, x.detach().clone()) for i, x in enumerate(leaves) if isinstance(x, Tensor) and x.requires_grad]

        def made(place: int, probe: Tensor) -> Any:
            args, kwargs = spec.unflatten([*leaves[:place], probe, *leaves[place + 1 :]])
            return _made(func(*args, **kwargs), args)

        result = func(*args, **(kwargs or {}))
        found = _made(result, args)
        if isinstance(found, Tensor) and found.requires_grad:
            with torch.no_grad():
                rectifies = any(_rectifies(x, found, partial(made, i)) for i, x in given)
            self.met |= rectifies
            if rectifies:
                found.register_hook(lambda grad: None if grad is None else grad.clamp(min=0))
        return result


def _made(result: Any, args: Any) -> Any:
    """Return the tensor that an operation has made: x[x < 0] = 0 returns none, and makes one of x."""
    return args[0] if result is None and args else result


def _rectifies(x: Tensor, made: Tensor, again: Callable[[Tensor], Tensor]) -> bool:
    """Tell whether what was made of x is its positive part, perhaps up to a bound; other numbers decide where x says nothing."""
    if (x.shape, x.dtype) != (made.shape, made.dtype) or not (made.is_floating_point() and made.numel()):
        return False
    if made.amin() < 0 or not torch.equal(made, x.clamp(0, top := float(made.amax()))):
        return False
    if x.amin() < 0 < top:
        return True
    probe = torch.linspace(-12, 12, x.numel(), dtype=x.dtype, device=x.device).view_as(x)
    made = again(probe.clone())
    return torch.equal(made, probe.clamp(0, max(float(made.amax()), 6)))


def _depends(result: Tensor, images: Tensor) -> bool:
    """Tell whether the gradient of a result reaches the images, which a frozen part of the network may cut off."""
    (slope,) = torch.autograd.grad(result.sum(), images, retain_graph=True, allow_unused=True)
    return slope is not None
