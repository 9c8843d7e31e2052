"""How `vislib.data.shapes` draws: anti-aliased outlines from signed distances, whole batches at once.

Every image is one row of uniform random numbers, read off column by column. So a picture does not depend on how many
are drawn, nor on which of its properties is the label.
"""

import math
from collections.abc import Callable, Iterator
from functools import cache

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from vislib import HERE, one_thread

OBJECTS = ("circle", "square", "triangle", "star", "cross", "ring")
TEXTURES = ("brick", "grass", "gravel")
COLOURS = ("red", "yellow", "green", "cyan", "blue", "magenta")
REACH = 1.56  # no outline goes further from its centre than this many radii

_COMBINATIONS = len(OBJECTS) * len(TEXTURES) * len(COLOURS)
_DISTRACTORS = 3
_RADIUS = (0.115, 0.175)  # of the object, in sides of the image, as is what follows
_STROKE = ((0.02, 0.1), (0.012, 0.03))  # half the length and half the thickness of a distractor
_SCALES = (4, 3, 2)  # the side of a texture photograph, in sides of the image
_COLUMNS = 16 + 9 * _DISTRACTORS


def draw(n: int, size: int, seed: int) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
    """Return images (n, 3, size, size) in [0, 1], masks (n, size, size) and the attributes of each image (n,)."""
    blocks = -(-n // _COMBINATIONS)
    numbers = torch.rand(blocks * _COMBINATIONS, _COLUMNS, generator=torch.Generator().manual_seed(int(seed)), **HERE)
    # each block of 108 images holds every combination of object, texture and colour once, in random order
    combination = numbers[:, 0].reshape(blocks, -1).argsort(stable=True, dim=1).flatten()[:n]
    images, masks = torch.empty(n, 3, size, size, **HERE), torch.zeros(n, size, size, dtype=torch.bool, device="cpu")
    pieces = zip(*(whole.split(128) for whole in (images, masks, numbers[:n], combination)), strict=True)
    with one_thread(images.device):  # the pieces are small, and several threads mostly wait for each other
        drawn = [_draw(canvas, mask, iter(rows.T[1:]), which) for canvas, mask, rows, which in pieces]
    return images, masks, {name: torch.cat([part[name] for part in drawn]) for name in drawn[0]}


def _draw(canvas: Tensor, mask: Tensor, columns: Iterator[Tensor], combination: Tensor) -> dict[str, Tensor]:
    """Draw into a canvas (n, 3, S, S) and a mask (n, S, S); return the attributes."""
    size = canvas.shape[-1]
    radius = size * _between(columns, *_RADIUS)
    margin = REACH * radius + 1
    attributes = {
        "object": combination % len(OBJECTS),
        "texture": combination // len(OBJECTS) % len(TEXTURES),
        "colour": combination // (len(OBJECTS) * len(TEXTURES)),
        "row": margin + _between(columns, 0, 1) * (size - 2 * margin),
        "col": margin + _between(columns, 0, 1) * (size - 2 * margin),
        "radius": radius,
        "angle": _between(columns, 0, 2 * math.pi),
    }
    _background(canvas, columns, attributes["texture"])
    for _ in range(_DISTRACTORS):
        _stroke(canvas, columns)
    _object(canvas, mask, attributes, _colour(columns, attributes["colour"]))
    canvas.clamp_(0, 1)
    return attributes


def stamp(images: Tensor, classes: Tensor) -> Tensor:
    """Put a mark into the top left corner of each image, in place: a die that shows class + 1 pips. Returns a mask (H, W)."""
    size = images.shape[-1]
    pip = max(size // 32, 1)
    side = 5 * pip + 2  # three pips with gaps of their own width, and a border of one pixel
    for k, face in enumerate(_FACES):
        die = torch.ones(side, side, **HERE)
        for place in (i for i, mark in enumerate(face) if mark == "#"):
            top, left = (1 + 2 * pip * step for step in divmod(place, 3))
            die[top : top + pip, left : left + pip] = 0
        images[classes == k, :, :side, :side] = die
    near = torch.arange(size, device="cpu") < side
    return near[:, None] & near


# Of a die: three rows of three places.
_FACES = ("    #    ", "#       #", "#   #   #", "# #   # #", "# # # # #", "# ## ## #")


def _between(columns: Iterator[Tensor], low: float, high: float) -> Tensor:
    """Return the next column (n,) of random numbers, uniform in [low, high): each is handed out once."""
    return low + (high - low) * next(columns)


def _choice(columns: Iterator[Tensor], k: int) -> Tensor:
    """Return the next column (n,) as one of the integers below k."""
    return (k * next(columns)).long().clamp_(max=k - 1)


@cache
def _textures(size: int) -> list[list[Tensor]]:
    """Return the photographs of each texture at each scale, (S, S), with mean 0 and standard deviation 1."""
    from skimage import data

    photos = []
    for name in TEXTURES:
        pixels = torch.from_numpy(np.asarray(getattr(data, name)(), dtype=np.float32))[None, None]
        pixels = (pixels - pixels.mean()) / pixels.std()
        photos.append([F.interpolate(pixels, s * size, mode="bilinear", antialias=True)[0, 0] for s in _SCALES])
    return photos


def _background(canvas: Tensor, columns: Iterator[Tensor], texture: Tensor) -> None:
    """Cut a piece out of each texture, mirror it at random, and give it a brightness and a faint tint."""
    size = canvas.shape[-1]
    scale, mirror = _choice(columns, len(_SCALES)), _choice(columns, 4)
    down, right = _between(columns, 0, 1), _between(columns, 0, 1)
    light, tint = _between(columns, 0.38, 0.55), torch.stack([_between(columns, 0.92, 1.08) for _ in range(3)], 1)
    grey = canvas.new_empty(len(texture), size, size)
    photos = _textures(size)
    for i, (t, s) in enumerate(zip(texture.tolist(), scale.tolist(), strict=True)):
        top, left = (int(at[i] * (len(photos[t][s]) - size + 1)) for at in (down, right))
        grey[i] = photos[t][s][top : top + size, left : left + size]
    for way, dims in enumerate(([1], [2], [1, 2])):
        grey[mirror == way] = grey[mirror == way].flip(dims)
    grey.mul_(0.13).add_(light[:, None, None])
    torch.mul(grey[:, None], tint[:, :, None, None], out=canvas)


def _colour(columns: Iterator[Tensor], index: Tensor) -> Tensor:
    """Return an RGB colour (n, 3) close to one of `COLOURS`, which lie a sixth of the colour circle apart."""
    hue = index / len(COLOURS) + _between(columns, -0.03, 0.03)
    saturation, value = _between(columns, 0.65, 0.95), _between(columns, 0.75, 1.0)
    away = ((hue[:, None] + torch.tensor([0, 2 / 3, 1 / 3], **HERE)) % 1 * 6 - 3).abs() - 1  # of red, green and blue
    return value[:, None] * (1 - saturation[:, None] * (1 - away.clamp(0, 1)))


def _stroke(canvas: Tensor, columns: Iterator[Tensor]) -> None:
    """Draw one distractor into each image: a round-ended stroke, from a blob to a line."""
    size = canvas.shape[-1]
    row, col, angle = _between(columns, 0, size), _between(columns, 0, size), _between(columns, 0, math.pi)
    half, thick = (size * _between(columns, *sides)[:, None, None] for sides in _STROKE)
    window, (x, y) = _window(row, col, angle, size * (_STROKE[0][1] + _STROKE[1][1]), size)
    distance = torch.hypot((x.abs() - half).clamp_(min=0), y) - thick
    _paint(canvas, window, distance, _colour(columns, _choice(columns, len(COLOURS))))


def _object(canvas: Tensor, mask: Tensor, attributes: dict[str, Tensor], colour: Tensor) -> None:
    """Draw the labelled object into each image and into its mask."""
    size = canvas.shape[-1]
    row, col, angle, radius = (attributes[name] for name in ("row", "col", "angle", "radius"))
    window, (x, y) = _window(row, col, angle, size * REACH * _RADIUS[1], size)
    radius, distance = radius[:, None, None], torch.empty_like(x)
    x, y = x / radius, y / radius
    for k, outline in enumerate(_OUTLINES):
        chosen = attributes["object"] == k
        distance[chosen] = radius[chosen] * outline(x[chosen], y[chosen])
    _paint(canvas, window, distance, colour)
    mask.flatten(1).scatter_(1, window, distance.flatten(1) < 0)


def _window(row: Tensor, col: Tensor, angle: Tensor, reach: float, size: int) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """Return which pixels lie around (row, col), (n, s * s), and their coordinates (n, s, s) in frames turned by `angle`."""
    side = min(2 * math.ceil(reach) + 2, size)
    steps = torch.arange(side, device="cpu")
    rows, cols = ((at - reach).long().clamp(0, size - side)[:, None] + steps for at in (row, col))
    x, y = (cols + 0.5 - col[:, None])[:, None, :], (rows + 0.5 - row[:, None])[:, :, None]
    cos, sin = angle.cos()[:, None, None], angle.sin()[:, None, None]
    pixels = (rows[:, :, None] * size + cols[:, None, :]).flatten(1)
    return pixels, (cos * x + sin * y, cos * y - sin * x)


def _paint(canvas: Tensor, window: Tensor, distance: Tensor, colour: Tensor) -> None:
    """Put a colour (n, 3) over the window of a canvas inside an outline, from the signed distance (n, s, s) in pixels."""
    pixels, window = canvas.flatten(2), window[:, None].expand(-1, 3, -1)
    covered = (0.5 - distance).clamp_(0, 1)  # how much of a pixel lies inside
    painted = pixels.gather(2, window).lerp_(colour[:, :, None], covered.flatten(1)[:, None])
    pixels.scatter_(2, window, painted)


# Signed distances to outlines of area pi, so that an object's size does not give its kind away.


def _circle(x: Tensor, y: Tensor) -> Tensor:
    return torch.hypot(x, y) - 1


def _square(x: Tensor, y: Tensor) -> Tensor:
    return torch.maximum(x.abs(), y.abs()) - math.sqrt(math.pi) / 2


def _triangle(x: Tensor, y: Tensor) -> Tensor:
    slope = math.sqrt(3) / 2
    return torch.maximum(-y, slope * x.abs() + y / 2) - math.sqrt(math.pi / (3 * math.sqrt(3)))


def _star(x: Tensor, y: Tensor) -> Tensor:
    inner, sector = 0.45, 2 * math.pi / 5
    tip = math.sqrt(math.pi / (5 * inner * math.sin(sector / 2)))
    notch_x, notch_y = inner * tip * math.cos(sector / 2), inner * tip * math.sin(sector / 2)
    length = math.hypot(tip - notch_x, notch_y)
    radius, angle = torch.hypot(x, y), torch.atan2(x, y)
    fold = ((angle + sector / 2) % sector - sector / 2).abs()  # ten equal edges fold into one
    along, across = radius * fold.cos(), radius * fold.sin()
    return ((along - tip) * notch_y + across * (tip - notch_x)) / length


def _cross(x: Tensor, y: Tensor) -> Tensor:
    arm = math.sqrt(math.pi / (4 * (2 * 0.34 - 0.34**2)))
    x, y = x.abs(), y.abs()
    return torch.maximum(torch.maximum(x, y) - arm, torch.minimum(x, y) - 0.34 * arm)


def _ring(x: Tensor, y: Tensor) -> Tensor:
    outer = 1 / math.sqrt(1 - 0.55**2)
    return (torch.hypot(x, y) - 0.775 * outer).abs() - 0.225 * outer


_OUTLINES: tuple[Callable[[Tensor, Tensor], Tensor], ...] = (_circle, _square, _triangle, _star, _cross, _ring)
