"""Networks with random weights: from the output down, each layer by its own initialiser, and still alive."""

import copy
import math
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize
from torch.nn.utils.prune import BasePruningMethod
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.nn.utils.weight_norm import WeightNorm
from torch.overrides import TorchFunctionMode
from torch.utils import _pytree as pytree

from vislib import seeded
from vislib.activations import find_layer, watching
from vislib.explain import answers, check_choice, check_inputs

Order = Literal["output_first", "independent"]
_PRODUCT = re.compile("conv|linear|mm|matmul|einsum|tensordot|embedding")  # operations that take weights
_ALIVE = 1e-3  # share of the largest logit by which the answers to two different images must differ


def randomised(
    model: nn.Module,
    images: Tensor,
    *,
    order: Order = "output_first",
    blocks: Sequence[str] | None = None,
    seed: int = 0,
) -> Iterator[tuple[str, nn.Module]]:
    """Yield copies of a network, ever more of it randomised: (block, network), from the output down.

    Each layer draws from its own initialiser, all of them from one stream of random numbers; a parameter of which that
    knows nothing, as of pruned layers, is shuffled, and so is a weight that is kept as a buffer. The statistics of
    BatchNorm from the lowest random layer on are taken anew from `images`: with statistics merely reset, a deep network
    answers the same to everything.

    Args:
        model: maps pixels (B, C, H, W) to logits (B, K); it is copied, not touched.
        images: the calibration, (N, C, H, W): in one batch.
        order: "output_first" randomises a block and all after it, "independent" that block alone.
        blocks: names as in ``model.named_modules()``; they are put into the order in which they run. None: the layers
            and blocks that the network consists of, each norm with the layer before it. Containers, and modules
            with more than half of all parameters, count as what is in them.
        seed: of the random weights, the same on every device.

    Raises:
        TypeError, ValueError: as in `cascade`.
    """
    model, ran = opened(model, images)
    steps = plan(find_blocks(model, ran, blocks), order)
    twin = draw(model, [step[-1] for step in steps], seed)
    return ((step[-1].name, randomise(model, twin, step, images)) for step in steps)


class Block(NamedTuple):
    """A name, the layers with parameters that go with it, and the norms that run from the first of them on."""

    name: str
    layers: list[str]
    norms: list[str]


def plan(blocks: list[Block], order: Order) -> list[list[Block]]:
    """Return what is random at each step, the lowest block last."""
    check_choice(order, "order", ("output_first", "independent"))
    return [blocks[: i + 1] if order == "output_first" else [block] for i, block in enumerate(blocks)]


def find_blocks(model: nn.Module, ran: dict[str, int], names: Sequence[str] | None) -> list[Block]:
    """Return the blocks from the output down: those of these names, or all that the network consists of; `ran` as of `opened`."""
    if isinstance(names, str):
        raise TypeError(f"blocks is {names!r}; expected several names, such as [{names!r}].")
    places = {layer: place for place, layer in model.named_modules()}  # the first of several names that a layer has
    found = _parts(model) if names is None else {n: _layers(at := find_layer(model, n), places[at]) for n in names}
    for name in [name for name, layers in found.items() if not ran.keys() & layers]:
        if names is not None:
            raise ValueError(f"the layer {name!r} has no parameters that the model uses; expected one that has.")
        del found[name]
    if not found:
        raise ValueError("there is nothing to randomise; expected a model, and names of layers, with parameters.")
    grouped: list[tuple[str, list[str]]] = []
    for name in sorted(found, key=lambda name: max(ran.get(layer, -1) for layer in found[name])):
        if names is None and grouped and _is_norm(model, found[name]):
            grouped[-1][1].extend(found[name])
        else:
            grouped.append((name, list(found[name])))
    norms = [name for name in ran if _has_statistics(model.get_submodule(name))]
    blocks = []
    for name, layers in reversed(grouped):
        first = min(ran[layer] for layer in layers if layer in ran)
        blocks.append(Block(name, layers, [norm for norm in norms if ran[norm] >= first]))
    return blocks


def _parts(model: nn.Module) -> dict[str, list[str]]:
    """Return the layers of each part of a network: a part is opened if it is a container or holds most of the parameters."""
    total = sum(p.numel() for p in model.parameters())
    parts: dict[str, list[str]] = {}

    def walk(name: str, module: nn.Module) -> None:
        container = isinstance(module, nn.Sequential | nn.ModuleList | nn.ModuleDict)
        if not container and 2 * sum(p.numel() for p in module.parameters()) <= total:
            parts[name] = _layers(module, name)
            return
        parts[name] = [name] if _own(module) else []
        for child, inside in module.named_children():
            walk(f"{name}.{child}".lstrip("."), inside)

    walk("", model)
    return parts


def _layers(module: nn.Module, name: str) -> list[str]:
    """Return the names of the layers in a module that have parameters of their own."""
    return [inner for inner, layer in module.named_modules(prefix=name) if _own(layer)]


def _own(layer: nn.Module) -> list[nn.Parameter]:
    return list(layer.parameters(recurse=False))


def _is_norm(model: nn.Module, layers: list[str]) -> bool:
    return all(parameter.ndim <= 1 for layer in layers for parameter in _own(model.get_submodule(layer)))


def _has_statistics(layer: nn.Module) -> bool:
    return isinstance(layer, nn.modules.batchnorm._NormBase) and layer.running_mean is not None


class _Using(TorchFunctionMode):
    """Shows which tensors each operation is given."""

    def __init__(self, see: Callable[[str, list[Any]], None]) -> None:
        super().__init__()
        self.see = see

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.see(getattr(func, "__name__", ""), pytree.tree_leaves((args, kwargs)))
        return func(*args, **(kwargs or {}))


@torch.inference_mode(False)
def opened(model: nn.Module, images: Tensor) -> tuple[nn.Module, dict[str, int]]:
    """Return a copy that says the same, all its weights parameters: no pruning, no parametrisations, no buffers in products.

    Also return when each layer last began to run; or its weights, in a network that does not call it, were first used.

    Raises:
        TypeError, ValueError: as `check_inputs`, or for quantised weights.
    """
    check_inputs(model, images)
    for name, value in model.state_dict().items():
        if any(isinstance(part, Tensor) and part.is_quantized for part in pytree.tree_leaves(value)):
            raise ValueError(f"{name!r} is quantised, and cannot be drawn at random; expected floating point.")
    computed = [value for layer in model.modules() for value in vars(layer).values() if isinstance(value, Tensor)]
    model = copy.deepcopy(model, {id(value): value.detach().clone() for value in computed})
    for layer in list(model.modules()):
        for name in list(getattr(layer, "parametrizations", ())):  # a copy shares the class, which its original needs
            layer.__class__ = type(type(layer).__name__, type(layer).__bases__, dict(vars(type(layer))))
            parametrize.remove_parametrizations(layer, name)
        for key, hook in list(layer._forward_pre_hooks.items()):
            if isinstance(hook, BasePruningMethod | SpectralNorm | WeightNorm):
                hook.remove(layer)
                del layer._forward_pre_hooks[key]
    ran: dict[str, None] = {}
    owners: dict[int, list[tuple[str, str, Tensor]]] = {}
    for place, layer in model.named_modules():
        for name, value in (vars(layer) | dict(layer._buffers.items()) | dict(layer._parameters.items())).items():
            if isinstance(value, Tensor) and value.is_floating_point():
                owners.setdefault(id(value), []).append((place, name, value))

    def note(name: str, *seen: Any) -> None:
        ran[name] = ran.pop(name, None)  # a dict is in the order of entry

    def see(operation: str, used: list[Any]) -> None:
        for place, name, value in [owner for one in used for owner in owners.get(id(one), ())]:
            layer = model.get_submodule(place)
            if _PRODUCT.search(operation) and name not in layer._parameters:
                delattr(layer, name)
                layer.register_parameter(name, nn.Parameter(value, requires_grad=False))
            if name in layer._parameters:
                ran.setdefault(place)

    with torch.no_grad(), watching(dict(model.named_modules()), note, before=True), _Using(see):
        answers(model, images, twice=False)
    return model, {name: i for i, name in enumerate(ran)}


@torch.inference_mode(False)
@torch.no_grad()
def draw(model: nn.Module, blocks: list[Block], seed: int) -> nn.Module:
    """Return a copy on the CPU, its blocks random: one stream of numbers, so that no two layers get the same."""
    twin = copy.deepcopy(model).cpu()
    with seeded(seed):
        for name in [name for block in blocks for name in block.layers]:
            layer, trained = twin.get_submodule(name), [p.cpu() for p in _own(model.get_submodule(name))]
            reset = getattr(layer, "reset_parameters", None) or getattr(layer, "_reset_parameters", None)
            if reset is not None:
                for parameter in _own(layer):
                    parameter.fill_(math.nan)
                reset()
            for parameter, values in zip(_own(layer), trained, strict=True):
                if reset is None or parameter.isnan().any():  # its initialiser knows nothing of it
                    parameter.copy_(_shuffled(values))
    return twin


def _shuffled(values: Tensor) -> Tensor:
    """Return the values in a random order; what that would leave as it is, is changed by up to a half, and 0 by a little."""
    mixed = values.flatten()[torch.randperm(values.numel(), device="cpu")].view_as(values)
    if torch.equal(mixed, values):
        mixed = torch.where(values == 0, 0.1 * torch.randn_like(values), values * (0.5 + torch.rand_like(values)))
    return mixed


@torch.inference_mode(False)
@torch.no_grad()
def randomise(model: nn.Module, twin: nn.Module, blocks: list[Block], calibration: Tensor) -> nn.Module:
    """Return a copy of the model with the twin's weights in these blocks, its norms calibrated, and see that it is alive."""
    network = copy.deepcopy(model)
    for name in [name for block in blocks for name in block.layers]:
        for own, random in zip(_own(network.get_submodule(name)), _own(twin.get_submodule(name)), strict=True):
            own.copy_(random)
    _calibrate([network.get_submodule(name) for name in blocks[-1].norms], network, calibration)
    image = calibration[:1]
    pair = torch.cat([image, (image < 0.5).to(image)])  # and its negative in black and white
    logits = answers(network, pair, twice=False)
    sizes = logits.abs()[logits.abs() <= 100 * logits.abs().unique().median()]  # beyond are masks, which never move
    if not (logits[0] - logits[1]).nan_to_num().abs().max() > _ALIVE * sizes.max():
        came = f"random down to {blocks[-1].name!r}, the network answers the same to an image and its negative"
        raise ValueError(f"{came}; expected one that still reacts, as networks with BatchNorm do.")
    return network


def _calibrate(norms: list[Any], network: nn.Module, images: Tensor) -> None:
    """Replace the statistics of these norms by those of one batch, summed in the plain layout.

    Channels last, PyTorch on a CPU sums in float32: a variance comes out wrong by 1e-5 of it and more, in the plain
    layout, where it sums in double precision, by 1e-7; and a deep random network magnifies that.
    """

    def plain(name: str, norm: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return tuple(x.contiguous() for x in inputs)

    for norm in norms:
        norm.momentum, norm.training = 1.0, True
    if norms:
        with watching({str(i): norm for i, norm in enumerate(norms)}, plain, before=True):
            answers(network, images, twice=False)  # in training mode, on purpose
    for norm in norms:
        norm.training = False
