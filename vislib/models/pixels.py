"""From whatever holds an image to pixels (1, C, H, W) in [0, 1]."""

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageOps
from torch import Tensor


def pixels(image: Any, resize: int, channels: int) -> Tensor:
    """Return pixels (1, C, H, W) in [0, 1] whose shorter side has `resize` pixels."""
    if isinstance(image, np.ndarray) and image.dtype == np.uint8 and image.ndim in (2, 3):
        if image.shape[2:] not in ((), (1,), (3,), (4,)):
            raise ValueError(f"image has {image.shape[2]} channels; expected 1, 3 or 4 (the last one is transparency).")
        image = Image.fromarray(image[..., 0] if image.shape[2:] == (1,) else image)
    if isinstance(image, np.ndarray) and image.dtype == np.uint16:
        image = _shallow(image)
    if isinstance(image, Image.Image):
        image = _as_seen(image, channels)
    if isinstance(image, Image.Image):
        small = image.resize(_scaled(image.height, image.width, resize)[::-1], Image.Resampling.BILINEAR)
        array = torch.from_numpy(np.array(small, dtype=np.float32) / 255)
        return array.reshape(*array.shape[:2], -1).permute(2, 0, 1)[None]
    if isinstance(image, np.ndarray):
        if image.dtype.kind != "f" or image.ndim not in (2, 3):
            raise TypeError(
                f"image is an array of {image.dtype} with shape {image.shape}; expected (H, W) or (H, W, C), uint8 or float in [0, 1]."
            )
        image = torch.from_numpy(np.atleast_3d(image).copy()).permute(2, 0, 1)  # a view may be mirrored or read-only
    if not isinstance(image, Tensor):
        raise TypeError(
            f"image is a {type(image).__name__}; expected a PIL image, as vislib.data.photo(path) opens one, an array or a tensor."
        )
    if not image.is_floating_point() or image.ndim not in (3, 4) or (image.ndim == 4 and image.shape[0] != 1):
        raise TypeError(
            f"image is a tensor of {image.dtype} with shape {tuple(image.shape)}; expected (C, H, W) or (1, C, H, W), float in [0, 1]."
        )
    pixels = image.float().reshape(1, *image.shape[-3:])
    if pixels.shape[1] not in ((1, 3) if channels == 3 else (channels,)):
        expected = "1 or 3" if channels == 3 else str(channels)
        raise ValueError(f"image has {pixels.shape[1]} channels; expected {expected}.")
    size = _scaled(pixels.shape[-2], pixels.shape[-1], resize)
    low, high = float(pixels.min()), float(pixels.max())
    if not 0 <= low <= high <= 1:
        raise ValueError(f"image has values from {low:.3g} to {high:.3g}; expected pixels in [0, 1].")
    return F.interpolate(pixels.expand(-1, channels, -1, -1), size, mode="bilinear", antialias=True).clamp(0, 1)


def _as_seen(image: Image.Image, channels: int) -> Image.Image | np.ndarray[Any, Any]:
    """Return a picture as a viewer shows it, transparency on white: 8 bits deep, or an array of numbers in [0, 1]."""
    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I"):
        return _shallow(np.asarray(image))
    if image.mode == "F":
        return np.asarray(image)
    if channels not in (1, 3):
        if len(image.getbands()) != channels:
            raise ValueError(f"image has {len(image.getbands())} channels ({image.mode}); expected {channels}.")
        return image
    try:
        if image.has_transparency_data:
            image = image.convert("RGBA")
            image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
        return image.convert("L" if channels == 1 else "RGB")
    except ValueError as error:
        raise ValueError(f"image has the mode {image.mode}; expected one that PIL turns into RGB.") from error


def _shallow(deep: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return 16-bit pixels as floating-point numbers in [0, 1]."""
    if deep.min() < 0 or 0 < deep.max() < 256 or deep.max() > 65535:
        raise ValueError(
            f"image has {deep.dtype} pixels from {deep.min()} to {deep.max()}; expected 16 bits, up to 65535, or floats in [0, 1]."
        )
    return deep.astype(np.float32) / 65535


def _scaled(height: int, width: int, shorter: int) -> tuple[int, int]:
    """Return (height, width) with the shorter side of the given length, the other one rounded down as torchvision does."""
    if height < 1 or width < 1:
        raise ValueError(f"image has {height} x {width} pixels; expected at least one.")
    if height <= width:
        return shorter, int(shorter * width / height)
    return int(shorter * height / width), shorter
