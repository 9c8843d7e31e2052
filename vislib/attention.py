"""Attention: how much the tokens of a transformer take from each other, and what its answer is without one of them.

A step of attention is known by what it makes: a square of shares among tokens, (B, heads, T, T), whose rows add up to 1.
Whether a network asks PyTorch's own layer for it, its fused function, or writes it out, the shares are seen. The answer
*reads* some tokens of the last step, mostly the class token: those whose row of shares the score depends on.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import FunctionType
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vislib.differentiation import check_slope
from vislib.explain import Score, answers, check_inputs, check_number, logit, pair, probability, scores, takes
from vislib.gradients.cam import enlarged, on_grid
from vislib.gradients.guided import Watched
from vislib.gradients.sensitivity import on_copies, total_score
from vislib.look import add_up
from vislib.memory import Ints, halving, in_flight
from vislib.progress import progress_bar

Combine = Callable[[list[Tensor], list[Tensor]], Tensor]
"""(shares of each block (B, heads, T, T), their gradients) -> what each token has of each, (B, T, T)."""

# PyTorch's layer as a function that does not ask the mode, so that the mode can be on inside it.
_LAYER = FunctionType(
    F.multi_head_attention_forward.__code__,
    {**vars(F), "has_torch_function": lambda tensors: False},
    argdefs=F.multi_head_attention_forward.__defaults__,
)


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What is read from the tokens, and how they lie in the image: the options, see `attention`."""

    score: Score = logit
    grid: tuple[int, int] | None = None
    batch_size: int | None = None


@takes(Reading)
def attention(
    model: nn.Module, images: Tensor, target: int | Tensor, *, block: int = -1, head: int | None = None, **options: Any
) -> Tensor:
    """Show what the token that the answer reads takes from each place in one block; the shares, enlarged. Unsigned.

    The map knows nothing of the target, but which token the score is read from; where that is every token, as with
    a mean at the end, it is the mean over them.

    Args:
        model: maps pixels (B, C, H, W) to logits (B, K): a transformer whose attention goes over all tokens in every block.
        images: (B, C, H, W), pixels in [0, 1].
        target: a class index, or one per image (B,).
        block: which step of attention, from 0 on, or from the last, -1, back.
        head: which head; None: the mean over all.
        score: the number that the answer is read for, see :mod:`vislib.explain`.
        grid: height and width of the map that the last of the tokens make; None: those of the last convolution before them.
        batch_size: images in flight; None chooses by the size of the activations.

    Returns:
        Heatmap (B, H, W), shares of 1 per place, bilinearly upsampled.

    Raises:
        TypeError, ValueError: as in `gradient`, for a network whose attention cannot be seen or goes over windows, a block or
            head that it has not, and for tokens that fit no grid.

    Vaswani et al. 2017, Attention Is All You Need, https://arxiv.org/abs/1706.03762
    """
    check_number(block, "block", "an int, from 0 on or from -1 back", whole=True)
    if head is not None:
        check_number(head, "head", "an int of at least 0, or None", 0, whole=True)

    def chosen(shares: list[Tensor], slopes: list[Tensor]) -> Tensor:
        if not -len(shares) <= block < len(shares):
            raise ValueError(f"block is {block}, and the network has {len(shares)}; expected one of them.")
        if head is not None and head >= (heads := shares[block].shape[1]):
            raise ValueError(f"head is {head}, and the block has {heads}; expected 0 to {heads - 1}.")
        return shares[block].mean(1) if head is None else shares[block][:, head]

    return _explained(model, images, target, chosen, Reading(**options))


@takes(Reading)
def rollout(model: nn.Module, images: Tensor, target: int | Tensor, **options: Any) -> Tensor:
    """Multiply the attention of all blocks, mean over heads, half of it given to the token itself; enlarged. Unsigned.

    Args:
        model, images, target, score, grid, batch_size: as in `attention`; the map knows as little of the target.

    Returns:
        Heatmap (B, H, W), shares of 1 per place, bilinearly upsampled.

    Raises:
        TypeError, ValueError: as in `attention`.

    Abnar & Zuidema 2020, Quantifying Attention Flow in Transformers, https://arxiv.org/abs/2005.00928
    """

    def rolled(shares: list[Tensor], slopes: list[Tensor]) -> Tensor:
        return _through([(share.mean(1) - _each(share)) / 2 for share in shares])

    return _explained(model, images, target, rolled, Reading(**options))


@takes(Reading)
def attention_relevance(model: nn.Module, images: Tensor, target: int | Tensor, **options: Any) -> Tensor:
    """Explain by the attention of all blocks, each share times its gradient: the positive part, mean over heads. Unsigned.

    What a block adds goes through those after it, as in `rollout`; a share that does not move the score adds nothing.

    Args:
        model, images, target, grid, batch_size: as in `attention`.
        score: the number whose gradient it is.

    Returns:
        Heatmap (B, H, W), in powers of the score's units, bilinearly upsampled.

    Raises:
        TypeError, ValueError: as in `attention`.

    Chefer, Gur & Wolf 2021, Generic Attention-model Explainability, https://arxiv.org/abs/2103.15679
    """

    def relevant(shares: list[Tensor], slopes: list[Tensor]) -> Tensor:
        return _through([(share * slope).relu().mean(1) for share, slope in zip(shares, slopes, strict=True)])

    return _explained(model, images, target, relevant, Reading(**options))


@torch.no_grad()
def drop_tokens(
    model: nn.Module,
    images: Tensor,
    target: int | Tensor,
    *,
    score: Score = probability,
    grid: tuple[int, int] | None = None,
    batch_size: int | None = None,
    progress: bool = False,
) -> Tensor:
    """Explain by leaving out: how far the score falls without the token of each place, enlarged. Signed.

    The other tokens take nothing from it in any block, their shares adding up to 1 without it, as if it had not been in
    the sequence. So nothing has to be filled in for it.

    Args:
        model, images, target, grid: as in `attention`; the answer has to be read from tokens that are no places.
        score: the number whose drop is measured, see :mod:`vislib.explain`.
        batch_size: copies in flight, each without one token; None chooses by the size of the activations, and takes half as
            many when memory runs out.
        progress: show a progress bar.

    Returns:
        Heatmap (B, H, W), in units of the score, bilinearly upsampled.

    Raises:
        TypeError, ValueError: as in `attention`, and for a network whose answer is read from the places themselves.

    Jain et al. 2022, Missingness Bias in Model Debugging, https://arxiv.org/abs/2204.08945
    """
    classes = check_inputs(model, images, target)
    batch = in_flight(model, images, 2**62, batch_size)
    clean = scores(score, answers(model, images, classes), classes)
    read = _on_places(model, images[:1], classes[:1], lambda shares, slopes: _each(shares[0]), Reading(grid=grid))
    if read.any():
        raise ValueError("the model answers from the tokens of places, which stay; expected a class token.")
    keep = 1 - torch.eye(read.numel(), dtype=images.dtype, device=images.device)
    without = clean.new_empty(len(images) * len(keep))

    def work(copies: Ints) -> list[tuple[Tensor, Tensor]]:
        at = torch.from_numpy(copies).to(images.device)
        which, place = at // len(keep), at % len(keep)
        logits = answers(_Shares(model, keep[place]), images[which], classes[which], twice=False)
        return [(at, scores(score, logits, classes[which]))]

    with progress_bar(len(without), "tokens", progress) as bar:
        for at, found in halving(np.arange(len(without)), batch, work):
            without[at] = found
            bar.update(len(found))
    return enlarged(clean[:, None, None] - without.view(-1, *read.shape[1:]), images)


# ---- what is made of the shares ----


def _each(of: Tensor) -> Tensor:
    """Return what each token has if it has itself alone, (T, T), of T tokens, the last dimension."""
    return torch.eye(of.shape[-1], dtype=of.dtype, device=of.device)


def _through(added: Sequence[Tensor]) -> Tensor:
    """Return what reaches each token from each, if every block adds so much of the others, (B, T, T) each."""
    reached = _each(added[0])
    for step in added:
        reached = reached + step @ reached
    return reached


def _explained(model: nn.Module, images: Tensor, target: int | Tensor, combine: Combine, how: Reading) -> Tensor:
    """Return what the tokens that the answer reads have of each place, enlarged."""
    classes = check_inputs(model, images, target)
    batch = in_flight(model, images, len(images), how.batch_size)
    groups = zip(images.split(batch), classes.split(batch), strict=True)
    return enlarged(torch.cat([_on_places(model, some, of, combine, how) for some, of in groups]), images)


def _on_places(model: nn.Module, images: Tensor, classes: Tensor, combine: Combine, how: Reading) -> Tensor:
    """Return what the tokens that the answer reads have of each place, (B, h, w)."""
    grid = None if how.grid is None else pair(how.grid, "grid")

    def work(pixels: Tensor) -> Tensor:
        seen = _Shares(model)
        total = total_score(seen, pixels.requires_grad_(), classes, how.score)
        met = seen.met
        _check_met(met, len(pixels))
        if not total.requires_grad:
            check_slope(total, None)
        grads = torch.autograd.grad(total, met, allow_unused=True, materialize_grads=True)
        shares, slopes = ([t.detach().view(len(pixels), -1, *t.shape[-2:]) for t in found] for found in (met, grads))
        read = slopes[-1].any(-1).any(1)
        if not read.any(1).all():
            raise ValueError(
                "the score has no gradient at the last attention; expected one that is read from its tokens."
            )
        heat = (combine(shares, slopes) * read[..., None]).sum(1) / read.sum(1, keepdim=True)
        return on_grid(heat[:, None], grid or seen.grid, "the attention")[:, 0]

    return on_copies(images, work)


def _check_met(met: Sequence[Tensor], batch: int) -> None:
    """Raise unless there is attention, over the same tokens of an image in every step."""
    if not met:
        raise ValueError(
            "no step of the network is attention among tokens; expected a transformer that computes its shares."
        )
    sides = {side for t in met for side in t.shape[-2:]}
    if len(sides) > 1 or any(len(t) != batch if t.ndim == 4 else len(t) % batch for t in met):
        came = ", ".join(dict.fromkeys(str(tuple(t.shape)) for t in met))
        raise ValueError(f"the attention has shapes {came}; expected (B, heads, T, T) with the same T in every block.")


# ---- how the shares are seen ----


class _Shares(Watched):
    """A model whose attention is computed openly, and noted at its last run; kept from places, (B, places) of 0 and 1."""

    def __init__(self, model: nn.Module, keep: Tensor | None = None) -> None:
        super().__init__(model)
        self.keep = keep

    def __call__(self, images: Tensor) -> Any:
        self.met = list[Tensor]()
        self.grid: tuple[int, int] | None = None  # of the last map before
        return super().__call__(images)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is F.multi_head_attention_forward:
            with self:
                return _LAYER(*args, **kwargs)
        if func is F.scaled_dot_product_attention:
            return self._fused(*args, **kwargs)
        result = func(*args, **kwargs)
        if func is F.conv2d and not self.met:
            self.grid = result.shape[-2:]
        return self._found(result) if _is_share(result) and not any(map(_is_share, args)) else result

    def _fused(self, query: Tensor, key: Tensor, value: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        """Attend to unit vectors, which gives the shares."""
        unit = _each(key.mT).expand(*key.shape[:-1], -1)
        return self._found(F.scaled_dot_product_attention(query, key, unit, *args, **kwargs)) @ value

    def _found(self, shares: Tensor) -> Tensor:
        self.met.append(shares)
        if self.keep is None:
            return shares
        tokens = shares.shape[-1]
        keep = F.pad(self.keep, (tokens - self.keep.shape[1], 0), value=1.0).to(shares)
        left = shares.view(len(keep), -1, tokens, tokens) * keep[:, None, None]
        # A token that gave nothing to the others takes nothing.
        return (left / left.sum(-1, keepdim=True).clamp(min=torch.finfo(left.dtype).tiny)).view_as(shares)


def _is_share(x: Any) -> bool:
    """Tell whether the rows of these numbers are shares of 1, (..., T, T), or of others than the tokens themselves."""
    return isinstance(x, Tensor) and x.ndim in (3, 4) and x.shape[-1] > 1 and x.is_floating_point() and add_up(x)
