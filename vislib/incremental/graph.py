"""The graph of a network's operations: traced on a copy, and freed of in-place operations."""

import operator
from inspect import Parameter, signature
from threading import Lock, get_ident
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from vislib.incremental.fused import Affine
from vislib.incremental.rules import RULES
from vislib.incremental.simplify import is_timm, is_watched, simple_copy


class UntraceableError(Exception):
    """The network does something that cannot be written down as a list of steps; it is run as it is."""


_TRACING = Lock()  # fx replaces how every module of the process is called, and how its parts are looked up


class PixelNumberError(UntraceableError):
    """The network reads a plain number off the pixels, which would be that of all copies in a batch."""


class _Tracer(fx.Tracer):
    """Traces in this thread, and lets the networks of others through."""

    def __init__(self) -> None:
        super().__init__()
        self.thread = get_ident()

    def call_module(self, m: nn.Module, forward: Any, args: Any, kwargs: Any) -> Any:
        return super().call_module(m, forward, args, kwargs) if get_ident() == self.thread else forward(*args, **kwargs)

    def getattr(self, attr: str, attr_val: Any, parameter_proxy_cache: Any) -> Any:
        return super().getattr(attr, attr_val, parameter_proxy_cache) if get_ident() == self.thread else attr_val

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return isinstance(m, Affine) or is_timm(m, "Conv2dSame") or super().is_leaf_module(m, module_qualified_name)


def trace(model: nn.Module) -> tuple[nn.Module, fx.Graph]:
    """Return a copy of the model's modules and the graph of its operations, without in-place ones.

    Raises:
        UntraceableError: if there is no such graph. The network's own code, which runs here, may raise anything.
    """
    if is_watched(model):
        raise UntraceableError("hooks watch the network, or another forward stands for its own")
    root = simple_copy(model)
    options = list(signature(type(root).forward).parameters.values())[2:]
    fixed = {p.name: p.default for p in options if p.default is not Parameter.empty}
    with _TRACING:
        graph = _Tracer().trace(root, fixed or None)
    _without_identities(root, graph)
    _without_in_place(root, graph)
    graph.eliminate_dead_code(lambda node: not is_fresh(root, node) and operation(root, node) not in RULES)
    return root, graph


# ---- what a node is ----

_SHAPES = {"size", "dim", "ndimension", "numel"}
_SHAPE_ATTRIBUTES = {"shape", "ndim", "dtype", "device", "is_cuda"}
_VIEWS = {"contiguous", "clone", "detach", "float", "double", "half", "bfloat16"}
"""Operations with a rule whose result may be, or share memory with, their input."""


def operation(root: nn.Module, node: fx.Node) -> Any:
    """Return what a node does, as `RULES` has it: the class of its module, its function, or the name of its method."""
    if node.op == "call_module":
        module = root.get_submodule(str(node.target))
        return "Conv2dSame" if is_timm(module, "Conv2dSame") else type(module)
    return node.target if node.op in ("call_function", "call_method") else None


def is_shape(root: nn.Module, node: fx.Node) -> bool:
    """Tell whether a node reads nothing but shape, dtype or device."""
    key = operation(root, node)
    return key in _SHAPES or (key is getattr and node.args[1] in _SHAPE_ATTRIBUTES)


def is_fresh(root: nn.Module, node: fx.Node) -> bool:
    """Tell whether a node's result surely is new memory, or no tensor at all."""
    key = operation(root, node)
    return is_shape(root, node) or key in (nn.Linear, F.linear, nn.BatchNorm2d) or (key in RULES and key not in _VIEWS)


def bypass(node: fx.Node) -> None:
    """Take a node out of its graph: who read its result, reads its first input."""
    node.replace_all_uses_with(node.all_input_nodes[0])
    node.graph.erase_node(node)


# ---- in-place operations ----

_LAYOUT = ("as_strided", "stride", "is_contiguous", "storage_offset", "data_ptr")  # maps are channels-last here


def _without_in_place(root: nn.Module, graph: fx.Graph) -> None:
    """Make in-place operations ordinary ones; whoever reads the changed tensor later, reads the result instead."""
    order = {node: i for i, node in enumerate(graph.nodes)}
    for node in graph.nodes:
        if not _made_plain(root, node):
            continue
        changed = node.args[0] if node.args else None
        if not isinstance(changed, fx.Node):
            raise UntraceableError(f"{node} works in place on a constant")
        if changed.op != "placeholder" and "in_place" not in changed.meta and not is_fresh(root, changed):
            raise UntraceableError(f"{node} works in place on memory that others may share")
        for user in list(changed.users):
            if order[user] < order[node] and "in_place" not in user.meta and not is_fresh(root, user):
                raise UntraceableError(f"{node} works in place on memory that {user} may share")
            if order[user] > order[node]:
                user.replace_input_with(changed, node)
        node.meta["in_place"] = True
    module: Any
    for module in root.modules():  # at last, since modules are used more than once
        if getattr(module, "inplace", False) is True:
            module.inplace = False


def _made_plain(root: nn.Module, node: fx.Node) -> bool:
    """Make an in-place function or method an ordinary one; tell whether it was one, or is a module that works in place."""
    if node.op == "call_module":
        return getattr(root.get_submodule(str(node.target)), "inplace", False) is True
    name = str(getattr(node.target, "__name__", node.target))
    in_place = name.endswith("_") and not name.endswith("__")
    if node.op == "call_method":
        if name in ("__setitem__", *_LAYOUT) or (in_place and not hasattr(Tensor, name[:-1])):
            raise UntraceableError(f"{name} depends on the memory's layout, or works in place")
        node.target = name[:-1] if in_place else name
        return in_place
    if node.op != "call_function":
        return False
    if node.kwargs.get("out") is not None or node.target in (operator.setitem, torch.as_strided):
        raise UntraceableError(f"{node} writes into memory")
    for space, plain in ((operator, name[1:]), (torch, name[:-1]), (F, name[:-1])):
        if (space is operator or in_place) and getattr(space, name, None) is node.target and hasattr(space, plain):
            node.target = getattr(space, plain)
            return True
    if in_place:
        raise UntraceableError(f"{name} works in place")
    if not node.kwargs.get("inplace"):
        return False
    node.kwargs = {**node.kwargs, "inplace": False}
    return True


def _without_identities(root: nn.Module, graph: fx.Graph) -> None:
    """Remove what does nothing in evaluation mode, and checks of the input's form."""
    for node in list(graph.nodes):
        idle = operation(root, node) in (nn.Identity, nn.Dropout, nn.Dropout2d)
        if idle and len(node.args) == 1 and not node.kwargs:
            bypass(node)
        elif node.target is torch._assert:
            graph.erase_node(node)
