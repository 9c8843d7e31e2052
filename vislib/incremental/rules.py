"""How far a change reaches: one rule for each operation.

Cover a part of an image, and in every feature map only a rectangle changes. A rule says how large that rectangle is
after an operation, given what it was before, and how to compute it from its surroundings:

=========  =============================================  ==================================================
`Local`    commutes with cropping: ``f(x)[box] = f(x[box])``   the rectangle stays what it is
`Window`   each output pixel sees a window of the input        grows by the window, shrinks by the stride
`Move`     each output pixel is one input pixel, or padding    follows the pixels
(no rule)  anything else                                       everything may change: go on with whole maps
=========  =============================================  ==================================================

`RULES` maps an operation of PyTorch (a module's class, a function, or the name of a method) to a function with that
operation's own arguments, which returns its rule, or None where these arguments have none. What depends on the image
arrives there as a `Ref`; constants arrive as they are.
"""

import operator
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from vislib.incremental.fused import Conv

Ints = NDArray[np.int64]


class Ref(NamedTuple):
    """An earlier result that depends on the image: the number of its step, its shape for one image, and its dtype.

    `is_map` holds where a rule says which rectangle of it changes; its last two dimensions are then space.
    """

    step: int
    shape: torch.Size | None
    is_map: bool


@dataclass(frozen=True)
class Local:
    """An operation that commutes with cropping. Called with whole maps or with rectangles of them."""

    fn: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any] = field(default_factory=dict)


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


@dataclass(frozen=True)
class Window:
    """An operation on windows of one map.

    `whole` is the operation on a whole map; `part` works on a context that includes all padding, which has the value `pad`.
    `scale` (rows, cols), if there is one, multiplies the output of `part`: it says what share of a window counts.
    """

    x: Ref
    rows: Axis
    cols: Axis
    whole: Callable[[Tensor], Tensor]
    part: Callable[[Tensor], Tensor]
    pad: float = 0.0
    work: float = 1.0  # multiply-adds per number of the output
    scale: Tensor | None = None


@dataclass(frozen=True)
class Move:
    """Output row i is input row rows[i], or `pad` where that is -1; columns likewise."""

    x: Ref
    rows: Ints
    cols: Ints
    whole: Callable[[Tensor], Tensor]
    pad: float = 0.0

    @staticmethod
    def spread(source: Ints, start: Ints, stop: Ints) -> tuple[Ints, Ints]:
        """Return the smallest range of outputs that holds every copy of the pixels start ... stop - 1."""
        hit = (source >= start[:, None]) & (source < stop[:, None])
        first = np.where(hit.any(1), hit.argmax(1), 0)
        last = np.where(hit.any(1), hit.shape[1] - hit[:, ::-1].argmax(1), 0)
        return first, last


Rule = Local | Window | Move


def _is_map(x: Any, ndim: int = 4) -> bool:
    return isinstance(x, Ref) and x.is_map and x.shape is not None and len(x.shape) == ndim


def _is_image(x: Any) -> bool:
    """Tell whether x has four dimensions; a rule for one that is no map serves whole maps alone."""
    return isinstance(x, Ref) and x.shape is not None and len(x.shape) == 4


def _pair(value: Any) -> tuple[int, int]:
    first, second = value if isinstance(value, tuple | list) and len(value) == 2 else (_int(value), _int(value))
    return _int(first), _int(second)


def _int(value: Any) -> int:
    """Return a plain int; sizes that are only known while the network runs have no rule."""
    (value,) = value if isinstance(value, tuple | list) and len(value) == 1 else (value,)
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError
    return value


# ---------------------------------------------------------------------------------------------------- windows


def conv(
    x: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    *,
    fused: Callable[..., Conv] = Conv,
) -> Rule | None:
    """Convolution: strided, padded, dilated, grouped. `fused` may have BatchNorm and an activation in it."""
    if not _is_image(x) or not isinstance(weight, Tensor) or isinstance(bias, Ref) or weight.ndim != 4:
        return None
    kernel, step, holes = tuple(weight.shape[2:]), _pair(stride), _pair(dilation)
    extent = tuple((k - 1) * d + 1 for k, d in zip(kernel, holes, strict=True))
    if padding == "same":
        before = tuple((e - 1) // 2 for e in extent)
        after = tuple(e - 1 - b for e, b in zip(extent, before, strict=True))
    else:
        before = after = (0, 0) if padding == "valid" else _pair(padding)
    return _conv(x, fused(weight, bias, step, holes, groups), extent, before, after)


def same_conv(x: Any, module: Any, fused: Callable[..., Conv] = Conv) -> Rule | None:
    """Convolution with TensorFlow's padding: as much as keeps ceil(size / stride), the odd pixel at the end."""
    if not _is_image(x):
        return None
    step, holes = _pair(module.stride), _pair(module.dilation)
    extent = tuple((k - 1) * d + 1 for k, d in zip(module.kernel_size, holes, strict=True))
    total = [max((-(-n // s) - 1) * s + e - n, 0) for n, s, e in zip(x.shape[-2:], step, extent, strict=True)]
    before = tuple(t // 2 for t in total)
    after = tuple(t - b for t, b in zip(total, before, strict=True))
    return _conv(x, fused(module.weight, module.bias, step, holes, module.groups), extent, before, after)


def _conv(x: Ref, op: Conv, extent: Any, before: Any, after: Any) -> Rule:
    def whole(full: Tensor) -> Tensor:
        if before == after:
            return op(full, before)
        return op(F.pad(full, (before[1], after[1], before[0], after[0])))

    if extent == (1, 1) == op.stride and before == after == (0, 0):
        return Local(op, (x,))
    rows, cols = (Axis(*a) for a in zip(extent, op.stride, before, strict=True))
    return Window(x, rows, cols, whole, op, work=op.work)


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
    if not _is_map(x) or return_indices:
        return None
    kernel, before, holes = _pair(kernel_size), _pair(padding), _pair(dilation)
    step = _pair(stride if stride else kernel_size)
    rows, cols = (Axis((k - 1) * d + 1, s, b) for k, d, s, b in zip(kernel, holes, step, before, strict=True))
    return Window(
        x,
        rows,
        cols,
        lambda full: F.max_pool2d(full, kernel, step, before, holes, ceil_mode),
        lambda part: F.max_pool2d(part, kernel, step, 0, holes),
        pad=float("-inf"),
    )


def avg_pool(
    x: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Rule | None:
    """Average pooling. Where some windows count fewer pixels, they are summed and each has its own share."""
    if not _is_map(x):
        return None
    kernel, before = _pair(kernel_size), _pair(padding)
    step = _pair(stride if stride else kernel_size)
    rows, cols = (Axis(*a) for a in zip(kernel, step, before, strict=True))

    def whole(full: Tensor) -> Tensor:
        return F.avg_pool2d(full, kernel, step, before, ceil_mode, count_include_pad, divisor_override)

    ones = torch.ones(1, 1, *x.shape[-2:], dtype=torch.float64)
    counted = F.avg_pool2d(ones, kernel, step, before, ceil_mode, divisor_override=1)
    scale = (whole(ones) / counted)[0, 0]
    uniform = bool((scale == scale[0, 0]).all())
    divisor = round(1 / float(scale[0, 0])) if uniform else 1
    return Window(
        x,
        rows,
        cols,
        whole,
        lambda part: F.avg_pool2d(part, kernel, step, divisor_override=divisor),
        scale=None if uniform else scale,
    )


# ----------------------------------------------------------------------------------------------- local operations


def elementwise(fn: Callable[..., Any]) -> Callable[..., Rule | None]:
    """An operation on numbers, one by one; constants must be the same everywhere in space."""

    def rule(*args: Any, **kwargs: Any) -> Rule | None:
        first = next((a for a in args if _is_map(a) or _is_map(a, 5)), None)
        fits = first is not None and all(_fits(a, first) for a in (*args, *kwargs.values()))
        return Local(fn, args, kwargs) if fits and "out" not in kwargs else None

    return rule


def _fits(argument: Any, x: Ref) -> bool:
    """Tell whether an argument may stand beside the map x: a map of the same size, or the same everywhere in space."""
    assert x.shape is not None
    if isinstance(argument, Ref):
        if argument.shape is None:
            return True  # a plain number, read off a shape
        return argument.is_map and len(argument.shape) == len(x.shape) and argument.shape[-2:] == x.shape[-2:]
    if isinstance(argument, Tensor):
        no_batch = argument.ndim < len(x.shape) or (argument.ndim == len(x.shape) and argument.shape[0] == 1)
        return no_batch and all(n == 1 for n in argument.shape[-2:])
    return not isinstance(argument, tuple | list | dict)


def batch_norm(
    x: Any,
    running_mean: Any,
    running_var: Any,
    weight: Any = None,
    bias: Any = None,
    training: bool = False,
    momentum: Any = 0.1,
    eps: float = 1e-5,
) -> Rule | None:
    """BatchNorm with stored statistics: a factor and a summand for each channel."""
    constants = (running_mean, running_var, weight, bias)
    if not _is_image(x) or training or running_mean is None or running_var is None:
        return None
    if any(isinstance(c, Ref) for c in constants):
        return None
    factor = (running_var + eps).rsqrt() * (1 if weight is None else weight)
    summand = -running_mean * factor + (0 if bias is None else bias)
    factor, summand = factor.reshape(1, -1, 1, 1), summand.reshape(1, -1, 1, 1)
    return Local(lambda full: torch.addcmul(summand, full, factor), (x,))


def concatenate(tensors: Any, dim: Any = 0, *, axis: Any = None) -> Rule | None:
    """Concatenation along the channels."""
    dim = dim if axis is None else axis
    if (
        not isinstance(tensors, tuple | list)
        or not tensors
        or not all(_is_map(t) for t in tensors)
        or dim not in (1, -3)
    ):
        return None
    if any(t.shape[-2:] != tensors[0].shape[-2:] for t in tensors):
        return None
    return Local(lambda *parts: torch.cat(parts, 1), tuple(tensors))


def over_channels(fn: Callable[..., Any]) -> Callable[..., Rule | None]:
    """A softmax, mean or norm over the channels, ``fn(x, dim=1, ...)``, at each place by itself."""

    def rule(x: Any, dim: Any = None, *args: Any, **kwargs: Any) -> Rule | None:
        dim = dim[0] if isinstance(dim, tuple | list) and len(dim) == 1 else dim
        if not _is_map(x) or isinstance(dim, bool) or dim not in (1, -3):
            return None
        if any(isinstance(a, Ref | Tensor) for a in (*args, *kwargs.values())):
            return None
        return Local(fn, (x, dim, *args), kwargs)

    return rule


def identity(x: Any, *args: Any, **kwargs: Any) -> Rule | None:
    """The map itself."""
    return Local(lambda full: full, (x,)) if isinstance(x, Ref) and x.is_map else None


def dropout(x: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Rule | None:
    """Dropout, which does nothing in evaluation mode."""
    return identity(x) if training is False else None


def local_response_norm(x: Any, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0) -> Rule | None:
    """Local response normalisation, across neighbouring channels."""
    return Local(F.local_response_norm, (x, size, alpha, beta, k)) if _is_map(x) else None


def adaptive_pool(fn: Callable[..., Any]) -> Callable[..., Rule | None]:
    """Adaptive pooling to the size that the map has already, which does nothing."""

    def rule(x: Any, output_size: Any, return_indices: bool = False) -> Rule | None:
        if not _is_map(x) or return_indices:
            return None
        same = output_size == tuple(x.shape[-2:]) or (x.shape[-2] == x.shape[-1] == output_size)
        return identity(x) if same else None

    return rule


def mid_reshape(x: Any, result: torch.Size | None) -> Rule | None:
    """A reshape that regroups the channels and leaves batch and space alone, as in a channel shuffle."""
    if not isinstance(x, Ref) or not x.is_map or x.shape is None or result is None or len(result) < 4:
        return None
    if result[0] != x.shape[0] or result[-2:] != x.shape[-2:]:
        return None
    middle = tuple(result[1:-2])
    return Local(lambda full: full.reshape(len(full), *middle, *full.shape[-2:]), (x,))


def transpose(x: Any, dim0: Any, dim1: Any) -> Rule | None:
    """An exchange of two dimensions, neither of them the batch or space."""
    if not isinstance(x, Ref) or not x.is_map or x.shape is None:
        return None
    middle = range(1, len(x.shape) - 2)
    if not all(_int(d) % len(x.shape) in middle for d in (dim0, dim1)):
        return None
    return Local(torch.transpose, (x, dim0, dim1))


def permute(x: Any, *dims: Any) -> Rule | None:
    """A new order of the dimensions that leaves batch and space where they are."""
    order = dims[0] if len(dims) == 1 and isinstance(dims[0], tuple | list) else dims
    if not isinstance(x, Ref) or not x.is_map or x.shape is None:
        return None
    ndim = len(x.shape)
    axes = [_int(d) % ndim for d in order]
    return Local(torch.permute, (x, axes)) if (axes[0], *axes[-2:]) == (0, ndim - 2, ndim - 1) else None


# ------------------------------------------------------------------------------------------ moved pixels


def _moved(x: Ref, whole: Callable[[Tensor], Tensor], pad: float = 0.0) -> Rule | None:
    """Ask an operation where each output pixel comes from, by applying it to the coordinates (0 stands for padding)."""
    assert x.shape is not None
    height, width = x.shape[-2:]
    rows = torch.arange(1.0, height + 1)[:, None].expand(1, 1, height, width).contiguous()
    cols = torch.arange(1.0, width + 1).expand(1, 1, height, width).contiguous()
    from_row, from_col = whole(rows)[0, 0], whole(cols)[0, 0]
    if from_row.numel() == 0:
        return None
    row, col = from_row.amax(1), from_col.amax(0)
    inside = (row[:, None] > 0) & (col > 0)
    if not torch.equal(from_row, row[:, None] * inside) or not torch.equal(from_col, col * inside):
        return None
    source = [(v.numpy() - 1).astype(np.int64) for v in (row, col)]
    return Move(x, source[0], source[1], whole, pad)


def pad(x: Any, pad: Any, mode: str = "constant", value: float | None = None) -> Rule | None:
    """Padding of space, of any mode, or of the channels."""
    amounts = [_int(p) for p in pad]
    if not _is_map(x) or len(amounts) > 6 or isinstance(value, Ref | Tensor):
        return None
    if len(amounts) == 6 and not any(amounts[:4]):
        return Local(F.pad, (x, amounts, mode, value))
    if any(amounts[4:]):
        return None
    amounts = amounts[:4]
    coordinates = _moved(x, lambda full: F.pad(full, amounts, mode), pad=value or 0.0)
    if not isinstance(coordinates, Move):
        return None
    whole = lambda full: F.pad(full, amounts, mode, value)  # noqa: E731
    return Move(x, coordinates.rows, coordinates.cols, whole, coordinates.pad)


def interpolate(
    x: Any,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: Any = None,
    recompute_scale_factor: Any = None,
    antialias: bool = False,
) -> Rule | None:
    """Upsampling that repeats pixels."""
    if not _is_map(x) or mode not in ("nearest", "nearest-exact") or isinstance(size, Ref):
        return None
    if isinstance(size, tuple | list) and any(isinstance(s, Ref) for s in size):
        return None
    return _moved(x, lambda full: F.interpolate(full, size, scale_factor, mode))


def flip(x: Any, *dims: Any) -> Rule | None:
    """Mirror images."""
    axes = dims[0] if len(dims) == 1 and isinstance(dims[0], tuple | list) else dims
    if not _is_map(x) or not {_int(d) % 4 for d in axes} <= {2, 3}:
        return None
    return _moved(x, lambda full: full.flip(axes))


def getitem(x: Any, index: Any) -> Rule | None:
    """Slices of channels, or of space."""
    if not _is_map(x):
        return None
    keys = list(index) if isinstance(index, tuple) else [index]
    if Ellipsis in [k for k in keys if not isinstance(k, Tensor | Ref)]:
        at = next(i for i, k in enumerate(keys) if k is Ellipsis)
        keys[at : at + 1] = [slice(None)] * (4 - len(keys) + 1)
    keys += [slice(None)] * (4 - len(keys))
    if len(keys) != 4 or not all(isinstance(k, slice) for k in keys):
        return None
    if any(isinstance(v, Ref | Tensor) for k in keys for v in (k.start, k.stop, k.step)):
        return None
    batch, channels, *space = (k != slice(None) for k in keys)
    if batch or (channels and any(space)):
        return None
    chosen = tuple(keys)
    if channels:
        return Local(lambda full: full[:, chosen[1]], (x,))
    return _moved(x, lambda full: full[chosen]) if any(space) else identity(x)


# ---------------------------------------------------------------------------------------------------- the table

# Functions and methods of these names work on numbers, one by one.
_ELEMENTWISE = """
    abs neg exp log log1p expm1 sqrt rsqrt square sin cos tanh sigmoid erf reciprocal sign floor ceil round relu
    clamp clamp_min clamp_max clip pow add sub mul div true_divide maximum minimum where eq ne lt le gt ge
    logical_and logical_or logical_not float double half bfloat16 addcmul addcdiv lerp nan_to_num
"""
_OPERATORS = "add sub mul truediv neg pow abs eq ne lt le gt ge and_ or_ invert"
_FUNCTIONAL = """
    relu relu6 leaky_relu elu selu celu gelu silu mish hardtanh hardswish hardsigmoid hardshrink softshrink
    softplus softsign tanhshrink logsigmoid threshold tanh sigmoid
"""
_MODULES = """
    ReLU ReLU6 LeakyReLU ELU SELU CELU GELU SiLU Mish Hardtanh Hardswish Hardsigmoid Hardshrink Softshrink
    Softplus Softsign Tanhshrink LogSigmoid Threshold Tanh Sigmoid
"""

Builder = Callable[..., Rule | None]


def _elementwise_rules() -> Iterable[tuple[Any, Builder]]:
    for name in _ELEMENTWISE.split():
        if hasattr(torch.Tensor, name):
            yield name, elementwise(getattr(torch.Tensor, name))
        if hasattr(torch, name) and callable(getattr(torch, name)):
            yield getattr(torch, name), elementwise(getattr(torch, name))
    for name in _OPERATORS.split():
        yield getattr(operator, name), elementwise(getattr(operator, name))
    for name in _FUNCTIONAL.split():
        yield getattr(F, name), elementwise(getattr(F, name))


def _pool_module(rule: Builder, *names: str) -> Builder:
    return lambda m, x: rule(x, **{n: getattr(m, n) for n in names})


def _conv_module(m: Any, x: Any, fused: Callable[..., Conv] = Conv) -> Rule | None:
    if m.padding_mode != "zeros":
        return None
    return conv(x, m.weight, m.bias, m.stride, m.padding, m.dilation, m.groups, fused=fused)


def _pad_module(mode: str) -> Builder:
    return lambda m, x: pad(x, m.padding, mode, getattr(m, "value", None))


_MAX = ("kernel_size", "stride", "padding", "dilation", "ceil_mode", "return_indices")
_AVG = ("kernel_size", "stride", "padding", "ceil_mode", "count_include_pad", "divisor_override")

RULES: dict[Any, Builder] = {
    # operation                 rule
    **dict(_elementwise_rules()),
    **{getattr(nn, name): (lambda m, x: elementwise(m)(x)) for name in _MODULES.split()},
    nn.Conv2d: _conv_module,
    F.conv2d: conv,
    nn.MaxPool2d: _pool_module(max_pool, *_MAX),
    F.max_pool2d: max_pool,
    torch.max_pool2d: max_pool,
    nn.AvgPool2d: _pool_module(avg_pool, *_AVG),
    F.avg_pool2d: avg_pool,
    nn.AdaptiveAvgPool2d: lambda m, x: adaptive_pool(m)(x, m.output_size),
    nn.AdaptiveMaxPool2d: lambda m, x: adaptive_pool(m)(x, m.output_size, m.return_indices),
    F.adaptive_avg_pool2d: adaptive_pool(F.adaptive_avg_pool2d),
    nn.BatchNorm2d: lambda m, x: batch_norm(x, m.running_mean, m.running_var, m.weight, m.bias, m.training, eps=m.eps),
    F.batch_norm: batch_norm,
    nn.PReLU: lambda m, x: Local(m, (x,)) if _is_map(x) else None,
    nn.LocalResponseNorm: lambda m, x: local_response_norm(x, m.size, m.alpha, m.beta, m.k),
    F.local_response_norm: local_response_norm,
    torch.cat: concatenate,
    torch.concat: concatenate,
    torch.softmax: over_channels(torch.softmax),
    F.softmax: over_channels(F.softmax),
    "softmax": over_channels(Tensor.softmax),
    F.normalize: lambda x, p=2.0, dim=1, eps=1e-12, out=None: over_channels(lambda v, d: F.normalize(v, p, d, eps))(
        x, dim
    ),
    nn.Softmax: lambda m, x: over_channels(lambda full, dim: m(full))(x, m.dim),
    nn.Softmax2d: lambda m, x: over_channels(lambda full, dim: m(full))(x, 1),
    torch.transpose: transpose,
    "transpose": transpose,
    torch.permute: permute,
    "permute": permute,
    F.pad: pad,
    nn.ZeroPad2d: _pad_module("constant"),
    nn.ConstantPad2d: _pad_module("constant"),
    nn.ReflectionPad2d: _pad_module("reflect"),
    nn.ReplicationPad2d: _pad_module("replicate"),
    nn.CircularPad2d: _pad_module("circular"),
    nn.Upsample: lambda m, x: interpolate(x, m.size, m.scale_factor, m.mode) if not m.recompute_scale_factor else None,
    F.interpolate: lambda x, *a, **k: interpolate(x, *a, **k) if not k.get("recompute_scale_factor") else None,
    torch.flip: flip,
    "flip": flip,
    operator.getitem: getitem,
    F.dropout: dropout,
    F.dropout2d: dropout,
    nn.Identity: lambda m, x: identity(x),
    nn.Dropout: lambda m, x: identity(x) if not m.training else None,
    nn.Dropout2d: lambda m, x: identity(x) if not m.training else None,
    "contiguous": identity,
    "clone": identity,
    "detach": identity,
}
