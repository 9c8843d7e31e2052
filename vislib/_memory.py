"""How many copies at once: by the size of the activations, and fewer when memory runs out."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode

from vislib._regions import Ints

_IN_FLIGHT = 8 * 2**20  # bytes of the largest activation; a few times that are alive at once
_AT_MOST = 64


class _Largest(TorchDispatchMode):
    """Notes the size of the largest result of any operation, in bytes."""

    def __init__(self) -> None:
        super().__init__()
        self.bytes = 1

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        for leaf in pytree.tree_leaves(result):
            if isinstance(leaf, Tensor):
                self.bytes = max(self.bytes, leaf.numel() * leaf.element_size())
        return result


def largest_activation(model: nn.Module, images: Tensor) -> int:
    """Return the bytes of the largest result inside the network for one batch of images."""
    with _Largest() as largest:
        model(images)
    return largest.bytes


def positions_in_flight(largest: int) -> int:
    """Return how many copies to compute at once, if the largest activation of one has so many bytes."""
    return int(np.clip(_IN_FLIGHT // max(largest, 1), 4, _AT_MOST))


def halving(
    positions: Ints, limit: int, work: Callable[[Ints], Iterator[tuple[Tensor, Tensor]]]
) -> Iterator[tuple[Tensor, Tensor]]:
    """Work through positions, `limit` at a time; each time memory runs out, half as many."""
    start = 0
    while start < len(positions):
        try:
            done = list(work(positions[start : start + limit]))
        except RuntimeError as error:
            if not _out_of_memory(error) or limit == 1:
                raise
            limit = max(min(limit, len(positions) - start) // 2, 1)
            continue
        start += limit
        yield from done


def _out_of_memory(error: RuntimeError) -> bool:
    return isinstance(error, torch.OutOfMemoryError) or any(
        sign in str(error) for sign in ("can't allocate memory", "not enough memory", "out of memory")
    )
