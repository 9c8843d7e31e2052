"""Notebook 08: the whole sweep of ROAR on digits and on shapes by colour, what the masks alone tell, KAR, and ROAD.

The course's small networks, made smaller still, so that more than a thousand of them can be trained in two hours on one
core: two narrow blocks of convolutions. The shapes are drawn at 32 pixels. Eight epochs: as many again change an accuracy by
little (`roar_epochs`), while after two of them what is learned more slowly looks like what is removed.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from experiments import files
from experiments.recipe import Recipe
from vislib import controls, data, fills, gradients, nets, one_thread, roar, training
from vislib.data import ImageSet
from vislib.explain import Explainer
from vislib.models import Classifier
from vislib.occlusion import occlusion
from vislib.roar import removal
from vislib.roar.removal import Removal
from vislib.roar.sweep import Training, arrays, mean_colour, retrain, without

FRACTIONS = [0.1, 0.3, 0.5, 0.7, 0.9]
SEEDS = [0, 1, 2, 3, 4]
BASE_SEED = 1000
HOW = Training(epochs=8)
WIDTHS = (8, 16)

METHODS: dict[str, Explainer] = {
    "gradient": gradients.gradient,
    "input × gradient": gradients.input_x_gradient,
    "SmoothGrad": partial(gradients.smoothgrad, n=16),
    "SmoothGrad²": partial(gradients.smoothgrad_squared, n=16),
    "VarGrad": partial(gradients.vargrad, n=16),
    "integrated gradients": partial(gradients.integrated_gradients, steps=16),
    "guided backprop": gradients.guided_backprop,
    "Grad-CAM": gradients.grad_cam,
    "occlusion": partial(occlusion, patch=7, stride=3),
}
CONTROLS: dict[str, Explainer] = {"random": controls.chance, "sobel": controls.sobel, "disc": controls.disc}
Source = Callable[[str], roar.Maps]
"""The name of a data set -> heatmaps of its training and of its test images."""


@cache
def sets(name: str) -> tuple[ImageSet, ImageSet]:
    """Return the training and the test set: digits, or shapes labelled by the colour of the object."""
    if name == "digits":
        train, test = data.digits(device="cpu").split(4000)
        return train, test
    train, test = (
        data.shapes(n, size=32, seed=seed, label="colour", device="cpu") for n, seed in ((2160, 0), (1080, 1))
    )
    return train, test


def build_model(name: str, seed: int) -> Classifier:
    """Return an untrained network for one of the sets."""
    train, _ = sets(name)
    _, channels, size, _ = train.images.shape
    classes = train.classes
    network = nets.SmallCNN(channels=channels, classes=len(classes), size=size, widths=WIDTHS, seed=seed)
    return Classifier(network, classes=classes, mean=0.5, std=0.25, input_size=size)


@cache
def base(name: str) -> nn.Module:
    """Return the network that is explained, trained on whole images like all others."""
    model = build_model(name, BASE_SEED)
    training.fit(model, sets(name)[0], epochs=HOW.epochs, seed=BASE_SEED)
    return model.requires_grad_(False)


def explained(data: str, explainer: Explainer) -> roar.Maps:
    """Return the heatmaps of a method or a control."""
    with one_thread(torch.device("cpu")):
        return roar.heatmaps({"it": explainer}, base(data), *sets(data))["it"]


def truth(data: str, inside: bool) -> roar.Maps:
    """Return where the object is, or where it is not."""
    one, other = (found.masks.float() for found in sets(data) if found.masks is not None)
    return (one, other) if inside else (1 - one, 1 - other)


def with_rim(data: str) -> roar.Maps:
    """Return where the object is, and the pixels beside it, in which its colour is mixed with the ground's."""
    one, other = map(grown, sets(data))
    return one, other


def grown(scenes: ImageSet) -> Tensor:
    """Return the object's masks, one pixel larger all round, as 0 and 1 (N, H, W)."""
    assert scenes.masks is not None
    return F.max_pool2d(scenes.masks.float()[:, None], 3, stride=1, padding=1)[:, 0]


def blurred(data: str, source: Source) -> roar.Maps:
    """Return the same heatmaps out of focus."""
    train, test = source(data)
    return fills.gaussian(train[:, None])[:, 0], fills.gaussian(test[:, None])[:, 0]


SOURCES: dict[str, Source] = {
    "object": partial(truth, inside=True),
    "object and its rim": with_rim,
    "all but the object": partial(truth, inside=False),
    **{name: partial(explained, explainer=explainer) for name, explainer in (METHODS | CONTROLS).items()},
}
SOURCES |= {f"{name}, blurred": partial(blurred, source=SOURCES[name]) for name in METHODS}
TRUTH = ["object", "all but the object"]
TWINS = [f"{name}, blurred" for name in ("gradient", "SmoothGrad²", "integrated gradients")]
ROWS = {"digits": [*METHODS, *CONTROLS, *TWINS], "shapes": [*TRUTH, *METHODS, *CONTROLS, *TWINS]}


@cache
def ranks(data: str, source: Source) -> tuple[Tensor, Tensor]:
    """Return the order of the pixels, as `roar.roar` has it."""
    train, test = source(data)
    return removal.ranks(train, 0), removal.ranks(test, 1)


def accuracy(data: str, source: Source, seed: int, how: Removal) -> dict[str, float]:
    """Train one network as `roar.roar` does."""
    train, test = sets(data)
    given = arrays(train.images, train.labels, test.images, test.labels, *ranks(data, source))
    return {"accuracy": round(retrain(partial(build_model, data), seed, how, HOW, *given), 4)}


Sources = Mapping[str, Source]


def removed(data: str, explainer: str, fraction: float, seed: int, sources: Sources) -> dict[str, float]:
    """Remove and retrain."""
    return accuracy(data, sources[explainer], seed, Removal(fraction))


def kept(data: str, explainer: str, fraction: float, seed: int, sources: Sources) -> dict[str, float]:
    """Keep and retrain: the fraction is what goes."""
    return accuracy(data, sources[explainer], seed, Removal(fraction, keep=True))


def masks(data: str, explainer: str, fraction: float, seed: int, sources: Sources) -> dict[str, float]:
    """Train on the shape of the holes alone."""
    return accuracy(data, sources[explainer], seed, Removal(fraction, mask_only=True))


def asked(data: str, explainer: str, fraction: float, fill: str, order: str, sources: Sources) -> dict[str, float]:
    """Ask the base network, not retrained: with the linear fill this is ROAD."""
    test = sets(data)[1]
    how = Removal(fraction, keep=order == "least_first", fill=fill)
    left = without(test.images, test.labels, ranks(data, sources[explainer])[1], how, mean_colour(sets(data)[0].images))
    with one_thread(torch.device("cpu")):
        return {"accuracy": round(training.accuracy(base(data), left), 4)}


def _recipe(
    cell: Callable[..., Mapping[str, float]], data: Sequence[str], explainer: Sequence[str], **grid: Sequence[Any]
) -> Recipe:
    return Recipe(
        grid={"data": data, "explainer": explainer, **grid},
        cell=partial(cell, sources={name: SOURCES[name] for name in explainer}),
        files=[file for name in data for file in (files.DIGITS if name == "digits" else files.SHAPES)],
        tolerance=0.1,  # some test images more or less on another machine: a network that is trained there is another one
    )


_BOTH = ["digits", "shapes"]
_FEW = ["gradient", "SmoothGrad²", "integrated gradients", "random", "sobel"]

RECIPES: dict[str, Recipe] = {
    "roar_shapes": _recipe(removed, data=["shapes"], explainer=ROWS["shapes"], fraction=FRACTIONS, seed=SEEDS),
    "roar_shapes_masks": _recipe(masks, data=["shapes"], explainer=ROWS["shapes"], fraction=FRACTIONS, seed=[0, 1]),
    "roar_digits": _recipe(removed, data=["digits"], explainer=ROWS["digits"], fraction=FRACTIONS, seed=SEEDS),
    "roar_digits_masks": _recipe(masks, data=["digits"], explainer=ROWS["digits"], fraction=FRACTIONS, seed=[0, 1]),
    "roar_without": _recipe(
        asked,
        data=_BOTH,
        explainer=ROWS["digits"],
        fraction=FRACTIONS,
        fill=["mean", "linear"],
        order=["most_first", "least_first"],
    ),
    "roar_rim": _recipe(removed, data=["shapes"], explainer=["object and its rim"], fraction=FRACTIONS, seed=SEEDS),
    "roar_rim_masks": _recipe(
        masks, data=["shapes"], explainer=["object and its rim"], fraction=FRACTIONS, seed=[0, 1]
    ),
    "roar_without_truth": _recipe(
        asked,
        data=["shapes"],
        explainer=[*TRUTH, "object and its rim"],
        fraction=FRACTIONS,
        fill=["mean"],
        order=["most_first"],
    ),
    "roar_keep": _recipe(kept, data=["digits"], explainer=_FEW, fraction=FRACTIONS, seed=[0, 1, 2, 3, 4]),
}
