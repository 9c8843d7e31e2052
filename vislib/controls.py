"""Explainers that do not look at the network: what every evaluation needs beside the methods, to be compared with.

A map that no network had a part in cannot explain one. A test that it passes proves nothing about the methods that pass.
"""

import hashlib

import torch
from torch import Tensor, nn

from vislib import HERE, fills
from vislib.explain import Explainer, check_inputs

__all__ = ["blurred", "chance", "disc", "sobel"]


def sobel(model: nn.Module, images: Tensor, target: int | Tensor) -> Tensor:
    """The edges of the image: the length of Sobel's gradient, averaged over the channels; unsigned.

    Args:
        model: is not looked at, only checked.
        images: (B, C, H, W), pixels in [0, 1].
        target: a class index, or one per image (B,); no part of the answer.

    Returns:
        Heatmap (B, H, W), in pixel values per pixel.

    Raises:
        TypeError, ValueError: for images or target that do not fit.

    Adebayo et al. 2018, Sanity Checks for Saliency Maps, https://arxiv.org/abs/1810.03292, compare methods with edges.
    """
    check_inputs(model, images, target)
    padded = nn.functional.pad(images, (1, 1, 1, 1), mode="replicate")
    smooth = images.new_tensor([1.0, 2.0, 1.0]) / 4
    change = images.new_tensor([-1.0, 0.0, 1.0]) / 2
    kernels = torch.stack([smooth[:, None] * change, change[:, None] * smooth])[:, None]
    slopes = nn.functional.conv2d(padded.flatten(0, 1)[:, None], kernels)
    return slopes.square().sum(1).sqrt().reshape(images.shape).mean(1)


def chance(model: nn.Module, images: Tensor, target: int | Tensor, *, seed: int = 0) -> Tensor:
    """Uniform noise in [0, 1), drawn anew for each image by its pixels, so that batches and devices do not matter; unsigned.

    Another `seed` gives other noise. Other arguments, shapes and errors as in `sobel`.
    """
    check_inputs(model, images, target)
    drawn = []
    for image in images.detach().float().cpu().numpy():
        digest = hashlib.sha256(image.tobytes() + str(seed).encode()).digest()
        generator = torch.Generator().manual_seed(int.from_bytes(digest[:7], "big"))
        drawn.append(torch.rand(image.shape[1:], generator=generator, **HERE))
    return torch.stack(drawn).to(images)


def disc(model: nn.Module, images: Tensor, target: int | Tensor) -> Tensor:
    """Nearer to the middle is more: 1 in the middle of the image, 0 in its corners; unsigned.

    The same heatmap for each image. Arguments, shapes and errors as in `sobel`.
    """
    check_inputs(model, images, target)
    rows, cols = (torch.arange(side, **HERE) - (side - 1) / 2 for side in images.shape[2:])
    far = (rows[:, None].square() + cols.square()).sqrt()
    return (1 - far / far.max().clamp_min(1)).to(images).expand(len(images), -1, -1).clone()


def blurred(explainer: Explainer, *, sigma: float | None = None) -> Explainer:
    """Return the explainer with its heatmaps out of focus; what a blur alone adds to a score is not the method's merit.

    Args:
        explainer: (model, images, target) -> heatmap (B, H, W).
        sigma: of the Gaussian, in pixels; a sixteenth of the shorter side unless given.

    Song et al. 2023, On Pitfalls of RemOve-And-Retrain, https://arxiv.org/abs/2304.13836
    """
    return lambda model, images, target: fills.gaussian(explainer(model, images, target)[:, None], sigma)[:, 0]
