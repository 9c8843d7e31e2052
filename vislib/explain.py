"""The contract: what an explainer is, what it explains, how a model is asked, and what is refused.

An explainer takes a model, images (B, C, H, W) with pixels in [0, 1], and a target class (an int, or one int per
image), and returns a heatmap (B, H, W): the larger a value, the more that pixel counts *for* the target. Any function
of this form can be drawn and evaluated. Options are keyword-only, and bound with ``functools.partial``.

`answers` is the one place that calls a model, and looks at what comes back (:mod:`vislib.look`). The checks are the one
place that validates what comes in; each message says what came and what was expected.
"""

import functools
import inspect
from collections.abc import Callable, Iterable
from contextvars import copy_context
from difflib import get_close_matches
from itertools import chain
from typing import Any, ParamSpec, TypeVar
from weakref import WeakSet

import numpy as np
import torch
from torch import Tensor, nn

from vislib.look import LOOKING, add_up, ask, ask_ahead, check_device, check_no_shares, computable, shown
from vislib.look import check_logits as check_logits
from vislib.look import evaluating as evaluating

# Stochastic depth has a different class name in every library.
_STOCHASTIC_DEPTH = ("StochasticDepth", "DropPath", "DropBlock2d", "DropBlock3d")

P = ParamSpec("P")
R = TypeVar("R")

Explainer = Callable[[nn.Module, Tensor, int | Tensor], Tensor]
"""(model, images (B, C, H, W), target) -> heatmap (B, H, W)."""

Score = Callable[[Tensor, Tensor], Tensor]
"""(logits (B, K), target (B,)) -> score (B,): the number that a heatmap explains."""


def logit(logits: Tensor, target: Tensor) -> Tensor:
    """Score an answer by the target's logit: logits (B, K), target (B,) -> (B,), unbounded."""
    return logits.gather(1, target[:, None])[:, 0]


def probability(logits: Tensor, target: Tensor) -> Tensor:
    """Score an answer by the target's softmax probability: logits (B, K), target (B,) -> (B,), in [0, 1]."""
    return logit(logits.softmax(1), target)


def contrast(other: int) -> Score:
    """Return a score for the question *why the target rather than another class*: the target's logit minus that of `other`.

    As the score of any explainer. What speaks for both classes alike cancels: the map is 0 there, and below 0 where
    more speaks for `other`. With `other` as the target the score is 0.

    Args:
        other: the index of the other class.

    Raises:
        TypeError, ValueError: unless it is an int of at least 0; by the score, for a class that the model has not, or masks.

    Jacovi et al. 2021, Contrastive Explanations for Model Interpretability, https://arxiv.org/abs/2103.01378
    """
    check_number(other, "other", "an int of at least 0", 0, whole=True)
    return functools.partial(_above, other=int(other))


def _above(logits: Tensor, target: Tensor, *, other: int) -> Tensor:
    if other >= logits.shape[1] or logits[:, other].isneginf().any():
        raise ValueError(f"other is {other}; expected a class of the {logits.shape[1]} that the model does not mask.")
    return logit(logits, target) - logits[:, other]


def scores(score: Score, logits: Tensor, target: Tensor) -> Tensor:
    """Return the scores (B,) of logits (B, K), floating point and not NaN; raise a ValueError for anything else."""
    found = score(logits, target)
    if not isinstance(found, Tensor) or found.shape != target.shape or not found.is_floating_point():
        came = shown(found) if getattr(found, "shape", None) != target.shape else str(found.dtype)
        raise ValueError(
            f"the score returned {came} for {len(target)} images; expected one floating-point number each."
        )
    if found.isnan().any():
        raise ValueError("the score of an image is NaN; expected a number.")
    return found


_LOOKED_AT: WeakSet[Callable[[Tensor], Any]] = WeakSet()
"""Models that `answers` has asked twice since they were last handed to a public routine, see `check_eval`."""


@computable()
def answers(
    model: Callable[[Tensor], Any], images: Tensor, target: Tensor | None = None, *, twice: bool = True
) -> Tensor:
    """Ask a model, and look at what comes back: logits (B, K), one row per image, in which every target has its column.

    The model gets a copy, since some networks work in place. Gradients flow through it as without the copy. Once for
    each model and call of a public routine it is also asked about one image alone, see :mod:`vislib.look`.

    Args:
        model: maps pixels (B, C, H, W) to logits (B, K).
        images: (B, C, H, W), pixels in [0, 1].
        target: the classes that must exist, int (B,).
        twice: False leaves the second question to a later call.

    Returns:
        The logits, in single precision at least. A class may be masked: its logit is -inf.

    Raises:
        ValueError: if the answer is anything else, such as probabilities or NaN, has fewer classes, masks the target,
            or comes by chance or by what else is in the batch.
        TypeError: if it takes a step for which PyTorch has no code in this floating-point type.
    """
    plain = inspect.unwrap(model)
    # The other questions come first, so that whoever watches the layers sees the answer at last.
    aside = copy_context()
    aside.run(LOOKING.set, True)
    check_steady = aside.run(ask_ahead, plain, images) if twice and plain not in _LOOKED_AT else None
    logits: Tensor = model(images.clone())
    check_logits(logits, images, target)
    if add_up(logits):  # as probabilities do, or by chance: another image tells
        check_no_shares(logits, ask(plain, (1 - images[:1]).tril()))  # a negative alone may have the same maxima
        logits = model(images.clone())
    if check_steady is not None:
        check_steady(logits)
        _LOOKED_AT.add(plain)
    return widened(logits)


def widened(numbers: Tensor) -> Tensor:
    """Return numbers in single precision at least: the squares, sums and places of half precision are too coarse."""
    return numbers.to(torch.promote_types(numbers.dtype, torch.float32))


# ---- options ----


def takes(options: Callable[..., Any]) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Decorate a routine that hands its other keywords on to `options`, such as a dataclass that several routines share.

    Its signature shows them with their defaults, as if they were written there, and an unknown one is refused by name.
    """

    def decorate(routine: Callable[P, R]) -> Callable[P, R]:
        own = inspect.signature(routine)
        named = [p for p in own.parameters.values() if p.kind is not p.VAR_KEYWORD]
        asked = inspect.signature(options).parameters.values()
        shared = [p.replace(kind=p.KEYWORD_ONLY) for p in asked if p.name not in own.parameters]
        known = [p.name for p in (*named, *shared)]

        @functools.wraps(routine)
        def checked(*args: P.args, **kwargs: P.kwargs) -> R:
            if strange := [name for name in kwargs if name not in known]:
                raise TypeError(f"{routine.__name__} has no option {strange[0]!r}; {closest(strange[0], known)}")
            return routine(*args, **kwargs)

        vars(checked)["__signature__"] = own.replace(parameters=[*named, *shared])
        return checked

    return decorate


def closest(name: str, known: Iterable[str]) -> str:
    """Return the end of a sentence about an unknown name: the names that are close to it, or all that exist."""
    known = [*filter(None, known)]
    with_the_word = [each for each in known if str(name).lower() in each.lower().split()]
    close = with_the_word[:3] or get_close_matches(str(name), known, n=3, cutoff=0.5)
    return f"did you mean {' or '.join(map(repr, close))}?" if close else f"expected one of {', '.join(known)}."


# ---- what is refused ----


def check_model(model: object) -> None:
    """Raise unless this is a module."""
    if not isinstance(model, nn.Module):
        raise TypeError(f"the model is a {type(model).__name__}; expected a torch.nn.Module.")


def check_images(model: object, images: Tensor) -> None:
    """Raise unless `images` is a float tensor (B, C, H, W) of pixels in [0, 1] on the model's device, if there is one."""
    if model is not None:
        check_model(model)
    if not isinstance(images, Tensor):
        raise TypeError(f"images is a {type(images).__name__}; expected a torch.Tensor of shape (B, C, H, W).")
    if images.ndim != 4:
        raise ValueError(f"images has {shown(images)}; expected four dimensions (B, C, H, W).")
    if not images.is_floating_point():
        raise TypeError(f"images has dtype {images.dtype}; expected floating point, with pixels in [0, 1].")
    if images.numel() == 0:
        raise ValueError(f"images has {shown(images)}; expected at least one image with at least one pixel.")
    tensors = chain(model.parameters(), model.buffers()) if isinstance(model, nn.Module) else ()
    weight = next((p for p in tensors if p.is_floating_point()), images)
    check_device(images, weight, "images", "the model")
    if images.dtype != weight.dtype:
        raise TypeError(f"images has dtype {images.dtype} and the model {weight.dtype}; expected the same.")
    low, high = torch.stack(images.detach().aminmax()).cpu().tolist()
    if low != low or high != high:
        raise ValueError("images contains NaN; expected pixels in [0, 1].")
    if low < 0 or high > 1:
        raise ValueError(
            f"images has values from {low:.3g} to {high:.3g}; expected pixels in [0, 1] (normalisation belongs inside the model)."
        )


def check_target(images: Tensor, target: int | Tensor) -> Tensor:
    """Return `target` as an int64 tensor (B,) on the images' device; its upper bound is checked by `check_logits`."""
    batch = images.shape[0]
    expected = f"expected an int, or an int tensor of shape ({batch},)."
    if isinstance(target, bool) or not isinstance(target, int | np.integer | Tensor):
        raise TypeError(f"target is a {type(target).__name__}; {expected}")
    target = target if isinstance(target, Tensor) else torch.tensor(int(target), device=images.device)
    target = target.expand(batch) if target.ndim == 0 else target
    if target.is_floating_point() or target.is_complex() or target.dtype == torch.bool:
        raise TypeError(f"target has dtype {target.dtype}; {expected}")
    check_device(target, images, "target")
    if target.shape != (batch,):
        raise ValueError(f"target has shape {tuple(target.shape)} for {batch} images; {expected}")
    if (lowest := int(target.min())) < 0:
        raise ValueError(f"target contains {lowest}; expected a class index of 0 or more.")
    return target.long()


def check_eval(model: nn.Module) -> None:
    """Raise if a layer is in training mode that then answers differently (dropout, BatchNorm, stochastic depth).

    Other modules are judged by their answer, see :func:`vislib.look.ask_ahead`: from here on the model is one to be
    looked at again.
    """
    check_model(model)
    _LOOKED_AT.discard(model)
    for name, module in model.named_modules():
        if module.training and _mode_matters(module):
            raise ValueError(
                f"the layer {name or 'model'!r} ({type(module).__name__}) is in training mode, which changes the answer; "
                "expected evaluation mode: call model.eval() first."
            )


def _mode_matters(module: nn.Module) -> bool:
    """Return whether this layer itself answers differently in training mode."""
    if isinstance(module, nn.modules.batchnorm._NormBase):
        return module.track_running_stats  # without them it takes the batch's own statistics in both modes
    if isinstance(module, nn.modules.dropout._DropoutNd):
        return module.p > 0
    if isinstance(module, nn.MultiheadAttention | nn.RNNBase):  # which drop without a dropout layer
        return module.dropout > 0
    return isinstance(module, nn.RReLU) or type(module).__name__ in _STOCHASTIC_DEPTH


def check_inputs(model: nn.Module, images: Tensor, target: int | Tensor = 0) -> Tensor:
    """Check model, images and target, if there is one, together; return the target as an int64 tensor (B,)."""
    check_images(model, images)
    check_eval(model)
    return check_target(images, target)


def check_number(
    value: float, name: str, expected: str, low: float = -np.inf, high: float = np.inf, *, whole: bool = False
) -> None:
    """Raise unless `value` is a number from `low` to `high`, and an int if it has to be whole."""
    if isinstance(value, bool) or not isinstance(value, int | np.integer if whole else int | float | np.number):
        raise TypeError(f"{name} is {value!r}; expected {expected}.")
    if not low <= value <= high:
        raise ValueError(f"{name} is {value}; expected {expected}.")


def check_choice(value: str, name: str, known: Iterable[str]) -> None:
    """Raise unless `value` is one of the known names."""
    if value not in (names := list(known)):
        came = repr(value) if isinstance(value, str) else type(value).__name__
        raise ValueError(f"{name} is {came}; expected one of {', '.join(names)}.")


def check_count(value: int, name: str) -> None:
    """Raise unless `value` is an int of at least 1."""
    check_number(value, name, "an int of at least 1", 1, whole=True)


def check_batch_size(batch_size: int | None) -> None:
    """Raise unless `batch_size` is an int of at least 1, or None."""
    if batch_size is not None:
        check_number(batch_size, "batch_size", "an int of at least 1, or None", 1, whole=True)


def pair(value: int | tuple[int, int], name: str) -> tuple[int, int]:
    """Return (height, width) from an int or a pair, both at least 1."""
    both = value if isinstance(value, tuple | list) else (value, value)
    if len(both) != 2 or any(isinstance(v, bool) or not isinstance(v, int | np.integer) for v in both):
        raise TypeError(f"{name} is {value!r}; expected an int or a pair of ints (height, width).")
    if min(both) < 1:
        raise ValueError(f"{name} is {value!r}; expected at least 1 pixel.")
    return int(both[0]), int(both[1])
