"""The maps of one convolutional layer, caught on the way through the network."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from vislib.activations import find_layer


@contextmanager
def maps(model: nn.Module, layer: str | None) -> Iterator[Callable[[], tuple[str, Tensor]]]:
    """Catch a layer's maps (B, C, h, w) while the model runs: after the run, ``found()`` gives their layer and them.

    Without a name it is the last layer that answers in the shape of the last convolution with more than one place.

    Raises:
        ValueError: for an unknown layer, one that answers with something else, or one that did not run.
    """
    caught: dict[str, Tensor] = {}  # in order of execution
    convolved: list[torch.Size] = []

    def keep(name: str, module: nn.Module, inputs: Any, output: Any) -> Tensor | None:
        if isinstance(output, Tensor) and output.ndim == 4:
            caught.pop(name, None)
            caught[name] = output
            if isinstance(module, nn.Conv2d) and output.shape[2:].numel() > 1:
                convolved.append(output.shape)
            return None if layer is None else output.clone()  # since the next layer may work in place
        if layer is None:
            return None
        came = f"shape {tuple(output.shape)}" if isinstance(output, Tensor) else f"a {type(output).__name__}"
        raise ValueError(f"the layer {name!r} answers with {came}; expected maps of shape (B, C, h, w).")

    def found() -> tuple[str, Tensor]:
        if layer is not None and layer not in caught:
            raise ValueError(f"the model does not run the layer {layer!r}; expected one that the score depends on.")
        if layer is None and not convolved:
            raise ValueError("the model has no convolution with a map; expected the name of a layer.")
        return [(name, out) for name, out in caught.items() if layer is not None or out.shape == convolved[-1]][-1]

    watched = dict(model.named_modules()) if layer is None else {layer: find_layer(model, layer)}
    handles = []
    try:
        for name, module in watched.items():
            handles.append(module.register_forward_hook(partial(keep, name)))
        yield found
    finally:
        for handle in handles:
            handle.remove()
