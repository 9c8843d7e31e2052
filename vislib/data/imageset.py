"""Labelled images, and what belongs to them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vislib import device as default_device


@dataclass(frozen=True)
class ImageSet:
    """Labelled images, and what else is known about them.

    Args:
        images: (N, C, H, W), pixels in [0, 1].
        labels: (N,), int64, indices into `classes`.
        classes: the K class names.
        masks: (N, H, W), bool: where the labelled object is; None where that is not known.
        attributes: more facts, by name, one value per image: each (N,).

    Raises:
        ValueError: if the lengths differ.
    """

    images: Tensor
    labels: Tensor
    classes: Sequence[str]
    masks: Tensor | None = None
    attributes: Mapping[str, Tensor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, values in {"labels": self.labels, **self.attributes, "masks": self.masks}.items():
            if values is not None and len(values) != len(self):
                raise ValueError(f"{name} has length {len(values)} for {len(self)} images; expected one per image.")

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: slice | Tensor | NDArray[Any] | Sequence[int]) -> "ImageSet":
        """Return some of the images, with everything that belongs to them: a slice, indices, or a bool tensor (N,)."""
        if isinstance(index, slice):
            return self._each(lambda values: values[index])
        array = np.asarray(index.cpu() if isinstance(index, Tensor) else index)
        if array.dtype == bool and array.shape == (len(self),):
            array = array.nonzero()[0]
        if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
            raise TypeError(
                f"index is {index!r:.80}; expected a slice such as data[2:3], several ints, or {len(self)} bools."
            )
        chosen = torch.from_numpy(array.astype(np.int64))
        return self._each(lambda values: values[chosen.to(values.device)])

    def split(self, *lengths: int) -> tuple["ImageSet", ...]:
        """Cut the set into consecutive parts of the given lengths, and the rest: ``train, test = data.split(4000)``.

        The sets of this module are shuffled already, so that the same call gives the same split everywhere.

        Raises:
            ValueError: if the parts are not positive or leave no rest.
        """
        if not lengths or min(lengths) < 1 or sum(lengths) >= len(self):
            raise ValueError(f"lengths is {lengths}; expected positive lengths that sum to less than {len(self)}.")
        ends = np.cumsum([0, *lengths, len(self) - sum(lengths)]).tolist()
        return tuple(self[start:end] for start, end in pairwise(ends))

    def to(self, device: torch.device | str | None) -> "ImageSet":
        """Return the set on a device; None means :func:`vislib.device`."""
        return self._each(lambda values: values.to(default_device() if device is None else device))

    def _each(self, change: Callable[[Tensor], Tensor]) -> "ImageSet":
        return replace(
            self,
            images=change(self.images),
            labels=change(self.labels),
            masks=None if self.masks is None else change(self.masks),
            attributes={name: change(values) for name, values in self.attributes.items()},
        )
