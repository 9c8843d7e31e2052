"""Which operations become one: a convolution takes over BatchNorm and activation, other operations an activation."""

from dataclasses import dataclass, field
from inspect import signature

import torch.nn.functional as F
from torch import fx, nn

from vislib.incremental.fused import ACTIVATIONS, Activation, Affine
from vislib.incremental.graph import is_fresh, operation


@dataclass
class Folded:
    """Which convolutions there are, what they and others take over, and into what an operation is absorbed."""

    convs: set[fx.Node] = field(default_factory=set)
    norm: dict[fx.Node, Affine] = field(default_factory=dict)
    activation: dict[fx.Node, Activation] = field(default_factory=dict)
    absorbed: dict[fx.Node, fx.Node] = field(default_factory=dict)


def fold(root: nn.Module, graph: fx.Graph) -> Folded:
    """Find for each operation what it can take over: a BatchNorm, or an activation, that alone reads its result."""
    folded = Folded()
    for node in graph.nodes:
        end = node
        if operation(root, node) in (nn.Conv2d, "Conv2dSame", F.conv2d):
            folded.convs.add(node)
            if (user := _only_user(node)) is not None and isinstance(norm := _module(root, user), Affine):
                folded.norm[node] = norm
                folded.absorbed[user], end = node, user
        elif node in folded.absorbed or not is_fresh(root, node):
            continue
        if (user := _only_user(end)) is not None and (activation := _activation(root, user)) is not None:
            folded.activation[node] = activation
            folded.absorbed[user] = node
    return folded


def _only_user(node: fx.Node) -> fx.Node | None:
    """Return the one node that reads this one, if it has it as its first argument."""
    users = list(node.users)
    return users[0] if len(users) == 1 and users[0].args and users[0].args[0] is node else None


def _module(root: nn.Module, node: fx.Node) -> nn.Module | None:
    return root.get_submodule(str(node.target)) if node.op == "call_module" else None


def _activation(root: nn.Module, node: fx.Node) -> Activation | None:
    if (make := ACTIVATIONS.get(operation(root, node))) is None:
        return None
    if (module := _module(root, node)) is not None:
        return make(**{name: getattr(module, name) for name in signature(make).parameters})
    try:
        return make(*node.args[1:], **{name: value for name, value in node.kwargs.items() if name != "inplace"})
    except TypeError:  # more arguments than it has as a module
        return None
