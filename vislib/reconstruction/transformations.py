"""Transformations of pictures: they turn, grow and shift by a little, so that no ascent can rely on single pixels."""

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from vislib import HERE
from vislib.explain import check_count, check_images, refuses


def _check_moved(images: Tensor, *, n: int = 1, **options: Any) -> None:
    check_images(None, images)
    check_count(n, "n")


@refuses(_check_moved)
def moved(
    images: Tensor, *, shift: int = 16, scale: float = 0.1, rotate: float = 10.0, n: int = 1, seed: int = 0
) -> Tensor:
    """Return n moved copies of each image, (B * n, C, H, W), those of the first image first; what comes in is mirrored.

    Args:
        images: (B, C, H, W).
        shift, scale, rotate: the largest move, in pixels, as a share, and in degrees.
        n: how many copies of each.
        seed: of the moves, which are the same for each image.

    Raises:
        TypeError, ValueError: for images or moves that do not fit, or n below 1.
    """
    check_moves(shift, scale, rotate)
    generator = torch.Generator().manual_seed(seed)
    moves = torch.stack([draw_moves(shift, scale, rotate, generator) for _ in range(n)])
    return move(images.repeat_interleave(n, 0), moves.repeat(len(images), 1))


def _check_resized(images: Tensor, size: int) -> None:
    check_images(None, images)
    check_count(size, "size")


@refuses(_check_resized)
def resized(images: Tensor, size: int) -> Tensor:
    """Return images (B, C, S, S) with sides of `size` pixels, for a network that takes another size.

    Raises:
        TypeError, ValueError: for images that do not fit, or a size below 1.
    """
    return F.interpolate(images, (size, size), mode="bilinear", antialias=True)


def draw_moves(shift: int, scale: float, rotate: float, generator: torch.Generator) -> Tensor:
    """Draw one move: (angle in radians, factor, right, down), the last two in whole pixels."""
    angle, factor, right, down = (2 * torch.rand(4, generator=generator, **HERE) - 1).tolist()
    turn = math.radians(rotate * angle)
    return torch.tensor([turn, 1 + scale * factor, round(shift * right), round(shift * down)], **HERE)


def move(images: Tensor, moves: Tensor) -> Tensor:
    """Turn, scale and shift each image (B, C, H, W) by its row of moves (B, 4); what comes in at the border is mirrored."""
    height, width = images.shape[-2:]
    angle, factor, right, down = moves.unbind(1)
    cos, sin = angle.cos() / factor, angle.sin() / factor
    # Each row says where a pixel of the result comes from, in half sides of the image.
    rows = (
        torch.stack([cos, -sin * height / width, -2 * right / width], 1),
        torch.stack([sin * width / height, cos, -2 * down / height], 1),
    )
    grid = F.affine_grid(torch.stack(rows, 1).to(images), list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, padding_mode="reflection", align_corners=False)


def check_moves(shift: int, scale: float, rotate: float) -> None:
    if isinstance(shift, bool) or not isinstance(shift, int) or shift < 0:
        raise ValueError(f"shift is {shift!r}; expected an int of at least 0 pixels.")
    if not 0 <= scale < 1:
        raise ValueError(f"scale is {scale}; expected a share from 0 to below 1.")
    if not 0 <= rotate <= 180:
        raise ValueError(f"rotate is {rotate}; expected 0 to 180 degrees.")
