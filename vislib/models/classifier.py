"""A classifier: any network as a map from pixels in [0, 1] to logits."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from vislib.activations import watching
from vislib.explain import answers, check_count, check_inputs, check_model, closest
from vislib.models.asking import head_of, input_channels
from vislib.models.pixels import pixels


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
        check_model(network)
        self.network = network
        self.name = name or type(network).__name__
        self.input_size = input_size
        self.resize = round(input_size * 256 / 224) if resize is None else resize
        like = next((p.detach() for p in network.parameters()), torch.zeros(()))
        for label, numbers in (("mean", mean), ("std", std)):
            self.register_buffer(label, like.new_tensor(numbers).reshape(1, -1, 1, 1), persistent=False)
        if not bool((self.std > 0).all()):
            raise ValueError(f"std is {std!r}; expected positive numbers.")
        for label, value in (("mean", self.mean), ("std", self.std)):
            if value.numel() != 1 and value.numel() != self.channels:
                raise ValueError(
                    f"{label} has {value.numel()} numbers; expected one, or one for each of the {self.channels} channels."
                )
        if self.resize < input_size:
            raise ValueError(f"resize is {self.resize} and input_size {input_size}; expected at least input_size.")
        two, named = isinstance(network, TwoClasses), None if classes is None else len(classes)
        if two and named:
            _check_named(named, 2)
        self._head_name = self._find_head(head, None if two else named)
        outputs = 2 if two else 0 if self._head_name is None else self.head.out_features
        self.classes = [str(k) for k in range(outputs)] if classes is None else list(classes)

    def forward(self, images: Tensor) -> Tensor:
        """Map pixels (B, C, H, W) in [0, 1] to logits (B, K)."""
        logits: Tensor = self.network((images - self.mean) / self.std)
        return logits

    @property
    def head(self) -> nn.Linear:
        """The last linear layer: features (B, D) -> logits (B, K), of which inside `TwoClasses` there is one.

        Raises:
            ValueError: if no layer is the last one for certain.
        """
        if self._head_name is None:
            raise ValueError(
                f"{self.name} has no nn.Linear layer that is its head for certain; expected a classifier that ends in one, "
                "or the name: Classifier(head=...)."
            )
        layer = self.network.get_submodule(self._head_name)
        assert isinstance(layer, nn.Linear)
        return layer

    def preprocess(self, image: Image.Image | np.ndarray[Any, Any] | Tensor) -> Tensor:
        """Resize the shorter side, cut out the centre, and return pixels (1, C, S, S) in [0, 1] on the model's device.

        Args:
            image: a PIL image, an array (H, W) or (H, W, C), uint8, uint16 or float in [0, 1], or a tensor (C, H, W) or
                (1, C, H, W) in [0, 1]. A PIL image is turned as its EXIF tag says; 16 bits and floating point keep
                their depth; what is transparent lies on white, unless the network takes four channels.

        Raises:
            TypeError, ValueError: if it is none of these.
        """
        from torchvision.transforms.v2.functional import center_crop

        cut: Tensor = center_crop(pixels(image, self.resize, self.channels), [self.input_size, self.input_size])
        return cut.to(self.mean)

    @torch.no_grad()
    def top(self, images: Tensor, k: int = 5) -> list[list[tuple[str, float]]]:
        """Return, per image (B, C, H, W), the k likeliest classes with their probabilities, likeliest first.

        Raises:
            TypeError, ValueError: if images or k do not fit, or the names are not as many as the logits.
        """
        check_inputs(self, images)
        check_count(k, "k")
        logits = answers(self, images)
        names = self.classes or [str(i) for i in range(logits.shape[1])]
        _check_named(len(names), logits.shape[1])
        values, indices = logits.softmax(1).topk(min(k, logits.shape[1]))
        rows = zip(indices.cpu().tolist(), values.cpu().tolist(), strict=True)
        return [[(names[i], p) for i, p in zip(*row, strict=True)] for row in rows]

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
        raise ValueError(f"{self.name} has no class {class_name!r}; {closest(class_name, self.classes)}")

    def features(self, images: Tensor) -> Tensor:
        """Return the input of the head, (B, D): what the network has made of the images before it decides.

        Raises:
            TypeError, ValueError: if images do not fit, or the network has no head or answers without it.
        """
        check_inputs(self, images)
        caught: list[Tensor] = []
        with watching({"head": self.head}, lambda name, module, inputs: caught.append(inputs[0]), before=True):
            self(images.clone())  # recorded is a layer, and the answer itself may be anything
        if not caught:
            raise ValueError(
                f"{self.name} answers without its layer {self._head_name!r}; expected Classifier(head=...)."
            )
        return caught[-1]

    @cached_property
    def channels(self) -> int:
        """How many colour channels the network takes: as many as mean or std have numbers, else see `input_channels`."""
        told = max(self.mean.numel(), self.std.numel())  # the reader knows better than a convolution
        return input_channels(self.network, self.input_size, told)

    def _find_head(self, head: nn.Linear | str | None, classes: int | None) -> str | None:
        """Return the name of the last linear layer, None where there is none; it has as many outputs as classes are named."""
        linear = {name: module for name, module in self.network.named_modules() if isinstance(module, nn.Linear)}
        if head is None:
            fitting = {name: module for name, module in linear.items() if classes in (None, module.out_features)}
            layers = [m for m in self.network.modules() if any(True for _ in m.parameters(recurse=False))]
            if not fitting and layers and isinstance(layers[-1], nn.Linear):
                _check_named(classes, layers[-1].out_features)
            return head_of(self.network, fitting, 0 if len(fitting) < 2 else self.channels, self.input_size)
        wanted: list[str] = [name for name, module in linear.items() if head is module or head == name]
        if not wanted:
            raise ValueError(
                f"head is {head!r}; expected a linear layer of the network: {', '.join(linear) or 'it has none'}."
            )
        outputs = linear[wanted[0]].out_features
        if classes not in (None, outputs):
            raise ValueError(f"head has {outputs} outputs and there are {classes} classes; expected the same.")
        return wanted[0]


def _check_named(named: int | None, outputs: int) -> None:
    if named != outputs:
        raise ValueError(f"{named} classes are named, and the network has {outputs}; expected the same.")


class TwoClasses(nn.Module):
    """A network that answers one number per image, (B,) or (B, 1), as one with two classes: *no*, whose logit is 0, and *yes*.

    The probability of *yes* is the sigmoid of the number.

    Args:
        network: maps images (B, C, H, W) to one logit each.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        """Map images (B, C, H, W) to logits (B, 2)."""
        yes: Tensor = self.network(images)
        if yes.numel() != len(images):
            raise ValueError(f"the network answers {tuple(yes.shape)}; expected one number for each image.")
        return torch.stack([torch.zeros_like(yes), yes], -1).reshape(len(images), 2)
