"""One rule for each operation: the table, and the operations that commute with cropping.

`RULES` maps an operation of PyTorch (a module's class, a function, or the name of a method) to a function with that
operation's own arguments, which returns its rule, or None where these arguments have none. What depends on the image
arrives there as a `Ref`; constants arrive as they are.
"""

import operator
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vislib.incremental.fused import Affine
from vislib.incremental.reach import Ref, Rule
from vislib.incremental.windows import avg_pool, conv, is_image, is_map, max_pool

Builder = Callable[..., Rule | None]


# ---- operations on each place by itself ----


def elementwise(fn: Callable[..., Any]) -> Builder:
    """An operation on numbers, one by one; constants must be the same everywhere in space."""

    def rule(*args: Any, **kwargs: Any) -> Rule | None:
        first = next((a for a in args if is_map(a)), None)
        fits = first is not None and all(_fits(a, first.shape) for a in (*args, *kwargs.values()))
        return Rule(fn, args, kwargs) if fits and "out" not in kwargs else None

    return rule


def _fits(argument: Any, shape: torch.Size) -> bool:
    """Tell whether an argument may stand beside a map: a map of the same size, or the same everywhere in space."""
    if isinstance(argument, Ref):
        return argument.shape is None or (argument.is_map and argument.shape[-2:] == shape[-2:])
    if isinstance(argument, Tensor):
        no_batch = argument.ndim < 4 or (argument.ndim == 4 and argument.shape[0] == 1)
        return no_batch and all(n == 1 for n in argument.shape[-2:])
    return not isinstance(argument, tuple | list | dict)


identity = elementwise(lambda full, *args, **kwargs: full)


def concatenate(tensors: Any, dim: Any = 0, *, axis: Any = None) -> Rule | None:
    """Concatenation along the channels."""
    if (dim if axis is None else axis) not in (1, -3) or not all(is_map(t) for t in tensors):
        return None
    same = all(t.shape[-2:] == tensors[0].shape[-2:] for t in tensors)
    return Rule(lambda *parts: torch.cat(parts, 1), tuple(tensors)) if same else None


# ---- the table ----

# Functions and methods of these names work on numbers, one by one.
_ELEMENTWISE = """
    abs neg exp log log1p expm1 sqrt rsqrt square sin cos tanh sigmoid erf reciprocal sign floor ceil round relu
    clamp clamp_min clamp_max clip pow add sub mul div true_divide maximum minimum where eq ne lt le gt ge
    logical_and logical_or logical_not addcmul addcdiv lerp nan_to_num
"""
_TYPES = " float double half bfloat16"  # methods alone
_OPERATORS = "add sub mul truediv neg pow abs eq ne lt le gt ge and_ or_ invert"
_FUNCTIONAL = """
    relu relu6 leaky_relu elu selu celu gelu silu mish hardtanh hardswish hardsigmoid hardshrink softshrink
    softplus softsign tanhshrink logsigmoid threshold tanh sigmoid
"""
_MODULES = """
    ReLU ReLU6 LeakyReLU ELU SELU CELU GELU SiLU Mish Hardtanh Hardswish Hardsigmoid Hardshrink Softshrink
    Softplus Softsign Tanhshrink LogSigmoid Threshold Tanh Sigmoid
"""


def _elementwise_rules() -> Iterable[tuple[Any, Builder]]:
    for name in (_ELEMENTWISE + _TYPES).split():
        yield name, elementwise(getattr(Tensor, name))
    for space, names in ((torch, _ELEMENTWISE), (operator, _OPERATORS), (F, _FUNCTIONAL)):
        for name in names.split():
            yield getattr(space, name), elementwise(getattr(space, name))
    for name in _MODULES.split():
        yield getattr(nn, name), lambda m, x: elementwise(m)(x)


def _module(rule: Builder, names: str) -> Builder:
    """Return the rule of a module whose attributes of these names are the arguments."""
    return lambda m, x: rule(x, **{n: getattr(m, n) for n in names.split()})


def _conv_module(m: Any, x: Any, same: bool = False) -> Rule | None:
    if m.padding_mode != "zeros":
        return None
    return conv(x, m.weight, m.bias, m.stride, "same" if same else m.padding, m.dilation, m.groups)


RULES: dict[Any, Builder] = {
    # operation                 rule
    **dict(_elementwise_rules()),
    nn.Conv2d: _conv_module,
    F.conv2d: conv,
    "Conv2dSame": partial(_conv_module, same=True),  # timm's module, known by its name
    nn.MaxPool2d: _module(max_pool, "kernel_size stride padding dilation ceil_mode return_indices"),
    F.max_pool2d: max_pool,
    torch.max_pool2d: max_pool,
    nn.AvgPool2d: _module(avg_pool, "kernel_size stride padding ceil_mode count_include_pad divisor_override"),
    F.avg_pool2d: avg_pool,
    Affine: lambda m, x: Rule(m, (x,)) if is_image(x) else None,
    nn.PReLU: lambda m, x: Rule(m, (x,)) if is_map(x) else None,
    torch.cat: concatenate,
    torch.concat: concatenate,
    **dict.fromkeys(("contiguous", "clone", "detach"), identity),
}
