"""What a network takes, and where it decides: found by asking it, since the order of writing says neither."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

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
    """Return which linear layer decides: the one that no other follows in size, or the last whose answer is the network's.

    None if there is none, the network cannot be asked, or several that no other follows run, and the answer is none of
    theirs.
    """
    taken = {module.in_features for module in network.modules() if isinstance(module, nn.Linear)}
    last = [name for name, module in linear.items() if module.out_features not in taken]
    if len(last) == 1 or len(linear) < 2:
        return next(iter(last or linear), None)
    ran: dict[str, Tensor] = {}

    def keep(name: str, module: nn.Module, inputs: Any, output: Tensor) -> None:
        ran.pop(name, None)  # the last to run comes last
        ran[name] = output.clone()

    with watching(dict(linear), keep):
        answer = _answer(network, channels, side)
    found = [name for name, value in ran.items() if isinstance(answer, Tensor) and value.shape == answer.shape]
    same = [name for name in found if torch.equal(ran[name], answer)]
    return next(reversed(same or found), None) if same or len({*found} & {*last}) < 2 else None


def _answer(network: nn.Module, channels: int, side: int) -> Any:
    """Return what a network answers to one black image, in evaluation mode; None if it does not take such images."""
    tensors = (*network.parameters(), *network.buffers())
    like = next((t.detach() for t in tensors if t.is_floating_point()), torch.zeros(()))
    answer = ask(network, like.new_zeros(1, channels, side, side))
    return None if isinstance(answer, Exception) else answer
