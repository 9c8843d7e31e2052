"""The ascent: a picture climbs the gradient of a score, or descends to the activations of an image."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vislib.activations import record
from vislib.explain import (
    Score,
    answers,
    check_batch_size,
    check_count,
    check_eval,
    check_images,
    check_target,
    logit,
    refuses,
)
from vislib.incremental.lean import lean
from vislib.memory import largest_activation, positions_in_flight
from vislib.progress import progress_bar
from vislib.reconstruction.parametrisation import PARAMETRISATIONS, check_moves, draw_moves, move, variation

Watch = Callable[[int, Tensor, Tensor], None]
"""(step, pictures (B, C, S, S), scores (B,)): sees every step; step 0 is the start."""


def reconstruct(
    model: nn.Module,
    target: int | Tensor,
    *,
    score: Score = logit,
    layer: str | None = None,
    steps: int = 256,
    size: int | None = None,
    seed: int | Sequence[int] = 0,
    parametrisation: str = "fourier",
    shift: int = 32,
    scale: float = 0.3,
    rotate: float = 20.0,
    total_variation: float = 0.0,
    l2: float = 0.0,
    learning_rate: float = 0.05,
    batch_size: int | None = None,
    watch: Watch | None = None,
    progress: bool = False,
) -> Tensor:
    """Return pictures (B, C, S, S) that maximise a score, pixels in [0, 1].

    Each picture has its own start and its own moves, drawn from its seed: it is the same alone and in a batch.

    Args:
        model: maps pixels (B, C, H, W) to logits (B, K).
        target: a class, or one per picture (B,); with `layer`, a unit of that layer.
        score: the number to raise, see :mod:`vislib.explain`.
        layer: raise units (channels) of this layer, in the mean over their map, instead of classes; a name as in
            ``model.named_modules()``.
        steps: of the ascent (Adam).
        size: side of the pictures, in pixels; None: the model's `input_size`.
        seed: one for all pictures, or one per picture.
        parametrisation: "fourier" (coefficients that count less the higher their frequency, colours decorrelated) or "pixels".
        shift: at each step a picture is moved by up to so many pixels,
        scale: made larger or smaller by up to this share,
        rotate: and turned by up to so many degrees. With all three 0 it stays as it is.
        total_variation: weight of the mean absolute difference between neighbouring pixels, which is subtracted.
        l2: weight of the mean squared distance from grey, which is subtracted.
        learning_rate: of Adam, in units of the parametrisation's numbers.
        batch_size: pictures that go through the network together; None chooses by the size of the activations.
        watch: called at every step with the step, the pictures and their scores (as they were moved), see `History`.
        progress: show a progress bar.

    Raises:
        TypeError, ValueError: for a target, layer or option that does not fit, or a model in training mode.

    Erhan et al. 2009, Visualizing Higher-Layer Features of a Deep Network; Olah et al. 2017, Feature Visualization,
    https://distill.pub/2017/feature-visualization
    """
    check_eval(model)
    seeds = _seeds(seed, len(target) if isinstance(target, Tensor) and target.ndim == 1 else None)
    grey = _grey(model, len(seeds), size)
    targets = check_target(grey, target)
    with torch.no_grad():
        if layer is None:
            answers(model, grey[:1], targets)
        else:
            _check_units(_units(model, grey[:1], layer), targets, layer)
    network = lean(model, grey[:1].clone(), layer)

    def rise(pictures: Tensor, index: Tensor) -> Tensor:
        found = answers(network, pictures) if layer is None else _units(network, pictures, layer)
        return score(found, targets[index])

    return _climb(
        model,
        rise,
        grey,
        seeds,
        steps=steps,
        parametrisation=parametrisation,
        moves=(shift, scale, rotate),
        total_variation=total_variation,
        l2=l2,
        learning_rate=learning_rate,
        batch_size=batch_size,
        watch=watch,
        progress=progress,
    )


def invert(
    model: nn.Module,
    images: Tensor,
    layer: str,
    *,
    steps: int = 256,
    seed: int | Sequence[int] = 0,
    parametrisation: str = "fourier",
    total_variation: float = 0.1,
    l2: float = 0.0,
    learning_rate: float = 0.05,
    batch_size: int | None = None,
    watch: Watch | None = None,
    progress: bool = False,
) -> Tensor:
    """Return pictures (B, C, H, W) to which a layer answers as it does to the images: what has the layer kept of them?

    Minimised is the squared distance between the activations, as a share of the squared length of the images'.

    Args:
        model: any network on pixels (B, C, H, W).
        images: (B, C, H, W), pixels in [0, 1].
        layer: a name as in ``model.named_modules()``.
        steps, seed, parametrisation, total_variation, l2, learning_rate, batch_size, watch, progress: as in
            `reconstruct`; the scores that `watch` sees are the distances, with a minus.

    Raises:
        TypeError, ValueError: for images, a layer or an option that does not fit, or a model in training mode.

    Mahendran & Vedaldi 2015, Understanding Deep Image Representations by Inverting Them,
    https://arxiv.org/abs/1412.0035
    """
    check_images(model, images)
    check_eval(model)
    with torch.no_grad():
        wanted = _activations(model, images, layer)
    network = lean(model, images[:1].clone(), layer)

    def rise(pictures: Tensor, index: Tensor) -> Tensor:
        goal = wanted[index].flatten(1)
        distance = (_activations(network, pictures, layer).flatten(1) - goal).square().sum(1)
        return -distance / goal.square().sum(1).clamp(min=torch.finfo(goal.dtype).tiny)

    return _climb(
        model,
        rise,
        torch.full_like(images, 0.5),
        _seeds(seed, len(images)),
        steps=steps,
        parametrisation=parametrisation,
        moves=(0, 0.0, 0.0),
        total_variation=total_variation,
        l2=l2,
        learning_rate=learning_rate,
        batch_size=batch_size,
        watch=watch,
        progress=progress,
    )


@dataclass
class History:
    """Keeps the scores of every step, and the pictures of some: ``reconstruct(..., watch=history)``.

    Args:
        keep: the steps whose pictures to keep.
        pictures: step -> (B, C, S, S).
        scores: (B,) per step.
    """

    keep: Iterable[int] = ()
    pictures: dict[int, Tensor] = field(default_factory=dict)
    scores: list[Tensor] = field(default_factory=list)

    def __call__(self, step: int, pictures: Tensor, scores: Tensor) -> None:
        self.scores.append(scores)
        if step in self.keep:
            self.pictures[step] = pictures


def _check_moved(images: Tensor, *, n: int = 1, **options: Any) -> None:
    check_images(None, images)
    check_count(n, "n")


@refuses(_check_moved)
def moved(
    images: Tensor, *, shift: int = 16, scale: float = 0.1, rotate: float = 10.0, n: int = 1, seed: int = 0
) -> Tensor:
    """Return n moved copies of each image, (B * n, C, H, W), those of the first image first; what comes in is mirrored.

    Args:
        images: (B, C, H, W).
        shift, scale, rotate: the largest move, in pixels, as a share, and in degrees.
        n: how many copies of each.
        seed: of the moves, which are the same for each image.

    Raises:
        TypeError, ValueError: for images or moves that do not fit, or n below 1.
    """
    check_moves(shift, scale, rotate)
    generator = torch.Generator().manual_seed(seed)
    moves = torch.stack([draw_moves(shift, scale, rotate, generator) for _ in range(n)])
    return move(images.repeat_interleave(n, 0), moves.repeat(len(images), 1))


def _check_resized(images: Tensor, size: int) -> None:
    check_images(None, images)
    check_count(size, "size")


@refuses(_check_resized)
def resized(images: Tensor, size: int) -> Tensor:
    """Return images (B, C, S, S) with sides of `size` pixels, for a network that takes another size.

    Raises:
        TypeError, ValueError: for images that do not fit, or a size below 1.
    """
    return F.interpolate(images, (size, size), mode="bilinear", antialias=True)


def _climb(
    model: nn.Module,
    rise: Callable[[Tensor, Tensor], Tensor],
    grey: Tensor,
    seeds: Sequence[int],
    *,
    steps: int,
    parametrisation: str,
    moves: tuple[int, float, float],
    total_variation: float,
    l2: float,
    learning_rate: float,
    batch_size: int | None,
    watch: Watch | None,
    progress: bool,
) -> Tensor:
    """Raise `rise(pictures, index)` (B,), starting near grey (B, C, H, W); only the pictures' numbers get gradients."""
    _check_options(steps, parametrisation, learning_rate)
    check_moves(*moves)
    check_batch_size(batch_size)
    way, shape = PARAMETRISATIONS[parametrisation], grey.shape[1:]
    generators = [torch.Generator().manual_seed(seed) for seed in seeds]
    numbers = torch.stack([way.start(shape, generator) for generator in generators]).to(grey).requires_grad_()
    optimiser = torch.optim.Adam([numbers], lr=learning_rate, foreach=False)
    at_once = batch_size or positions_in_flight(largest_activation(model, grey[:1].clone()))
    index = torch.arange(len(grey), device=grey.device)

    def gradient(part: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the gradient of what is lowered, and the pictures and scores of some rows."""
        some = numbers.detach()[part].requires_grad_()
        pictures = way.picture(some, shape)
        seen = pictures
        if any(moves):
            seen = move(pictures, torch.stack([draw_moves(*moves, generators[i]) for i in part.tolist()]))
        scores = rise(seen.contiguous(memory_format=torch.channels_last), part)
        penalty = l2 * (pictures - 0.5).square().mean((1, 2, 3)) + total_variation * variation(pictures)
        (slope,) = torch.autograd.grad((penalty - scores).sum(), some)
        return slope, pictures.detach(), scores.detach()

    with progress_bar(steps, "reconstruction", progress) as bar, torch.enable_grad():
        for step in range(steps):
            slopes, pictures, scores = (torch.cat(p) for p in zip(*map(gradient, index.split(at_once)), strict=True))
            if watch is not None:
                watch(step, pictures, scores)
            numbers.grad = slopes
            optimiser.step()
            bar.update()
    return way.picture(numbers.detach(), shape)


def _units(model: nn.Module, pictures: Tensor, layer: str) -> Tensor:
    """Return the units of a layer (B, units), in the mean over their map."""
    found = _activations(model, pictures, layer)
    return found.flatten(2).mean(2) if found.ndim > 2 else found


def _activations(model: nn.Module, pictures: Tensor, layer: str) -> Tensor:
    with record(model, [layer], detach=False) as seen:
        model(pictures.clone())  # recorded is a layer, and the answer itself may be anything
    if layer not in seen:
        raise ValueError(f"the layer {layer!r} takes no part in the answer; expected one that does.")
    return seen[layer]


def _check_units(units: Tensor, targets: Tensor, layer: str) -> None:
    if units.ndim != 2 or len(units) != 1:
        raise ValueError(
            f"the layer {layer!r} answers with shape {tuple(units.shape)}; expected units (B, units, ...)."
        )
    if (highest := int(targets.max())) >= units.shape[1]:
        raise ValueError(
            f"target contains {highest}, and the layer {layer!r} has {units.shape[1]} units; "
            f"expected 0 to {units.shape[1] - 1}."
        )


def _grey(model: nn.Module, count: int, size: int | None) -> Tensor:
    """Return grey pictures of the size, channels, type and device that the model takes."""
    side = getattr(model, "input_size", None) if size is None else size
    if isinstance(side, bool) or not isinstance(side, int) or side < 2:
        raise ValueError(f"size is {size!r}; expected the side of the pictures, an int of at least 2 pixels.")
    weight = next((p for p in (*model.parameters(), *model.buffers()) if p.is_floating_point()), torch.zeros(()))
    first = next((m for m in model.modules() if isinstance(m, nn.Conv2d)), None)
    return weight.detach().new_full((count, 3 if first is None else first.in_channels, side, side), 0.5)


def _seeds(seed: int | Sequence[int], count: int | None) -> list[int]:
    """Return one seed per picture; where `count` is None, there are as many pictures as seeds."""
    seeds = list(seed) if isinstance(seed, Sequence) else [seed] * (count or 1)
    if not seeds or any(isinstance(s, bool) or not isinstance(s, int) for s in seeds):
        raise TypeError(f"seed is {seed!r}; expected an int, or one per picture.")
    if count is not None and len(seeds) != count:
        raise ValueError(f"there are {len(seeds)} seeds for {count} pictures; expected one int, or one per picture.")
    return seeds


def _check_options(steps: int, parametrisation: str, learning_rate: float) -> None:
    check_count(steps, "steps")
    if parametrisation not in PARAMETRISATIONS:
        raise ValueError(f"parametrisation is {parametrisation!r}; expected one of {', '.join(PARAMETRISATIONS)}.")
    if not learning_rate > 0:
        raise ValueError(f"learning_rate is {learning_rate}; expected a positive number.")
