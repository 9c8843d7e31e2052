"""What vislib offers, found by looking: a public name that is added tomorrow is in this list without being entered."""

import importlib
import inspect
import pkgutil
from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any

from torch import nn

import vislib

# A pattern of names -> why the routines behind it are tested elsewhere, or have nothing to test here.
NOT_ROUTINES = {
    "vislib.*": "the choice of the device itself, and the global seed",
    "activations.find_layer": "finds a layer by its name and computes nothing",
    "data.PhotoFile.*": "says where a file lies",
    "data.photo": "opens a file",
    "data.fashion_mnist": "needs files that are downloaded on request",
    "exercises.*": "takes the reader's function and brings its own small tensors",
    "explore.*": "draws widgets; what they show comes from routines under their own names",
    "imagenet.groups": "a table of the classes, the same for everyone",
    "incremental.IncrementalModel.kept": "an inner step of run",
    "incremental.IncrementalModel.offsets": "an inner step of run",
    "models.Classifier.head": "names a layer",
    "models.Classifier.index": "looks up a name",
    "models.fetch": "downloads a file",
    "models.names": "lists names",
    "models.weights_file": "says where a file lies",
    "mystery.*": "the course's own puzzle: shipped networks, their pictures, and numbers made of routines under their own names",
    "plots.*": "draws, from copies on the CPU",
    "roar.RoadResult.*": "reads its table",
    "roar.RoarResult.*": "reads its table",
    "results.*": "reads and writes tables",
}


def routines() -> dict[str, Callable[..., Any]]:
    """Return every public routine but the exempt ones: "module.function", "module.Network" or "module.Class.method"."""
    return {name: routine for name, routine in everything().items() if not exempt(name)}


def exempt(name: str) -> bool:
    """Whether a public name need not be entered."""
    return any(fnmatchcase(name, pattern) for pattern in NOT_ROUTINES)


def everything() -> dict[str, Callable[..., Any]]:
    """Return all that is public: what a module lists in ``__all__``, or else defines under a name without underscore."""
    found: dict[str, Callable[..., Any]] = _public("vislib", vislib)
    for module in pkgutil.iter_modules(vislib.__path__):
        if not module.name.startswith("_"):
            found |= _public(module.name, importlib.import_module(f"vislib.{module.name}"))
    return found


def _public(module: str, namespace: Any) -> dict[str, Callable[..., Any]]:
    listed = getattr(namespace, "__all__", None)
    found: dict[str, Callable[..., Any]] = {}
    for name, value in vars(namespace).items():
        own = name in listed if listed is not None else getattr(value, "__module__", "") == namespace.__name__
        if name.startswith("_") or not own:
            continue
        if inspect.isfunction(value):
            found[f"{module}.{name}"] = value
        elif inspect.isclass(value):
            if issubclass(value, nn.Module):
                found[f"{module}.{name}"] = value
            found |= {f"{module}.{name}.{part}": method for part, method in _methods(value)}
    return found


def _methods(kind: type) -> list[tuple[str, Callable[..., Any]]]:
    """Return the public methods and properties that a class itself defines; ``forward`` counts as the network."""
    found = []
    for name, value in vars(kind).items():
        method = value.fget if isinstance(value, property) else value
        if inspect.isfunction(method) and not name.startswith("_") and name != "forward":
            found.append((name, method))
    return found
