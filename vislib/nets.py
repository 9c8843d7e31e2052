"""The small networks of the course. Each takes normalised images and is wrapped in a `Classifier`."""

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vislib import seeded
from vislib.activations import record
from vislib.explain import answers, check_eval, check_images, check_inputs


class SmallCNN(nn.Sequential):
    """A plain convolutional network: blocks of convolution, BatchNorm, ReLU and pooling, one hidden layer, a linear head.

    Its layers have names: ``conv1``, ``norm1``, ``relu1``, ``pool1``, …, ``flatten``, ``hidden``, ``relu``, ``head``.

    Args:
        channels: of the image: 1 for grey, 3 for colour.
        classes: how many.
        size: side of the image, in pixels.
        widths: channels of each block; a block halves the image.
        hidden: units of the hidden layer.
        seed: of the initial weights, which are PyTorch's own; the global random state is left alone.
    """

    def __init__(
        self,
        *,
        channels: int = 3,
        classes: int = 6,
        size: int = 64,
        widths: Sequence[int] = (16, 32, 32, 32),
        hidden: int = 64,
        seed: int = 0,
    ) -> None:
        super().__init__()
        with seeded(seed):
            for i, width in enumerate(widths, start=1):
                self.add_module(f"conv{i}", nn.Conv2d(channels, width, 3, padding=1))
                self.add_module(f"norm{i}", nn.BatchNorm2d(width))
                self.add_module(f"relu{i}", nn.ReLU())
                self.add_module(f"pool{i}", nn.MaxPool2d(2))
                channels, size = width, size // 2
            if size < 1:
                raise ValueError(f"widths has {len(widths)} blocks, each of which halves the image; expected fewer.")
            self.add_module("flatten", nn.Flatten())
            self.add_module("hidden", nn.Linear(channels * size**2, hidden))
            self.add_module("relu", nn.ReLU())
            self.add_module("head", nn.Linear(hidden, classes))

    def forward(self, input: Tensor) -> Tensor:
        """Map normalised images (B, C, S, S) to logits (B, K)."""
        logits: Tensor = super().forward(input)  # type: ignore[no-untyped-call]
        return logits


class PatchEvidenceNet(nn.Module):
    """A transparent network: every patch of the image votes for every class, and the logit *is* the mean of the votes.

    Its convolutions have no padding, so that a vote depends on what its patch shows, and not on where that lies.

    Args:
        channels: of the image: 1 for grey, 3 for colour.
        classes: how many.
        patch: side of what one vote sees, in pixels: 5, 13, 21, …
        width: channels of the layers in between.
        seed: of the initial weights; the global random state is left alone.

    Brendel & Bethge 2019, Approximating CNNs with Bag-of-local-Features Models, https://arxiv.org/abs/1904.00760
    """

    stride = 4  # pixels from one patch to the next

    def __init__(self, *, channels: int = 3, classes: int = 6, patch: int = 13, width: int = 24, seed: int = 0) -> None:
        super().__init__()
        if patch < 5 or patch % 8 != 5:
            raise ValueError(f"patch is {patch} pixels; expected 5, 13, 21, …")
        self.patch = patch
        with seeded(seed):
            layers = _block(channels, width, 5, stride=self.stride)  # sees 5 pixels; each layer of 3 x 3, 8 more
            for _ in range((patch - 5) // 8):
                layers += _block(width, width, 3)
            self.votes = nn.Sequential(*layers, *_block(width, 2 * width, 1), nn.Conv2d(2 * width, classes, 1))

    def forward(self, input: Tensor) -> Tensor:
        """Map normalised images (B, C, S, S) to logits (B, K)."""
        votes: Tensor = self.votes(input)  # (B, K, rows, columns)
        return votes.mean((2, 3))


class Told(NamedTuple):
    """What a `SelfExplainingNet` answers: its class, and the explanation that it was trained to give."""

    logits: Tensor
    """(B, K)."""
    mask: Tensor
    """(B, S / 4, S / 4), logits of *the object is here*."""
    words: tuple[Tensor, ...]
    """One (B, number of words) per question, logits."""


class SelfExplainingNet(nn.Module):
    """A network that learns to explain itself: one head for the class, one for a mask and words.

    Both heads read the same features; nothing ties one to the other. In the gated variant the class has
    features of its own, computed from the pixels inside the mask alone, and it teaches the mask nothing.

    Args:
        channels: of the image: 1 for grey, 3 for colour.
        classes: how many.
        words: how many words answer each question, such as three textures: ``(3,)``.
        size: side of the image, in pixels.
        width: channels of the features.
        gated: whether the class sees only what the mask lets through.
        seed: of the initial weights; the global random state is left alone.

    Hendricks et al. 2016, Generating Visual Explanations, https://arxiv.org/abs/1603.08507 (words beside the class)
    Lei et al. 2016, Rationalizing Neural Predictions, https://arxiv.org/abs/1606.04155 (the gate)
    """

    def __init__(
        self,
        *,
        channels: int = 3,
        classes: int = 6,
        words: Sequence[int] = (3,),
        size: int = 64,
        width: int = 24,
        gated: bool = False,
        seed: int = 0,
    ) -> None:
        super().__init__()
        with seeded(seed):
            self.features = _features(channels, width)
            self.mask_head = nn.Conv2d(width, 1, 1)
            self.mask = nn.Identity()  # where the mask can be recorded
            self.word_heads = nn.ModuleList(nn.Linear(width, n) for n in words)
            self.class_head = nn.Sequential(
                nn.MaxPool2d(2),
                *_block(width, 32, 3, padding=1),
                nn.MaxPool2d(2),
                nn.Flatten(),
                nn.Linear(32 * (size // 16) ** 2, 32),
                nn.ReLU(),
                nn.Linear(32, classes),
            )
            self.behind_gate = _features(channels, width) if gated else None

    def forward(self, input: Tensor) -> Tensor:
        """Map normalised images (B, C, S, S) to logits (B, K)."""
        return self.told(input).logits

    def told(self, input: Tensor) -> Told:
        """Map normalised images (B, C, S, S) to the class and its explanation."""
        seen: Tensor = self.features(input)  # (B, width, S / 4, S / 4)
        mask: Tensor = self.mask(self.mask_head(seen))[:, 0]
        words = tuple(head(seen.amax((2, 3))) for head in self.word_heads)
        if self.behind_gate is not None:
            seen = self.behind_gate(input * (_enlarged(mask.detach(), input) > 0)[:, None])  # elsewhere middle grey
        return Told(self.class_head(seen), mask, words)


NETWORKS: dict[str, type[nn.Module]] = {kind.__name__: kind for kind in (SmallCNN, PatchEvidenceNet, SelfExplainingNet)}
"""By name, as checkpoints have them."""


def _enlarged(mask: Tensor, images: Tensor) -> Tensor:
    """Return a coarse mask (B, h, w) at the size of the images, (B, H, W)."""
    return F.interpolate(mask[:, None], images.shape[-2:], mode="bilinear")[:, 0]


def _features(channels: int, width: int) -> nn.Sequential:
    return nn.Sequential(
        *_block(channels, 32, 7, stride=4, padding=3),
        *_block(32, width, 3, padding=1),
        *_block(width, width, 3, padding=1),
        *_block(width, width, 3, padding=1),
    )


def _block(channels: int, width: int, kernel: int, *, stride: int = 1, padding: int = 0) -> list[nn.Module]:
    return [nn.Conv2d(channels, width, kernel, stride, padding, bias=False), nn.BatchNorm2d(width), nn.ReLU()]


# ---- explanations that these networks bring along ----


@torch.no_grad()
def patch_evidence(model: nn.Module, images: Tensor, target: int | Tensor) -> Tensor:
    """Explain a model around a `PatchEvidenceNet` by its own votes: an explainer. Signed, and exact.

    Each vote is spread evenly over the pixels of its patch; the sum of the heatmap is the logit.

    Args:
        model: maps pixels (B, C, H, W) to logits (B, K), by a `PatchEvidenceNet` inside.
        images: (B, C, H, W), pixels in [0, 1].
        target: a class index, or one per image (B,).

    Returns:
        Heatmap (B, H, W), in units of the logit.

    Raises:
        TypeError, ValueError: for images or target that do not fit, a model in training mode, or without such a network.
    """
    classes = check_inputs(model, images, target)
    network, [votes] = _recorded(model, images, PatchEvidenceNet, "votes", classes)
    chosen = votes[torch.arange(len(votes), device=votes.device), classes][:, None] / votes[0, 0].numel()
    even = chosen.new_full((1, 1, network.patch, network.patch), 1 / network.patch**2)
    spread = F.conv_transpose2d(chosen, even, stride=network.stride)[:, 0]
    down, right = (have - used for have, used in zip(images.shape[-2:], spread.shape[-2:], strict=True))
    return F.pad(spread, (0, right, 0, down))  # a last row or column that no patch sees


@torch.no_grad()
def learned_mask(model: nn.Module, images: Tensor, target: int | Tensor) -> Tensor:
    """Explain a model around a `SelfExplainingNet` by the mask that it gives: an explainer. Unsigned.

    The network gives one mask per image, whatever class is asked for.

    Args:
        model, images, target: as in `patch_evidence`.

    Returns:
        Heatmap (B, H, W): the probability that a pixel belongs to the mask.

    Raises:
        TypeError, ValueError: for images or target that do not fit, a model in training mode, or without such a network.
    """
    classes = check_inputs(model, images, target)
    _, [mask] = _recorded(model, images, SelfExplainingNet, "mask", classes)
    return _enlarged(mask[:, 0], images).sigmoid()


@torch.no_grad()
def learned_words(model: nn.Module, images: Tensor) -> Tensor:
    """Return which words a model around a `SelfExplainingNet` says: int (B, questions), one index per question.

    Raises:
        TypeError, ValueError: as in `learned_mask`.
    """
    check_images(model, images)
    check_eval(model)
    _, scores = _recorded(model, images, SelfExplainingNet, "word_heads")
    return torch.stack([score.argmax(1) for score in scores], 1)


_Net = TypeVar("_Net", bound=nn.Module)


def _recorded(
    model: nn.Module, images: Tensor, kind: type[_Net], part: str, target: Tensor | None = None
) -> tuple[_Net, list[Tensor]]:
    """Return the network of one kind inside a model, and what a part of it answers: a layer, or each of a list of layers."""
    for name, network in model.named_modules():
        if isinstance(network, kind):
            layer = network.get_submodule(part)
            several = [f"{part}.{i}" for i in range(len(layer))] if isinstance(layer, nn.ModuleList) else [part]
            with record(model, [f"{name}.{p}".lstrip(".") for p in several]) as seen:
                answers(model, images, target)
            return network, [*seen.values()]
    raise ValueError(f"there is no {kind.__name__} inside the {type(model).__name__}; expected a model that has one.")
