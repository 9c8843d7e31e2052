"""What to put under the patch, in pixel space.

A fill maps images (B, C, H, W) to a canvas of the same shape; the patch shows the canvas through a window. So a fill
for one position is the same as for any other, and a reader's own fill is one line: ``lambda images: 1 - images``.
Every fill assumes something: a constant or noise leaves the distribution of photographs, a blur keeps the colours.
"""

from collections.abc import Callable
from difflib import get_close_matches

import torch
from torch import Tensor

Fill = str | Callable[[Tensor], Tensor] | Tensor
"""The name of a fill in `FILLS`, a function images -> canvas, or a tensor that broadcasts to (B, C, H, W)."""


def black(images: Tensor) -> Tensor:
    """All zeros."""
    return torch.zeros_like(images)


def white(images: Tensor) -> Tensor:
    """All ones."""
    return torch.ones_like(images)


def gray(images: Tensor) -> Tensor:
    """Middle grey, 0.5."""
    return torch.full_like(images, 0.5)


def mean(images: Tensor) -> Tensor:
    """Each image's own mean colour."""
    return images.mean((2, 3), keepdim=True).expand_as(images)


def blur(images: Tensor, *, sigma: float | None = None) -> Tensor:
    """The image out of focus: a Gaussian blur of `sigma` pixels (default: a sixteenth of the shorter side)."""
    from torchvision.transforms.v2.functional import gaussian_blur

    height, width = images.shape[-2:]
    sigma = min(height, width) / 16 if sigma is None else sigma
    reach = [min(round(3 * sigma), side - 1) for side in (width, height)]  # the padding mirrors less than one image
    blurred: Tensor = gaussian_blur(images, [2 * r + 1 for r in reach], [sigma, sigma])
    return blurred.clamp(0, 1)


def noise(images: Tensor, *, seed: int = 0) -> Tensor:
    """Uniform noise in [0, 1], the same for every image of the batch and on every device."""
    drawn = torch.rand(images.shape[1:], generator=torch.Generator().manual_seed(seed))
    return drawn.to(images).expand_as(images)


FILLS: dict[str, Callable[[Tensor], Tensor]] = {f.__name__: f for f in (black, white, gray, mean, blur, noise)}


def canvas(fill: Fill, images: Tensor) -> Tensor:
    """Return what lies under the patch at every pixel, (B, C, H, W), for a fill in any of its forms.

    Raises:
        ValueError: for an unknown name, a wrong shape or device, or values outside [0, 1].
        TypeError: if `fill` is neither a name, a function nor a tensor.
    """
    if isinstance(fill, str):
        if fill not in FILLS:
            close = get_close_matches(fill, FILLS, n=1)
            hint = f" (did you mean {close[0]!r}?)" if close else ""
            raise ValueError(f"fill is {fill!r}{hint}; expected one of {', '.join(FILLS)}, a function or a tensor.")
        return FILLS[fill](images)
    if not isinstance(fill, Tensor) and not callable(fill):
        raise TypeError(f"fill is a {type(fill).__name__}; expected one of {', '.join(FILLS)}, a function or a tensor.")
    filled = fill if isinstance(fill, Tensor) else fill(images)
    if not isinstance(filled, Tensor):
        raise TypeError(f"the fill function returned a {type(filled).__name__}; expected a tensor like the images.")
    if filled.device != images.device:
        raise ValueError(f"the fill is on {filled.device} and images on {images.device}; expected both on one device.")
    try:
        filled = filled.to(images.dtype).expand_as(images)
    except RuntimeError:
        raise ValueError(
            f"the fill has shape {tuple(filled.shape)}; expected one that broadcasts to {tuple(images.shape)}, "
            "for instance (C, 1, 1) for a colour."
        ) from None
    low, high = torch.stack(filled.detach().aminmax()).cpu().tolist()
    if not 0 <= low <= high <= 1:
        raise ValueError(f"the fill has values from {low:.3g} to {high:.3g}; expected pixels in [0, 1].")
    return filled
