"""Notebook 09: every explainer of the course in the tests that train nothing, on one network whose truth is known.

The columns that take hours come from the tables of notebooks 07 and 08.
"""

from functools import cache, partial

import torch
from torch import Tensor

from vislib import _checkpoint, _guided, controls, data, faithfulness, gradients, models, occlusion
from vislib.data import ImageSet
from vislib.explain import Explainer
from vislib.models import Classifier
from vislib.results import Recipe

IMAGES, RESAMPLES = 216, 2000
EXPLAINERS: dict[str, Explainer] = {
    "gradient": gradients.gradient,
    "input × gradient": gradients.input_x_gradient,
    "SmoothGrad": partial(gradients.smoothgrad, n=16),
    "SmoothGrad²": partial(gradients.smoothgrad_squared, n=16),
    "VarGrad": partial(gradients.vargrad, n=16),
    "integrated gradients": partial(gradients.integrated_gradients, steps=16),
    "guided backprop": gradients.guided_backprop,
    "Grad-CAM": gradients.grad_cam,
    "occlusion": partial(occlusion.occlusion, patch=16, stride=4),
    "random": controls.chance,
    "sobel": controls.sobel,
    "disc": controls.disc,
}


@cache
def asked() -> tuple[Classifier, ImageSet]:
    """Return the network that names the object, and new images of it."""
    return models.trained("shapes_object", device="cpu"), data.shapes(IMAGES, seed=9, device="cpu")


@cache
def _by_chance(measure: str) -> Tensor:
    return _values(measure, controls.chance)


def _values(measure: str, explainer: Explainer) -> Tensor:
    """Return one number per image."""
    model, scenes = asked()
    if measure in ("deletion", "insertion"):
        areas: Tensor = getattr(faithfulness, measure)(model, scenes.images, scenes.labels, explainer).areas
        return areas
    found: Tensor = getattr(faithfulness, measure)(model, scenes.images, scenes.labels, explainer, scenes.masks)
    return found


def interval(values: Tensor, resamples: int = RESAMPLES) -> list[float]:
    """Return mean, and the bootstrap's 2.5 and 97.5 % quantiles of the mean, of numbers (N,)."""
    which = torch.randint(len(values), (resamples, len(values)), generator=torch.Generator().manual_seed(0))
    low, high = values[which].mean(1).quantile(torch.tensor([0.025, 0.975])).tolist()
    return [round(value, 4) for value in (float(values.mean()), low, high)]


def tried(explainer: str) -> dict[str, list[float]]:
    """Return, for each test, by how much the explainer beats a random map: the mean over images and its 95 % interval.

    Each is turned so that more is better; a random map against itself is 0.
    """
    how = EXPLAINERS[explainer]
    gains = {name: _values(name, how) - _by_chance(name) for name in ("insertion", "pointing_game", "mass_inside")}
    gains["deletion"] = _by_chance("deletion") - _values("deletion", how)
    return {name: interval(gain) for name, gain in gains.items()}


_METHODS = [
    *(getattr(explainer, "func", explainer) for explainer in EXPLAINERS.values()),
    *(gradients.pixel_gradient, gradients._noisy, _guided),
    {name: getattr(explainer, "keywords", {}) for name, explainer in EXPLAINERS.items()},
]
RECIPES: dict[str, Recipe] = {
    "scoreboard": Recipe(
        grid={"explainer": list(EXPLAINERS)},
        cell=tried,
        uses=[
            *_METHODS,
            _checkpoint.FOLDER / "shapes_object.safetensors",
            faithfulness,
            data.shapes,
            asked.__wrapped__,
            _values,
            interval,
            IMAGES,
            RESAMPLES,
        ],
        tolerance=0.02,
    )
}
