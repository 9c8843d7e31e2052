"""The ascent: the numbers behind a picture climb the gradient of whatever is to rise."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from sys import float_info

import torch
from torch import Tensor, nn

from vislib.activations import record
from vislib.differentiation import check_slope, differentiating
from vislib.explain import check_batch_size, check_choice, check_count, check_number, widened
from vislib.memory import in_flight
from vislib.progress import progress_bar
from vislib.reconstruction.parametrisation import PARAMETRISATIONS, variation
from vislib.reconstruction.transformations import check_moves, draw_moves, move

Watch = Callable[[int, Tensor, Tensor], None]
"""(step, pictures (B, C, S, S), scores (B,)): sees every step; step 0 is the start."""


@dataclass(frozen=True, kw_only=True)
class Ascent:
    """How a picture climbs: the options that `reconstruct` and `invert` share, see `reconstruct`."""

    steps: int = 256
    seed: int | Sequence[int] = 0
    parametrisation: str = "fourier"
    total_variation: float = 0.0
    l2: float = 0.0
    learning_rate: float = 0.05
    batch_size: int | None = None
    watch: Watch | None = None
    progress: bool = False

    def __post_init__(self) -> None:
        check_count(self.steps, "steps")
        check_batch_size(self.batch_size)
        check_choice(self.parametrisation, "parametrisation", PARAMETRISATIONS)
        check_number(self.learning_rate, "learning_rate", "a positive number", float_info.min, float_info.max)
        for name in ("total_variation", "l2"):
            check_number(getattr(self, name), name, "a finite number", -float_info.max, float_info.max)

    def seeds(self, count: int | None) -> list[int]:
        """Return one seed per picture; where `count` is None, there are as many pictures as seeds."""
        seeds = list(self.seed) if isinstance(self.seed, Sequence) else [self.seed] * (count or 1)
        for seed in seeds or [seeds]:  # type: ignore[list-item]
            check_number(seed, "seed", "an int, or one per picture", whole=True)
        if count is not None and len(seeds) != count:
            raise ValueError(f"there are {len(seeds)} seeds for {count} pictures; expected one, or one per picture.")
        return list(map(int, seeds))


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


def climb(
    model: nn.Module,
    rise: Callable[[Tensor, Tensor], Tensor],
    grey: Tensor,
    how: Ascent,
    moves: tuple[int, float, float] = (0, 0.0, 0.0),
) -> Tensor:
    """Raise `rise(pictures, index)` (B,), starting near grey (B, C, H, W); only the pictures' numbers get gradients."""
    check_moves(*moves)
    way, shape = PARAMETRISATIONS[how.parametrisation], grey.shape[1:]
    generators = [torch.Generator().manual_seed(seed) for seed in how.seeds(len(grey))]
    # The steps are finer than half precision.
    numbers = torch.stack([way.start(shape, one) for one in generators]).to(widened(grey)).requires_grad_()
    optimiser = torch.optim.Adam([numbers], lr=how.learning_rate, foreach=False)
    at_once = in_flight(model, grey, len(grey), how.batch_size)
    index = torch.arange(len(grey), device=grey.device)

    def gradient(part: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the gradient of what is lowered, and the pictures and scores of some rows."""
        moved = torch.stack([draw_moves(*moves, generators[i]) for i in part.tolist()]) if any(moves) else None

        def work(layout: torch.memory_format) -> tuple[Tensor, Tensor, Tensor]:
            some = numbers.detach()[part].requires_grad_()
            pictures = way.picture(some, shape)
            seen = pictures if moved is None else move(pictures, moved)
            seen = seen.to(grey.dtype, copy=True, memory_format=layout)
            scores = rise(seen, part)
            penalty = how.l2 * (pictures - 0.5).square().mean((1, 2, 3)) + how.total_variation * variation(pictures)
            slope, reached = torch.autograd.grad((penalty - scores).sum(), (some, seen), allow_unused=True)
            check_slope(scores, reached)
            return slope, pictures.detach().to(grey), scores.detach()

        return differentiating(work)

    with progress_bar(how.steps, "reconstruction", how.progress) as bar:
        for step in range(how.steps):
            slopes, pictures, scores = (torch.cat(p) for p in zip(*map(gradient, index.split(at_once)), strict=True))
            if how.watch is not None:
                how.watch(step, pictures, scores)
            numbers.grad = slopes
            optimiser.step()
            bar.update()
    return way.picture(numbers.detach(), shape).to(grey)


def layer_answer(model: nn.Module, pictures: Tensor, layer: str) -> Tensor:
    """Return what a layer answers, in the graph."""
    with record(model, [layer], detach=False) as seen:
        model(pictures.clone())  # recorded is a layer, and the answer itself may be anything
    if layer not in seen:
        raise ValueError(f"the layer {layer!r} takes no part in the answer; expected one that does.")
    return seen[layer]
