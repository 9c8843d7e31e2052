"""Many squares at once, so that parts that stand in for each other are hidden together: Shapley values, random masks."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from vislib import HERE, stream
from vislib.explain import Score, answers, check_count, check_inputs, probability, scores, takes
from vislib.fills import Fill, canvas
from vislib.memory import Ints, halving, in_flight
from vislib.occlusion.squares import Sliding, _sizes
from vislib.progress import progress_bar


@dataclass(frozen=True, kw_only=True)
class Subsets:
    """How large the squares are, what they are filled with, and how sets of them are drawn: the options, see `shapley`."""

    patch: int | tuple[int, int] | None = None
    fill: Fill = "mean"
    score: Score = probability
    seed: int = 0
    batch_size: int | None = None
    progress: bool = False


@takes(Subsets)
def shapley(model: nn.Module, images: Tensor, target: int | Tensor, *, samples: int = 16, **options: Any) -> Tensor:
    """Explain by Shapley values: what a square adds to the score when squares are shown one by one, in random order. Signed.

    All pixels of a square have its value. The values of the squares add up to the score of the image minus that of the fill,
    for any number of orders; the more orders, the nearer they are to the mean over all.

    Args:
        model: maps pixels (B, C, H, W) to logits (B, K).
        images: (B, C, H, W), pixels in [0, 1].
        target: a class index, or one per image (B,).
        samples: random orders, each of one pass per square and one more; every image meets the same ones.
        patch: side of the squares, or (height, width), in pixels, as in `occlusion`; at the right and at the bottom they may
            be cut off.
        fill: what hides a square: any but "inpaint", see :mod:`vislib.fills`.
        score: the number that is shared out, see :mod:`vislib.explain`.
        seed: of the orders, the same on every device.
        batch_size: copies in flight; None chooses by their size, and takes half as many when memory runs out.
        progress: show a progress bar.

    Returns:
        Heatmap (B, H, W), in units of the score.

    Raises:
        TypeError, ValueError: for images, target, samples, patch or fill that do not fit, or a model in training mode.

    Castro, Gómez & Tejada 2009, Polynomial calculation of the Shapley value based on sampling,
    https://doi.org/10.1016/j.cor.2008.04.004; Lundberg & Lee 2017, SHAP, https://arxiv.org/abs/1705.07874
    """
    squares = _Squares(model, images, target, samples, how := Subsets(**options))
    draw = stream(how.seed, "shapley")
    place = torch.stack([torch.randperm(squares.count, generator=draw, device="cpu") for _ in range(samples)])
    shown = place[:, None] < torch.arange(squares.count + 1, device="cpu")[:, None]
    gains = squares.ask(shown.flatten(0, 1)).unflatten(1, (samples, -1)).diff(dim=2)  # in the order of showing
    return squares.spread(gains.gather(2, place.to(gains.device).expand_as(gains)).mean(1))


@takes(Subsets)
def rise(model: nn.Module, images: Tensor, target: int | Tensor, *, samples: int = 1000, **options: Any) -> Tensor:
    """Explain by random sets of squares: the mean score where a square is shown, minus that where it is hidden. Signed.

    All pixels of a square have its value. Each mask shows every square with probability 1/2. The paper takes the first of the
    two means alone, which is positive everywhere, and smooths and moves its masks, so that pixels of a square differ.

    Args:
        samples: masks, of one pass each; every image meets the same ones.
        model, images, target, patch, fill, score, seed, batch_size, progress: as in `shapley`.

    Returns:
        Heatmap (B, H, W), in units of the score.

    Raises:
        TypeError, ValueError: as in `shapley`.

    Petsiuk, Das & Saenko 2018, RISE, https://arxiv.org/abs/1806.07421
    """
    squares = _Squares(model, images, target, samples, how := Subsets(**options))
    shown = torch.rand(samples, squares.count, generator=stream(how.seed, "rise"), **HERE) < 0.5
    found = squares.ask(shown)
    weight = shown.to(found)
    seen = weight.mean(0)
    together = (found - found.mean(1, keepdim=True)) @ weight / samples
    return squares.spread(together / (seen * (1 - seen)).clamp(min=0.5 / samples))  # 0 / 0: always shown, or never


class _Squares:
    """Images cut into squares: what a model says when some are shown, and a value per square as a heatmap."""

    def __init__(self, model: nn.Module, images: Tensor, target: int | Tensor, samples: int, how: Subsets) -> None:
        self.model, self.images, self.how = model, images, how
        self.classes = check_inputs(model, images, target)
        check_count(samples, "samples")
        (self.height, h, _), (self.width, w, _) = _sizes(images, Sliding(patch=how.patch))
        self.patch, self.grid = (h, w), (-(-self.height // h), -(-self.width // w))
        self.count = self.grid[0] * self.grid[1]

    def spread(self, values: Tensor) -> Tensor:
        """Give every pixel the value of its square: (n, count) -> (n, H, W)."""
        h, w = self.patch
        blocks: Tensor = values.unflatten(1, self.grid).repeat_interleave(h, 1).repeat_interleave(w, 2)
        return blocks[:, : self.height, : self.width]

    @torch.no_grad()
    def ask(self, shown: Tensor) -> Tensor:
        """Return the score of each image where some squares are shown and the others filled: bool (n, count) -> (B, n)."""
        under = canvas(self.how.fill, self.images)
        answers(self.model, self.images, self.classes)  # what is wrong with an answer is said of these images

        def work(copies: Ints) -> list[tuple[Tensor, Tensor]]:
            which, row = (torch.from_numpy(part) for part in np.divmod(copies, len(shown)))
            which = which.to(self.images.device)
            seen = self.spread(shown[row].to(which.device))[:, None]
            mixed, classes = torch.where(seen, self.images[which], under[which]), self.classes[which]
            return [(which, scores(self.how.score, answers(self.model, mixed, classes), classes))]

        found, todo = [], np.arange(len(self.images) * len(shown))
        with progress_bar(len(todo), "squares", self.how.progress) as bar:
            limit = in_flight(self.model, self.images, len(todo), self.how.batch_size)
            for _, some in halving(todo, limit, work):
                found.append(some)
                bar.update(len(some))
        return torch.cat(found).reshape(len(self.images), len(shown))
