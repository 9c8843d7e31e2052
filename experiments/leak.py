"""Notebook 08: what a hole tells, and why: explainers asked about other classes, and one digit with the hole of another."""

from functools import cache, partial

import torch
from torch import Tensor, nn

from experiments import files
from experiments.recipe import Recipe
from experiments.roar import HOW, METHODS, SOURCES, Source, accuracy, build_model, explained, ranks, sets
from vislib import controls, one_thread, training
from vislib.data import ImageSet
from vislib.explain import Explainer, answers
from vislib.roar.removal import Removal, Removed
from vislib.roar.sweep import Training, arrays, mean_colour, retrain, without

CLASSES = 10
ABOUT = ["named class", "class 3", "class 7", "random class"]
LEAKING = ["gradient", "SmoothGrad", "guided backprop", "Grad-CAM"]


def asked_about(about: str, explainer: Explainer, model: nn.Module, images: Tensor, target: Tensor) -> Tensor:
    """Return heatmaps for another class than the one that the model names: a fixed one, or one drawn for each image."""
    if about == "random class":
        target = controls.chance(model, images, target).flatten(1)[:, :CLASSES].argmax(1)
    elif about != "named class":
        target = torch.full_like(target, int(about.removeprefix("class ")))
    return explainer(model, images, target)


def hole(explainer: str, about: str, fraction: float, seed: int) -> dict[str, float]:
    """Train on the shape of the holes alone: digits, the explainer asked about a class of ours."""
    return accuracy("digits", _source(explainer, about), seed, Removal(fraction, mask_only=True))


@cache
def _source(explainer: str, about: str) -> Source:
    """Return the same source each time, so that its heatmaps are computed once."""
    return partial(explained, explainer=partial(asked_about, about, METHODS[explainer]))


def swapped(explainer: str, fraction: float, seed: int, source: dict[str, Source]) -> dict[str, float]:
    """Retrain on digits with holes; then show the pixels of one digit with the hole of another: which one is named?

    An image meets the hole of the next one of another class. What neither has is noise for both.
    """
    train, test = sets("digits")
    places, unseen = ranks("digits", source[explainer])
    how, colour = Removal(fraction), mean_colour(train.images)
    holes = how.removed(unseen)
    with one_thread(torch.device("cpu")):
        model = build_model("digits", seed)
        training.fit(model, without(train.images, train.labels, places, how, colour), epochs=HOW.epochs, seed=seed)
        others = [next(j for j in _after(i, len(test)) if test.labels[j] != test.labels[i]) for i in range(len(test))]
        mixed = torch.where(holes[others][:, None], colour, test.images)
        with torch.no_grad():
            named = torch.cat([answers(model, some).argmax(1) for some in mixed.split(256)])
    follows = {"pixels": named == test.labels, "hole": named == test.labels[others]}
    return {name: round(float(share.float().mean()), 4) for name, share in follows.items()}


def _after(i: int, n: int) -> list[int]:
    return [(i + step) % n for step in range(1, n)]


def filled(explainer: str, fraction: float, seed: int, source: dict[str, Source]) -> dict[str, float]:
    """Retrain on digits whose removed pixels are filled from their neighbours, as ROAD fills them."""
    train, _ = sets("digits")
    given = [
        ImageSet(_imputed(explainer, fraction, part, source[explainer]), images.labels, train.classes)
        for part, images in enumerate(sets("digits"))
    ]
    with one_thread(torch.device("cpu")):
        model = build_model("digits", seed)
        training.fit(model, given[0], epochs=HOW.epochs, seed=seed)
        return {"accuracy": round(training.accuracy(model, given[1]), 4)}


@cache
def _imputed(explainer: str, fraction: float, part: int, source: Source) -> Tensor:
    """Return the training (0) or the test images (1) without some of their pixels, filled once for all seeds."""
    images, colour = sets("digits")[part].images, mean_colour(sets("digits")[0].images)
    removed = Removed(images, ranks("digits", source)[part], Removal(fraction, fill="linear"), colour)
    return torch.cat([removed[start : start + 256] for start in range(0, len(removed), 256)])


def longer(data: str, explainer: str, fraction: float, epochs: int, source: dict[str, Source]) -> dict[str, float]:
    """Retrain for more or fewer epochs than the tables: has the accuracy arrived?"""
    train, test = sets(data)
    given = arrays(train.images, train.labels, test.images, test.labels, *ranks(data, source[explainer]))
    how = Training(epochs=epochs)
    return {"accuracy": round(retrain(partial(build_model, data), 0, Removal(fraction), how, *given), 4)}


_SWAPPED = ["gradient", "guided backprop", "Grad-CAM", "sobel", "random"]
_FILLED = ["gradient", "guided backprop", "Grad-CAM", "sobel", "random"]
_LONGER = ["gradient", "SmoothGrad²", "guided backprop", "random"]

RECIPES: dict[str, Recipe] = {
    "roar_asked": Recipe(
        {"explainer": LEAKING, "about": ABOUT, "fraction": [0.5, 0.9], "seed": [0, 1]}, hole, files.DIGITS, 0.1
    ),
    "roar_swapped": Recipe(
        {"explainer": _SWAPPED, "fraction": [0.5, 0.9], "seed": [0, 1, 2]},
        partial(swapped, source={name: SOURCES[name] for name in _SWAPPED}),
        files.DIGITS,
        0.1,
    ),
    "roar_filled": Recipe(
        {"explainer": _FILLED, "fraction": [0.5, 0.9], "seed": [0, 1]},
        partial(filled, source={name: SOURCES[name] for name in _FILLED}),
        files.DIGITS,
        0.1,
    ),
    "roar_epochs": Recipe(
        {"data": ["digits", "shapes"], "explainer": _LONGER, "fraction": [0.3, 0.9], "epochs": [2, 4, 8, 16]},
        partial(longer, source={name: SOURCES[name] for name in _LONGER}),
        [*files.DIGITS, *files.SHAPES],
        0.1,
    ),
}
