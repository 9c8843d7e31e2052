"""The photographs open on any machine that has the pip packages, and whatever holds a picture gives its colours.

The messages for unknown names are in test_check.
"""

import io
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from vislib.data import PHOTOS, PhotoFile, photo
from vislib.models.pixels import pixels


@pytest.mark.parametrize("name", PHOTOS)
def test_every_photo_opens_in_colour_mode(name: str) -> None:
    image = photo(name)
    assert image.mode == "RGB"
    assert min(image.size) >= 224 or name == "coins"
    pixels = np.asarray(image)
    assert pixels.std() > 10  # a picture, not a blank page
    assert photo(name).tobytes() == image.tobytes()


@pytest.mark.parametrize("name", PHOTOS)
def test_every_photo_has_a_licence_and_an_author(name: str) -> None:
    licence, _, author = PHOTOS[name].licence.partition(", ")
    assert licence.strip()
    assert author.strip() or name == "motorcycle"  # whose source asks for a citation of the data set


@pytest.mark.parametrize("name", ["coffee", "cat", "palace"])
def test_the_file_is_inside_an_installed_package(name: str) -> None:
    assert PHOTOS[name].file().is_file()
    assert "site-packages" in PHOTOS[name].file().parts or "dist-packages" in PHOTOS[name].file().parts


def test_a_missing_package_is_named() -> None:
    with pytest.raises(RuntimeError, match="the package no_such_package is not installed; install the course again"):
        PhotoFile("no_such_package", "x.png", "").file()


# ---- what holds a picture ----

COLOUR, ALPHA = np.array([204, 51, 102]) / 255, 128 / 255  # one that the palette has
GREY = COLOUR @ [0.299, 0.587, 0.114]
OPAQUE = ("1", "L", "P", "RGB", "RGBX", "CMYK", "YCbCr", "LAB", "HSV")
CLEAR = ("LA", "PA", "RGBA", "RGBa", "P with transparency", "RGB with transparency", "L with transparency")


def _picture(mode: str) -> tuple[Image.Image, Any, float]:
    """Return a picture of one colour, and what this is and covers: red, green and blue, and alpha, in [0, 1]."""
    plain, (mode, _, by) = Image.new("RGB", (8, 8), (204, 51, 102)), mode.partition(" with ")
    if by:
        image = plain.convert(mode)
        image.info["transparency"] = image.getpixel((0, 0))
        return image, COLOUR, 0
    if mode == "1":
        return Image.new("1", (8, 8), 1), np.ones(3), 1
    if mode in OPAQUE:
        return plain.convert(mode), COLOUR if len(mode) > 1 or mode == "P" else np.repeat(GREY, 3), 1
    image = plain.convert({"LA": "L", "PA": "P"}.get(mode, "RGB"))
    image.putalpha(128)
    return image.convert(mode), np.repeat(GREY, 3) if mode == "LA" else COLOUR, ALPHA


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5])
@pytest.mark.parametrize("mode", [*OPAQUE, *CLEAR])
def test_a_picture_of_any_mode_gives_its_colours(mode: str, channels: int) -> None:
    image, colour, alpha = _picture(mode)
    assert image.mode == mode.partition(" with ")[0]
    if channels == 5 or (channels in (2, 4) and mode in OPAQUE):
        other = {2: "LA", 4: "RGBA", 5: "a tensor"}[channels]
        with pytest.raises(
            ValueError, match=f"image has the mode {image.mode}; expected {other} for {channels} channels"
        ):
            pixels(image, 8, channels)
        return
    on_white = colour * alpha + 1 - alpha
    shown = on_white if channels in (1, 3) else colour
    if channels < 3:
        shown = shown[:1] if mode.startswith("L") and mode != "LAB" else [shown @ [0.299, 0.587, 0.114]]
    expected = np.array([*shown, alpha][:channels])
    ours = pixels(image, 8, channels)
    assert ours.shape == (1, channels, 8, 8)
    if alpha:
        np.testing.assert_allclose(ours[0, :, 3, 3], expected, atol=6 / 255)  # LAB and HSV are coarse
    elif channels in (2, 4):  # the colour of what is not seen is nothing
        assert ours[0, -1].eq(0).all()
    else:
        assert ours.eq(1).all()


@pytest.mark.parametrize("kind", ["I;16", "I;16L", "I;16B"])
def test_sixteen_bits_of_either_byte_order_keep_their_depth(kind: str) -> None:
    deep = np.arange(64, dtype=np.uint16).reshape(8, 8) * 1000
    order = ">u2" if kind.endswith("B") else "<u2"
    expected = torch.from_numpy(deep / 65535).float()
    image = Image.frombytes(kind, (8, 8), deep.astype(order).tobytes())
    for given in (image, deep.astype(order), np.repeat(deep.astype(order)[..., None], 3, 2)):
        for ours in pixels(given, 8, 3)[0]:
            torch.testing.assert_close(ours, expected, rtol=0, atol=1e-6)


def test_a_grey_value_of_sixteen_bits_that_stands_for_nothing_is_white() -> None:
    deep = np.full((8, 8), 30000, np.uint16)
    deep[:4] = 500
    file = io.BytesIO()
    Image.fromarray(deep).save(file, "PNG", transparency=500)
    ours = pixels(Image.open(file), 8, 1)[0, 0]
    assert ours[:4].eq(1).all()
    torch.testing.assert_close(ours[4:], torch.full((4, 8), 30000 / 65535))


@pytest.mark.parametrize("kind", [">f2", ">f4", "<f4", ">f8", "<f8", "longdouble"])
def test_numbers_of_any_width_and_byte_order_are_numbers(kind: str) -> None:
    numbers = (np.random.default_rng(0).random((8, 8, 3)) * 1024).round() / 1024
    expected = torch.from_numpy(numbers).float().permute(2, 0, 1)[None]
    torch.testing.assert_close(pixels(numbers.astype(kind), 8, 3), expected)


@pytest.mark.parametrize("kind", ["u1", "<u2", ">u2", "f4", ">f4"])
@pytest.mark.parametrize("shape", [(0, 5), (5, 0), (0, 5, 3), (5, 0, 1)])
def test_a_picture_without_pixels(kind: str, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=rf"image has {shape[0]} x {shape[1]} pixels; expected at least one\."):
        pixels(np.zeros(shape, kind), 8, 3)


@pytest.mark.parametrize("kind", ["i2", ">i4", "bool", "c8"])
def test_an_array_that_is_no_picture_hears_of_all_that_are(kind: str) -> None:
    with pytest.raises(TypeError, match=r"expected \(H, W\) or \(H, W, C\), uint8, uint16 or float in \[0, 1\]\."):
        pixels(np.ones((8, 8), kind), 8, 3)
    with pytest.raises(TypeError, match=r"image is an array of >u2 with shape \(1, 8, 8, 3\); expected"):
        pixels(np.ones((1, 8, 8, 3), ">u2"), 8, 3)
