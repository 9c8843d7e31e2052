"""Figures of reconstructions."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from vislib.course.plots import BLUE, GREY, ORANGE, figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def spectrum(images: Tensor) -> tuple[Tensor, Tensor]:
    """Return the mean amplitude of images (B, C, S, S) at each frequency, 1 to S / 2 cycles per image: two (S / 2,)."""
    side = images.shape[-1]
    amplitude = torch.fft.fft2(images.detach().cpu().float().mean(1), norm="ortho").abs().mean(0)
    waves = torch.fft.fftfreq(side) * side
    ring = torch.hypot(waves[:, None], waves[None]).round().long()
    frequencies = torch.arange(1, side // 2 + 1)
    return frequencies, torch.stack([amplitude[ring == k].mean() for k in frequencies.tolist()])


def spectra(images: Mapping[str, Tensor], *, size: tuple[float, float] = (7.5, 3.4)) -> "Figure":
    """Draw how much of each frequency images (B, C, S, S) hold, a line per name, both axes logarithmic."""
    made, axes = figure(1, 1, size)
    axis = axes[0, 0]
    for (name, some), colour in zip(images.items(), (GREY, ORANGE, BLUE, "#009e73"), strict=False):
        frequencies, amplitude = spectrum(some)
        axis.loglog(frequencies, amplitude, color=colour, linewidth=2)
        axis.annotate(
            f" {name}",
            (frequencies[-1], amplitude[-1]),
            color=colour,
            va="center",
            xytext=(4, 0),
            textcoords="offset points",
        )
    axis.set(xlabel="frequency, cycles per image", ylabel="mean amplitude")
    ticks = (1, 10, 100)
    axis.set_xticks(ticks, [str(t) for t in ticks])
    axis.grid(alpha=0.25)
    return made
