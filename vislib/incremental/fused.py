"""A convolution with what follows it, BatchNorm and activation, as one operation."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class Activation:
    """An activation: how to apply it to a tensor that nobody else needs, and how oneDNN calls it."""

    fn: Callable[[Tensor], Tensor]
    name: str
    scalars: list[float] = field(default_factory=list)
    algorithm: str = ""


_RELU = Activation(torch.relu_, "relu")
_SILU = Activation(lambda x: F.silu(x, inplace=True), "swish")
_HARDSWISH = Activation(lambda x: F.hardswish(x, inplace=True), "hardswish")
_SIGMOID = Activation(torch.sigmoid_, "sigmoid")
_TANH = Activation(torch.tanh_, "tanh")


def _clamp(low: float, high: float) -> Activation:
    return Activation(lambda x: x.clamp_(low, high), "hardtanh", [low, high])


def _leaky(slope: float = 0.01) -> Activation:
    return Activation(lambda x: F.leaky_relu_(x, slope), "leaky_relu", [slope])


def _gelu(approximate: str = "none") -> Activation:
    return Activation(lambda x: F.gelu(x, approximate=approximate), "gelu", [], approximate)


# Each entry takes the module, or the function's further arguments, and raises TypeError if it has no place for them.
ACTIVATIONS: dict[Any, Callable[..., Activation]] = {
    nn.ReLU: lambda m: _RELU,
    nn.ReLU6: lambda m: _clamp(0.0, 6.0),
    nn.Hardtanh: lambda m: _clamp(float(m.min_val), float(m.max_val)),
    nn.SiLU: lambda m: _SILU,
    nn.Hardswish: lambda m: _HARDSWISH,
    nn.Sigmoid: lambda m: _SIGMOID,
    nn.Tanh: lambda m: _TANH,
    nn.LeakyReLU: lambda m: _leaky(m.negative_slope),
    nn.GELU: lambda m: _gelu(m.approximate),
    F.relu: lambda: _RELU,
    torch.relu: lambda: _RELU,
    "relu": lambda: _RELU,
    F.relu6: lambda: _clamp(0.0, 6.0),
    F.silu: lambda: _SILU,
    F.hardswish: lambda: _HARDSWISH,
    F.leaky_relu: lambda negative_slope=0.01: _leaky(negative_slope),
    F.gelu: lambda approximate="none": _gelu(approximate),
    torch.sigmoid: lambda: _SIGMOID,
    torch.tanh: lambda: _TANH,
}


class Conv:
    """A convolution of whole maps or of parts of them, followed by an activation.

    On a CPU its weights are kept in oneDNN's own layout, where that can be had, and the activation happens on the way out.
    """

    def __init__(
        self,
        weight: Tensor,
        bias: Tensor | None,
        stride: tuple[int, int],
        dilation: tuple[int, int],
        groups: int,
        *,
        norm: tuple[Tensor, Tensor] | None = None,
        activation: Activation | None = None,
    ) -> None:
        weight, bias = weight.detach(), None if bias is None else bias.detach()
        if norm is not None:  # (factor, summand) of each output channel
            factor, summand = norm
            weight = (weight * factor.reshape(-1, 1, 1, 1)).to(weight.dtype)
            bias = (summand if bias is None else torch.addcmul(summand, bias, factor)).to(weight.dtype)
        self.weight, self.bias = weight, bias
        self.stride, self.dilation, self.groups, self.activation = stride, dilation, groups, activation
        self.work = weight[0].numel()
        self._packs = weight.device.type == "cpu" and _onednn(weight.dtype)
        self._packed: Tensor | None = None

    def __call__(self, x: Tensor, padding: Sequence[int] = (0, 0)) -> Tensor:
        """Map (N, C, H, W) to (N, D, H', W')."""
        act = self.activation
        if not self._packs:
            y = F.conv2d(x, self.weight, self.bias, self.stride, tuple(padding), self.dilation, self.groups)
            return y if act is None else act.fn(y)
        if self._packed is None:
            self._packed = _pack(self.weight, padding, self.stride, self.dilation, self.groups, x.shape)
            self.weight = self._packed  # the plain layout is not needed any more
        name, scalars, algorithm = ("none", [], "") if act is None else (act.name, act.scalars, act.algorithm)
        result: Tensor = torch.ops.mkldnn._convolution_pointwise(
            x, self._packed, self.bias, padding, self.stride, self.dilation, self.groups, name, scalars, algorithm
        )
        return result


def _pack(weight: Tensor, padding: Any, stride: Any, dilation: Any, groups: int, shape: Sequence[int]) -> Tensor:
    packed: Tensor = torch.ops.mkldnn._reorder_convolution_weight(
        weight, padding, stride, dilation, groups, list(shape)
    )
    return packed


@lru_cache
def _onednn(dtype: torch.dtype) -> bool:
    """Tell whether this build of PyTorch has oneDNN's fused convolution, and it is right."""
    if dtype not in (torch.float32, torch.bfloat16) or not torch.backends.mkldnn.is_available():
        return False
    generator = torch.Generator().manual_seed(0)
    x, weight, bias = (torch.randn(s, generator=generator).to(dtype) for s in ((2, 8, 5, 5), (8, 8, 3, 3), (8,)))
    x = x.contiguous(memory_format=torch.channels_last)
    try:
        packed = _pack(weight, (1, 1), (1, 1), (1, 1), 1, x.shape)
        ours = torch.ops.mkldnn._convolution_pointwise(x, packed, bias, (1, 1), (1, 1), (1, 1), 1, "relu", [], "")
    except (RuntimeError, AttributeError, TypeError, NotImplementedError):
        return False
    close = torch.allclose(
        ours, F.conv2d(x, weight, bias, padding=1).relu(), atol=1e-4 if dtype == torch.float32 else 0.2
    )
    return bool(close)
