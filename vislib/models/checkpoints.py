"""Trained small networks in one file each: weights as float16, and in the header how to build the network around them."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from vislib import device as default_device
from vislib import nets
from vislib.explain import closest
from vislib.models.classifier import Classifier

FOLDER = Path(__file__).parent / "weights"


def available() -> list[str]:
    """Return the names of the shipped checkpoints."""
    return sorted(file.stem for file in FOLDER.glob("*.safetensors"))


def save(model: Classifier, arguments: Mapping[str, Any], facts: Mapping[str, str], folder: Path = FOLDER) -> Path:
    """Write a classifier around one of `vislib.nets`, which `arguments` rebuild; return the file.

    `facts` (recipe, hash, …) go into the header as they are. Weights lose precision: float16 keeps three digits.
    """
    from safetensors.torch import save_file

    tensors = {
        name: (value.half() if value.is_floating_point() else value).cpu().contiguous()
        for name, value in model.network.state_dict().items()
    }
    build = {
        "network": type(model.network).__name__,
        "arguments": dict(arguments),
        "classes": model.classes,
        "mean": model.mean.flatten().tolist(),
        "std": model.std.flatten().tolist(),
        "input_size": model.input_size,
    }
    folder.mkdir(exist_ok=True)
    file = folder / f"{model.name}.safetensors"
    save_file(tensors, str(file), metadata={"build": json.dumps(build), **facts})
    return file


def facts(name: str, folder: Path = FOLDER) -> dict[str, str]:
    """Return the header of a checkpoint."""
    from safetensors import safe_open

    with safe_open(str(folder / f"{name}.safetensors"), framework="pt") as file:
        return dict(file.metadata())


def read(name: str, folder: Path = FOLDER) -> Classifier:
    """Rebuild a classifier from its checkpoint, on the CPU, in evaluation mode, its parameters fixed."""
    from safetensors.torch import load_file

    build = json.loads(facts(name, folder)["build"])
    network = nets.NETWORKS[build["network"]](**build["arguments"])
    network.load_state_dict(load_file(str(folder / f"{name}.safetensors")))  # float16 is copied into float32
    model = Classifier(
        network,
        classes=list(build["classes"]),
        mean=build["mean"],
        std=build["std"],
        input_size=build["input_size"],
        name=name,
    )
    return model.requires_grad_(False).eval()


def trained(name: str, *, device: torch.device | str | None = None) -> Classifier:
    """Return a small network of the course with the weights that ship with it, in evaluation mode, its parameters fixed.

    Args:
        name: "digits", "digits_inverted" (ink 0 on paper 1), "shapes_object", "shapes_texture", "shapes_colour", …
        device: where to put it; None means :func:`vislib.device`.

    Raises:
        ValueError: for an unknown name, with the names that exist.
    """
    if name not in (known := available()):
        raise ValueError(f"there is no trained network {name!r}; {closest(name, known)}")
    return read(name).to(default_device() if device is None else torch.device(device))
