"""Reconstructions: the gallery, and the ingredients one by one."""

from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from experiments import files
from experiments.recipe import Recipe
from vislib import models
from vislib.course.results import FOLDER
from vislib.explain import logit, probability
from vislib.models import Classifier
from vislib.reconstruction import moved, reconstruct, resized

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


@cache
def _network(name: str) -> Classifier:
    return models.load(name, device="cpu")


@torch.no_grad()
def _tests(picture: Tensor, target: int) -> dict[str, float]:
    """Return the probability of the class: of the picture, in the mean over 32 moves, and by the second network."""
    own, other = _network("efficientnet_lite0"), _network("efficientnet_lite1")
    answers = {
        "own": own(picture),
        "moved": own(moved(picture, n=32, seed=1)),
        "second": other(resized(picture, other.input_size)),
    }
    return {name: round(float(logits.softmax(1)[:, target].mean()), 3) for name, logits in answers.items()}


def _keep(picture: Tensor, name: str, folder: Path | None) -> None:
    from PIL import Image

    if folder is not None:
        folder.mkdir(exist_ok=True)
        pixels = (picture[0] * 255).round().byte().permute(1, 2, 0).numpy()
        Image.fromarray(pixels).save(folder / f"{name}.jpg", quality=85)


def reconstructed(target: str, way: str, seed: int, folder: Path | None = None) -> Mapping[str, float]:
    """Reconstruct one class in one way; with a folder, keep the picture there; return its tests."""
    model = _network("efficientnet_lite0")
    k = model.index(target)
    picture = reconstruct(model, k, seed=seed, score=probability if way == "probability" else logit, **WAYS[way])
    _keep(picture, f"{target}_{way}_{seed}", folder)
    return _tests(picture, k)


def _recipe(**grid: Sequence[Any]) -> Recipe:
    return Recipe(
        grid=grid,
        cell=reconstructed,
        files=files.pretrained("efficientnet_lite0", "efficientnet_lite1"),
        # An ascent of many steps magnifies the last digit, so that another machine comes to another picture.
        tolerance=0.25,
        keep={"folder": FOLDER / "reconstruction"},
    )


RECIPES: dict[str, Recipe] = {
    "reconstruction_gallery": _recipe(target=GALLERY, way=["fourier_moved"], seed=[0]),
    "reconstruction_ways": _recipe(
        target=GALLERY[:2], way=["pixels", "pixels_moved", "fourier", "probability"], seed=[0]
    ),
}
