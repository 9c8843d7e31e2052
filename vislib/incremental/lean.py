"""The same network, made for gradients with respect to its input: BatchNorm becomes one multiplication and one sum.

In evaluation mode that is all it does, but PyTorch's general backward pass of it takes a third of the time of a network
like EfficientNet-Lite.
"""

import torch
from torch import Tensor, nn

from vislib.incremental.simplify import is_watched, simple_copy


def lean(model: nn.Module, images: Tensor, layer: str | None = None) -> nn.Module:
    """Return a copy that shares the weights and answers the same; the model itself where there is no such copy.

    Args:
        model: in evaluation mode.
        images: (B, C, H, W), on which the two must agree.
        layer: a layer that the copy must have.
    """
    if is_watched(model):
        return model
    try:
        made = simple_copy(model)
        with torch.no_grad():
            same = torch.allclose(made(images.clone()), model(images.clone()), rtol=1e-3, atol=1e-4)
    except Exception:  # a user's own code runs here; the model itself will say what is wrong with it
        return model
    return made if same and (layer is None or layer in dict(made.named_modules())) else model
