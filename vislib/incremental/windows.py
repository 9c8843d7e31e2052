"""The rules of operations that look through a window: convolution, pooling, padding.

Each takes the arguments of the operation itself; what depends on the image arrives as a `Ref`.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import torch.nn.functional as F
from torch import Tensor

from vislib.incremental.fused import Conv
from vislib.incremental.reach import Axis, Ref, Rule, Window


def is_map(x: Any) -> bool:
    """Tell whether a rule says which rectangle of x changes."""
    return isinstance(x, Ref) and x.is_map


def is_image(x: Any) -> bool:
    """Tell whether x has four dimensions; a rule for one that is no map serves whole maps alone."""
    return isinstance(x, Ref) and x.shape is not None and len(x.shape) == 4


def _pair(value: Any) -> tuple[int, int]:
    """Return two plain ints, of one or two; sizes that are only known while the network runs have no rule."""
    sizes = value if isinstance(value, tuple | list) else (value,)
    if len(sizes) > 2 or any(isinstance(size, bool) or not isinstance(size, int) for size in sizes):
        raise TypeError
    return sizes[0], sizes[-1]


def _window(
    fn: Callable[[Tensor], Tensor], x: Ref, kernel: Any, step: Any, before: Any, holes: Any = (1, 1), **more: Any
) -> Window:
    """Return the rule of an operation with these pairs (rows, cols): kernel, stride, padding before, dilation."""
    rows, cols = (Axis((k - 1) * d + 1, s, b) for k, s, b, d in zip(kernel, step, before, holes, strict=True))
    return Window(fn, (x,), rows=rows, cols=cols, **more)


def conv(
    x: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1
) -> Rule | None:
    """Convolution: strided, padded, dilated, grouped.

    The padding "same" is TensorFlow's: as much as keeps ceil(size / stride), the odd pixel at the end.
    """
    if not is_image(x) or not isinstance(weight, Tensor) or isinstance(bias, Ref) or weight.ndim != 4:
        return None
    step, holes = _pair(stride), _pair(dilation)
    kernel = tuple(weight.shape[2:])
    if padding == "same":
        sizes = zip(x.shape[-2:], kernel, step, holes, strict=True)
        total = [max((-(-n // s) - 1) * s + (k - 1) * d + 1 - n, 0) for n, k, s, d in sizes]
        before, after = tuple(t // 2 for t in total), tuple(t - t // 2 for t in total)
    else:
        before = after = (0, 0) if padding == "valid" else _pair(padding)
    op = Conv(weight, bias, step, holes, groups)

    def whole(full: Tensor) -> Tensor:
        if before == after:
            return op(full, before)
        return op(F.pad(full, (before[1], after[1], before[0], after[0])))

    if kernel == (1, 1) == step and before == after == (0, 0):
        return Rule(op, (x,), work=op.work)
    return _window(whole, x, kernel, step, before, holes, part=op, work=op.work)


def max_pool(
    x: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Rule | None:
    """Max pooling; padding counts as minus infinity, so that rounding sizes up changes nothing else."""
    if not is_map(x) or return_indices:
        return None
    kernel, step, before, holes = map(_pair, (kernel_size, stride or kernel_size, padding, dilation))
    part = partial(F.max_pool2d, kernel_size=kernel, stride=step, dilation=holes)
    whole = partial(part, padding=before, ceil_mode=ceil_mode)
    return _window(whole, x, kernel, step, before, holes, part=part, pad=-math.inf, work=1.0)


def avg_pool(
    x: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Rule | None:
    """Average pooling, where all windows count the same number of pixels."""
    if not is_map(x):
        return None
    kernel, step, before = map(_pair, (kernel_size, stride or kernel_size, padding))
    sizes = zip(x.shape[-2:], kernel, step, before, strict=True)
    overhang = ceil_mode and any((n + 2 * b - k) % s for n, k, s, b in sizes)
    if overhang or (before != (0, 0) and not count_include_pad and divisor_override is None):
        return None
    part = partial(F.avg_pool2d, kernel_size=kernel, stride=step, divisor_override=divisor_override)
    whole = partial(part, padding=before, ceil_mode=ceil_mode, count_include_pad=count_include_pad)
    return _window(whole, x, kernel, step, before, part=part, work=1.0)
