"""A network as a list of steps: traced on a copy, freed of in-place operations, BatchNorm and activations folded."""

import copy
import operator
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from inspect import Parameter, signature
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn

from vislib.incremental.fused import ACTIVATIONS, Activation, Conv
from vislib.incremental.rules import RULES, Local, Ref, Rule, mid_reshape, same_conv


class UntraceableError(Exception):
    """The network does something that cannot be written down as a list of steps; it is run as it is."""


# ---------------------------------------------------------------------------------------- a copy that can be traced


def shared_copy(model: nn.Module) -> nn.Module:
    """Return a copy of the modules; the parameters, which are large, are the model's own."""
    known: dict[int, Any] = {id(p): p for p in model.parameters()}
    for module in model.modules():
        if module.__module__.startswith("torch.nn.modules.") and not module._modules:
            twin = type(module).__new__(type(module))  # PyTorch's own layers keep nothing that a call would change
            twin.__dict__.update(module.__dict__)
            known[id(module)] = twin
    copied: nn.Module = copy.deepcopy(model, known)
    return copied


def _timm(module: nn.Module, name: str) -> bool:
    return type(module).__name__ == name and type(module).__module__.startswith("timm.layers.")


def _simplify(module: nn.Module) -> None:
    """Replace, in a copy, modules of the libraries that are simpler in evaluation mode than their code says."""
    for name, child in module.named_children():
        if _timm(child, "BatchNormAct2d") and child.running_mean is not None:
            old: Any = child
            norm = nn.BatchNorm2d(old.num_features, eps=old.eps, device="meta").train(old.training)
            norm.running_mean, norm.running_var, norm.weight, norm.bias = (
                old.running_mean,
                old.running_var,
                old.weight,
                old.bias,
            )
            setattr(module, name, nn.Sequential(norm, old.drop, old.act))
        elif type(child).__name__ == "StochasticDepth" and type(child).__module__.startswith("torchvision."):
            setattr(module, name, nn.Identity())
    for child in module.children():
        _simplify(child)


class _Tracer(fx.Tracer):
    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return _timm(m, "Conv2dSame") or super().is_leaf_module(m, module_qualified_name)


def _hooks(model: nn.Module) -> bool:
    """Tell whether someone watches or changes what a module does from outside."""
    return any(
        getattr(m, name, None)
        for m in (*model.modules(), nn.modules.module)
        for name in (
            "_forward_hooks",
            "_forward_pre_hooks",
            "_global_forward_hooks",
            "_global_forward_pre_hooks",
        )
    ) or any("forward" in vars(m) for m in model.modules())


def trace(model: nn.Module, dtype: torch.dtype | None) -> tuple[nn.Module, fx.Graph]:
    """Return a copy of the model's modules and the graph of its operations, without in-place ones.

    Raises:
        UntraceableError: if there is no such graph.
    """
    if _hooks(model):
        raise UntraceableError
    try:
        root = shared_copy(model) if dtype is None else copy.deepcopy(model).to(dtype)
        _simplify(root)
        options = list(signature(type(root).forward).parameters.values())[2:]
        fixed = {p.name: p.default for p in options if p.default is not Parameter.empty}
        graph = _Tracer().trace(root, fixed or None)
    except Exception as error:  # a user's own code runs here, and it may raise anything
        raise UntraceableError from error
    _without_identities(root, graph)
    _without_in_place(root, graph)
    for node in reversed(graph.nodes):
        if not node.users and (_fresh(root, node) or _key(root, node) in RULES):
            graph.erase_node(node)
    return root, graph


# ---------------------------------------------------------------------------------------------- in-place operations

_LAYOUT = ("as_strided", "stride", "is_contiguous", "storage_offset", "data_ptr")  # maps are channels-last here
_OUT_OF_PLACE = {
    operator.iadd: operator.add,
    operator.isub: operator.sub,
    operator.imul: operator.mul,
    operator.itruediv: operator.truediv,
    torch.relu_: torch.relu,
    F.relu_: F.relu,
    F.leaky_relu_: F.leaky_relu,
    torch.sigmoid_: torch.sigmoid,
    torch.tanh_: torch.tanh,
}


def _key(root: nn.Module, node: fx.Node) -> Any:
    """What a node does: the class of its module, its function, or the name of its method."""
    if "key" not in node.meta:
        node.meta["key"] = _find_key(root, node)
    return node.meta["key"]


def _find_key(root: nn.Module, node: fx.Node) -> Any:
    if node.op == "call_module":
        module = root.get_submodule(str(node.target))
        return same_conv if _timm(module, "Conv2dSame") else type(module)
    return node.target if node.op in ("call_function", "call_method") else None


_VIEWS = {
    operator.getitem, nn.Identity, nn.Dropout, nn.Dropout2d, F.dropout, F.dropout2d, torch.transpose, "transpose", "permute",
    nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d, F.adaptive_avg_pool2d, "contiguous", "clone", "detach",
    "float", "double", "half", "bfloat16",
}  # fmt: skip
"""Operations with a rule whose result may be, or share memory with, their input."""


def _fresh(root: nn.Module, node: fx.Node) -> bool:
    """Tell whether a node's result surely is new memory, or no tensor at all."""
    key = _key(root, node)
    if key in _SHAPES or (key is getattr and node.args[1] in _SHAPE_ATTRIBUTES):
        return True
    return key in (nn.Linear, F.linear, same_conv) or (key in RULES and key not in _VIEWS)


def _plain_form(root: nn.Module, node: fx.Node) -> Callable[[], None] | None:
    """Return how to make an in-place operation an ordinary one, or None if it is one already."""
    if node.op == "call_module":
        module = root.get_submodule(str(node.target))
        return partial(setattr, module, "inplace", False) if getattr(module, "inplace", False) is True else None
    if node.op == "call_function":
        if node.kwargs.get("out") is not None or node.target in (operator.setitem, torch.as_strided):
            raise UntraceableError
        if node.target in _OUT_OF_PLACE:
            return partial(setattr, node, "target", _OUT_OF_PLACE[node.target])
        if node.kwargs.get("inplace"):
            return partial(setattr, node, "kwargs", {**node.kwargs, "inplace": False})
        name = getattr(node.target, "__name__", "")
        in_place = name.endswith("_") and not name.endswith("__")
        if in_place or name in ("iand", "ior", "ixor", "ipow", "imod", "ifloordiv", "imatmul", "ilshift", "irshift"):
            raise UntraceableError
        if getattr(node.target, "__module__", "") == F.__name__ and any(a is True for a in node.args[1:]):
            try:  # F.relu(x, True): in place, unless that True means something else
                bound = signature(cast(Callable[..., Any], node.target)).bind(*node.args, **node.kwargs).arguments
            except (TypeError, ValueError):
                return None
            if bound.get("inplace"):
                x, *more = bound.items()
                return partial(_set_arguments, node, (x[1],), {**dict(more), "inplace": False})
    if node.op == "call_method":
        name = str(node.target)
        if name in ("__setitem__", *_LAYOUT):
            raise UntraceableError
        if name.endswith("_") and not name.endswith("__"):
            if not hasattr(Tensor, name[:-1]):
                raise UntraceableError
            return partial(setattr, node, "target", name[:-1])
    return None


def _set_arguments(node: fx.Node, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    node.args, node.kwargs = args, kwargs


def _without_in_place(root: nn.Module, graph: fx.Graph) -> None:
    """Make in-place operations ordinary ones; whoever reads the changed tensor later, reads the result instead."""
    order = {node: i for i, node in enumerate(graph.nodes)}
    changes = []
    for node in graph.nodes:
        change = _plain_form(root, node)
        if change is None:
            continue
        changed = node.args[0] if node.args else None
        if not isinstance(changed, fx.Node):
            raise UntraceableError
        if changed.op != "placeholder" and "in_place" not in changed.meta and not _fresh(root, changed):
            raise UntraceableError  # others may share its memory
        for user in list(changed.users):
            if order[user] < order[node] and "in_place" not in user.meta and not _fresh(root, user):
                raise UntraceableError
            if order[user] > order[node]:
                user.replace_input_with(changed, node)
        node.meta["in_place"] = True
        changes.append(change)
    for change in changes:  # at last, since modules are used more than once
        change()
    for node in graph.nodes:
        node.meta.pop("key", None)  # some are other functions now


def _without_identities(root: nn.Module, graph: fx.Graph) -> None:
    """Remove what does nothing in evaluation mode, and checks of the input's form."""
    for node in list(graph.nodes):
        if _key(root, node) in (nn.Identity, nn.Dropout, nn.Dropout2d) and len(node.args) == 1 and not node.kwargs:
            node.replace_all_uses_with(node.args[0])
            graph.erase_node(node)
        elif node.op == "call_function" and node.target is torch._assert:
            graph.erase_node(node)


# ------------------------------------------------------------------------------------------------------- the steps


@dataclass
class Step:
    """One operation: what to call on whole maps, its rule, and the clean result.

    Attributes:
        fn, args, kwargs: the call; a `Ref` among the arguments stands for an earlier step's result.
        rule: how far a change reaches; None: everything after it may change.
        shape_only: it reads nothing but shape, dtype or device.
        activation: what to apply to the result.
        value: the result for the clean images.
        reads: the steps that it reads.
        frees: the steps that nobody reads after it.
    """

    fn: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    rule: Rule | None = None
    shape_only: bool = False
    activation: Activation | None = None
    value: Any = None
    reads: list[int] = field(default_factory=list)
    frees: list[int] = field(default_factory=list)

    def __call__(self, value_of: Callable[[int], Any]) -> Any:
        """Compute the result; `value_of` gives an earlier step's."""
        args = [fill(a, value_of) for a in self.args]
        result = self.fn(*args, **{k: fill(v, value_of) for k, v in self.kwargs.items()})
        return result if self.activation is None else self.activation.fn(result)


def fill(template: Any, value_of: Callable[[int], Any]) -> Any:
    """Replace every `Ref` in nested arguments."""
    if isinstance(template, Ref):
        return value_of(template.step)
    if type(template) in (tuple, list):
        return type(template)(fill(t, value_of) for t in template)
    if isinstance(template, slice):
        return slice(*(fill(t, value_of) for t in (template.start, template.stop, template.step)))
    if isinstance(template, dict):
        return {k: fill(v, value_of) for k, v in template.items()}
    return template


def refs(template: Any) -> list[Ref]:
    """Return every `Ref` in nested arguments."""
    found: list[Ref] = []

    def note(template: Any) -> None:
        if isinstance(template, Ref):
            found.append(template)
        elif type(template) in (tuple, list):
            for t in template:
                note(t)
        elif isinstance(template, dict):
            note(list(template.values()))
        elif isinstance(template, slice):
            note([template.start, template.stop, template.step])

    note(template)
    return found


_SHAPES = {"size", "dim", "ndimension", "numel"}
_SHAPE_ATTRIBUTES = {"shape", "ndim", "dtype", "device", "is_cuda"}
_RESHAPES = {"view", "reshape", "flatten", "unflatten", torch.reshape, torch.flatten, torch.unflatten, nn.Flatten}


@torch.no_grad()
def steps(root: nn.Module, graph: fx.Graph, images: Tensor) -> list[Step]:
    """Return the graph as steps, with their results for the clean images; step 0 is the images, the last the answer.

    Raises:
        UntraceableError: if an operation changes its input unasked, or the answer is no tensor.
    """
    folded = _fold(root, graph)
    made: list[Step] = []
    known: dict[fx.Node, Any] = {}  # a constant, or a Ref
    splits: dict[fx.Node, tuple[Ref, list[int]]] = {}

    def add(step: Step) -> Ref:
        step.reads = sorted({r.step for r in refs((step.args, step.kwargs))})
        if not made:
            step.value = images
        elif step.value is None:
            step.value = step(lambda i: made[i].value)
        made.append(step)
        shape = step.value.shape if isinstance(step.value, Tensor) else None
        is_map = step.rule is not None and shape is not None and len(shape) >= 4
        return Ref(len(made) - 1, shape, is_map)

    for node in graph.nodes:
        if node.op == "placeholder":
            if made:
                known[node] = node.args[0] if node.args else None
            else:
                known[node] = add(Step(lambda: images, (), {}, Local(lambda: images, ())))
            continue
        args = fx.node.map_arg(node.args, lambda n: known[n])
        kwargs = fx.node.map_arg(node.kwargs, lambda n: known[n])
        args, kwargs = _plain(tuple(args)), _plain(dict(kwargs))
        if node.op == "output":
            if not isinstance(args[0], Ref) or args[0].shape is None:
                raise UntraceableError
            if args[0].step != len(made) - 1:
                add(Step(lambda x: x, (args[0],), {}))
            break
        if node.op == "get_attr":
            known[node] = _attribute(root, str(node.target))
            continue
        fn = _callable(root, node)
        inputs = refs((args, kwargs))
        if not inputs:
            known[node] = fn(*args, **kwargs)
            continue
        if node in folded.absorbed:
            known[node] = known[folded.absorbed[node]]
            continue
        if _is_split(node):
            pieces = _split_sizes(fn, args, kwargs)
            if pieces is not None:
                splits[node] = (args[0], pieces)
                known[node] = args[0]
                continue
        known[node] = add(_step(root, node, fn, args, kwargs, folded, splits, made))
        if node.meta.get("in_place") and not _same_kind(
            made[-1].value, made[args[0].step].value if isinstance(args[0], Ref) else None
        ):
            raise UntraceableError  # in place, the result would have kept the type and shape of the input
    last = {r: i for i, step in enumerate(made) for r in step.reads}
    for r, i in last.items():
        made[i].frees.append(r)
    return made


def _same_kind(a: Any, b: Any) -> bool:
    both = isinstance(a, Tensor) and isinstance(b, Tensor)
    return both and a.dtype == b.dtype and a.shape == b.shape


def _version(tensor: Tensor) -> int:
    return 0 if tensor.is_inference() else tensor._version


def _plain(template: Any) -> Any:
    """Turn fx's immutable lists and dicts into Python's."""
    if isinstance(template, Ref):
        return template
    if isinstance(template, dict):
        return {k: _plain(v) for k, v in template.items()}
    if isinstance(template, list):
        return [_plain(t) for t in template]
    return tuple(_plain(t) for t in template) if type(template) is tuple else template


def _attribute(root: nn.Module, path: str) -> Any:
    thing: Any = root
    for part in path.split("."):
        thing = getattr(thing, part)
    return thing.detach() if isinstance(thing, Tensor) else thing


def _callable(root: nn.Module, node: fx.Node) -> Callable[..., Any]:
    if node.op == "call_module":
        return root.get_submodule(str(node.target))
    if node.op == "call_function":
        return node.target  # type: ignore[return-value]
    return partial(_call_method, str(node.target))


def _call_method(name: str, x: Any, *args: Any, **kwargs: Any) -> Any:
    if name == "view" and not any(isinstance(a, torch.dtype) for a in args):
        name = "reshape"  # maps are channels-last here, which a view may refuse
    return getattr(x, name)(*args, **kwargs)


def _step(
    root: nn.Module,
    node: fx.Node,
    fn: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    folded: "_Folded",
    splits: dict[fx.Node, tuple[Ref, list[int]]],
    made: list[Step],
) -> Step:
    """Return the step of one node."""
    key = _key(root, node)
    activation = folded.activation.get(node)
    if node.op == "call_method" and key in _SHAPES:
        return Step(fn, args, kwargs, shape_only=True)
    if key is getattr and args[1] in _SHAPE_ATTRIBUTES:
        return Step(fn, args, kwargs, shape_only=True)
    source = node.args[0] if node.args else None
    if key is operator.getitem and isinstance(source, fx.Node) and source in splits:
        x, sizes = splits[source]
        which = range(len(sizes))[args[1]]
        start, length = sum(sizes[:which]), sizes[which]
        rule: Rule | None = Local(lambda full: full.narrow(1, start, length), (x,))
    elif key in _RESHAPES:
        value = Step(fn, args, kwargs)(lambda i: made[i].value)
        rule = mid_reshape(args[0] if args else None, value.shape if isinstance(value, Tensor) else None)
    else:
        rule = _rule(root, node, key, args, kwargs, folded.conv(node))
    if node in folded.convs and rule is not None:
        activation = None  # the convolution applies it
    if isinstance(rule, Local):
        maps = all(r.is_map for r in refs((rule.args, rule.kwargs)) if r.shape is not None)
        return Step(rule.fn, rule.args, rule.kwargs, rule if maps else None, activation=activation)
    if rule is not None:
        return Step(rule.whole, (rule.x,), {}, rule if rule.x.is_map else None, activation=activation)
    if node in folded.convs and folded.norm.get(node) is not None:
        fn = _conv_then_norm(fn, folded.norm[node])
    step = Step(fn, args, kwargs, activation=activation)
    inputs = [made[r.step].value for r in refs((args, kwargs)) if r.shape is not None]
    versions = [_version(tensor) for tensor in inputs]
    step.value = step(lambda i: made[i].value)
    if versions != [_version(tensor) for tensor in inputs]:
        raise UntraceableError
    return step


def _conv_then_norm(fn: Callable[..., Any], norm: Any) -> Callable[..., Any]:
    factor, summand = (v.reshape(1, -1, 1, 1) for v in norm)
    return lambda *args, **kwargs: torch.addcmul(summand, fn(*args, **kwargs), factor)


def _rule(
    root: nn.Module, node: fx.Node, key: Any, args: tuple[Any, ...], kwargs: dict[str, Any], fused: Any
) -> Rule | None:
    """Look a node's rule up; arguments that no rule expects have none."""
    rule: Rule | None
    try:
        more = {} if fused is None else {"fused": fused}
        if key is same_conv:
            rule = same_conv(*args, root.get_submodule(str(node.target)), **kwargs, **more)
        elif key not in RULES:
            rule = None
        elif node.op == "call_module":
            rule = RULES[key](root.get_submodule(str(node.target)), *args, **kwargs, **more)
        else:
            rule = RULES[key](*args, **kwargs, **more)
        return rule
    except (TypeError, ValueError, AttributeError, IndexError):
        return None


def _is_split(node: fx.Node) -> bool:
    named = node.target in (torch.chunk, torch.split) or (
        node.op == "call_method" and node.target in ("chunk", "split")
    )
    return named and all(
        u.op == "call_function" and u.target is operator.getitem and isinstance(u.args[1], int) for u in node.users
    )


def _split_sizes(fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> list[int] | None:
    """Return how a map's channels are split, or None if that is not what the call does."""
    x, dim = args[0] if args else None, kwargs.get("dim", args[2] if len(args) > 2 else 0)
    if not isinstance(x, Ref) or not x.is_map or x.shape is None or len(x.shape) != 4 or dim not in (1, -3):
        return None
    if len(refs((args, kwargs))) > 1:
        return None
    channels = torch.empty(1, x.shape[1], 1, 1)
    return [piece.shape[1] for piece in fn(channels, *args[1:], **kwargs)]


# --------------------------------------------------------------------------------------------------------- folding


@dataclass
class _Folded:
    """Which convolutions take over a BatchNorm and an activation, and which other operations an activation."""

    convs: set[fx.Node] = field(default_factory=set)
    norm: dict[fx.Node, tuple[Tensor, Tensor]] = field(default_factory=dict)
    activation: dict[fx.Node, Activation] = field(default_factory=dict)
    absorbed: dict[fx.Node, fx.Node] = field(default_factory=dict)

    def conv(self, node: fx.Node) -> Callable[..., Conv] | None:
        if node not in self.convs:
            return None
        return partial(Conv, norm=self.norm.get(node), activation=self.activation.get(node))


def _fold(root: nn.Module, graph: fx.Graph) -> _Folded:
    folded = _Folded()
    for node in graph.nodes:
        key = _key(root, node)
        if key in (nn.Conv2d, same_conv, F.conv2d):
            folded.convs.add(node)
            if (norm := _single_user(node)) is not None and (scale := _norm(root, norm)) is not None:
                folded.norm[node] = scale
                folded.absorbed[norm] = node
        elif not _fresh(root, node) or node in folded.absorbed:
            continue
        end = next((n for n, by in folded.absorbed.items() if by is node), node)
        if (user := _single_user(end)) is not None and (activation := _activation(root, user)) is not None:
            folded.activation[node] = activation
            folded.absorbed[user] = node
    return folded


def _single_user(node: fx.Node) -> fx.Node | None:
    """Return the one node that reads this one and has it as its first argument."""
    users = list(node.users)
    return users[0] if len(users) == 1 and users[0].args and users[0].args[0] is node else None


def _norm(root: nn.Module, node: fx.Node) -> tuple[Tensor, Tensor] | None:
    """Return factor and summand of each channel of a BatchNorm with stored statistics."""
    if _key(root, node) is not nn.BatchNorm2d or len(node.args) != 1 or node.kwargs:
        return None
    m: Any = root.get_submodule(str(node.target))
    if m.training or m.running_mean is None:
        return None
    wide = torch.promote_types(m.running_var.dtype, torch.float32)
    factor = (m.running_var.to(wide) + m.eps).rsqrt()
    factor = factor if m.weight is None else factor * m.weight.detach()
    summand = -m.running_mean * factor
    return factor, summand if m.bias is None else summand + m.bias.detach()


def _activation(root: nn.Module, node: fx.Node) -> Activation | None:
    entry = ACTIVATIONS.get(_key(root, node))
    if entry is None:
        return None
    try:
        if node.op == "call_module":
            return None if len(node.args) != 1 or node.kwargs else entry(root.get_submodule(str(node.target)))
        more = {k: v for k, v in node.kwargs.items() if k != "inplace"}
        if any(isinstance(a, fx.Node) for a in (*node.args[1:], *more.values())):
            return None
        return entry(*node.args[1:], **more)
    except TypeError:
        return None
