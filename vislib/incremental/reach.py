"""How far a change reaches, operation by operation.

Cover a part of an image, and in every feature map only a rectangle changes. A rule says how large that rectangle is
after an operation, given what it was before, and how to compute it from its surroundings:

=========  =================================================  ========================================
`Rule`     commutes with cropping: ``f(x)[box] = f(x[box])``  the rectangle stays what it is
`Window`   each output pixel sees a window of the input       grows by the window, shrinks by the stride
(no rule)  anything else                                      everything may change: go on in whole maps
=========  =================================================  ========================================
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from vislib.memory import Ints


@dataclass(frozen=True)
class Ref:
    """An earlier result that depends on the image: the number of its step, and its shape for one image.

    `is_map` holds where a rule says which rectangle of it changes; its last two dimensions are then space.
    """

    step: int
    shape: torch.Size | None
    is_map: bool


@dataclass(frozen=True)
class Axis:
    """A window along one direction: its extent (dilation included), its stride, and the padding before the first pixel."""

    extent: int
    stride: int
    before: int

    def spread(self, start: Ints, stop: Ints, size: int) -> tuple[Ints, Ints]:
        """Return which outputs, of `size` in all, see a pixel in start ... stop - 1."""
        first = (start + self.before - self.extent) // self.stride + 1
        last = -(-(stop + self.before) // self.stride)
        return first.clip(0, size), last.clip(0, size)

    def seen(self, start: Ints, length: int) -> tuple[Ints, int]:
        """Return the first pixel that the outputs from `start` on see, and how many pixels they see together."""
        return start * self.stride - self.before, (length - 1) * self.stride + self.extent

    def overhang(self, size: int, outputs: int) -> tuple[int, int]:
        """Return how many pixels the outputs see before the first and behind the last of `size` pixels."""
        return max(self.before, 0), max((outputs - 1) * self.stride + self.extent - self.before - size, 0)


@dataclass(frozen=True)
class Rule:
    """An operation, as it is called with whole maps, and the multiply-adds for one number of its result.

    Unless it is a `Window`, it commutes with cropping: it is called with rectangles of maps as well.
    """

    fn: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any] = field(default_factory=dict)
    work: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Window(Rule):
    """An operation on windows of one map.

    `part` works on a context that includes all padding, which has the value `pad`.
    """

    rows: Axis
    cols: Axis
    part: Callable[[Tensor], Tensor]
    pad: float = 0.0
