"""Gradients: what a small change of each pixel would do to the score.

All methods rest on one thing, the gradient of the score with respect to the pixels of some copies of the image:
one plain copy, noisy ones, or those on the way from a baseline. Gradients of the weights are never computed.
"""

from vislib.gradients.family import (
    completeness_gap,
    grad_cam,
    gradient,
    guided_backprop,
    input_x_gradient,
    integrated_gradients,
    pixel_gradient,
    smoothgrad,
    smoothgrad_squared,
    vargrad,
)

__all__ = [
    "completeness_gap",
    "grad_cam",
    "gradient",
    "guided_backprop",
    "input_x_gradient",
    "integrated_gradients",
    "pixel_gradient",
    "smoothgrad",
    "smoothgrad_squared",
    "vargrad",
]
