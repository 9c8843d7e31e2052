"""Calls of every routine, made from its signature: one that is added tomorrow is called without being entered."""

import copy
import functools
import inspect
from collections.abc import Callable, Collection, Mapping
from typing import Any

import torch
from torch import nn

from tests import public
from vislib import data, gradients, sanity

Call = Callable[[nn.Module, Any], Any]
Signature = Mapping[str, inspect.Parameter]


def image_set(images: Any) -> data.ImageSet:
    return data.ImageSet(images, torch.zeros(len(images), dtype=torch.int64), "abcde")


def _length(images: Any) -> int:
    return 3 if images is None else len(images)


# What to give to a required parameter of this name.
GIVEN: dict[str, Callable[[nn.Module, Any], Any]] = {
    "model": lambda model, images: model,
    "images": lambda model, images: images,
    **dict.fromkeys(("data", "train", "test"), lambda model, images: image_set(images)),
    "target": lambda model, images: 0,
    "layer": lambda model, images: next(name for name, _ in model.named_children()),
    "explainer": lambda model, images: gradients.gradient,
    "explainers": lambda model, images: {"gradient": gradients.gradient},
    "build_model": lambda model, images: lambda *seed: copy.deepcopy(model),
    "twins": lambda model, images: sanity.Twins([model, model], [model, model]),
    "heat": lambda model, images: torch.zeros(_length(images), 16, 16),
    "masks": lambda model, images: torch.zeros(_length(images), 16, 16, dtype=torch.bool),
    "size": lambda model, images: 8,
}
# What to give to an optional parameter, so that a right call is quick.
SMALL: dict[str, Any] = {
    "patch": 4,
    "stride": 4,
    "steps": 1,
    "n": 1,
    "epochs": 1,
    "seeds": 2,
    "fitted": 0.0,
    "fractions": (0.5,),
}
IMAGES_IN = {"images", "data", "train", "test"}
SETS = {"data", "train", "test"}
UNCHECKED = ("fills.", "explain.")  # are called with images that a routine has checked


def _call(routine: Callable[..., Any], model: nn.Module, images: Any, **options: Any) -> Any:
    """Call a routine with what its signature asks for."""
    asked = inspect.signature(routine).parameters
    given = {name: SMALL[name] for name in asked.keys() & SMALL.keys()}
    for name, parameter in asked.items():
        if parameter.default is inspect.Parameter.empty and parameter.kind is not inspect.Parameter.VAR_KEYWORD:
            assert name in GIVEN, f"enter into GIVEN what to give to the parameter {name!r}"
            if name not in options:
                given[name] = GIVEN[name](model, images)
    return routine(**given | options)


SIGNATURES: dict[str, Signature] = {
    name: inspect.signature(routine).parameters
    for name, routine in public.routines().items()
    if not inspect.isclass(routine) and name.count(".") == 1 and not name.startswith(UNCHECKED)
}
FUNCTIONS: dict[str, Callable[..., Any]] = {
    name: functools.partial(_call, public.routines()[name])
    for name, asked in SIGNATURES.items()
    if asked.keys() & IMAGES_IN
}


def having(*parameters: str, among: Collection[str] = FUNCTIONS) -> list[str]:
    """Return the functions that have all these parameters."""
    return [name for name in among if SIGNATURES.get(name, {}).keys() >= set(parameters)]
