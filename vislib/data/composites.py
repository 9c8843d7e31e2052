"""Composite images in which the truth is known: shapes on textures."""

import torch
from torch import Tensor

from vislib import HERE, stream
from vislib.data.drawing import COLOURS, OBJECTS, TEXTURES, draw, stamp
from vislib.data.imageset import ImageSet
from vislib.explain import check_choice

TASKS = {"object": OBJECTS, "texture": TEXTURES, "colour": COLOURS}


def shapes(
    n: int,
    *,
    size: int = 64,
    seed: int = 0,
    label: str = "object",
    shortcut: float | None = None,
    device: torch.device | str | None = None,
) -> ImageSet:
    """Draw composite images in which the truth is known: a coloured object and three distractors on a real texture.

    The three labels are tasks on the *same* images, so that two networks can disagree about what matters in one picture
    (as in BAM, Yang & Kim 2019). Objects have any colour, place and rotation, and the same spread of areas whatever
    their kind; each block of 108 images holds every combination of object, texture and colour once. The first images of
    a longer set are the shorter set.

    Args:
        n: how many images.
        size: their side, in pixels.
        seed: the same seed draws the same images on every device.
        label: "object" (6 classes), "texture" (3) or "colour" of the object (6).
        shortcut: the probability with which a mark in the top left corner, a die, tells the label: class k shows k + 1
            pips; else the mark of another class, drawn uniformly, is there. None: no mark. With the same seed, sets of
            different `shortcut` differ in their marks only.
        device: where to put them; None means :func:`vislib.device`.

    Returns:
        Images (n, 3, size, size), masks of the object (n, size, size), and the attributes object, texture, colour (class
        indices), row, col, radius (pixels), angle (radians), and mark (a class index, or -1 without a mark). An object
        lies within `REACH` radii of its centre.

    Raises:
        ValueError: for n below 1, a size below 16, an unknown label, or a probability outside [0, 1].

    Yang & Kim 2019, Benchmarking Attribution Methods with Relative Feature Importance, https://arxiv.org/abs/1907.09701
    """
    if n < 1 or size < 16:
        raise ValueError(f"n is {n} and size {size}; expected at least 1 image of at least 16 pixels.")
    check_choice(label, "label", TASKS)
    images, masks, attributes = draw(n, size, seed)
    labels = attributes[label]
    attributes["mark"] = torch.full((n,), -1, device="cpu")
    if shortcut is not None:
        attributes["mark"] = _marks(labels, len(TASKS[label]), shortcut, seed)
        masks &= ~stamp(images, attributes["mark"])
    return ImageSet(images, labels, TASKS[label], masks, attributes).to(device)


def _marks(labels: Tensor, classes: int, truthful: float, seed: int) -> Tensor:
    """Return a class per image: its label with the given probability, else one of the others."""
    if not 0 <= truthful <= 1:
        raise ValueError(f"shortcut is {truthful}; expected a probability in [0, 1], or None.")
    # a stream of its own, so that the images themselves stay the same; two numbers per image, as for a longer set
    honest, other = torch.rand(len(labels), 2, generator=stream(seed, "marks"), **HERE).T
    lie = (labels + 1 + ((classes - 1) * other).long().clamp(max=classes - 2)) % classes
    return torch.where(honest < truthful, labels, lie)
