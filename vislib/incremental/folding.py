"""Which operations become one: a convolution takes over BatchNorm and activation, other operations an activation."""

from inspect import signature

from torch import fx, nn

from vislib.incremental.fused import ACTIVATIONS, NO_ACTIVATION, Activation, Affine, Conv
from vislib.incremental.graph import bypass, is_fresh, operation


def fold(root: nn.Module, node: fx.Node, op: object) -> Activation:
    """Take what alone reads a node's result out of the graph, where its operation can take it over.

    Return the activation that follows. A convolution takes a BatchNorm as well, and applies both itself.
    """
    conv = op if isinstance(op, Conv) else None
    if conv is not None and (user := _only_user(node)) is not None and isinstance(norm := _module(root, user), Affine):
        conv.absorb(norm)
        bypass(user)
    user = _only_user(node) if is_fresh(root, node) else None
    if user is None or (activation := _activation(root, user)) is None:
        return NO_ACTIVATION
    bypass(user)
    if conv is None:
        return activation
    conv.activation = activation
    return NO_ACTIVATION


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
