"""Two tiles on a texture, whose order no small patch can see."""

import torch

from vislib import HERE, stream
from vislib.data import ImageSet, shapes


def tiles(n: int, *, size: int = 64, seed: int = 0, device: torch.device | str | None = None) -> ImageSet:
    """Draw a white and a black tile on the images of `shapes`: which of the two is further left?

    More than a quarter of the image lies between the tiles, and some of it beside them. So a small patch never sees both,
    and a network of small patches sees each of them from all sides: both classes are made of the same patches.

    Args:
        n, size, seed, device: as in `shapes`.

    Returns:
        Images (n, 3, size, size), the labels "white left" and "black left", and masks of both tiles (n, size, size).

    Raises:
        ValueError: as in `shapes`.
    """
    background = shapes(n, size=size, seed=seed, device="cpu")
    drawn = torch.rand(n, 5, generator=stream(seed, "tiles"), **HERE)
    side, jitter = 3 * size // 32, size // 8
    rows = ((size - side + 1) * drawn[:, :2]).long()
    left, right = (start * size // 64 + (jitter * drawn[:, k]).long() for k, start in ((2, 9), (3, 39)))
    labels = (drawn[:, 4] < 0.5).long()
    masks = torch.zeros_like(background.images[:, 0], dtype=torch.bool)
    for i, (image, label) in enumerate(zip(background.images, labels.tolist(), strict=True)):
        for col, row, colour in ((left, rows[:, 0], 1 - label), (right, rows[:, 1], label)):
            window = (..., slice(int(row[i]), int(row[i]) + side), slice(int(col[i]), int(col[i]) + side))
            image[window] = colour
            masks[i][window] = True
    made = ImageSet(background.images, labels, ("white left", "black left"), masks)
    return made.to(device)
