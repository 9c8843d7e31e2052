"""Notebook 09: every explainer of the course in the tests that train nothing, on one network whose truth is known.

The columns that take hours come from the tables of notebooks 07 and 08.
"""

from functools import cache, partial

from torch import Tensor

from experiments import files
from experiments.recipe import Recipe
from experiments.roar import METHODS
from vislib import controls, data, faithfulness, models, occlusion
from vislib.data import ImageSet
from vislib.explain import Explainer
from vislib.intervals import interval
from vislib.models import Classifier

IMAGES = 216
EXPLAINERS: dict[str, Explainer] = {
    **METHODS,
    "occlusion": partial(occlusion.occlusion, patch=16, stride=4),  # larger pictures than there
    "random": controls.chance,
    "sobel": controls.sobel,
    "disc": controls.disc,
}


@cache
def asked() -> tuple[Classifier, ImageSet]:
    """Return the network that names the object, and new images of it."""
    return models.trained("shapes_object", device="cpu"), data.shapes(IMAGES, seed=9, device="cpu")


@cache
def _scores(explainer: str) -> dict[str, Tensor]:
    """Return what each test says of each image, (N,), turned so that more is better."""
    model, scenes = asked()
    assert scenes.masks is not None
    heat = EXPLAINERS[explainer](model, scenes.images, scenes.labels)
    given = (model, scenes.images, scenes.labels, lambda *_: heat)
    return {
        "deletion": -faithfulness.deletion(*given).areas,
        "insertion": faithfulness.insertion(*given).areas,
        "pointing_game": faithfulness.pointing_game(*given, scenes.masks),
        "mass_inside": faithfulness.mass_inside(*given, scenes.masks),
    }


def tried(explainer: str) -> dict[str, list[float]]:
    """Return, for each test, by how much the explainer beats a random map: the mean over images and its 95 % interval."""
    found = {}
    for test, scores in _scores(explainer).items():
        gain = (scores - _scores("random")[test]).double().numpy()
        found[test] = [round(float(value), 4) for value in (gain.mean(), *interval(gain))]
    return found


RECIPES: dict[str, Recipe] = {
    "scoreboard": Recipe(
        grid={"explainer": list(EXPLAINERS)},
        cell=tried,
        files=[*files.SHAPES, *files.trained("shapes_object")],
        tolerance=0.02,
    )
}
