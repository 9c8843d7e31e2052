"""Pixels in the order of a heatmap, and images without some of them, made a batch at a time."""

from dataclasses import dataclass

import torch
from torch import Tensor

from vislib import HERE
from vislib.roar.imputation import impute, noise

FILLS = ("mean", "linear")


@dataclass(frozen=True)
class Removal:
    """What is done to the images: the share that goes, from which end of the order, and what is put there.

    Args:
        fraction: the share of *removed* pixels, in [0, 1].
        keep: the pixels that are ranked highest stay, and the others go.
        fill: "mean": the training set's mean colour; "linear": noisy linear imputation.
        mask_only: the network sees where pixels were removed (0) and where not (1), and nothing else.
    """

    fraction: float
    keep: bool = False
    fill: str = "mean"
    mask_only: bool = False

    def removed(self, ranks: Tensor) -> Tensor:
        """Return which pixels go, bool, from their ranks (…, H, W)."""
        pixels = ranks.shape[-1] * ranks.shape[-2]
        gone = round(self.fraction * pixels)
        return ranks >= pixels - gone if self.keep else ranks < gone


def ranks(heatmaps: Tensor, seed: int) -> Tensor:
    """Return each pixel's place in its heatmap (N, H, W), 0 for the highest, as small integers.

    Equal values come in an order that is drawn for each image anew.
    """
    flat = heatmaps.flatten(1)
    kind = torch.int16 if flat.shape[1] <= 2**15 else torch.int32
    generator = torch.Generator().manual_seed(int(seed))
    places = []
    for part in flat.split(512):  # int64 is large, and is not kept
        shuffled = torch.rand(part.shape, generator=generator, **HERE).argsort(1).to(flat.device)
        order = shuffled.gather(1, part.gather(1, shuffled).argsort(dim=1, descending=True, stable=True))
        places.append(order.argsort(1).to(kind))
    return torch.cat(places).reshape(heatmaps.shape)


class Removed:
    """Images without some of their pixels, made when a batch is asked for: masked data are never stored.

    It has what `fit` and `accuracy` ask of the images of a set: length, device, batches by index.

    Args:
        images: (N, C, H, W), pixels in [0, 1].
        ranks: (N, H, W), from `ranks`.
        how: what is removed.
        colour: the training set's mean, (C, 1, 1).
        seed: of the noise, where there is some.
    """

    def __init__(self, images: Tensor, ranks: Tensor, how: Removal, colour: Tensor, *, seed: int = 0) -> None:
        self.images, self.ranks, self.how, self.colour, self.seed = images, ranks, how, colour, seed
        self.device = images.device

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: slice | Tensor) -> Tensor:
        """Return some images, (n, C, H, W)."""
        images, removed = self.images[index], self.how.removed(self.ranks[index])[:, None]
        if self.how.mask_only:
            return (~removed).to(images).expand_as(images)
        if self.how.fill == "mean":
            return torch.where(removed, self.colour, images)
        numbers = range(len(self))[index] if isinstance(index, slice) else index.tolist()
        noisy = impute(images, removed, self.colour) + noise(images.shape[1:], numbers, images, seed=self.seed)
        return torch.where(removed, noisy.clamp(0, 1), images)
