"""Reconstructions: the gallery, and the ingredients one by one."""

from collections.abc import Mapping, Sequence
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from experiments import files
from experiments.recipe import Recipe
from vislib import models
from vislib.activations import record
from vislib.course.results import FOLDER
from vislib.data.photographs import packaged
from vislib.explain import logit, probability
from vislib.models import Classifier
from vislib.reconstruction import invert, reconstruct

# Chosen before the first of them was made; the default settings were found on orange, tiger, fire engine and castle.
GALLERY = [
    "strawberry",
    "pizza",
    "flamingo",
    "zebra",
    "goldfish",
    "school bus",
    "daisy",
    "jellyfish",
    "volcano",
    "soccer ball",
]
STILL: dict[str, Any] = {"shift": 0, "scale": 0.0, "rotate": 0.0}
WAYS: dict[str, dict[str, Any]] = {
    "pixels": {"parametrisation": "pixels"} | STILL,
    "pixels_moved": {"parametrisation": "pixels"},
    "fourier": STILL,
    "fourier_moved": {},
    "probability": {},
}


# From the pixels on; of each the units that come first, so that nobody chose them.
LAYERS = {"early": "network.bn1", "middle": "network.blocks.2.0.bn2", "late": "network.blocks.4.0.bn2"}
UNITS = [0, 1, 2]
INVERTED = ["coffee", "cat", "flower", "motorcycle", "palace"]


@cache
def _network(name: str) -> Classifier:
    return models.load(name, device="cpu")


def shown(picture: Tensor, name: str, folder: Path | None) -> Tensor:
    """Return a picture as its JPEG file shows it, which is not quite as it was; with a folder, keep the file."""
    from PIL import Image

    file, pixels = BytesIO(), (picture[0] * 255).round().byte().permute(1, 2, 0).numpy()
    Image.fromarray(pixels).save(file, "jpeg", quality=85)
    if folder is not None:
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.jpg").write_bytes(file.getvalue())
    loaded = np.asarray(Image.open(file).convert("RGB"), dtype=np.float32) / 255
    return torch.from_numpy(loaded).permute(2, 0, 1)[None].contiguous()


def reconstructed(target: str, way: str, seed: int, folder: Path | None = None) -> Mapping[str, float]:
    """Reconstruct one class in one way; with a folder, keep the picture there; return two numbers of what is shown.

    They are the probability of the class, and the mean difference between neighbouring pixels. What the tests say is
    measured on the kept pictures where it is told (notebook 06, ``claims/reconstruction.py``): it differs from one
    ascent to the next by more than a table can promise.
    """
    model = _network("efficientnet_lite0")
    k = model.index(target)
    picture = reconstruct(model, k, seed=seed, score=probability if way == "probability" else logit, **WAYS[way])
    picture = shown(picture, f"{target}_{way}_{seed}", folder)
    return measured(picture, k)


@torch.no_grad()
def measured(picture: Tensor, target: int) -> Mapping[str, float]:
    """Return the probability of the class, and the mean difference between neighbouring pixels, down plus across."""
    own = _network("efficientnet_lite0")(picture).softmax(1)[0, target]
    rough = picture.diff(dim=2).abs().mean() + picture.diff(dim=3).abs().mean()
    return {"own": round(float(own), 3), "roughness": round(float(rough), 3)}


@torch.no_grad()
def unit_of(images: Tensor, layer: str, unit: int) -> Tensor:
    """Return how strongly each image (B, 3, H, W) excites a unit of one of the layers, in the mean over its map, (B,)."""
    model = _network("efficientnet_lite0")
    with record(model, [LAYERS[layer]]) as seen:
        model(images)
    return seen[LAYERS[layer]][:, unit].mean((1, 2))


def excited(layer: str, unit: int, folder: Path | None = None) -> Mapping[str, float]:
    """Climb a unit of a layer; with a folder, keep the picture there; return how strongly what is shown excites it."""
    picture = reconstruct(_network("efficientnet_lite0"), unit, layer=LAYERS[layer], steps=128)
    picture = shown(picture, f"{layer}_{unit}", folder)
    return {"excited": round(float(unit_of(picture, layer, unit)), 3)}


def inverted(photo: str, layer: str, folder: Path | None = None) -> Mapping[str, float]:
    """Invert a layer's answer to a photograph; with a folder, keep the picture; return how the two correlate, in pixels."""
    model = _network("efficientnet_lite0")
    image = model.preprocess(packaged(photo))
    picture = shown(invert(model, image, LAYERS[layer], steps=128), f"{photo}_{layer}", folder)
    return {"correlation": round(float(torch.corrcoef(torch.stack([image.flatten(), picture.flatten()]))[0, 1]), 3)}


def _recipe(**grid: Sequence[Any]) -> Recipe:
    return Recipe(
        grid=grid,
        cell=reconstructed,
        files=files.pretrained("efficientnet_lite0"),
        # An ascent of many steps magnifies the last digit, so that another machine comes to another picture.
        tolerance=0.1,
        keep={"folder": FOLDER / "reconstruction"},
    )


RECIPES: dict[str, Recipe] = {
    "reconstruction_gallery": _recipe(target=GALLERY, way=["fourier_moved"], seed=[0]),
    "reconstruction_ways": _recipe(target=GALLERY, way=["pixels", "pixels_moved", "fourier", "probability"], seed=[0]),
    "reconstruction_units": Recipe(
        {"layer": list(LAYERS), "unit": UNITS},
        excited,
        files.pretrained("efficientnet_lite0"),
        tolerance=0.5,
        keep={"folder": FOLDER / "units"},
    ),
    "reconstruction_inverted": Recipe(
        {"photo": INVERTED, "layer": list(LAYERS)},
        inverted,
        [*files.PHOTOGRAPHS, *files.pretrained("efficientnet_lite0")],
        tolerance=0.1,
        keep={"folder": FOLDER / "inverted"},
    ),
}
