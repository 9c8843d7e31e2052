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
                f"the package {self.package} is not installed; run: python -m pip install -c constraints.txt -e ."
            )
        return Path(spec.origin).parent / self.path


_SKIMAGE, _SKLEARN, _MATPLOTLIB = "skimage", "sklearn", "matplotlib"

PHOTOS: dict[str, PhotoFile] = {
    "astronaut": PhotoFile(_SKIMAGE, "data/astronaut.png", "public domain, NASA"),
    "cameraman": PhotoFile(_SKIMAGE, "data/camera.png", "CC0, Lav Varshney"),
    "cat": PhotoFile(_SKIMAGE, "data/chelsea.png", "CC0, Stefan van der Walt"),
    "coffee": PhotoFile(_SKIMAGE, "data/coffee.png", "CC0, Rachel Michetti"),
    "coins": PhotoFile(_SKIMAGE, "data/coins.png", "no known restrictions, Brooklyn Museum"),
    "flower": PhotoFile(_SKLEARN, "datasets/images/flower.jpg", "CC BY 2.0, vultilion"),
    "hopper": PhotoFile(_MATPLOTLIB, "mpl-data/sample_data/grace_hopper.jpg", "public domain, US Navy"),
    "motorcycle": PhotoFile(_SKIMAGE, "data/motorcycle_left.png", "Middlebury stereo benchmark 2014"),
    "palace": PhotoFile(_SKLEARN, "datasets/images/china.jpg", "CC BY 2.0, danielbuechele"),
    "rocket": PhotoFile(_SKIMAGE, "data/rocket.jpg", "public domain, SpaceX"),
}


def mine() -> Path:
    """Return where the reader's own photograph is kept: `VISLIB_PHOTO` if set, else in the user's data folder."""
    return Path(os.environ.get("VISLIB_PHOTO") or user_data_path("interpreting-vision") / "mine.png").expanduser()


def photo(name: str | Path) -> Image.Image:
    """Return a photograph as an RGB image: by its name in `PHOTOS`, by "mine", which is the reader's own, or by its path.

    Raises:
        ValueError: for an unknown name, with the names that exist, and for a file that is no picture.
    """
    if name in PHOTOS:
        with Image.open(PHOTOS[str(name)].file()) as image:
            return image.convert("RGB")
    file = mine() if name == "mine" else Path(name).expanduser()
    if file.is_file():
        return picture(file, file.name)
    if name == "mine":
        raise ValueError("there is no photo of yours yet; upload one in notebook 00, or give the path of a file.")
    if file.suffix:
        raise ValueError(f"there is no file {file}; expected the path of a picture.")
    raise ValueError(f"there is no photo {str(name)!r}; {closest(str(name), PHOTOS)}")


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
