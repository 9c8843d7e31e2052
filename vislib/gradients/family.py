"""The family of gradients: plain, times the input, averaged over noise, along a path, guided; and Grad-CAM."""

from collections.abc import Iterator
from math import isfinite

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vislib.explain import Score, answers, check_inputs, logit
from vislib.explain import check_count as _check_count
from vislib.fills import Fill, canvas
from vislib.gradients.feature_maps import maps
from vislib.gradients.guided import guided
from vislib.gradients.sensitivity import Forward, differentiating, gradients, in_flight, total_score


def gradient(
    model: nn.Module, images: Tensor, target: int | Tensor, *, score: Score = logit, batch_size: int | None = None
) -> Tensor:
    """Explain by sensitivity: the sum over the channels of the absolute gradient of the score. Unsigned.

    Args:
        model: maps pixels (B, C, H, W) to logits (B, K).
        images: (B, C, H, W), pixels in [0, 1].
        target: a class index, or one per image (B,).
        score: the number whose gradient is taken, see :mod:`vislib.explain`.
        batch_size: images in flight; None chooses by the size of the activations.

    Returns:
        Heatmap (B, H, W), in units of the score per unit of pixel value.

    Raises:
        TypeError, ValueError: for images or target that do not fit, a model in training mode or without gradients.

    Simonyan, Vedaldi & Zisserman 2014, Deep Inside Convolutional Networks, https://arxiv.org/abs/1312.6034 (who take
    the largest channel instead of the sum)
    """
    return pixel_gradient(model, images, target, score=score, batch_size=batch_size).abs().sum(1)


def pixel_gradient(
    model: nn.Module, images: Tensor, target: int | Tensor, *, score: Score = logit, batch_size: int | None = None
) -> Tensor:
    """Return the gradient itself, (B, C, H, W), signed and with its channels. Arguments and errors as in `gradient`."""
    classes = check_inputs(model, images, target)
    return _plain(model, images, classes, score, batch_size)


def input_x_gradient(
    model: nn.Module, images: Tensor, target: int | Tensor, *, score: Score = logit, batch_size: int | None = None
) -> Tensor:
    """Explain by the gradient times the pixel, summed over the channels: exact for a linear model. Signed.

    Arguments and errors as in `gradient`; the heatmap (B, H, W) is in units of the score.

    Shrikumar et al. 2017, Not Just a Black Box, https://arxiv.org/abs/1605.01713
    """
    return (images * pixel_gradient(model, images, target, score=score, batch_size=batch_size)).detach().sum(1)


def smoothgrad(
    model: nn.Module,
    images: Tensor,
    target: int | Tensor,
    *,
    score: Score = logit,
    n: int = 50,
    sigma: float = 0.15,
    seed: int = 0,
    batch_size: int | None = None,
    progress: bool = False,
) -> Tensor:
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
    noisy = _noisy(model, images, target, score, n, sigma, seed, batch_size, progress)
    total = torch.zeros_like(images)
    for which, grads in noisy:
        total[which] += grads.sum(1)
    return (total / n).abs().sum(1)


def smoothgrad_squared(
    model: nn.Module,
    images: Tensor,
    target: int | Tensor,
    *,
    score: Score = logit,
    n: int = 50,
    sigma: float = 0.15,
    seed: int = 0,
    batch_size: int | None = None,
    progress: bool = False,
) -> Tensor:
    """Explain by the mean *squared* gradient of noisy copies, summed over the channels. Unsigned.

    Arguments and errors as in `smoothgrad`; the heatmap (B, H, W) is in units of (score per pixel value) squared.

    Hooker et al. 2019, A Benchmark for Interpretability Methods in Deep Neural Networks, https://arxiv.org/abs/1806.10758
    """
    noisy = _noisy(model, images, target, score, n, sigma, seed, batch_size, progress)
    total = torch.zeros_like(images)
    for which, grads in noisy:
        total[which] += grads.square().sum(1)
    return (total / n).sum(1)


def vargrad(
    model: nn.Module,
    images: Tensor,
    target: int | Tensor,
    *,
    score: Score = logit,
    n: int = 50,
    sigma: float = 0.15,
    seed: int = 0,
    batch_size: int | None = None,
    progress: bool = False,
) -> Tensor:
    """Explain by the variance of the gradient over noisy copies (divided by n), summed over the channels. Unsigned.

    Arguments and errors as in `smoothgrad`; the heatmap (B, H, W) is in units of (score per pixel value) squared.

    Adebayo et al. 2018, Local Explanation Methods for Deep Neural Networks Lack Sensitivity to Parameter Values,
    https://arxiv.org/abs/1810.03307
    """
    noisy = _noisy(model, images, target, score, n, sigma, seed, batch_size, progress)
    first, total, squares = (torch.zeros_like(images) for _ in range(3))
    started = torch.zeros(len(images), dtype=torch.bool)
    for which, grads in noisy:
        if not started[which].any():
            first[which], started[which] = grads[:, 0], True
        # Measured from the first gradient the numbers are small, and the difference below is exact.
        off = grads - first[which, None]
        total[which] += off.sum(1)
        squares[which] += off.square().sum(1)
    return (squares / n - (total / n).square()).clamp(min=0).sum(1)


def integrated_gradients(
    model: nn.Module,
    images: Tensor,
    target: int | Tensor,
    *,
    score: Score = logit,
    steps: int = 64,
    baseline: Fill = "black",
    batch_size: int | None = None,
    progress: bool = False,
) -> Tensor:
    """Explain by (image - baseline) times the mean gradient on the straight way between them. Signed.

    The map adds up to the score of the image minus that of the baseline (completeness), up to the error of the
    midpoint rule, which `completeness_gap` tells. Where the image equals the baseline the map is 0.

    Args:
        model, images, target, score: as in `gradient`.
        steps: points on the way, at (k + 1/2) / steps.
        baseline: what stands for *nothing*: any fill but "inpaint", see :mod:`vislib.fills`.
        batch_size: copies in flight; None chooses by the size of the activations.
        progress: show a progress bar.

    Returns:
        Heatmap (B, H, W), in units of the score; the channels are added with their signs.

    Raises:
        TypeError, ValueError: as in `gradient`, and for steps below 1 or a baseline that does not fit.

    Sundararajan, Taly & Yan 2017, Axiomatic Attribution for Deep Networks, https://arxiv.org/abs/1703.01365
    """
    classes = check_inputs(model, images, target)
    _check_count(steps, "steps")
    start = canvas(baseline, images).detach()
    way = images.detach() - start
    at = ((torch.arange(steps) + 0.5) / steps).to(images)[:, None, None, None]

    def copies(which: slice, first: int, last: int) -> Tensor:
        return start[which, None] + at[first:last] * way[which, None]

    total = torch.zeros_like(images)
    for which, grads in gradients(model, images, classes, score, steps, copies, batch_size, progress):
        total[which] += grads.sum(1)
    return (way * total / steps).sum(1)


@torch.no_grad()
def completeness_gap(
    model: nn.Module,
    images: Tensor,
    target: int | Tensor,
    heat: Tensor,
    *,
    score: Score = logit,
    baseline: Fill = "black",
) -> Tensor:
    """Return by how much the sum of each heatmap (B, H, W) misses score(image) - score(baseline), as a share of it, (B,).

    Arguments and errors as in `integrated_gradients`. More steps make it smaller.
    """
    classes = check_inputs(model, images, target)
    whole, nothing = (score(answers(model, x, classes), classes) for x in (images, canvas(baseline, images)))
    difference = whole - nothing
    return (heat.sum((1, 2)) - difference).abs() / difference.abs()


def guided_backprop(
    model: nn.Module, images: Tensor, target: int | Tensor, *, score: Score = logit, batch_size: int | None = None
) -> Tensor:
    """Explain by the gradient that only its positive part passes each ReLU, absolute values summed. Unsigned.

    **A warning.** It draws the outlines of the image, nearly whatever the class and whatever the upper layers have
    learned: it fails the sanity checks of Adebayo et al. 2018 (https://arxiv.org/abs/1810.03292). It is here to be seen through.

    ReLU and ReLU6 count as modules and as functions, in place or not, one for several places or not; the model is not
    touched. Arguments and errors as in `gradient`; further a ValueError for a network that has no ReLU.

    Springenberg et al. 2015, Striving for Simplicity, https://arxiv.org/abs/1412.6806
    """
    classes = check_inputs(model, images, target)
    return _plain(guided(model), images, classes, score, batch_size).abs().sum(1)


def grad_cam(
    model: nn.Module,
    images: Tensor,
    target: int | Tensor,
    *,
    score: Score = logit,
    layer: str | None = None,
    batch_size: int | None = None,
) -> Tensor:
    """Explain by the maps of one layer, weighted by the mean gradient of each; the positive part, enlarged. Unsigned.

    Args:
        model, images, target, score, batch_size: as in `gradient`.
        layer: its name, as in ``model.named_modules()``; None: the last of the size of the last convolution's map, so
            after its norm and activation. When a layer runs twice, its last run counts.

    Returns:
        Heatmap (B, H, W), in units of the score per unit of activation, bilinearly upsampled from the layer's size.

    Raises:
        TypeError, ValueError: as in `gradient`, and for a layer that is unknown, has no maps (B, C, h, w), or that
            the score does not depend on.

    Selvaraju et al. 2017, Grad-CAM, https://arxiv.org/abs/1610.02391
    """
    classes = check_inputs(model, images, target)
    batch = in_flight(model, images, len(images), batch_size)
    heats = []
    for group, of in zip(images.split(batch), classes.split(batch), strict=True):
        heats.append(
            F.interpolate(
                _cam(model, group, of, score, layer), images.shape[-2:], mode="bilinear", align_corners=False
            )[:, 0]
        )
    return torch.cat(heats)


def _cam(model: nn.Module, images: Tensor, classes: Tensor, score: Score, layer: str | None) -> Tensor:
    """Return the weighted sum of a layer's maps, (B, 1, h, w)."""

    def work(pixels: Tensor) -> Tensor:
        with maps(model, layer) as found:
            value = total_score(model, pixels, classes, score)
            name, activation = found()
        grads = None
        if value.requires_grad and activation.requires_grad:
            (grads,) = torch.autograd.grad(value, activation, allow_unused=True)
        if grads is None and layer is None:  # the cut was made elsewhere, see `maps`
            return _cam(model, images, classes, score, name)
        if grads is None:
            raise ValueError(f"the score has no gradient at the layer {name!r}; expected one that it depends on.")
        return (grads.mean((2, 3), keepdim=True) * activation.detach()).sum(1, keepdim=True).relu()

    return differentiating(images, work)


def _plain(forward: Forward, images: Tensor, classes: Tensor, score: Score, batch_size: int | None) -> Tensor:
    """Return the gradient of the images themselves, (B, C, H, W)."""
    parts = gradients(forward, images, classes, score, 1, lambda which, *_: images[which, None], batch_size)
    return torch.cat([grads[:, 0] for _, grads in parts])


def _noisy(
    model: nn.Module,
    images: Tensor,
    target: int | Tensor,
    score: Score,
    n: int,
    sigma: float,
    seed: int,
    batch_size: int | None,
    progress: bool,
) -> Iterator[tuple[slice, Tensor]]:
    """Yield the gradients of n copies with Gaussian noise, see `gradients`."""
    classes = check_inputs(model, images, target)
    _check_count(n, "n")
    if isinstance(sigma, bool) or not isinstance(sigma, int | float):
        raise TypeError(f"sigma is {sigma!r}; expected a number of at least 0, in units of pixel values.")
    if not (sigma >= 0 and isfinite(sigma)):
        raise ValueError(f"sigma is {sigma}; expected a number of at least 0, in units of pixel values.")
    generator = torch.Generator()

    def copies(which: slice, first: int, last: int) -> Tensor:
        if first == 0:
            generator.manual_seed(seed)  # every image meets the same noise, whatever batch it is in
        noise = [torch.randn(images.shape[1:], generator=generator) for _ in range(first, last)]
        return images[which, None] + sigma * torch.stack(noise).to(images)

    return gradients(model, images, classes, score, n, copies, batch_size, progress)
