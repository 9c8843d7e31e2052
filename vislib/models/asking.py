"""What a network takes, and where it decides: found by asking it, since the order of writing says neither."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from vislib.activations import watching
from vislib.look import ask


def input_channels(network: nn.Module, side: int, told: int = 1) -> int:
    """Return how many channels a network takes: as many as told or as its first convolution has, if it runs on them."""
    declared = next((m.in_channels for m in network.modules() if isinstance(m, nn.Conv2d)), max(told, 3))
    if told == declared > 1:
        return told
    some = dict.fromkeys((*([told] if told > 1 else []), declared, 3, 1, 4))
    return next((channels for channels in some if _answer(network, channels, side) is not None), max(told, declared))


def head_of(network: nn.Module, linear: Mapping[str, nn.Linear], channels: int, side: int) -> str | None:
    """Return which linear layer decides: the last whose answer is the network's, or which the network follows.

    It follows a layer if it answers with rising numbers once the layer does, and with the same ones in reverse order,
    whatever scales the logits after it. Of a network that cannot be asked it is the only one, or the one that no other
    follows in size.

    Args:
        network: maps images to logits.
        linear: the layers, by their names.
        channels, side: of the images that it takes.
    """
    ran: dict[str, Tensor] = {}

    def keep(name: str, module: nn.Module, inputs: Any, output: Tensor) -> None:
        ran.pop(name, None)  # the last to run comes last
        ran[name] = output.clone()

    def told(name: str, values: Tensor) -> Any:
        with watching({name: linear[name]}, lambda name, module, inputs, output: values.to(output).expand_as(output)):
            return _answer(network, channels, side)

    def followed(name: str) -> bool:
        rising = torch.arange(linear[name].out_features) / 10
        answers = [told(name, values) for values in (rising, rising.flip(0))]
        if len(rising) not in (1, answer.numel()) or not all(isinstance(one, Tensor) for one in answers):
            return False
        up, down = (one.flatten() for one in answers)
        return bool((up.diff() >= 0).all()) and torch.allclose(up, down.flip(0)) and not up.equal(answer.flatten())

    if not linear:
        return None
    with watching(dict(linear), keep):
        answer = _answer(network, channels, side)
    if isinstance(answer, Tensor):
        same = [name for name, value in ran.items() if torch.equal(value, answer)]
        return next(reversed(same or [*filter(followed, ran)]), None)
    taken = {module.in_features for module in network.modules() if isinstance(module, nn.Linear)}
    last = [name for name, module in linear.items() if module.out_features not in taken]
    return next(iter(last or linear)) if len(last) == 1 or len(linear) == 1 else None


def _answer(network: nn.Module, channels: int, side: int) -> Any:
    """Return what a network answers to one black image, in evaluation mode; None if it does not take such images.

    One whose layers get their sizes from the first image is not asked.
    """
    tensors = (*network.parameters(), *network.buffers())
    if any(map(is_lazy, tensors)):
        return None
    like = next((t.detach() for t in tensors if t.is_floating_point()), torch.zeros(()))
    answer = ask(network, like.new_zeros(1, channels, side, side))
    return None if isinstance(answer, Exception) else answer
