"""Photographs: those that arrive inside pip packages, and the reader's own."""

import os
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import BinaryIO

from PIL import Image, UnidentifiedImageError
from platformdirs import user_data_path

from vislib.explain import closest
from vislib.models.pixels import pixels


@dataclass(frozen=True)
class PhotoFile:
    """A photograph inside an installed package, and what its licence asks for."""

    package: str
    path: str
    licence: str

    def file(self) -> Path:
        """Return where it is on this machine."""
        spec = find_spec(self.package)  # finds the folder without importing the package
        if spec is None or spec.origin is None:
            raise RuntimeError(
                f"the package {self.package} is not installed; install the course again, as its README says."
            )
        return Path(spec.origin).parent / self.path


PHOTOS: dict[str, PhotoFile] = {
    "astronaut": PhotoFile("skimage", "data/astronaut.png", "public domain, NASA"),
    "cameraman": PhotoFile("skimage", "data/camera.png", "CC0, Lav Varshney"),
    "cat": PhotoFile("skimage", "data/chelsea.png", "CC0, Stefan van der Walt"),
    "coffee": PhotoFile("skimage", "data/coffee.png", "CC0, Rachel Michetti"),
    "coins": PhotoFile("skimage", "data/coins.png", "no known restrictions, Brooklyn Museum"),
    "flower": PhotoFile("sklearn", "datasets/images/flower.jpg", "CC BY 2.0, vultilion"),
    "hopper": PhotoFile("matplotlib", "mpl-data/sample_data/grace_hopper.jpg", "public domain, US Navy"),
    "motorcycle": PhotoFile("skimage", "data/motorcycle_left.png", "Middlebury stereo benchmark 2014"),
    "palace": PhotoFile("sklearn", "datasets/images/china.jpg", "CC BY 2.0, danielbuechele"),
    "rocket": PhotoFile("skimage", "data/rocket.jpg", "public domain, SpaceX"),
}


def mine() -> Path:
    """Return where the reader's own photograph is kept: `VISLIB_PHOTO` if set, else in the user's data folder."""
    return Path(os.environ.get("VISLIB_PHOTO") or user_data_path("interpreting-vision") / "mine.png").expanduser()


def photo(name: str | Path) -> Image.Image:
    """Return a photograph as an RGB image: by its name in `PHOTOS`, by "mine", which is the reader's own, or by its path.

    Raises:
        ValueError: for an unknown name, with the names that exist, and for a file that is no picture.
    """
    file = mine() if name == "mine" else Path(name).expanduser()
    if name not in PHOTOS and file.is_file():
        return picture(file, file.name)
    if name == "mine" or file.suffix:
        raise ValueError(f"there is no picture {file}; upload one in notebook 00, or give another path.")
    return packaged(str(name))  # which says which names there are


def packaged(name: str) -> Image.Image:
    """Return a photograph of `PHOTOS`, and never the reader's own: for what must come out the same everywhere."""
    if name not in PHOTOS:
        raise ValueError(f"there is no photo {name!r}; {closest(name, PHOTOS)}")
    with Image.open(PHOTOS[name].file()) as image:
        return image.convert("RGB")


def picture(file: Path | BinaryIO, name: str) -> Image.Image:
    """Return a picture file as a viewer shows it, in RGB, its shorter side 512 pixels at most; errors call it `name`."""
    try:
        with Image.open(file) as image:
            seen = pixels(image, min(*image.size, 512), 3)[0]
    except UnidentifiedImageError as error:
        raise ValueError(f"{name} is no picture that can be read; expected a JPEG, PNG or WebP file.") from error
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(f"{name} cannot be read ({error}); expected a whole JPEG, PNG or WebP file.") from error
    if min(seen.shape[1:]) < 32:
        raise ValueError(f"{name} has {seen.shape[2]} x {seen.shape[1]} pixels; expected at least 32 each way.")
    return Image.fromarray((255 * seen).round().byte().permute(1, 2, 0).numpy())
