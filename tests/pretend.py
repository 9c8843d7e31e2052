"""A device named "pretend" that computes on the CPU and counts as another device.

PyTorch's rules for mixed devices hold on it, so that code which moves data behind the caller's back, or forgets to
move it, fails on a machine without a GPU. Use the fixture `pretend` of conftest.py.
"""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils import _pytree as pytree
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

_setup_privateuseone_for_python_backend("pretend")
DEVICE = torch.device("pretend:0")
for draw in (
    torch.get_rng_state,
    torch.set_rng_state,
):  # fork_rng() asks each device; numbers are drawn on the CPU here
    setattr(torch.get_device_module(DEVICE), draw.__name__, lambda *state, draw=draw: draw(*state[:-1]))

_aten = torch.ops.aten
_MOVES = (_aten._to_copy.default, _aten.copy_.default)
_INDEXING = (
    _aten.index,
    _aten.index_put,
    _aten.index_put_,
    _aten._index_put_impl_,
)  # these take a CPU index on a GPU too


class PretendTensor(Tensor):
    """A tensor on the pretend device; its numbers are in `raw`, on the CPU."""

    raw: Tensor

    @staticmethod
    def __new__(cls, raw: Tensor) -> "PretendTensor":
        tensor = torch.Tensor._make_wrapper_subclass(
            cls, raw.shape, strides=raw.stride(), storage_offset=raw.storage_offset(), dtype=raw.dtype, device=DEVICE
        )
        tensor.raw = raw
        return tensor

    __torch_function__ = torch._C._disabled_torch_function_impl

    @classmethod
    def __torch_dispatch__(
        cls, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        return _run(func, args, dict(kwargs or {}))

    def __repr__(self) -> str:
        return f"PretendTensor({self.raw})"


class Pretend(TorchDispatchMode):
    """While this mode is on, tensors can be made on, and moved to, the pretend device."""

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        return _run(func, args, dict(kwargs or {}))


class Factories(TorchFunctionMode):
    """Lets ``torch.tensor(..., device="pretend")``, ``.new_tensor()``, ``.tolist()`` and formats work, which PyTorch does in C++."""

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        kwargs = dict(kwargs or {})
        if func is torch.tensor and kwargs.get("device") is not None:
            return func(*args, **{**kwargs, "device": "cpu"}).to(kwargs["device"])
        if func is Tensor.new_tensor and isinstance(args[0], PretendTensor):
            return torch.tensor(args[1], dtype=kwargs.get("dtype", args[0].dtype)).to(args[0].device)
        if func is Tensor.tolist and isinstance(args[0], PretendTensor):
            return args[0].raw.tolist()
        if func in (Tensor.__getitem__, Tensor.__setitem__) and isinstance(args[0], PretendTensor):
            args = (args[0], _indices(args[1]), *args[2:])
        if func is Tensor.__format__ and isinstance(args[0], PretendTensor) and args[0].dim() == 0:
            return format(args[0].item(), args[1])
        return func(*args, **kwargs)


def _indices(index: Any) -> Any:
    """Return an index with tensors for its lists."""
    if isinstance(index, tuple):
        return tuple(map(_indices, index))
    return torch.tensor(index) if isinstance(index, list) else index


def to_pretend(thing: Any) -> Any:
    """Return a tensor, or a copy of a module, on the pretend device; other things as they are."""
    if isinstance(thing, Tensor):
        return PretendTensor(thing)
    if not isinstance(thing, nn.Module):
        return thing
    thing = copy.deepcopy(thing)
    for module in thing.modules():
        for name, parameter in module._parameters.items():
            if parameter is not None:
                module._parameters[name] = nn.Parameter(PretendTensor(parameter.detach()), parameter.requires_grad)
        for name, buffer in module._buffers.items():
            if buffer is not None:
                module._buffers[name] = PretendTensor(buffer)
    return thing


def _run(func: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Any:
    flat, _ = pytree.tree_flatten((args, kwargs))
    pretend = [a for a in flat if isinstance(a, PretendTensor)]
    plain = [a for a in flat if isinstance(a, Tensor) and not isinstance(a, PretendTensor) and a.dim() > 0]
    if pretend and plain and func not in _MOVES and func.overloadpacket not in _INDEXING:
        raise RuntimeError(f"Expected all tensors to be on the same device, but found pretend and cpu in {func}.")
    if kwargs.get("device") is not None:
        result_here = torch.device(kwargs["device"]).type == "pretend"
        kwargs["device"] = torch.device("cpu")
    else:
        result_here = bool(pretend)
    if func is _aten.copy_.default:
        result_here = isinstance(args[0], PretendTensor)
    raw_args, raw_kwargs = pytree.tree_map_only(PretendTensor, lambda p: p.raw, (tuple(args), kwargs))
    result = func(*raw_args, **raw_kwargs)
    if not result_here:
        return result
    known = {id(p.raw): p for p in pretend}  # in-place operations return the tensor that they were given
    return pytree.tree_map_only(Tensor, lambda t: known[id(t)] if id(t) in known else PretendTensor(t), result)
