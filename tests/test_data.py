"""The photographs open on any machine that has the pip packages; the messages for unknown names are in test_check."""

import numpy as np
import pytest

from vislib.data import PHOTOS, PhotoFile, photo


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
