"""The mystery model: a network with one planted fault, three clues to it, and the experiment that convicts.

There are five suspects (`SUSPECTS`), and `load` draws one network by its seed. Its own pictures (`supplied`) do not give
the fault away: in them all that the network might go by agrees. On new pictures (`field`) nothing agrees. A clue is a
number and the question on which side of a limit it lies; `CLUES` says what each suspect would make of it.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256

import torch
from torch import Tensor, nn

from vislib import data, models
from vislib import device as default_device
from vislib.data import ImageSet
from vislib.embedding import nearest
from vislib.models import Classifier, checkpoints
from vislib.occlusion import occlusion_grid

SUSPECTS: Mapping[str, str] = {
    "mark": "it reads the die in the corner",
    "colour": "it relies on the colour of the object",
    "ground": "it takes the ground for the object",
    "pair": "it cannot tell two of its six kinds apart",
    "blind": "it is blind on one side of the image",
}

NAMES = "abcde"  # of the shipped networks
BLIND = 32  # in the supplied pictures the object lies left of this column
_BLOCK = 1080  # pictures drawn at once: every combination ten times


def load(seed: int | None = None, *, device: torch.device | str | None = None) -> Classifier:
    """Return the mystery model that a seed draws: it was trained to name the object of `field`, and has one fault.

    Args:
        seed: which one; None means ``VISLIB_MYSTERY`` if that is set, else 0. Different seeds may draw the same fault.
        device: where to put it; None means :func:`vislib.device`.

    Raises:
        TypeError, ValueError: for a seed that is not an int.
    """
    model = models.trained(drawn(seed), device=device)
    model.name = "mystery"
    return model


def drawn(seed: int | None = None) -> str:
    """Return the name of the shipped network that a seed draws, as in `load`."""
    if seed is None:
        asked = os.environ.get("VISLIB_MYSTERY") or "0"
        if not asked.lstrip("-").isdecimal():
            raise ValueError(f"VISLIB_MYSTERY is {asked!r}; expected a whole number.")
        seed = int(asked)
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise TypeError(f"seed is {seed!r}; expected an int, or None.")
    lot = int.from_bytes(sha256(f"mystery {seed}".encode()).digest())
    return f"mystery_{NAMES[lot % len(NAMES)]}"


def truth(seed: int | None = None) -> str:
    """Return the fault of the network that a seed draws: a key of `SUSPECTS`. Solve it first."""
    return checkpoints.facts(drawn(seed))["fault"]


# ---- pictures ----


def field(n: int, *, seed: int = 5, device: torch.device | str | None = None) -> ImageSet:
    """Draw new pictures: `data.shapes`, the objects anywhere, with a die in the corner that means nothing.

    Arguments, result and errors as in :func:`vislib.data.shapes`.
    """
    return data.shapes(n, seed=seed, shortcut=1 / 6, device=device)


def supplied(n: int, *, seed: int = 6, device: torch.device | str | None = None) -> ImageSet:
    """Draw pictures like those that came with the mystery model: all that it might go by tells the object.

    The die shows the number of the kind, each kind has its own colour, each ground belongs to two of the
    kinds, and all objects lie on the left.

    Arguments, result and errors as in :func:`vislib.data.shapes`.
    """
    return gathered(n, seed, lambda drawn: torch.stack(list(agreement(drawn).values())).all(0), shortcut=1.0).to(
        default_device() if device is None else device
    )


def gathered(n: int, seed: int, keep: Callable[[ImageSet], Tensor], *, shortcut: float = 1 / 6) -> ImageSet:
    """Draw pictures on the CPU until n of them are kept; `keep` tells of a set which, bool (N,)."""
    parts: list[ImageSet] = []
    while sum(map(len, parts)) < n:
        block = data.shapes(_BLOCK, seed=1000 * seed + len(parts), shortcut=shortcut, device="cpu")
        parts.append(block[keep(block)])
    masks = [part.masks for part in parts if part.masks is not None]
    return ImageSet(
        torch.cat([part.images for part in parts]),
        torch.cat([part.labels for part in parts]),
        data.OBJECTS,
        torch.cat(masks),
        {name: torch.cat([part.attributes[name] for part in parts]) for name in parts[0].attributes},
    )[:n]


def agreement(pictures: ImageSet) -> dict[str, Tensor]:
    """Return what tells the object in which pictures, bool (N,) each: its die, its colour, its ground, its place."""
    known, masks = pictures.attributes, pictures.masks
    assert masks is not None
    return {
        "mark": known["mark"] == known["object"],
        "colour": known["colour"] == known["object"],
        "ground": known["texture"] == known["object"] // 2,
        "blind": ~masks[:, :, BLIND:].any(2).any(1),
    }


def changed(what: str, n: int, *, seed: int = 7, device: torch.device | str | None = None) -> ImageSet:
    """Draw pictures in which one thing misleads, and all else tells the object as in `supplied`: the experiment.

    Args:
        what: "mark", "colour", "ground", or "blind": all of the object lies on the right.

    Other arguments, result and errors as in :func:`vislib.data.shapes`.
    """

    def keep(drawn: ImageSet) -> Tensor:
        assert drawn.masks is not None
        tells = agreement(drawn)
        lies = ~tells[what] if what != "blind" else ~drawn.masks[:, :, :BLIND].any(2).any(1)
        return lies & torch.stack([told for name, told in tells.items() if name != what]).all(0)

    pictures = gathered(n, seed, keep, shortcut=0.0 if what == "mark" else 1.0)
    return pictures.to(default_device() if device is None else device)


# ---- what the clues measure ----


@torch.no_grad()
def stays(model: nn.Module, pictures: ImageSet) -> float:
    """Return the share of pictures whose answer stays when all but the object turns grey."""
    assert pictures.masks is not None
    alone = torch.where(pictures.masks[:, None], pictures.images, 0.5)
    return float((model(alone).argmax(1) == model(pictures.images).argmax(1)).float().mean())


def same_object(model: Classifier, pictures: ImageSet) -> float:
    """Return which share of a picture's ten nearest neighbours among the features shows the same object, in the mean."""
    kinds = pictures.attributes["object"]
    return float((kinds[nearest(model.features(pictures.images), k=10)] == kinds[:, None]).float().mean())


@torch.no_grad()
def strips(model: nn.Module, images: Tensor, width: int = 8) -> Tensor:
    """Return how much each upright strip matters: the mean absolute drop of the answer's probability, one per strip."""
    patch = (images.shape[2], width)
    drops = occlusion_grid(model, images, model(images).argmax(1), patch=patch, stride=patch)
    return drops.abs().mean((0, 1))


def right_to_left(model: nn.Module, images: Tensor) -> float:
    """Return how much the three strips on the right matter, as a multiple of the three on the left."""
    found = strips(model, images)
    return float(found[-3:].sum() / found[:3].sum())


@dataclass(frozen=True)
class Clue:
    """A question to the model, answered by a number.

    Args:
        notebook: where its tool is taught.
        asks: what is asked; the answer is yes or no.
        measure: model -> the number.
        limit: yes means above it.
        yes: the suspects for whom it is yes.
    """

    notebook: str
    asks: str
    measure: Callable[[Classifier], float]
    limit: float
    yes: frozenset[str]


def _news(model: Classifier) -> ImageSet:
    return field(324, device=model.mean.device)


# Each limit lies between the networks of the one and the other side, five for each fault, far from both: see the table.
CLUES: Mapping[int, Clue] = {
    1: Clue(
        "01_explanation_taxonomy",
        "Does the answer stay in more than half of the pictures when all but the object turns grey?",
        lambda model: stays(model, _news(model)),
        0.5,
        frozenset({"colour", "pair", "blind"}),
    ),
    2: Clue(
        "03_activation_tsne",
        "Do more than six in ten of the nearest neighbours among the features show the same object?",
        lambda model: same_object(model, _news(model)),
        0.6,
        frozenset({"pair", "blind"}),
    ),
    3: Clue(
        "04_occlusion",
        "Do the strips on the right matter more than 0.65 times as much as those on the left?",
        lambda model: right_to_left(model, _news(model).images),
        0.65,
        frozenset({"colour", "ground", "pair"}),
    ),
}
