"""From whatever holds an image to pixels (1, C, H, W) in [0, 1]."""

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor


def pixels(image: Any, resize: int, channels: int) -> Tensor:
    """Return pixels (1, C, H, W) in [0, 1] whose shorter side has `resize` pixels."""
    if isinstance(image, np.ndarray) and image.dtype == np.uint8 and image.ndim in (2, 3):
        if image.shape[2:] not in ((), (1,), (3,), (4,)):
            raise ValueError(f"image has {image.shape[2]} channels; expected 1, 3 or 4 (the last one is transparency).")
        image = Image.fromarray(image[..., 0] if image.shape[2:] == (1,) else image)
    if isinstance(image, Image.Image):
        image = image.convert("L" if channels == 1 else "RGB")
        small = image.resize(_scaled(image.height, image.width, resize)[::-1], Image.Resampling.BILINEAR)
        array = torch.from_numpy(np.array(small, dtype=np.float32) / 255)
        return array.reshape(*array.shape[:2], -1).permute(2, 0, 1)[None]
    if isinstance(image, np.ndarray):
        if image.dtype.kind != "f" or image.ndim not in (2, 3):
            raise TypeError(
                f"image is an array of {image.dtype} with shape {image.shape}; expected (H, W) or (H, W, C), uint8 or float in [0, 1]."
            )
        image = image[..., None] if image.ndim == 2 else image
        image = torch.from_numpy(image.copy()).permute(2, 0, 1)  # a view may be mirrored or read-only
    if not isinstance(image, Tensor):
        raise TypeError(f"image is a {type(image).__name__}; expected a PIL image, an array or a tensor.")
    if not image.is_floating_point() or image.ndim not in (3, 4) or (image.ndim == 4 and image.shape[0] != 1):
        raise TypeError(
            f"image is a tensor of {image.dtype} with shape {tuple(image.shape)}; expected (C, H, W) or (1, C, H, W), float in [0, 1]."
        )
    pixels = image.float().reshape(1, *image.shape[-3:])
    if pixels.shape[1] not in (1, channels):
        expected = "1" if channels == 1 else f"1 or {channels}"
        raise ValueError(f"image has {pixels.shape[1]} channels; expected {expected}.")
    size = _scaled(pixels.shape[-2], pixels.shape[-1], resize)
    if not 0 <= float(pixels.min()) <= float(pixels.max()) <= 1:
        raise ValueError(
            f"image has values from {float(pixels.min()):.3g} to {float(pixels.max()):.3g}; expected pixels in [0, 1]."
        )
    return F.interpolate(pixels.expand(-1, channels, -1, -1), size, mode="bilinear", antialias=True).clamp(0, 1)


def _scaled(height: int, width: int, shorter: int) -> tuple[int, int]:
    """Return (height, width) with the shorter side of the given length, the other one rounded down as torchvision does."""
    if height < 1 or width < 1:
        raise ValueError(f"image has {height} x {width} pixels; expected at least one.")
    if height <= width:
        return shorter, int(shorter * width / height)
    return int(shorter * height / width), shorter
