"""Photographs that arrive inside pip packages."""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from PIL import Image

from vislib.explain import closest


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


def photo(name: str) -> Image.Image:
    """Return a photograph by its name in `PHOTOS`, as an RGB image.

    Raises:
        ValueError: for an unknown name, with the names that exist.
    """
    if name not in PHOTOS:
        raise ValueError(f"there is no photo {name!r}; {closest(name, PHOTOS)}")
    with Image.open(PHOTOS[name].file()) as image:
        return image.convert("RGB")
