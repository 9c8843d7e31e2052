"""What a network's layers answer, recorded while it works."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from threading import get_ident
from typing import Any

import torch
from torch import Tensor, nn

from vislib.explain import check_model, closest
from vislib.look import LOOKING, as_written


@contextmanager
def record(model: nn.Module, layers: Sequence[str], *, detach: bool = True) -> Iterator[dict[str, Tensor]]:
    """Record the outputs of named layers: ``with record(model, ["conv1"]) as seen: model(images)``.

    `seen` maps each layer's name to its last output; when a layer runs twice, the later output replaces the earlier.
    The hooks are removed at the end of the block, also after an exception. A compiled network runs as it is written
    meanwhile; what other threads ask the network is not recorded.

    Args:
        model: any network.
        layers: names as in ``model.named_modules()``.
        detach: keep the values only; False keeps them in autograd's graph.

    Raises:
        ValueError: for an unknown layer, with the closest names that exist, or one of TorchScript.
        TypeError: if a layer answers with something else than one tensor.
    """
    seen: dict[str, Tensor] = {}

    def keep(name: str, module: nn.Module, inputs: Any, output: Any) -> None:
        if not isinstance(output, Tensor):
            raise TypeError(f"the layer {name!r} answers with a {type(output).__name__}; expected a tensor.")
        # a copy, since the next layer may work in place
        seen[name] = output.detach().clone() if detach else output.clone()

    with watching({name: find_layer(model, name) for name in layers}, keep):
        yield seen


@contextmanager
def watching(layers: dict[str, nn.Module], see: Callable[..., Any], *, before: bool = False) -> Iterator[None]:
    """Call ``see(name, module, inputs, output)`` when a layer has worked, in this thread; a result replaces the output.

    With `before`, call ``see(name, module, inputs)`` when it begins. What `answers` asks by the way, to look at the
    network, is not told.
    """
    check_visible(*layers.values())
    thread, looking = get_ident(), LOOKING.get()  # a network that watches itself hears itself, whoever asks

    def here(name: str, *seen: Any) -> Any:
        return see(name, *seen) if get_ident() == thread and LOOKING.get() == looking else None

    with as_written(), ExitStack() as hooks:
        for name, module in layers.items():
            hook = module.register_forward_pre_hook if before else module.register_forward_hook
            hooks.enter_context(hook(partial(here, name)))
        yield


def check_visible(*modules: nn.Module) -> None:
    """Raise if one of these is TorchScript, which hides its layers."""
    if any(isinstance(module, torch.jit.ScriptModule) for module in modules):
        raise ValueError("this is TorchScript, which hides its layers; expected the network that it was made from.")


def find_layer(model: nn.Module, name: str) -> nn.Module:
    """Return the layer of this name, as in ``model.named_modules()``, all names of a shared layer included.

    Raises:
        ValueError: for an unknown layer, with the closest name that exists.
    """
    check_model(model)
    modules: dict[str, nn.Module] = dict(model.named_modules(remove_duplicate=False))
    if not isinstance(name, str) or name not in modules:
        raise ValueError(f"there is no layer {name!r}; {closest(name, modules)}")
    return modules[name]


class Channels:
    """Follows the layers of a network at work, and tells along which dimension an answer has its channels.

    The last layer with weights says it: the dimension, second or last, that is as long as its weights are many.
    """

    def __init__(self) -> None:
        self.count, self.dim, self.size = 0, 1, 0

    def of(self, module: nn.Module, output: Tensor) -> int:
        """Return the dimension, 1 or -1, of an answer (B, ..., ...) of three dimensions at least."""
        weight = getattr(module, "weight", None)
        if isinstance(weight, Tensor) and weight.ndim:
            last = isinstance(module, nn.Linear) or type(module).__name__ in ("LayerNorm", "RMSNorm")
            transposed = getattr(module, "transposed", False)
            self.count, self.dim = weight.shape[1 if transposed else 0], -1 if last else 1
            self.size = output[0].numel()
        if output[0].numel() == self.size:  # those numbers, perhaps in another order, which holds for what follows
            fitting = [dim for dim in (1, -1) if output.shape[dim] == self.count]
            turned = len(fitting) == 2 and self.dim == -1 and output.stride(1) == 1  # what was last computed is first
            self.dim = fitting[0] if len(fitting) == 1 or turned else self.dim
        return self.dim
