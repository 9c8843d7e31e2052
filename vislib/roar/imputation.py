"""Noisy linear imputation: each removed pixel becomes the weighted mean of its eight neighbours, known or not, and some noise.

A neighbour at the side weighs 1/6, one at a corner 1/12. That is one linear system per image and channel. Its matrix is
symmetric and never written down: conjugate gradients need only the mean of the neighbours, and so solve a whole batch at
once on any device.

Rong et al. 2022, A Consistent and Efficient Evaluation Strategy for Attribution Methods, https://arxiv.org/abs/2202.00449
"""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from vislib import HERE, stream
from vislib.explain import widened

NOISE = 0.01  # of the authors' code, in pixel values
_RESIDUAL = 1e-5  # how far a pixel may be from the mean of its neighbours


def impute(images: Tensor, removed: Tensor, start: Tensor) -> Tensor:
    """Return images (B, C, H, W) whose removed pixels (B, 1, H, W), bool, continue their surroundings, without noise.

    At the border of the image a pixel has fewer neighbours, and is the mean of those. `start` is a colour that
    broadcasts to the images: where the search begins, and what an image without any known pixel becomes.
    """

    given, images = images, widened(images)

    def neighbours(x: Tensor) -> Tensor:
        """Return the weighted sum of the eight pixels around each; a convolution with one channel would take five times as long."""
        padded = F.pad(x, (1, 1, 1, 1))
        across = padded[..., :-2] + 2 * padded[..., 1:-1] + padded[..., 2:]
        return (across[..., :-2, :] + 2 * across[..., 1:-1, :] + across[..., 2:, :] - 4 * x) / 12

    def along(a: Tensor, b: Tensor) -> Tensor:
        return (a * b).sum((2, 3), keepdim=True)

    inside = removed.to(images)
    weight = neighbours(torch.ones_like(images[:1]))  # less than 1 at the border
    solution = start.expand_as(images) * inside
    residual = inside * (neighbours(images * (1 - inside) + solution) - weight * solution)
    direction, size = residual, along(residual, residual)
    for _ in range(4 * sum(images.shape[2:])):
        if float(residual.abs().max()) < _RESIDUAL:
            break
        change = inside * (weight * direction - neighbours(direction))
        step = size / along(direction, change).clamp_min(1e-30)
        solution = solution + step * direction
        residual = residual - step * change
        before, size = size, along(residual, residual)
        direction = residual + size / before.clamp_min(1e-30) * direction
    return torch.where(removed, solution.to(given), given)


def noise(shape: Sequence[int], numbers: Sequence[int], like: Tensor, *, scale: float = NOISE, seed: int = 0) -> Tensor:
    """Return normal noise (len(numbers), *shape): each image has its own, by its number, in any batch and on any device."""
    drawn = [torch.randn(tuple(shape), generator=stream(seed, "noise", number), **HERE) for number in numbers]
    return scale * torch.stack(drawn).to(like)
