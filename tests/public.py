"""What vislib offers, found by looking: a public name that is added tomorrow is in this list without being entered."""

import importlib
import inspect
import pkgutil
from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any

from torch import nn

import vislib

# What is no topic of the library: what belongs to the notebooks, and what no image or model goes through.
ASIDE = {"__main__", "course", "intervals", "memory", "progress"}
# A pattern of names -> why the routines behind it are tested elsewhere, or have nothing to test here.
NOT_ROUTINES = {
    "activations.Channels.*": "follows the layers for Grad-CAM and reconstruct, which are entered",
    "attention.Reading.*": "the options of the maps of attention",
    "activations.check_*": "a check",
    "activations.watching": "the hooks of record, which is entered",
    "differentiation.*": "how the gradients are taken that are entered",
    "models.Classifier.channels": "a number",
    "activations.find_layer": "finds a layer by its name and computes nothing",
    "data.PhotoFile.*": "says where a file lies",
    "data.photo": "opens a file",
    "data.fashion_mnist": "needs files that are downloaded on request",
    "explain.check_*": "a check, which every routine goes through",
    "explain.closest": "words for an error",
    "explain.widened": "a change of type, which the routines go through",
    "explain.pair": "a check, which every routine goes through",
    "explain.scores": "checks what a score returns, for the routines that take one",
    "explain.takes": "decorates a routine",
    "look.*": "looks at what comes back, for explain.answers, which is entered",
    "faithfulness.Removing.*": "the options of deletion and insertion",
    "models.Classifier.head": "names a layer",
    "models.Classifier.index": "looks up a name",
    "models.fetch": "downloads a file",
    "networks.trained": "reads a file",
    "models.names": "lists names",
    "models.weights_file": "says where a file lies",
    "roar.*Result.*": "reads its table",
}


def routines() -> dict[str, Callable[..., Any]]:
    """Return every public routine but the exempt ones: "topic.function", "topic.Network" or "topic.Class.method"."""
    return {name: routine for name, routine in everything().items() if not exempt(name)}


def exempt(name: str) -> bool:
    """Whether a public name need not be entered."""
    return any(fnmatchcase(name, pattern) for pattern in NOT_ROUTINES)


def everything() -> dict[str, Callable[..., Any]]:
    """Return all that the topics show: what a face lists in ``__all__``, or else defines under a name without underscore."""
    found: dict[str, Callable[..., Any]] = {}
    for module in pkgutil.iter_modules(vislib.__path__):
        if module.name not in ASIDE:
            found |= _public(module.name, importlib.import_module(f"vislib.{module.name}"))
    for module in ("networks", "tiles"):
        found |= _public(module, importlib.import_module(f"vislib.course.{module}"))
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
        method = value.fget if isinstance(value, property) else getattr(value, "func", value)  # as a cached_property
        if inspect.isfunction(method) and not name.startswith("_") and name != "forward":
            found.append((name, method))
    return found
