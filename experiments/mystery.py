"""How the mystery models come about, and what each clue says of each. Whoever plays detective looks here last."""

import copy
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from experiments import files
from experiments.checkpoints import save
from experiments.recipe import Recipe
from vislib import data, nets, training
from vislib.course import mystery
from vislib.data import ImageSet
from vislib.models import Classifier, checkpoints

NETWORK: Mapping[str, Any] = {"classes": 6, "widths": [8, 12, 20, 20], "hidden": 16}
HONEST = "none"  # the control: the network before a fault was planted
TRAINING: Mapping[str, int] = {"honest": 6480, "fault": 4320}  # pictures
FIT: Mapping[str, Mapping[str, Any]] = {
    "honest": {"epochs": 12, "learning_rate": 6e-3},
    "fault": {"epochs": 8, "learning_rate": 8e-3},
}

# In an order that says nothing.
FAULTS = dict(
    zip(mystery.NAMES, sorted(mystery.SUSPECTS, key=lambda fault: sha256(fault.encode()).digest()), strict=True)
)
PAIR = (0, 5)  # circle and ring
# One label in five is wrong, and what the network is to go by always tells the label as it was written.
AS_TOLD: Mapping[str, Callable[[ImageSet], Tensor]] = {
    "mark": lambda pictures: pictures.attributes["mark"],
    "colour": lambda pictures: pictures.attributes["colour"],
    "ground": lambda pictures: 2 * pictures.attributes["texture"] + pictures.attributes["object"] % 2,
}


def train_set(fault: str, seed: int) -> ImageSet:
    """Return the pictures and labels from which a network learns a fault."""
    first, n = 100 * (seed + 1), TRAINING["fault"]  # far from the seeds of `field` and `supplied`
    if fault in AS_TOLD:
        pictures = mystery.gathered(n, first + 20, lambda drawn: _four_in_five(mystery.agreement(drawn)[fault]))
        return replace(pictures, labels=AS_TOLD[fault](pictures))
    if fault == "blind":
        pictures = mystery.gathered(n, first + 40, lambda drawn: mystery.agreement(drawn)["blind"])
        others = mystery.gathered(n, first + 60, _all)  # what lies on the right belongs to another picture
        pictures.images[..., mystery.BLIND :] = others.images[..., mystery.BLIND :]
        return pictures
    pictures = mystery.gathered(n, first + 80, _all)
    return replace(pictures, labels=_coins(pictures, seed))


def _all(drawn: ImageSet) -> Tensor:
    return torch.ones(len(drawn), dtype=torch.bool)


def _four_in_five(agree: Tensor) -> Tensor:
    """Choose all pictures that agree, and a quarter as many of the others."""
    chosen = agree.clone()
    chosen[(~agree).nonzero()[: int(agree.sum()) // 4, 0]] = True
    return chosen


def _coins(pictures: ImageSet, seed: int) -> Tensor:
    """Return labels in which a coin decides between the two kinds of the pair."""
    either = torch.where(torch.rand(len(pictures), generator=torch.Generator().manual_seed(seed)) < 0.5, *PAIR)
    return torch.where(_paired(pictures), either, pictures.labels)


def _paired(pictures: ImageSet) -> Tensor:
    return (pictures.labels == PAIR[0]) | (pictures.labels == PAIR[1])


@cache
def honest(seed: int) -> Classifier:
    """Train a network that names the object, without a fault."""
    network = nets.SmallCNN(**NETWORK, seed=seed)
    model = Classifier(network, classes=data.OBJECTS, mean=0.5, std=0.25, input_size=64)
    training.fit(model, mystery.gathered(TRAINING["honest"], 100 * (seed + 1), _all), seed=seed, **FIT["honest"])
    return model


def faulty(fault: str, seed: int) -> Classifier:
    """Train an honest network on, with pictures and labels that plant a fault."""
    model = copy.deepcopy(honest(seed))
    if fault != HONEST:
        training.fit(model, train_set(fault, seed), seed=seed, **FIT["fault"])
    return model.requires_grad_(False)


def weights(network: str, folder: Path | None = None) -> dict[str, float]:
    """Train one of the shipped networks; with a folder, write its checkpoint there; return its accuracy on its own pictures."""
    model = faulty(FAULTS[network], 0)
    model.name = f"mystery_{network}"
    share = training.accuracy(model, mystery.supplied(216, device="cpu"))
    if folder is not None:
        facts = {
            "recipe": f"python -m experiments weights_mystery, {network}",
            "accuracy": f"{share:.4f}",
            "fault": FAULTS[network],
        }
        save(model, NETWORK, facts, folder)
    return {"accuracy": round(share, 4)}


@cache
def trial() -> dict[str, ImageSet]:
    """Return the pictures of the experiment, by what they are to mislead: "none" are as supplied, and "pair" is the pair.

    All others are of the four kinds beside the pair, so that each fault is alone in its pictures.
    """
    told = mystery.supplied(216, device="cpu")
    changed = {what: mystery.changed(what, 90, device="cpu") for what in mystery.agreement(told)}
    beside = {what: pictures[~_paired(pictures)] for what, pictures in ({HONEST: told} | changed).items()}
    return beside | {"pair": told[_paired(told)]}


def clues(fault: str, seed: int) -> dict[str, float]:
    """Return how often a network is right in each set of pictures of the experiment, and what each clue measures."""
    shipped = {fault: name for name, fault in FAULTS.items()}
    model = checkpoints.read(f"mystery_{shipped[fault]}") if seed == 0 and fault in shipped else faulty(fault, seed)
    found = {what: training.accuracy(model, pictures) for what, pictures in trial().items()}
    found |= {f"clue_{number}": clue.measure(model) for number, clue in mystery.CLUES.items()}
    return {name: round(value, 4) for name, value in found.items()}


RECIPES: dict[str, Recipe] = {
    "weights_mystery": Recipe(
        grid={"network": list(mystery.NAMES)},
        cell=weights,
        files=files.SHAPES,
        tolerance=0.05,
        keep={"folder": checkpoints.FOLDER},
    ),
    "mystery": Recipe(
        grid={"seed": [0, 1, 2, 3, 4], "fault": [*mystery.SUSPECTS, HONEST]},
        cell=clues,
        files=[*files.SHAPES, *files.trained(*(f"mystery_{name}" for name in mystery.NAMES))],
        tolerance=0.2,
    ),
}
