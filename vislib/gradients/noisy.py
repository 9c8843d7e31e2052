"""Gradients of noisy copies: their mean, the mean of their squares, their variance."""

from collections.abc import Iterator
from dataclasses import dataclass
from sys import float_info
from typing import Any

import torch
from torch import Tensor, nn

from vislib import HERE
from vislib.explain import Score, check_count, check_inputs, check_number, logit, takes, widened
from vislib.gradients.sensitivity import gradients, mean


@dataclass(frozen=True, kw_only=True)
class Noise:
    """How many noisy copies, and how noisy: the options of the three methods, see `smoothgrad`."""

    score: Score = logit
    n: int = 50
    sigma: float = 0.15
    seed: int = 0
    batch_size: int | None = None
    progress: bool = False


@takes(Noise)
def smoothgrad(model: nn.Module, images: Tensor, target: int | Tensor, **options: Any) -> Tensor:
    """Explain by the mean gradient of noisy copies, its absolute values summed over the channels. Unsigned.

    Args:
        model, images, target, score: as in `gradient`.
        n: noisy copies of each image; every image gets the same noise.
        sigma: standard deviation of the noise, in units of pixel values; a noisy copy may leave [0, 1].
        seed: of the noise, the same on every device.
        batch_size: copies in flight; None chooses by the size of the activations.
        progress: show a progress bar.

    Returns:
        Heatmap (B, H, W), in units of the score per unit of pixel value.

    Raises:
        TypeError, ValueError: as in `gradient`, and for n below 1 or a negative sigma.

    Smilkov et al. 2017, SmoothGrad, https://arxiv.org/abs/1706.03825
    """
    noise = Noise(**options)
    return mean(_noisy(model, images, target, noise), images, noise.n).abs().sum(1)


@takes(Noise)
def smoothgrad_squared(model: nn.Module, images: Tensor, target: int | Tensor, **options: Any) -> Tensor:
    """Explain by the mean *squared* gradient of noisy copies, summed over the channels. Unsigned.

    Arguments and errors as in `smoothgrad`; the heatmap (B, H, W) is in units of (score per pixel value) squared.

    Hooker et al. 2019, A Benchmark for Interpretability Methods in Deep Neural Networks, https://arxiv.org/abs/1806.10758
    """
    noise = Noise(**options)
    squares = ((which, grads.square()) for which, grads in _noisy(model, images, target, noise))
    return mean(squares, images, noise.n).sum(1)


@takes(Noise)
def vargrad(model: nn.Module, images: Tensor, target: int | Tensor, **options: Any) -> Tensor:
    """Explain by the variance of the gradient over noisy copies (divided by n), summed over the channels. Unsigned.

    Arguments and errors as in `smoothgrad`; the heatmap (B, H, W) is in units of (score per pixel value) squared.

    Adebayo et al. 2018, Local Explanation Methods for Deep Neural Networks Lack Sensitivity to Parameter Values,
    https://arxiv.org/abs/1810.03307
    """
    noise = Noise(**options)
    noisy = _noisy(model, images, target, noise)
    total, squares = torch.zeros_like(widened(images)), torch.zeros_like(widened(images))
    first: dict[int, Tensor] = {}
    for which, grads in noisy:
        # Measured from the first gradient the numbers are small, and the difference below is exact.
        off = grads - first.setdefault(which.start, grads[:, :1].clone())
        total[which] += off.sum(1)
        squares[which] += off.square().sum(1)
    return (squares / noise.n - (total / noise.n).square()).clamp(min=0).sum(1)


def _noisy(model: nn.Module, images: Tensor, target: int | Tensor, noise: Noise) -> Iterator[tuple[slice, Tensor]]:
    """Yield the gradients of n copies with Gaussian noise, see `gradients`."""
    classes = check_inputs(model, images, target)
    check_count(noise.n, "n")
    check_number(noise.sigma, "sigma", "a number of at least 0, in units of pixel values", 0, float_info.max)
    check_number(noise.seed, "seed", "an int", whole=True)
    generator = torch.Generator()

    def copies(which: slice, first: int, last: int) -> Tensor:
        if first == 0:
            generator.manual_seed(int(noise.seed))  # every image meets the same noise, whatever batch it is in
        drawn = [torch.randn(images.shape[1:], generator=generator, **HERE) for _ in range(first, last)]
        return images[which, None] + noise.sigma * torch.stack(drawn).to(images)

    return gradients(model, images, classes, noise.score, noise.n, copies, noise.batch_size, noise.progress)
