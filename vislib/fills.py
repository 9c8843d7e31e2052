"""What to put under the patch, in pixel space.

A fill maps images (B, C, H, W) to a canvas of the same shape; the patch shows the canvas through a window. So a fill
for one position is the same as for any other, and a reader's own fill is one line: ``lambda images: 1 - images``.
One fill depends on where the patch lies, since it continues what is around it: `inpaint`.
Every fill assumes something: a constant or noise leaves the distribution of photographs, a blur keeps the colours,
and what is painted over can be painted back.
"""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from vislib import HERE
from vislib.explain import closest, widened
from vislib.look import check_device

Fill = str | Callable[[Tensor], Tensor] | Tensor
"""A name (in `FILLS`, or "inpaint"), a function images -> canvas, or a tensor that broadcasts to (B, C, H, W)."""

Patches = Callable[[Tensor, Tensor, Tensor], Tensor]
"""(index, rows, cols), each int (n,), -> patches (n, C, h, w): what lies under n patches, by their top left pixels."""


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
    return gaussian(images, sigma).clamp(0, 1)


def noise(images: Tensor, *, seed: int = 0) -> Tensor:
    """Uniform noise in [0, 1], the same for every image of the batch and on every device."""
    drawn = torch.rand(images.shape[1:], generator=torch.Generator().manual_seed(int(seed)), **HERE)
    return drawn.to(images).expand_as(images)


FILLS: dict[str, Callable[[Tensor], Tensor]] = {f.__name__: f for f in (black, white, gray, mean, blur, noise)}
NAMES = (*FILLS, "inpaint")


def gaussian(images: Tensor, sigma: float | None = None) -> Tensor:
    """Return a Gaussian blur (B, C, H, W) of `sigma` pixels, a sixteenth of the shorter side unless given."""
    from torchvision.transforms.v2.functional import gaussian_blur

    height, width = images.shape[-2:]
    sigma = min(height, width) / 16 if sigma is None else sigma
    reach = [min(round(3 * sigma), side - 1) for side in (width, height)]  # the padding mirrors less than one image
    blurred: Tensor = gaussian_blur(images, [2 * r + 1 for r in reach], [sigma, sigma])
    return blurred


def inpaint(images: Tensor, index: Tensor, rows: Tensor, cols: Tensor, size: tuple[int, int]) -> Tensor:
    """The surroundings, continued: the smoothest surface (Laplace's equation) that meets the pixels round the patch.

    At the border of the image, where a side has no pixels to meet, the surface goes on level. A patch over the whole
    image has no surroundings, and becomes grey.

    Args:
        images: (B, C, H, W).
        index, rows, cols: int (n,), on the images' device: which image, and the patch's top left pixel.
        size: height and width of the patches, in pixels.

    Returns:
        (n, C, h, w), pixels between the least and the greatest of those that they meet.

    Pérez, Gangnet & Blake 2003, Poisson Image Editing, https://doi.org/10.1145/882262.882269 (without guidance)
    """
    (height, width), (h, w) = images.shape[-2:], size
    result = images.new_empty(len(index), images.shape[1], h, w)
    kinds = torch.stack([rows > 0, rows + h < height, cols > 0, cols + w < width], 1)  # on which sides there are pixels
    wide = widened(images)
    framed = F.pad(wide, (1, 1, 1, 1))  # beyond the border nothing draws
    for kind in kinds.unique(dim=0).cpu().tolist():
        same = (kinds == torch.tensor(kind, device=images.device)).all(1)
        if not any(kind):
            result[same] = 0.5
            continue
        around = windows(framed, index[same], rows[same], cols[same], (h + 2, w + 2))
        # Each pixel is drawn towards its neighbours on the ring.
        pull = wide.new_zeros(len(around), images.shape[1], h, w)
        pull[..., 0, :] += around[..., 0, 1:-1]
        pull[..., -1, :] += around[..., -1, 1:-1]
        pull[..., 0] += around[..., 1:-1, 0]
        pull[..., -1] += around[..., 1:-1, -1]
        # The Laplacian of a rectangle is a sum of one matrix for the rows and one for the columns: solve in their bases.
        (rates, basis), (rates_, basis_) = _laplacian(h, kind[:2], wide), _laplacian(w, kind[2:], wide)
        surface = basis @ ((basis.T @ pull @ basis_) / (rates[:, None] + rates_)) @ basis_.T
        result[same] = surface.to(result)  # autocast multiplies in another type
    return result.clamp(0, 1)


def _laplacian(n: int, ends: Sequence[bool], like: Tensor) -> tuple[Tensor, Tensor]:
    """Return eigenvalues and eigenvectors of the differences between n neighbours; the two ends may have one more."""
    steps = torch.diag(torch.ones(n - 1, dtype=torch.float64, device="cpu"), 1)
    neighbours = steps + steps.T
    degree = neighbours.sum(1)
    degree[0] += ends[0]
    degree[-1] += ends[1]
    rates, basis = torch.linalg.eigh(degree.diag() - neighbours)
    return rates.to(like), basis.to(like)


def patches(fill: Fill, images: Tensor, size: tuple[int, int]) -> Patches:
    """Return a function of (index, rows, cols) that gives what lies under patches of `size` (height, width).

    Raises:
        ValueError, TypeError: for a fill that `canvas` refuses.
    """
    if isinstance(fill, str) and fill == "inpaint":
        return lambda index, rows, cols: inpaint(images, index, rows, cols, size)
    under = canvas(fill, images)
    return lambda index, rows, cols: windows(under, index, rows, cols, size)


def windows(images: Tensor, index: Tensor, rows: Tensor, cols: Tensor, size: tuple[int, int]) -> Tensor:
    """Return what images show in windows of `size` (height, width): (n, C, h, w), for index, rows, cols int (n,)."""
    down, across = (s[:, None] + torch.arange(n, device=s.device) for s, n in zip((rows, cols), size, strict=True))
    return images[index[:, None, None], :, down[:, :, None], across[:, None, :]].permute(0, 3, 1, 2)


def canvas(fill: Fill, images: Tensor) -> Tensor:
    """Return what lies under the patch at every pixel, (B, C, H, W), for a fill in any of its forms.

    Raises:
        ValueError: for an unknown name, a wrong shape or device, or values outside [0, 1].
        TypeError: if `fill` is neither a name, a function nor a tensor.
    """
    if isinstance(fill, str):
        if fill == "inpaint":
            raise ValueError("the fill 'inpaint' depends on where a patch lies; expected another here, such as 'mean'.")
        if fill not in FILLS:
            raise ValueError(f"fill is {fill!r}; {closest(fill, NAMES)}")
        return FILLS[fill](images)
    if not isinstance(fill, Tensor) and not callable(fill):
        raise TypeError(f"fill is a {type(fill).__name__}; expected one of {', '.join(NAMES)}, a function or a tensor.")
    filled = fill if isinstance(fill, Tensor) else fill(images)
    if not isinstance(filled, Tensor):
        raise TypeError(f"the fill function returned a {type(filled).__name__}; expected a tensor like the images.")
    check_device(filled, images, "the fill")
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
