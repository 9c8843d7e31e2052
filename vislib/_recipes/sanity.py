"""Notebook 07: what is left of a heatmap when the network is destroyed, or has learned labels without meaning."""

from collections.abc import Callable
from functools import cache, lru_cache, partial
from itertools import combinations
from typing import Any

import torch
from torch import Tensor, nn

from vislib import _guided, _randomisation, _similarity, controls, data, gradients, models, nets, occlusion, training
from vislib._lean import lean
from vislib.data import ImageSet
from vislib.explain import Explainer, logit
from vislib.models import Classifier
from vislib.results import Recipe
from vislib.sanity import Twins, hog, label_twins, spearman, ssim

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
SIZES: dict[str, dict[str, Any]] = {
    "gradient": {},
    "input_x_gradient": {},
    "smoothgrad": {"n": 4},
    "integrated_gradients": {"steps": 4},
    "guided_backprop": {},
    "grad_cam": {},
    "occlusion": {"patch": 56, "stride": 56},
    "sobel": {},
}
METHODS = list(SIZES)
MEASURES = ["spearman", "absolute", "ssim", "hog"]


def explainer(method: str) -> Explainer:
    """Return a method in the size in which it is in the tables."""
    if method == "occlusion":
        return partial(occlusion.occlusion, score=logit, **SIZES[method])
    return partial(getattr(controls if method == "sobel" else gradients, method), **SIZES[method])


# ---- the cascade ----


@cache
def _asked() -> tuple[Classifier, Tensor, Tensor]:
    """Return the network, the photographs, and the network's own word for each."""
    model = models.load("efficientnet_lite0", device="cpu")
    photos = torch.cat([model.preprocess(data.photo(name)) for name in PHOTOS])
    with torch.no_grad():
        return model, photos, model(photos).argmax(1)


@cache
def _blocks() -> list[_randomisation.Block]:
    model, photos, _ = _asked()
    return _randomisation.find_blocks(model, photos, None)


@lru_cache(maxsize=2)
def _network(seed: int, depth: int) -> nn.Module:
    """Return the network with its last `depth` blocks random, made fast; cells that follow each other share it."""
    model, photos, _ = _asked()
    twin = _randomisation.draw(model, _blocks(), seed)
    network = _randomisation.randomise(model, twin, _blocks()[:depth], photos) if depth else model
    return lean(network, photos[:1])


@lru_cache(maxsize=100)
def _heat(method: str, seed: int, depth: int) -> Tensor:
    _, photos, target = _asked()
    return explainer(method)(_network(seed, depth), photos, target)


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


def survived(seed: int, depth: int, method: str) -> dict[str, list[float]]:
    """Compare the maps of the trained network with those after `depth` blocks."""
    return _alike(_heat(method, 0, 0), _heat(method, seed, depth))


def floor(pair: str, method: str) -> dict[str, list[float]]:
    """Compare the maps of two wholly random networks of different seeds."""
    return _alike(*(_heat(method, int(seed), DEPTHS[-1]) for seed in pair.split()))


def edges(method: str) -> dict[str, list[float]]:
    """Compare the maps of the trained network, and of wholly random ones in the mean over seeds, with the image's edges."""
    sobel = _heat("sobel", 0, 0)
    random = [spearman(_heat(method, seed, DEPTHS[-1]), sobel, absolute=True) for seed in SEEDS]
    return {
        "trained": _rounded(spearman(_heat(method, 0, 0), sobel, absolute=True)),
        "random": _rounded(torch.stack(random).mean(0)),
    }


# ---- random labels ----

LEARNED, EPOCHS, EXPLAINED = 1000, 30, 200  # digits that are learned, how often, and unseen ones that are explained
LABEL_METHODS = [method for method in METHODS if method not in ("occlusion", "sobel")]


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


def labels(against: str, pair: str, method: str) -> dict[str, float]:
    """Compare a network of true labels with another one of true, or one of permuted labels: means over the digits."""
    one, other = (int(seed) for seed in pair.split())
    networks = (_twins().true[one], getattr(_twins(), against)[other])
    unseen = digits()[1]
    a, b = (explainer(method)(network, unseen.images, unseen.labels) for network in networks)
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


_METHODS = [
    *(getattr(gradients, method) for method in METHODS if method not in ("occlusion", "sobel")),
    *(gradients.pixel_gradient, gradients._noisy, occlusion.occlusion, controls.sobel, _guided, explainer),
    {method: dict(size) for method, size in SIZES.items()},
]
_CASCADE = [
    _randomisation,
    _similarity,
    lean,
    _alike,
    _asked,
    _heat,
    _network,
    PHOTOS,
    models.weights_file(models.DEFAULT),
]
_LABELS = [label_twins, training.fit, nets.SmallCNN, reader, digits, data._digits, LEARNED, EPOCHS, EXPLAINED]

RECIPES: dict[str, Recipe] = {
    "sanity": Recipe(
        grid={"seed": SEEDS, "depth": DEPTHS, "method": METHODS},
        cell=survived,
        uses=[*_METHODS, *_CASCADE],
        tolerance=0.02,
    ),
    "sanity_floor": Recipe(
        grid={"pair": PAIRS, "method": METHODS}, cell=floor, uses=[*_METHODS, *_CASCADE], tolerance=0.02
    ),
    "sanity_edges": Recipe(grid={"method": METHODS}, cell=edges, uses=[*_METHODS, *_CASCADE], tolerance=0.02),
    # Training comes out a little differently on another machine, and so do maps of single networks.
    "sanity_labels": Recipe(
        grid={"against": ["true", "permuted"], "pair": PAIRS, "method": LABEL_METHODS},
        cell=labels,
        uses=[*_METHODS, _similarity, *_LABELS],
        tolerance=0.1,
    ),
    "sanity_known": Recipe(
        grid={"against": ["true", "permuted"], "seed": SEEDS}, cell=known, uses=[*_LABELS], tolerance=0.1
    ),
}
