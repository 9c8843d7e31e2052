"""Trained small networks in one file each: weights as float16, and in the header how to build the network around them."""

import json
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from vislib import device as default_device
from vislib.explain import closest
from vislib.models.classifier import Classifier
from vislib.nets import SmallCNN

FOLDER = Path(__file__).parent / "weights"


def available(folder: Path = FOLDER) -> list[str]:
    """Return the names of the checkpoints in a folder: by default of those that ship."""
    return sorted(file.stem for file in folder.glob("*.safetensors"))


def facts(name: str, folder: Path = FOLDER) -> dict[str, str]:
    """Return the header of a checkpoint."""
    from safetensors import safe_open

    with safe_open(str(folder / f"{name}.safetensors"), framework="pt") as file:
        return dict(file.metadata())


def read(name: str, folder: Path = FOLDER, kind: Callable[..., nn.Module] = SmallCNN) -> Classifier:
    """Rebuild a classifier around a network of a kind from its checkpoint, on the CPU, in evaluation mode, its parameters fixed.

    Raises:
        ValueError: for an unknown name, with the names that exist.
    """
    from safetensors.torch import load_file

    if name not in (known := available(folder)):
        raise ValueError(f"there is no trained network {name!r}; {closest(name, known)}")
    build = json.loads(facts(name, folder)["build"])
    del build["network"]  # the name of its kind
    network = kind(**build.pop("arguments"))
    network.load_state_dict(load_file(str(folder / f"{name}.safetensors")))  # float16 is copied into float32
    return Classifier(network, name=name, **build).requires_grad_(False).eval()


def trained(name: str, *, device: torch.device | str | None = None) -> Classifier:
    """Return a small network of the course with the weights that ship with it, in evaluation mode, its parameters fixed.

    Args:
        name: "digits", "digits_inverted" (ink 0 on paper 1), "shapes_object", "shapes_texture", "shapes_colour", …
        device: where to put it; None means :func:`vislib.device`.

    Raises:
        ValueError: for an unknown name, with the names that exist.
    """
    return read(name).to(default_device() if device is None else torch.device(device))
