"""Transformations of pictures: they turn, grow and shift by a little, so that no ascent can rely on single pixels."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from vislib import HERE
from vislib.explain import check_count, check_images, check_number, widened


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
    check_images(None, images)
    check_count(n, "n")
    check_moves(shift, scale, rotate)
    check_number(seed, "seed", "an int", whole=True)
    generator = torch.Generator().manual_seed(int(seed))
    moves = torch.stack([draw_moves(shift, scale, rotate, generator) for _ in range(n)])
    return move(images.repeat_interleave(n, 0), moves.repeat(len(images), 1))


def resized(images: Tensor, size: int) -> Tensor:
    """Return images (B, C, S, S) with sides of `size` pixels, for a network that takes another size.

    Raises:
        TypeError, ValueError: for images that do not fit, or a size below 1.
    """
    check_images(None, images)
    check_count(size, "size")
    # half precision has no such filter on a CPU
    return F.interpolate(widened(images), (size, size), mode="bilinear", antialias=True).to(images)


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
    rows = [cos, -sin * height / width, -2 * right / width], [sin * width / height, cos, -2 * down / height]
    matrix = torch.stack([torch.stack(row, 1) for row in rows], 1)
    kind = images.device.type if torch.is_autocast_enabled(images.device.type) else "cpu"
    with torch.autocast(kind, enabled=False):  # places need more digits than half precision has
        grid = F.affine_grid(matrix.to(widened(images)), list(images.shape), align_corners=False)
        return F.grid_sample(widened(images), grid, padding_mode="reflection", align_corners=False).to(images)


def check_moves(shift: int, scale: float, rotate: float) -> None:
    """Raise for a shift (pixels), a scale (a share) or a rotation (degrees) that no move can have."""
    check_number(shift, "shift", "an int of at least 0 pixels", 0, whole=True)
    check_number(scale, "scale", "a share from 0 to below 1", 0, math.nextafter(1, 0))
    check_number(rotate, "rotate", "0 to 180 degrees", 0, 180)
