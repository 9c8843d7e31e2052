"""How many copies at once: by the size of the activations, and fewer when memory runs out."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode

from vislib.explain import check_batch_size

Ints = NDArray[np.int64]
KEPT = 256 * 2**20  # bytes of clean maps that are kept together
_IN_FLIGHT = 18 * 2**20  # bytes of the largest activation; a few times that are alive at once


class _Largest(TorchDispatchMode):
    """Notes the size of the largest result of any operation, in bytes."""

    bytes = 1

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        sizes = [leaf.numel() * leaf.element_size() for leaf in pytree.tree_leaves(result) if isinstance(leaf, Tensor)]
        self.bytes = max([self.bytes, *sizes])
        return result


def largest_activation(model: Callable[[Tensor], Any], images: Tensor) -> int:
    """Return the bytes of the largest result inside the network for one batch of images."""
    largest = _Largest()  # type: ignore[no-untyped-call]
    with largest:
        model(images.clone())  # some networks change their input
    return largest.bytes


def positions_in_flight(largest: int) -> int:
    """Return how many copies to compute at once, if the largest activation of one has so many bytes."""
    return min(max(_IN_FLIGHT // max(largest, 1), 4), 64)


@torch.no_grad()
def in_flight(model: Callable[[Tensor], Any], images: Tensor, copies: int, batch_size: int | None) -> int:
    """Return how many copies of the images to compute at once: what was asked for, or by the size of the activations."""
    check_batch_size(batch_size)
    if batch_size is not None or copies <= positions_in_flight(2**62):
        return int(min(batch_size or copies, copies))
    return min(positions_in_flight(largest_activation(model, images[:1])), copies)


def halving(
    positions: Ints, limit: int, work: Callable[[Ints], list[tuple[Tensor, Tensor]]]
) -> Iterator[tuple[Tensor, Tensor]]:
    """Work through positions, `limit` at a time; each time memory runs out, half as many."""
    start = 0
    while start < len(positions):
        try:
            done = work(positions[start : start + limit])
        except RuntimeError as error:
            if not _out_of_memory(error) or limit == 1:
                raise
            limit = max(min(limit, len(positions) - start) // 2, 1)
            continue
        start += limit
        yield from done


def _out_of_memory(error: RuntimeError) -> bool:
    signs = "can't allocate memory", "not enough memory", "backend out of memory"
    return isinstance(error, torch.OutOfMemoryError) or any(sign in str(error) for sign in signs)
