"""Explanation routines for vision models: tensors in, tensors out.

Every explainer is a function ``explainer(model, images, target) -> heatmap``; see :mod:`vislib.explain`.
"""

from vislib._device import device, seed_everything

__all__ = ["device", "seed_everything"]
