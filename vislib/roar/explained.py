"""The heatmaps of an evaluation: of the methods, of the controls, and of heatmaps that exist already; and what is refused."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from vislib import controls as _controls
from vislib import fills
from vislib.explain import Explainer, answers, check_choice, check_inputs
from vislib.look import check_heatmap
from vislib.roar.removal import FILLS

Maps = tuple[Tensor, Tensor]
"""Heatmaps that exist already: of the training images (N, H, W), and of the test images."""

_CONTROLS: dict[str, Explainer] = {"random": _controls.chance, "sobel": _controls.sobel, "disc": _controls.disc}
_BLURRED = "blurred"
_BATCH = 256  # images that are explained together


def explained(
    explainers: Mapping[str, Any], controls: Sequence[str], model: nn.Module, *sets: Tensor
) -> Iterator[tuple[str, list[Tensor]]]:
    """Return the heatmaps of each set, by the name of the explainer; then those of the controls."""
    for images in sets:
        check_inputs(model, images)
    targets = [_named(model, images) for images in sets]
    everything = dict(explainers) | {name: _CONTROLS[name] for name in controls if name != _BLURRED}
    for name, explainer in everything.items():
        if len(sets) > 1 and isinstance(explainer, Tensor):
            raise TypeError(
                f"the heatmaps of {name!r} are one tensor; expected two: of the training and of the test images."
            )
        made = [
            _heatmap(name, explainer[number] if isinstance(explainer, tuple) else explainer, model, images, target)
            for number, (images, target) in enumerate(zip(sets, targets, strict=True), -len(sets))
        ]
        yield name, made
        if _BLURRED in controls and name in explainers:
            yield f"{name}, {_BLURRED}", [fills.gaussian(heat[:, None])[:, 0] for heat in made]


def _heatmap(name: str, explainer: Explainer | Tensor, model: nn.Module, images: Tensor, target: Tensor) -> Tensor:
    if isinstance(explainer, Tensor):
        found = explainer
    else:
        parts = zip(images.split(_BATCH), target.split(_BATCH), strict=True)
        found = torch.cat([explainer(model, some, classes).detach() for some, classes in parts])
    check_heatmap(found, images, f"the heatmaps of {name!r}")
    return found


@torch.no_grad()
def _named(model: nn.Module, images: Tensor) -> Tensor:
    """Return the class that the model names, (N,)."""
    return torch.cat([answers(model, some).argmax(1) for some in images.split(_BATCH)])


def check_names(explainers: Mapping[str, Any], controls: Sequence[str]) -> None:
    """Raise for a control that there is not, a name that is used twice, or an explainer that is none."""
    if isinstance(controls, str):
        raise TypeError(f"controls is {controls!r}; expected several names, such as ({controls!r},).")
    known = (*_CONTROLS, _BLURRED)
    if unknown := [name for name in controls if name not in known]:
        raise ValueError(f"there is no control {unknown[0]!r}; expected some of {', '.join(known)}.")
    if twice := [name for name in explainers if name in controls]:
        raise ValueError(f"{twice[0]!r} is an explainer and a control; expected another name for one of them.")
    if not explainers and not controls:
        raise ValueError("there are no explainers; expected at least one, or a control.")
    for name, explainer in explainers.items():
        if not callable(explainer) and not isinstance(explainer, Tensor | tuple):
            raise TypeError(
                f"the explainer {name!r} is a {type(explainer).__name__}; expected a function, or heatmaps of the "
                "training and of the test images."
            )


def check_options(fractions: Sequence[float], fill: str) -> None:
    """Raise for fractions that are no different shares in [0, 1], or a fill that there is not."""
    shares = list(fractions)
    if not shares or not all(0 <= share <= 1 for share in shares) or len(set(shares)) < len(shares):
        raise ValueError(f"fractions is {shares}; expected different shares of removed pixels, each in [0, 1].")
    check_choice(fill, "fill", FILLS)
