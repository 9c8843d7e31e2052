"""Figures of reconstructions."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from vislib.plots import BLUE, GREY, ORANGE, _picture, figure

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


def wishes(rows: Mapping[str, Tensor], titles: Sequence[str], *, width: float = 8.0) -> "Figure":
    """Draw a row of pictures (N, C, H, W) per name, the name on its left, each picture under its title.

    Args:
        rows: name -> pictures, the same number in each row.
        titles: one for each picture of a row.
        width: of the figure, in inches.
    """
    cell = width / len(titles)
    made, axes = figure(len(rows), len(titles), (width, len(rows) * (cell + 0.2)))
    for line, (name, pictures) in zip(axes, rows.items(), strict=True):
        line[0].text(-0.06, 0.5, name, transform=line[0].transAxes, rotation=90, ha="right", va="center")
        for axis, picture, title in zip(line, pictures, titles, strict=True):
            _picture(axis, picture)
            axis.set_title(title)
    return made
