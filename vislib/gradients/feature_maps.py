"""The maps of one layer, caught on the way through the network."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from math import prod
from typing import Any

from torch import Tensor, nn

from vislib.activations import Channels, find_layer, watching
from vislib.look import shown

Found = tuple[str, Tensor, int, tuple[int, int] | None]
"""A layer's name, its answer, the dimension of its channels, and height and width of the last map until then."""


@contextmanager
def maps(model: nn.Module, layer: str | None) -> Iterator[Callable[[], Found]]:
    """Catch a layer's maps, (B, C, h, w) or (B, h, w, C), or its tokens while the model runs, see `Found`.

    Without a name it is the last layer whose map is as large as that of the last layer with weights. What comes before
    the named layer, or before the convolution that is written last, is cut off, so that no graph is kept of it. If
    another layer's map comes without a gradient, it has to be named in a second run.

    Raises:
        ValueError: for an unknown layer, one that answers with something else, or one that did not run; and, without a
            name, for a network that goes on with tokens.
    """
    caught: list[Found] = []
    late: list[str] = []  # the cut, if it came after the map
    tokens: list[str] = []  # layers with weights that work on the last map as tokens
    watched, channels = dict(model.named_modules()), Channels()
    if layer is not None:
        watched[layer] = find_layer(model, layer)
    convolutions = [name for name, module in watched.items() if isinstance(module, nn.Conv2d)]
    cut = layer if layer is not None else next(reversed(convolutions), None)

    def keep(name: str, module: nn.Module, inputs: Any, output: Any) -> Tensor | None:
        shaped = isinstance(output, Tensor) and output.ndim in (3, 4)
        dim = channels.of(module, output) if shaped else 1
        places: Sequence[int] = output.movedim(dim, 1).shape[2:] if shaped else ()
        size = (places[0], places[1]) if len(places) == 2 and (not spaces or _alike(places, spaces[0])) else None
        if name == layer and (not shaped or (len(places) == 2 and size is None)):
            wanted = "maps (B, C, h, w) of the image's proportions, or tokens"
            raise ValueError(f"the layer {name!r} answers with {shown(output)}; expected {wanted}.")
        if not shaped:
            return None
        late[:] = [name] if name == cut and caught else late
        output = output.detach().requires_grad_() if name == cut else output
        weighs = any(True for _ in module.parameters(recurse=False))
        maps = size is not None and prod(places) > 1
        if layer is not None:
            caught[:] = [(name, output, dim, size or next(reversed(spaces), None))] if name == layer else caught
        elif maps and weighs:
            caught[:], tokens[:], late[:] = [(name, output, dim, size)], [], []
        elif caught and size == caught[0][3]:
            caught.append((name, output, dim, size))
        elif caught and weighs and size is None and prod(places) >= prod(caught[0][3] or ()):
            tokens.append(name)
        if maps and weighs and size is not None:
            spaces.append(size)
        return output.clone() if name == cut else None  # since the next layer may work in place

    def found() -> Found:
        if not caught and layer is not None:
            raise ValueError(f"the model does not run the layer {layer!r}; expected one that the score depends on.")
        if not caught:
            raise ValueError("the model has no convolution with a map; expected the name of a layer.")
        if tokens:
            way = f"after the map of {caught[0][0]!r} the network goes on with tokens, up to {tokens[-1]!r}"
            raise ValueError(f"{way}; expected the name of a layer.")
        name, output, dim, size = caught[-1]
        return name, output.detach() if late and layer is None else output, dim, size

    spaces: list[tuple[int, int]] = []  # of the maps of layers with weights
    with watching(watched, keep):
        yield found


def _alike(places: Sequence[int], first: tuple[int, int]) -> bool:
    """Tell whether a map has about the proportions of the first one; windows and heads have not."""
    return first[0] * places[1] < 2 * first[1] * places[0] < 4 * first[0] * places[1]
