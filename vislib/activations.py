"""What a network's layers answer, recorded while it works."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from vislib.explain import closest


@contextmanager
def record(model: nn.Module, layers: Sequence[str], *, detach: bool = True) -> Iterator[dict[str, Tensor]]:
    """Record the outputs of named layers: ``with record(model, ["conv1"]) as seen: model(images)``.

    `seen` maps each layer's name to its last output; when a layer runs twice, the later output replaces the earlier.
    The hooks are removed at the end of the block, also after an exception.

    Args:
        model: any network.
        layers: names as in ``model.named_modules()``.
        detach: keep the values only; False keeps them in autograd's graph.

    Raises:
        ValueError: for an unknown layer, with the closest names that exist.
        TypeError: if a layer answers with something else than one tensor.
    """
    modules = {name: find_layer(model, name) for name in layers}
    seen: dict[str, Tensor] = {}
    handles: list[RemovableHandle] = []
    try:
        for name in layers:
            handles.append(modules[name].register_forward_hook(_keep(seen, name, detach)))
        yield seen
    finally:
        for handle in handles:
            handle.remove()


def find_layer(model: nn.Module, name: str) -> nn.Module:
    """Return the layer of this name, as in ``model.named_modules()``.

    Raises:
        ValueError: for an unknown layer, with the closest name that exists.
    """
    modules: dict[str, nn.Module] = dict(model.named_modules())
    if name not in modules:
        raise ValueError(f"there is no layer {name!r}; {closest(name, modules)}")
    return modules[name]


def _keep(seen: dict[str, Tensor], name: str, detach: bool) -> Callable[[nn.Module, Any, Any], None]:
    def hook(module: nn.Module, inputs: Any, output: Any) -> None:
        if not isinstance(output, Tensor):
            raise TypeError(f"the layer {name!r} answers with a {type(output).__name__}; expected a tensor.")
        # a copy, since the next layer may work in place
        seen[name] = output.detach().clone() if detach else output.clone()

    return hook
