"""Notebook 01: the networks that explain themselves, what each route costs, the shortcut, and the size of the patch."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from experiments import files
from experiments.checkpoints import save
from experiments.recipe import Recipe
from vislib import data, faithfulness, training
from vislib.course import networks
from vislib.course.tiles import tiles
from vislib.data import ImageSet, drawing
from vislib.explain import Explainer
from vislib.models import Classifier
from vislib.occlusion import occlusion

SEEDS = list(range(10))
EPOCHS = 6
EXPLAINED = 108  # test images whose explanations are measured: every combination once


@dataclass(frozen=True)
class Route:
    """One of the three routes to an explanation: a network, how it is trained, and what explains it."""

    network: Callable[..., nn.Module]
    fit: Callable[..., list[float]]
    explainer: Explainer


def routes() -> dict[str, Route]:
    """Return the routes by name. Post-hoc is the network of the learned route, trained for the class alone."""
    gated = partial(networks.SelfExplainingNet, gated=True)
    return {
        "post-hoc": Route(networks.SelfExplainingNet, training.fit, look),
        "transparent": Route(networks.PatchEvidenceNet, training.fit, networks.patch_evidence),
        "learned": Route(networks.SelfExplainingNet, networks.fit_jointly, networks.learned_mask),
        "learned, gated": Route(gated, networks.fit_jointly, networks.learned_mask),
    }


def look(model: nn.Module, images: Tensor, target: int | Tensor) -> Tensor:
    """Explain from outside: occlusion with a patch of 12 pixels."""
    return occlusion(model, images, target, patch=12, stride=6)


@cache
def images(task: str, *, test: bool = False) -> ImageSet:
    """Return the training or the test set of a task.

    The tasks are those of `data.TASKS`; "tiles", which of two tiles is further left; "marked", the colours with a mark
    that always tells the label, while one label in five is not the object's colour; and "lying", true colours with a mark
    that always tells another one.
    """
    n, seed = (1080, 1) if test else (2160, 0)
    if task == "tiles":
        return tiles(n, seed=seed, device="cpu")
    if task not in ("marked", "lying"):
        return data.shapes(n, seed=seed, label=task, device="cpu")
    drawn = data.shapes(n, seed=seed, label="colour", shortcut=0.8 if task == "marked" else 0.0, device="cpu")
    return replace(drawn, labels=drawn.attributes["mark"]) if task == "marked" else drawn


def classifier(network: nn.Module, train: ImageSet, name: str = "") -> Classifier:
    """Wrap a network as all small networks of the course are."""
    return Classifier(network, classes=train.classes, mean=0.5, std=0.25, input_size=64, name=name)


# ---- the shipped networks ----

NETWORKS: Mapping[str, tuple[type[nn.Module], Mapping[str, Any], str]] = {
    "patches_colour": (networks.PatchEvidenceNet, {"classes": 6}, "colour"),
    "patches_tiles": (networks.PatchEvidenceNet, {"classes": 2}, "tiles"),
    "explained_marked": (networks.SelfExplainingNet, {"classes": 6}, "marked"),
    "gated_marked": (networks.SelfExplainingNet, {"classes": 6, "gated": True}, "marked"),
}
"""Name -> class, arguments and task."""


def weights(network: str, folder: Path | None = None) -> dict[str, float]:
    """Train one network; with a folder, write its checkpoint there; return its accuracy on the test set."""
    kind, arguments, task = NETWORKS[network]
    train = images(task)
    model = classifier(kind(**arguments), train, network)
    fit = networks.fit_jointly if kind is networks.SelfExplainingNet else training.fit
    fit(model, train, epochs=EPOCHS)
    share = training.accuracy(model.requires_grad_(False), images(task, test=True))
    if folder is not None:
        recipe = f"python -m experiments weights_taxonomy, {kind.__name__}, {dict(arguments)}, {task}"
        facts = {"recipe": recipe, "accuracy": f"{share:.4f}"}
        save(model, arguments, facts, folder)
    return {"accuracy": round(share, 4)}


# ---- what each route costs ----


def price(route: str, seed: int) -> dict[str, float]:
    """Train one route on colours; measure its accuracy, its arithmetic, and how far its own heatmap can be trusted."""
    how = routes()[route]
    test = images("colour", test=True)
    model = classifier(how.network(seed=seed), test)
    how.fit(model, images("colour"), epochs=EPOCHS, seed=seed)
    model.requires_grad_(False)
    few = test[:EXPLAINED]
    with torch.no_grad():
        target = model(few.images).argmax(1)
    own = faithfulness.deletion(model, few.images, target, how.explainer)
    chance = faithfulness.deletion(model, few.images, target, lambda *_: _noise(few))
    return {
        "accuracy": round(training.accuracy(model, test), 4),
        "megaflops": round(_megaflops(model, few.images[:1]), 2),
        "deletion": round(float(own.areas.mean()), 4),
        "deletion_random": round(float(chance.areas.mean()), 4),
    }


def _noise(few: ImageSet) -> Tensor:
    return torch.rand(few.images[:, 0].shape, generator=torch.Generator().manual_seed(0))


def _megaflops(model: Classifier, image: Tensor) -> float:
    """Return how many million additions and multiplications one image costs."""
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(image)
    return float(counter.get_total_flops()) / 1e6


# ---- the shortcut ----


def shortcut(gated: bool, seed: int) -> dict[str, float]:
    """Train with a mark that always tells the label; then let every mark lie, and see what class and mask follow."""
    train = images("marked")
    model = classifier(networks.SelfExplainingNet(gated=gated, seed=seed), train)
    networks.fit_jointly(model, train, epochs=EPOCHS, seed=seed)
    return follows(model.requires_grad_(False), images("lying", test=True))


def follows(model: Classifier, test: ImageSet) -> dict[str, float]:
    """Return what class, mask, words and an occlusion map go by, on images whose marks all lie."""
    with torch.no_grad():
        said = model(test.images).argmax(1)
    mask, words = networks.learned_mask(model, test.images, 0) > 0.5, networks.learned_words(model, test.images)
    few = test[:EXPLAINED]
    marks = corner(few)
    found = faithfulness.pointing_game(model, few.images, said[:EXPLAINED], look, marks)
    return {
        "accuracy": round(training.accuracy(model, test), 4),
        "follows_mark": round(float((said == test.attributes["mark"]).float().mean()), 4),
        "mask_overlap": round(float(overlap(mask, test.masks).mean()), 4),
        "words_right": round(float((words[:, 0] == test.attributes["texture"]).float().mean()), 4),
        "occlusion_finds_mark": round(float(found.mean()), 4),
    }


def corner(few: ImageSet) -> Tensor:
    """Return where the marks are, bool (N, H, W)."""
    return drawing.stamp(few.images[:1].clone(), torch.tensor([0])).expand(len(few), -1, -1)


def overlap(one: Tensor, other: Tensor | None) -> Tensor:
    """Return the intersection over the union of masks (N, H, W), as (N,)."""
    assert other is not None
    return (one & other).sum((1, 2)) / (one | other).sum((1, 2)).clamp(min=1)


# ---- the size of the patch ----

PATCHES = [5, 13, 29, 64]


def patches(task: str, patch: int, seed: int) -> dict[str, float]:
    """Train a network of patches on one task; 64 is a network that sees the whole image at once."""
    train, test = images(task), images(task, test=True)
    classes = len(train.classes)
    if patch == 64:
        model = classifier(networks.SelfExplainingNet(classes=classes, seed=seed), train)
    else:
        model = classifier(networks.PatchEvidenceNet(classes=classes, patch=patch, seed=seed), train)
    training.fit(model, train, epochs=EPOCHS, seed=seed)
    return {"accuracy": round(training.accuracy(model, test), 4)}


RECIPES: dict[str, Recipe] = {
    "weights_taxonomy": Recipe(
        grid={"network": list(NETWORKS)},
        cell=weights,
        files=files.SHAPES,
        tolerance=0.05,
        keep={"folder": networks.FOLDER},
    ),
    "price": Recipe(
        grid={"route": list(routes()), "seed": SEEDS},
        cell=price,
        files=files.SHAPES,
        tolerance=0.1,
    ),
    "shortcut": Recipe(
        grid={"gated": [False, True], "seed": SEEDS},
        cell=shortcut,
        files=files.SHAPES,
        tolerance=0.1,
    ),
    "patches": Recipe(
        grid={"task": ["texture", "colour", "tiles"], "patch": PATCHES, "seed": [0, 1, 2]},
        cell=patches,
        files=files.SHAPES,
        tolerance=0.1,
    ),
}
