"""Notebook 07: what is left of a heatmap when the network is destroyed, or has learned labels without meaning."""

from collections.abc import Callable, Mapping
from functools import cache, lru_cache, partial
from itertools import combinations
from typing import Any

import torch
from torch import Tensor, nn

from experiments import files
from experiments.recipe import Recipe
from vislib import controls, data, gradients, models, nets, training
from vislib.data import ImageSet
from vislib.data.photographs import packaged
from vislib.explain import Explainer, logit
from vislib.incremental.lean import lean
from vislib.models import Classifier
from vislib.occlusion import occlusion
from vislib.sanity import Twins, hog, label_twins, randomisation, spearman, ssim

PHOTOS = [
    "astronaut",
    "cameraman",
    "cat",
    "coffee",
    "coins",
    "flower",
    "hopper",
    "motorcycle",
    "palace",
    "rocket",
]
SEEDS = list(range(5))
DEPTHS = list(range(1, 20))  # how many of the network's 19 blocks are random, counted from the output
PAIRS = [f"{one} {other}" for one, other in combinations(SEEDS, 2)]
# Small enough for a grid of 95 networks; every network gets the same sizes, so that what is compared is alike.
EXPLAINERS: dict[str, Explainer] = {
    "gradient": gradients.gradient,
    "input_x_gradient": gradients.input_x_gradient,
    "smoothgrad": partial(gradients.smoothgrad, n=4),
    "integrated_gradients": partial(gradients.integrated_gradients, steps=4),
    "guided_backprop": gradients.guided_backprop,
    "grad_cam": gradients.grad_cam,
    "occlusion": partial(occlusion, patch=56, stride=56, score=logit),
    "sobel": controls.sobel,
}
MEASURES = ["spearman", "absolute", "ssim", "hog"]
Explainers = Mapping[str, Explainer]


# ---- the cascade ----


@cache
def asked() -> tuple[Classifier, Tensor, Tensor]:
    """Return the network, the photographs, and the network's own word for each."""
    model = models.load("efficientnet_lite0", device="cpu")
    photos = torch.cat([model.preprocess(packaged(name)) for name in PHOTOS])
    with torch.no_grad():
        return model, photos, model(photos).argmax(1)


@cache
def _blocks() -> list[randomisation.Block]:
    model, photos, _ = asked()
    return randomisation.find_blocks(*randomisation.opened(model, photos), None)


@lru_cache(maxsize=2)
def _network(seed: int, depth: int) -> nn.Module:
    """Return the network with its last `depth` blocks random, made fast; cells that follow each other share it."""
    model, photos, _ = asked()
    twin = randomisation.draw(model, _blocks(), seed)
    network = randomisation.randomise(model, twin, _blocks()[:depth], photos) if depth else model
    return lean(network, photos[:1])


@lru_cache(maxsize=100)
def _heat(explainer: Explainer, seed: int, depth: int) -> Tensor:
    _, photos, target = asked()
    return explainer(_network(seed, depth), photos, target)


def _alike(a: Tensor, b: Tensor) -> dict[str, list[float]]:
    """Return the four similarities of maps (B, H, W), each with one number per photograph."""
    if torch.equal(a, b):
        return dict.fromkeys(MEASURES, [1.0] * len(a))
    measured = {
        "spearman": (as_is := spearman(a, b)),
        "absolute": as_is if min(a.min(), b.min()) >= 0 else spearman(a, b, absolute=True),
        "ssim": ssim(a, b, absolute=True),
        "hog": hog(a, b, absolute=True),
    }
    return {name: _rounded(values) for name, values in measured.items()}


def _rounded(values: Tensor) -> list[float]:
    return [round(value, 3) for value in values.tolist()]


def survived(seed: int, depth: int, method: str, explainers: Explainers) -> dict[str, list[float]]:
    """Compare the maps of the trained network with those after `depth` blocks."""
    return _alike(_heat(explainers[method], 0, 0), _heat(explainers[method], seed, depth))


def floor(pair: str, method: str, explainers: Explainers) -> dict[str, list[float]]:
    """Compare the maps of two wholly random networks of different seeds."""
    return _alike(*(_heat(explainers[method], int(seed), DEPTHS[-1]) for seed in pair.split()))


def edges(method: str, explainers: Explainers) -> dict[str, list[float]]:
    """Compare the maps of the trained network, and of wholly random ones in the mean over seeds, with the image's edges."""
    explainer, sobel = explainers[method], _heat(explainers["sobel"], 0, 0)
    random = [spearman(_heat(explainer, seed, DEPTHS[-1]), sobel, absolute=True) for seed in SEEDS]
    return {
        "trained": _rounded(spearman(_heat(explainer, 0, 0), sobel, absolute=True)),
        "random": _rounded(torch.stack(random).mean(0)),
    }


# ---- random labels ----

LEARNED, EPOCHS, EXPLAINED = 1000, 30, 200  # digits that are learned, how often, and unseen ones that are explained
FOR_LABELS = {name: explainer for name, explainer in EXPLAINERS.items() if name not in ("occlusion", "sobel")}


def reader(seed: int) -> Classifier:
    """Return an untrained network for digits."""
    network = nets.SmallCNN(channels=1, classes=10, size=28, widths=(16, 32, 32), seed=seed)
    return Classifier(network, mean=0.5, std=0.25, input_size=28)


def digits() -> tuple[ImageSet, ImageSet]:
    """Return the digits that are learned, and unseen ones to explain."""
    learned, _, unseen = data.digits(device="cpu").split(LEARNED, 4000 - LEARNED)
    return learned, unseen[:EXPLAINED]


@cache
def _twins() -> Twins:
    return label_twins(reader, digits()[0], seeds=len(SEEDS), epochs=EPOCHS)


def labels(against: str, pair: str, method: str, explainers: Explainers) -> dict[str, float]:
    """Compare a network of true labels with another one of true, or one of permuted labels: means over the digits."""
    one, other = (int(seed) for seed in pair.split())
    networks = (_twins().true[one], getattr(_twins(), against)[other])
    unseen = digits()[1]
    a, b = (explainers[method](network, unseen.images, unseen.labels) for network in networks)
    ink = unseen.images[:, 0] > 0
    ways: dict[str, Callable[[], Tensor]] = {
        "spearman": lambda: spearman(a, b),
        "absolute": lambda: spearman(a, b, absolute=True),
        "ink": lambda: spearman(a, b, where=ink),
        "ink_absolute": lambda: spearman(a, b, where=ink, absolute=True),
    }
    return {name: round(float(way().mean()), 3) for name, way in ways.items()}


def known(against: str, seed: int) -> dict[str, float]:
    """Return how many of the digits that it learned, and of unseen ones, such a network names rightly."""
    network, (learned, unseen) = getattr(_twins(), against)[seed], digits()
    return {"learned": training.accuracy(network, learned), "unseen": training.accuracy(network, unseen)}


def _recipe(cell: Callable[..., Mapping[str, list[float]]], **grid: list[Any]) -> Recipe:
    return Recipe(
        grid={**grid, "method": list(EXPLAINERS)},
        cell=partial(cell, explainers=EXPLAINERS),
        files=[*files.pretrained("efficientnet_lite0"), *files.PHOTOGRAPHS],
        tolerance=0.02,
    )


RECIPES: dict[str, Recipe] = {
    "sanity": _recipe(survived, seed=SEEDS, depth=DEPTHS),
    "sanity_floor": _recipe(floor, pair=PAIRS),
    "sanity_edges": _recipe(edges),
    # Training comes out a little differently on another machine, and so do maps of single networks.
    "sanity_labels": Recipe(
        grid={"against": ["true", "permuted"], "pair": PAIRS, "method": list(FOR_LABELS)},
        cell=partial(labels, explainers=FOR_LABELS),
        files=files.DIGITS,
        tolerance=0.1,
    ),
    "sanity_known": Recipe(
        grid={"against": ["true", "permuted"], "seed": SEEDS}, cell=known, files=files.DIGITS, tolerance=0.1
    ),
}
