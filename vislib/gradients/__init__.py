"""Gradients: what a small change of each pixel would do to the score.

All methods but Grad-CAM, which stops at a layer, rest on one thing, the gradient of the score with respect to the pixels
of some copies of the image: one plain copy, noisy ones, or those on the way from a baseline. Gradients of the weights are
never computed.
"""

from vislib.gradients.cam import grad_cam
from vislib.gradients.noisy import smoothgrad, smoothgrad_squared, vargrad
from vislib.gradients.path import completeness_gap, integrated_gradients
from vislib.gradients.plain import gradient, guided_backprop, input_x_gradient, pixel_gradient

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
