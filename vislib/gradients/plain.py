"""The gradient of the image itself: alone, times the image, and guided."""

import torch
from torch import Tensor, nn

from vislib.explain import Score, check_inputs, logit
from vislib.gradients.guided import Guided
from vislib.gradients.sensitivity import Forward, gradients


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


def guided_backprop(
    model: nn.Module, images: Tensor, target: int | Tensor, *, score: Score = logit, batch_size: int | None = None
) -> Tensor:
    """Explain by the gradient that only its positive part passes each ReLU, absolute values summed. Unsigned.

    **A warning.** It draws the outlines of the image, nearly whatever the class and whatever the upper layers have
    learned: it fails the sanity checks of Adebayo et al. 2018 (https://arxiv.org/abs/1810.03292). It is here to be seen through.

    A ReLU is an operation that turns negative numbers into 0 and leaves the others, up to a bound or not, whatever its
    name, in place or not; the model is not touched. Not seen is what takes several operations for it, as (x + |x|) / 2, or
    has a gradient of its own (``torch.autograd.Function``). Arguments and errors as in `gradient`; further a ValueError
    for a network that has no ReLU.

    Springenberg et al. 2015, Striving for Simplicity, https://arxiv.org/abs/1412.6806
    """
    classes = check_inputs(model, images, target)
    return _plain(Guided(model), images, classes, score, batch_size).abs().sum(1)


def _plain(forward: Forward, images: Tensor, classes: Tensor, score: Score, batch_size: int | None) -> Tensor:
    """Return the gradient of the images themselves, (B, C, H, W)."""
    parts = gradients(forward, images, classes, score, 1, lambda which, *_: images[which, None], batch_size)
    return torch.cat([grads[:, 0] for _, grads in parts])
