"""The maps of one convolutional layer, caught on the way through the network."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from torch import Tensor, nn

from vislib.activations import find_layer


@contextmanager
def maps(model: nn.Module, layer: str | None) -> Iterator[Callable[[], tuple[str, Tensor]]]:
    """Catch a layer's maps (B, C, h, w) while the model runs: after the run, ``found()`` gives their layer and them.

    Without a name it is the last layer that answers in the shape of the last convolution with more than one place. What
    comes before the named layer, or before the convolution that is written last, is cut off, so that no graph is kept of
    it. If another convolution ran last, its maps come without a gradient, and the layer has to be named in a second run.

    Raises:
        ValueError: for an unknown layer, one that answers with something else, or one that did not run.
    """
    caught: list[tuple[str, Tensor]] = []  # the last convolution that has run, and what came after it in its shape
    watched = dict(model.named_modules()) if layer is None else {layer: find_layer(model, layer)}
    cut = (
        next((name for name in reversed(watched) if isinstance(watched[name], nn.Conv2d)), None)
        if layer is None
        else layer
    )

    def keep(name: str, module: nn.Module, inputs: Any, output: Any) -> Tensor | None:
        if isinstance(output, Tensor) and output.ndim == 4:
            output = output.detach().requires_grad_() if name == cut else output
            if layer is not None or (isinstance(module, nn.Conv2d) and output.shape[2:].numel() > 1):
                caught[:] = [(name, output)]
            elif caught and output.shape == caught[0][1].shape:
                caught.append((name, output))
            return output.clone() if name == cut else None  # since the next layer may work in place
        if layer is None:
            return None
        came = f"shape {tuple(output.shape)}" if isinstance(output, Tensor) else f"a {type(output).__name__}"
        raise ValueError(f"the layer {name!r} answers with {came}; expected maps of shape (B, C, h, w).")

    def found() -> tuple[str, Tensor]:
        if not caught and layer is not None:
            raise ValueError(f"the model does not run the layer {layer!r}; expected one that the score depends on.")
        if not caught:
            raise ValueError("the model has no convolution with a map; expected the name of a layer.")
        name, output = caught[-1]
        if layer is None and caught[0][0] != cut:  # the last convolution that ran is not the one that is written last
            return name, output.detach()
        return name, output

    handles = []
    try:
        for name, module in watched.items():
            handles.append(module.register_forward_hook(partial(keep, name)))
        yield found
    finally:
        for handle in handles:
            handle.remove()
