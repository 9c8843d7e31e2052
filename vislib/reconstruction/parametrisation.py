"""How a picture is written down while it is optimised.

A parametrisation is a start (the numbers that the ascent changes) and a function from them to pixels in [0, 1]. All can
write down every picture; they differ in which pictures are near.
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from vislib import HERE

DECAY = 1.25  # of the amplitude with the frequency; in photographs it is about 1, and a little more gives larger shapes

# Principal colours of the ten photographs of `vislib.data.PHOTOS` (brightness, orange against blue, green against
# magenta), one per column, as long as their standard deviation, the first of length 1; a test measures them again.
COLOURS = ((0.6217, 0.2828, -0.0272), (0.5691, -0.0702, 0.0795), (0.5382, -0.2524, -0.0526))


class Parametrisation(NamedTuple):
    """`start(shape of one image, generator)` draws the numbers of one image; `picture(numbers, shape)` makes pixels."""

    start: Callable[[Sequence[int], torch.Generator], Tensor]
    picture: Callable[[Tensor, Sequence[int]], Tensor]


def _start_pixels(shape: Sequence[int], generator: torch.Generator) -> Tensor:
    return 0.01 * torch.randn(tuple(shape), generator=generator, **HERE)


def _from_pixels(numbers: Tensor, shape: Sequence[int]) -> Tensor:
    return numbers.sigmoid()


def _start_fourier(shape: Sequence[int], generator: torch.Generator) -> Tensor:
    channels, height, width = shape
    return 0.1 * torch.randn(channels, height, width // 2 + 1, 2, generator=generator, **HERE)


def _from_fourier(numbers: Tensor, shape: Sequence[int]) -> Tensor:
    """Divide each coefficient by a power of its frequency, transform back, mix the colours, squeeze into [0, 1]."""
    channels, height, width = shape
    waves = torch.view_as_complex(numbers / frequencies(height, width).pow(DECAY).to(numbers)[..., None])
    plain: Tensor = torch.fft.irfft2(waves, s=(height, width), norm="ortho")
    if channels == 3:
        plain = torch.einsum("dc,bchw->bdhw", plain.new_tensor(COLOURS), plain)
    return plain.sigmoid()


def frequencies(height: int, width: int) -> Tensor:
    """Return the frequency of each coefficient of ``rfft2``, (H, W // 2 + 1), in radians per pixel; at least one wave per image."""
    down, across = torch.fft.fftfreq(height, **HERE)[:, None], torch.fft.rfftfreq(width, **HERE)[None]
    return 2 * math.pi * torch.hypot(down, across).clamp(min=1 / max(height, width))


PARAMETRISATIONS = {
    "fourier": Parametrisation(_start_fourier, _from_fourier),
    "pixels": Parametrisation(_start_pixels, _from_pixels),
}


def variation(pictures: Tensor) -> Tensor:
    """Return the mean absolute difference between neighbouring pixels, down and across, (B,)."""
    return sum(pictures.diff(dim=dim).abs().mean((1, 2, 3)) for dim in (2, 3))  # type: ignore[return-value]
