"""A network as a list of steps: what to call on whole maps, and how far a change reaches."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from operator import attrgetter
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, fx, nn
from torch.fx.node import map_aggregate, map_arg

from vislib.incremental.folding import fold
from vislib.incremental.fused import NO_ACTIVATION, Activation
from vislib.incremental.graph import PixelNumberError, UntraceableError, is_shape, operation
from vislib.incremental.reach import Ref, Rule, Window
from vislib.incremental.rules import RULES


@dataclass
class Step:
    """One operation: what to call on whole maps, its rule, and the clean result.

    Attributes:
        fn, args, kwargs: the call; a `Ref` among the arguments stands for an earlier step's result.
        rule: how far a change reaches; None: everything after it may change.
        work: multiply-adds for one number of the result.
        shape_only: it reads nothing but shape, dtype or device.
        apart: it surely treats each image of a batch by itself.
        activation: what to apply to the result.
        value: the result for the clean images.
        reads: the steps that it reads.
        maps: those of them that are maps, from whose rectangles its own follows.
        frees: the steps that nobody reads after it.
    """

    fn: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    rule: Rule | None = None
    work: float = 0.0
    shape_only: bool = False
    apart: bool = False
    activation: Activation = NO_ACTIVATION
    value: Any = None
    reads: list[int] = field(default_factory=list)
    maps: list[int] = field(default_factory=list)
    frees: list[int] = field(default_factory=list)

    def __call__(self, value_of: Callable[[int], Any]) -> Any:
        """Compute the result; `value_of` gives an earlier step's."""
        called = self.args, self.kwargs
        args, kwargs = map_aggregate(called, lambda v: value_of(v.step) if isinstance(v, Ref) else v)
        return self.activation.fn(self.fn(*args, **kwargs))


def refs(template: Any) -> list[Ref]:
    """Return every `Ref` in nested arguments."""
    found: list[Ref] = []
    map_aggregate(template, lambda v: found.append(v) if isinstance(v, Ref) else v)
    return found


@torch.no_grad()
def steps(root: nn.Module, graph: fx.Graph, images: Tensor) -> list[Step]:
    """Return the graph as steps, with their results for the clean images; step 0 is the images, the last the answer.

    Raises:
        UntraceableError: if an operation changes its input unasked, or the answer is no tensor.
    """
    made = [Step(lambda: images, (), {}, Rule(lambda: images, ()), apart=True, value=images)]
    known: dict[fx.Node, Any] = {}  # a constant, or a Ref

    def add(step: Step) -> Ref:
        read = refs((step.args, step.kwargs))
        step.reads = sorted({r.step for r in read})
        step.maps = [] if step.rule is None else [r.step for r in read if r.is_map]
        values = [made[i].value for i in step.reads]
        versions = [version(v) for v in values]
        step.value = step(lambda i: made[i].value)
        pixels = [v for v in values if isinstance(v, Tensor | tuple) and not isinstance(v, torch.Size)]
        if pixels and not step.shape_only and isinstance(step.value, int | float | complex | list):
            raise PixelNumberError("a number is read off the pixels")
        if versions != [version(v) for v in values]:
            raise UntraceableError("an operation changes its input unasked")
        made.append(step)
        return _ref(made)

    for node in graph.nodes:
        args, kwargs = (map_arg(a, known.__getitem__) for a in (node.args, node.kwargs))
        if node.op == "placeholder":
            known[node] = (args[0] if args else None) if known else _ref(made)
        elif node.op == "output":
            if not isinstance(args[0], Ref) or args[0].shape is None:
                raise UntraceableError("the answer is no tensor")
            if args[0].step != len(made) - 1:
                add(Step(lambda x: x, (args[0],), {}))
        elif node.op == "get_attr":
            value = attrgetter(str(node.target))(root)
            known[node] = value.detach() if isinstance(value, Tensor) else value
        elif not refs((args, kwargs)):
            known[node] = _callable(root, node)(*args, **kwargs)
        else:
            known[node] = add(_step(root, node, args, kwargs))
            changed = made[args[0].step].value if args and isinstance(args[0], Ref) else None
            if node.meta.get("in_place") and (changed is None or _kind(changed) != _kind(made[-1].value)):
                raise UntraceableError(f"{node} works in place, and would else change the type or shape of its input")
    last = {r: i for i, step in enumerate(made) for r in step.reads}
    for r, i in last.items():
        made[i].frees.append(r)
    return made


def head(steps: list[Step]) -> int:
    """Return the step behind which a single matrix (B, D) is all that is left: the head, which likes large batches."""
    for i, step in enumerate(steps[1:], 1):
        later = {r for s in steps[i + 1 :] for r in s.reads if r <= i}
        if later <= {i} and isinstance(step.value, Tensor) and step.value.ndim == 2 and len(step.value) == 1:
            return i
    return len(steps) - 1


def _ref(made: list[Step]) -> Ref:
    """Return what stands for the last step's result."""
    step = made[-1]
    shape = step.value.shape if isinstance(step.value, Tensor) else None
    return Ref(len(made) - 1, shape, step.rule is not None and shape is not None and len(shape) == 4)


def _step(root: nn.Module, node: fx.Node, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Step:
    """Return the step of one node, and of what can be folded into it."""
    fn = _callable(root, node)
    if is_shape(root, node):
        return Step(fn, args, kwargs, shape_only=True, apart=True)
    rule = _rule(root, node, args, kwargs)
    activation = fold(root, node, rule.part if isinstance(rule, Window) else getattr(rule, "fn", None))
    if rule is None:
        work = getattr(fn, "in_features", 0.0)
        return Step(fn, args, kwargs, work=work, apart=_apart(root, node), activation=activation)
    reach = rule if all(r.is_map for r in refs((rule.args, rule.kwargs)) if r.shape is not None) else None
    return Step(rule.fn, rule.args, rule.kwargs, reach, rule.work, apart=True, activation=activation)


def _apart(root: nn.Module, node: fx.Node) -> bool:
    """Tell whether an operation without a rule surely treats each image of a batch by itself."""
    if operation(root, node) in (nn.Linear, nn.Flatten, nn.AdaptiveAvgPool2d, F.adaptive_avg_pool2d):
        return True
    dims = node.args[1] if len(node.args) == 2 else 0
    along = operation(root, node) in (torch.flatten, torch.mean, "flatten", "mean")
    return along and all(isinstance(d, int) and d > 0 for d in (dims if isinstance(dims, tuple | list) else (dims,)))


def _rule(root: nn.Module, node: fx.Node, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Rule | None:
    """Look a node's rule up; arguments that no rule expects have none."""
    if (build := RULES.get(operation(root, node))) is None:
        return None
    first = (root.get_submodule(str(node.target)),) if node.op == "call_module" else ()
    try:
        return build(*first, *args, **kwargs)
    except (TypeError, ValueError, AttributeError, IndexError):
        return None


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


def version(value: Any) -> int:
    """Return how often a tensor has been changed in place."""
    return value._version if isinstance(value, Tensor) and not value.is_inference() else 0


def _kind(value: Any) -> tuple[torch.dtype, torch.Size] | None:
    return (value.dtype, value.shape) if isinstance(value, Tensor) else None
