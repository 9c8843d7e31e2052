"""The look at what comes back from a model: logits, the same twice, alone and in company, in evaluation mode."""

import random
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode


def check_logits(logits: Tensor, images: Tensor, target: Tensor | None = None) -> None:
    """Raise unless these are logits (B, K), one row per image, K > 1, and every target is one of the K classes.

    Refused as well: NaN, infinity, and a target that is masked with -inf.
    """
    if not isinstance(logits, Tensor) or logits.ndim != 2 or logits.shape[0] != images.shape[0]:
        raise ValueError(
            f"the model returned {shown(logits)} for {images.shape[0]} images; expected logits of shape (B, K), which "
            "vislib.models.TwoClasses makes of one number per image."
        )
    if logits.shape[1] < 2 or not logits.is_floating_point():
        raise ValueError(
            f"the model returned {logits.dtype} of shape {tuple(logits.shape)}; expected floating-point logits of two "
            "classes at least: vislib.models.TwoClasses(model) makes them of one logit."
        )
    count = logits.shape[1]
    if target is not None and (highest := int(target.max())) >= count:
        raise ValueError(f"target contains {highest}, and the model has {count} classes; expected 0 to {count - 1}.")
    row = logits.detach()
    chosen = row.new_zeros(()) if target is None else row.gather(1, target[:, None])
    finite, masked = torch.stack([row.amax(1).isfinite().all(), chosen.isneginf().any()]).tolist()
    if not finite:
        raise ValueError("the model answers with NaN or infinity; expected logits, where -inf alone may mask a class.")
    if masked:
        raise ValueError("target contains a class that the model masks with -inf; expected one that it names.")


def check_heatmap(heatmap: Tensor, images: Tensor, what: str = "the heatmaps of the explainer") -> None:
    """Raise unless this is a heatmap (B, H, W) of images (B, C, H, W), on their device, without NaN."""
    expected = (len(images), *images.shape[-2:])
    if not isinstance(heatmap, Tensor) or heatmap.shape != expected:
        raise ValueError(f"{what} came as {shown(heatmap)}; expected shape {expected}.")
    if heatmap.device != images.device:
        raise ValueError(f"{what} are on {heatmap.device} and images on {images.device}; expected one device.")
    if heatmap.isnan().any():
        raise ValueError(f"{what} contain NaN; expected a number for every pixel.")


def check_device(value: Tensor, other: Tensor, name: str, of: str = "images") -> None:
    """Raise unless both are on one device."""
    if value.device != other.device:
        raise ValueError(f"{name} is on {value.device} and {of} on {other.device}; expected both on one device.")


def shown(value: Any) -> str:
    """Return what a value is, for a sentence: its shape, or its type."""
    return f"shape {tuple(value.shape)}" if isinstance(value, Tensor) else f"a {type(value).__name__}"


def add_up(logits: Any) -> bool:
    """Tell whether every row of an answer is at least 0 and adds up to 1, as probabilities do."""
    if not isinstance(logits, Tensor):
        return False
    off = (logits.detach().sum(-1, dtype=torch.float32) - 1).abs()
    return bool(((logits >= 0).all() & (off <= max(1e-5, torch.finfo(logits.dtype).eps)).all()).item())


def check_no_shares(logits: Tensor, further: Any) -> None:
    """Raise if the answer to a further image adds up to 1 as well; one that is the same can tell nothing."""
    if add_up(further) and not torch.equal(further, logits.detach()[:1]):
        raise ValueError(
            "the model answers with probabilities, which are positive and add up to 1; expected logits: leave its softmax "
            "away, or return the logarithm."
        )


# Whether a network is asked by the look alone, so that nobody has to hear its answer.
LOOKING: ContextVar[bool] = ContextVar("LOOKING", default=False)


class _Watch(TorchFunctionMode):
    """Notes how coarse a network computes, and whether it makes one number of a batch or has a generator of its own."""

    eps, pools, draws = 0.0, False, False

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        self.draws |= bool(kwargs) and kwargs.get("generator") is not None
        if isinstance(result, float | list | np.ndarray):
            self.pools = True
        elif isinstance(result, Tensor) and result.is_floating_point() and args and isinstance(args[0], Tensor):
            self.eps = max(self.eps, torch.finfo(result.dtype).eps)
            self.pools |= result.ndim == 0 < args[0].ndim
        return result


def ask_ahead(model: Callable[[Tensor], Any], images: Tensor) -> Callable[[Tensor], None]:
    """Ask about one image alone, in evaluation mode; return a check of the logits of all of them, (B, K).

    About another one too, if the network makes one number of all images: whose number it is, such as the largest,
    is one of two. And about the first again until the answer differs, if it draws random numbers. That is seen of PyTorch's
    generators, and of those that Python and NumPy keep for everybody. A network that draws from a NumPy generator or a
    ``random.Random`` of its own is found if its second answer differs: always with continuous noise, else by luck.
    """
    last, before = len(images) - 1, _generators(images.device)
    with _Watch() as watch:
        said = [(last, ask(model, images[last:]))]
    drawn = any(_differ(a, b) for (a, _), (b, _) in zip(before, _generators(images.device), strict=True))
    if watch.pools and last:
        said.append((0, ask(model, images[:1])))
    modules = [*model.modules()] if isinstance(model, nn.Module) else []
    trains = any(module.training for module in modules)
    eightbit = any("quantized" in type(module).__module__ for module in modules)
    tf32 = images.device.type != "cpu" and images.dtype == torch.float32  # in which PyTorch multiplies on GPUs
    eps = max(watch.eps, torch.finfo(images.dtype).eps, 2**-7 * eightbit, 2**-10 * tf32)
    tolerance = eps**0.5  # rounding, which deep networks magnify, costs half of the digits at most
    if drawn or watch.draws:  # two masks of few logits may be the same by chance
        while len(said) < 64 and _same(said[-1][1], said[0][1], tolerance):
            said.append((last, ask(model, images[last:])))
        for state, put_back in before:
            put_back(state)

    def check(logits: Tensor) -> None:
        for i, again in said:
            if isinstance(again, Exception):
                raise ValueError(
                    f"asked about one image alone, the model raises {type(again).__name__}; expected an answer."
                ) from again
            if not _same(again, logits[i, None].detach(), tolerance):
                raise ValueError(
                    "asked about one image alone, in evaluation mode, the model answers otherwise; expected the same: model.eval()."
                    if trains
                    else "asked again, about one image alone, the model answers otherwise; "
                    "expected an answer that neither chance nor the other images of a batch decide."
                )

    return check


@torch.no_grad()
def ask(model: Callable[[Tensor], Any], images: Tensor) -> Any:
    """Return what a model says about images in evaluation mode, or the error that it raises."""
    with evaluating(model), as_written():
        try:
            return model(images.clone())
        except Exception as error:
            return error


def _same(one: Any, other: Any, tolerance: float) -> bool:
    """Tell whether two answers to one image differ by no more than a share of the largest logit that masks no class."""
    if not isinstance(one, Tensor) or not isinstance(other, Tensor) or one.numel() != other.numel():
        return False
    one, other = one.flatten(), other.flatten()
    if torch.equal(one, other):
        return True
    sizes = other.abs()[other.isfinite() & (other != 0)]  # a last ReLU may leave but few
    sizes = sizes[sizes <= 100 * sizes.unique().median()]  # beyond is a number that masks classes, and no measure
    close = tolerance * float(sizes.max()) if len(sizes) else 0.0
    return bool(torch.isclose(one, other, rtol=16 * tolerance**2, atol=close, equal_nan=True).all())


def _generators(device: torch.device) -> list[tuple[Any, Callable[[Any], object]]]:
    """Return the states of the generators that a network may draw from without saying so, and how each is set."""
    states: list[tuple[Any, Callable[[Any], object]]] = [
        (random.getstate(), random.setstate),
        (np.random.get_state(), np.random.set_state),
        (torch.get_rng_state(), torch.set_rng_state),
    ]
    if device.type == "cuda":
        states.append((torch.cuda.get_rng_state(device), partial(torch.cuda.set_rng_state, device=device)))
    return states


def _differ(one: Any, other: Any) -> bool:
    if isinstance(one, tuple):
        return any(map(_differ, one, other)) if len(one) < 9 else one != other
    return not np.array_equal(one, other)


@contextmanager
def evaluating(model: Callable[[Tensor], Any]) -> Iterator[list[nn.Module]]:
    """Put the modules that are in training mode, which it yields, into evaluation mode for a while."""
    modules = model.modules() if isinstance(model, nn.Module) else ()
    training = [module for module in modules if module.training]
    try:
        for module in training:
            module.training = False
        yield training
    finally:
        for module in training:
            module.training = True


@contextmanager
def computable() -> Iterator[None]:
    """Say it in one sentence if PyTorch has no code for a type, as for float16 in some steps on a CPU, and back through more."""
    try:
        yield
    except NotImplementedError as error:
        if "not implemented for" not in str(error):  # a network may have no code of its own
            raise
        raise TypeError(
            f"PyTorch has no code for a step of the model in its type ({error}); expected another one, such as float32: "
            "mind torch.autocast."
        ) from error


def as_written() -> AbstractContextManager[Any]:
    """Let compiled networks run as they are written, so that one can see what they do."""
    return torch.compiler.set_stance("force_eager") if "torch._dynamo" in sys.modules else nullcontext()
