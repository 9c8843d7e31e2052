"""Trained small networks as files, which `vislib.models.checkpoints` opens: weights as float16, and how to build the network."""

import json
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

from vislib.models import Classifier
from vislib.models.checkpoints import FOLDER


def save(model: Classifier, arguments: Mapping[str, Any], facts: Mapping[str, str], folder: Path = FOLDER) -> Path:
    """Write a classifier around a small network, which `arguments` rebuild; return the file.

    `facts` (recipe, hash, …) go into the header as they are. Weights lose precision: float16 keeps three digits.
    """
    from safetensors.torch import save_file

    halved = deepcopy(model.network).half().state_dict()
    tensors = {name: value.cpu().contiguous() for name, value in halved.items()}
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
