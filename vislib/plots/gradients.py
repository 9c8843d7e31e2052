"""What gradient maps need before they can be drawn."""

from torch import Tensor


def clipped(heat: Tensor, share: float = 0.99) -> Tensor:
    """Return heatmaps (B, H, W), each divided by the value below which `share` of its absolute values lie, within [-1, 1].

    A few pixels of a gradient map are far above the rest, and would leave it dark. A map of zeros stays as it is.
    """
    limit = heat.abs().flatten(1).quantile(share, dim=1)[:, None, None]
    return (heat / limit.where(limit > 0, 1)).clamp(-1, 1)
