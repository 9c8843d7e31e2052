"""A convolution with what follows it, BatchNorm and activation, as one operation."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vislib import HERE


class Affine(nn.Module):
    """All that BatchNorm does with stored statistics: a factor and a summand for each channel.

    They are kept in single precision at least, where one over a small deviation still fits.
    """

    factor: Tensor
    summand: Tensor

    def __init__(self, norm: Any) -> None:
        super().__init__()
        wide = torch.promote_types(norm.running_var.dtype, torch.float32)
        factor = (norm.running_var.to(wide) + norm.eps).rsqrt() * (1 if norm.weight is None else norm.weight.detach())
        summand = (0 if norm.bias is None else norm.bias.detach()) - norm.running_mean * factor
        self.register_buffer("factor", factor[:, None, None])
        self.register_buffer("summand", summand[:, None, None])

    def forward(self, x: Tensor) -> Tensor:
        return torch.addcmul(self.summand, x, self.factor).to(x.dtype)


@dataclass(frozen=True)
class Activation:
    """An activation: how to apply it to a tensor that nobody else needs, and how oneDNN calls it."""

    fn: Callable[[Tensor], Tensor]
    name: str
    scalars: list[float] = field(default_factory=list)


NO_ACTIVATION = Activation(lambda x: x, "none")


def _clamp(min_val: float, max_val: float) -> Activation:
    return Activation(lambda x: x.clamp_(min_val, max_val), "hardtanh", [float(min_val), float(max_val)])


# What makes an activation, of arguments that are the attributes of the module too; then the names that it goes by.
_ROWS: list[tuple[Any, ...]] = [
    (lambda: Activation(torch.relu_, "relu"), nn.ReLU, F.relu, torch.relu, "relu"),
    (lambda: _clamp(0.0, 6.0), nn.ReLU6, F.relu6),
    (_clamp, nn.Hardtanh),
    (lambda: Activation(lambda x: F.silu(x, inplace=True), "swish"), nn.SiLU, F.silu),
]
ACTIVATIONS: dict[Any, Callable[..., Activation]] = {key: make for make, *keys in _ROWS for key in keys}


class Conv:
    """A convolution of whole maps or of parts of them, followed by BatchNorm and an activation.

    On a CPU its weights are kept in oneDNN's own layout, where that can be had, and the activation happens on the way out.
    """

    def __init__(
        self, weight: Tensor, bias: Tensor | None, stride: tuple[int, int], dilation: tuple[int, int], groups: int
    ) -> None:
        self.weight, self.bias = weight.detach(), None if bias is None else bias.detach()
        self.stride, self.dilation, self.groups, self.activation = stride, dilation, groups, NO_ACTIVATION
        self.work = weight[0].numel()
        self._packs = weight.device.type == "cpu" and _onednn(weight.dtype)

    def absorb(self, norm: Affine) -> None:
        """Do what BatchNorm does to the result as well."""
        factor, summand, dtype = norm.factor.flatten(), norm.summand.flatten(), self.weight.dtype
        self.weight = (self.weight * factor.reshape(-1, 1, 1, 1)).to(dtype)
        self.bias = (summand if self.bias is None else torch.addcmul(summand, self.bias, factor)).to(dtype)

    def __call__(self, x: Tensor, padding: Sequence[int] = (0, 0)) -> Tensor:
        """Map (N, C, H, W) to (N, D, H', W')."""
        act = self.activation
        if not self._packs:
            return act.fn(F.conv2d(x, self.weight, self.bias, self.stride, tuple(padding), self.dilation, self.groups))
        if not self.weight.is_mkldnn:  # the plain layout is not needed any more
            self.weight = _pack(self.weight, padding, self.stride, self.dilation, self.groups, x.shape)
        result: Tensor = torch.ops.mkldnn._convolution_pointwise(
            x, self.weight, self.bias, padding, self.stride, self.dilation, self.groups, act.name, act.scalars, ""
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
    shapes = (2, 8, 5, 5), (8, 8, 3, 3), (8,)
    x, weight, bias = (torch.randn(shape, generator=generator, **HERE).to(dtype) for shape in shapes)
    x = x.contiguous(memory_format=torch.channels_last)
    try:
        packed = _pack(weight, (1, 1), (1, 1), (1, 1), 1, x.shape)
        ours = torch.ops.mkldnn._convolution_pointwise(x, packed, bias, (1, 1), (1, 1), (1, 1), 1, "relu", [], "")
    except (RuntimeError, AttributeError, TypeError, NotImplementedError):
        return False
    theirs = F.conv2d(x, weight, bias, padding=1).relu()
    return torch.allclose(ours, theirs, atol=1e-4 if dtype == torch.float32 else 0.2)
