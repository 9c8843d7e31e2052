"""The maps of one layer, caught on the way through the network."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from math import prod
from typing import Any, NamedTuple

from torch import Tensor, nn

from vislib.activations import Channels, find_layer, watching
from vislib.look import shown

Found = tuple[str, Tensor, int, tuple[int, int] | None]
"""A layer's name, its answer, the dimension of its channels, and height and width of the last map until then."""


class Seen(NamedTuple):
    """A layer's name, its answer, the dimension of its channels, height and width if it is a map, and whether it goes on.

    A layer goes on if it has weights, and makes several channels of several places.
    """

    name: str
    output: Tensor
    dim: int
    size: tuple[int, int] | None
    goes_on: bool


@contextmanager
def maps(model: nn.Module, layer: str | None) -> Iterator[Callable[[], Found]]:
    """Catch a layer's maps, (B, C, h, w) or (B, h, w, C), or its tokens while the model runs, see `Found`.

    Without a name it is that of `last_map`. What comes before the named layer, or before the convolution that is
    written last, is cut off, so that no graph is kept of it. If another layer's map comes without a gradient, it has
    to be named in a second run.

    Raises:
        ValueError: for an unknown layer, one that answers with something else, or one that did not run; and, without a
            name, for a network that has no maps, or goes on with tokens.
    """
    seen: list[Seen] = []  # the runs of the named layer; or all from the last map of a layer with weights on
    spaces: list[tuple[int, int]] = []  # of the maps of layers with weights
    lengths: set[int] = set()  # of sequences of tokens, whose square is attention
    watched, channels = dict(model.named_modules()), Channels()
    if layer is not None:
        watched[layer] = find_layer(model, layer)
    convolutions = [name for name, module in watched.items() if isinstance(module, nn.Conv2d)]
    cut = layer if layer is not None else next(reversed(convolutions), None)

    def keep(name: str, module: nn.Module, inputs: Any, output: Any) -> Tensor | None:
        shaped = isinstance(output, Tensor) and output.ndim in (3, 4)
        dim = channels.of(module, output) if shaped else 1
        places: Sequence[int] = output.movedim(dim, 1).shape[2:] if shaped else ()
        mapped = len(places) == 2 and (not spaces or _alike(places, spaces[0])) and not lengths.issuperset(places)
        if name == layer and not (mapped or len(places) == 1):
            wanted = "maps (B, C, h, w) of the image's proportions, or tokens"
            raise ValueError(f"the layer {name!r} answers with {shown(output)}; expected {wanted}.")
        if not shaped:
            return None
        output = output.detach().requires_grad_() if name == cut else output
        size = (places[0], places[1]) if mapped else None
        weighs = any(True for _ in module.parameters(recurse=False))
        several = output.shape[dim] > 1 < prod(places)
        if several and len(places) == 1:
            lengths.add(places[0])
        if size and weighs and prod(size) > 1:
            spaces.append(size)
            if layer is None:
                seen.clear()
        if spaces if layer is None else name == layer:
            seen.append(Seen(name, output, dim, size, weighs and several))
        return output.clone() if name == cut else None  # since the next layer may work in place

    def found() -> Found:
        if not seen and layer is not None:
            raise ValueError(f"the model does not run the layer {layer!r}; expected one that the score depends on.")
        name, output, dim, size, _ = last_map(seen) if layer is None else seen[-1]
        late = layer is None and any(after.name == cut for after in seen[1:])  # the cut came after the map
        return name, output.detach() if late else output, dim, size or next(reversed(spaces), None)

    with watching(watched, keep):
        yield found


def last_map(seen: Sequence[Seen]) -> Seen:
    """Return the last map that is as large as the first, that of the last layer with weights.

    Raises:
        ValueError: if there is none, or layers after it go on with tokens.
    """
    if not seen:
        raise ValueError("the model has no convolution with a map; expected the name of a layer.")
    last = max(i for i, answer in enumerate(seen) if answer.size == seen[0].size)
    tokens = [answer.name for answer in seen[last:] if answer.goes_on and answer.size is None]
    if tokens:
        way = f"after the map of {seen[last].name!r} the network goes on with tokens, up to {tokens[-1]!r}"
        raise ValueError(f"{way}; expected the name of a layer.")
    return seen[last]


def _alike(places: Sequence[int], first: tuple[int, int]) -> bool:
    """Tell whether a map has about the proportions of the first one; windows and heads have not."""
    return first[0] * places[1] < 2 * first[1] * places[0] < 4 * first[0] * places[1]
