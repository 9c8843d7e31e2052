"""Whether half precision is worth it: measured for each network, since one processor multiplies so and another does not."""

import warnings
from timeit import timeit
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn

from vislib.explain import answers

_RATIOS: WeakKeyDictionary[nn.Module, dict[tuple[torch.device, torch.dtype], float]] = WeakKeyDictionary()


@torch.no_grad()
def warn_if_slower(model: nn.Module, half: nn.Module, images: Tensor, dtype: torch.dtype) -> None:
    """Warn if a copy of the model in `dtype` clearly takes longer than the model itself for these images.

    Measured once for each model, device and type, in three rounds after one to warm up; the least of their ratios counts.
    """
    known = _RATIOS.setdefault(model, {})
    key = (images.device, dtype)
    if key not in known:
        rounds = [_seconds(half, images.to(dtype)) / _seconds(model, images) for _ in range(4)]
        known[key] = min(rounds[1:])
    if known[key] > 1.25:  # what a machine does besides does not make that much in each of three rounds
        warnings.warn(
            f"{dtype} takes {known[key]:.1f} times as long as {images.dtype} for this {type(model).__name__} on "
            f"{images.device}; dtype=None is faster.",
            stacklevel=2,
        )


def _seconds(model: nn.Module, images: Tensor) -> float:
    return timeit(lambda: answers(model, images, twice=False).cpu(), number=1)  # .cpu() waits for a GPU
