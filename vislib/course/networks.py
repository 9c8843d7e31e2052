"""Two small networks of notebook 01 that bring their explanations along: one by votes, one by what it was taught to say.

Each takes normalised images and is wrapped in a `Classifier`; its explainers take the classifier.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vislib import device as default_device
from vislib import seeded
from vislib.activations import record
from vislib.data import ImageSet
from vislib.explain import answers, check_eval, check_images, check_inputs
from vislib.models import Classifier, checkpoints
from vislib.nets import SmallViT
from vislib.training import fit

FOLDER = Path(__file__).parent / "weights"


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
    name, network = _inside(model, PatchEvidenceNet)
    with record(model, [f"{name}.votes".lstrip(".")]) as seen:
        answers(model, images, classes)
    [votes] = seen.values()
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
    name, _ = _inside(model, SelfExplainingNet)
    with record(model, [f"{name}.mask".lstrip(".")]) as seen:
        answers(model, images, classes)
    [mask] = seen.values()
    return _enlarged(mask[:, 0], images).sigmoid()


@torch.no_grad()
def learned_words(model: nn.Module, images: Tensor) -> Tensor:
    """Return which words a model around a `SelfExplainingNet` says: int (B, questions), one index per question.

    Raises:
        TypeError, ValueError: as in `learned_mask`.
    """
    check_images(model, images)
    check_eval(model)
    name, network = _inside(model, SelfExplainingNet)
    with record(model, [f"{name}.word_heads.{i}".lstrip(".") for i in range(len(network.word_heads))]) as seen:
        answers(model, images)
    return torch.stack([scores.argmax(1) for scores in seen.values()], 1)


_Net = TypeVar("_Net", bound=nn.Module)


def _inside(model: nn.Module, kind: type[_Net]) -> tuple[str, _Net]:
    """Return the network of one kind inside a model, and its name there."""
    for name, module in model.named_modules():
        if isinstance(module, kind):
            return name, module
    raise ValueError(f"there is no {kind.__name__} inside the {type(model).__name__}; expected a model that has one.")


# ---- with weights ----


def trained(name: str, *, device: torch.device | str | None = None) -> Classifier:
    """Return one of the course's further networks with the weights that ship with it, in evaluation mode, its parameters fixed.

    Args:
        name: "patches_colour", "patches_tiles", "explained_marked", "gated_marked"; or a `SmallViT`, "vit_object",
            "vit_texture".
        device: where to put it; None means :func:`vislib.device`.

    Raises:
        ValueError: for an unknown name, with the names that exist.
    """
    kinds = {"patches": PatchEvidenceNet, "vit": SmallViT}
    kind = kinds.get(str(name).split("_")[0], SelfExplainingNet)
    return checkpoints.read(name, FOLDER, kind).to(default_device() if device is None else torch.device(device))


def fit_jointly(
    model: Classifier, data: ImageSet, *, words: Sequence[str] = ("texture",), weight: float = 2.0, **options: Any
) -> list[float]:
    """Train a classifier around a `SelfExplainingNet` on labels and annotations at once, in place.

    The loss is the sum of three cross-entropies: of the class, of the mask at each place, and of the words.

    Args:
        model: the classifier, on the device of the data.
        data: the training set, with masks and the attributes that `words` names.
        words: which attribute answers each question of the network.
        weight: of mask and words beside the class.
        options: as in `fit`.

    Returns:
        The mean loss of each epoch.

    Raises:
        TypeError, ValueError: if the network explains nothing, the annotations are missing, or as in `fit`.
    """
    if not isinstance(network := model.network, SelfExplainingNet):
        raise TypeError(f"the model is around a {type(network).__name__}; expected a SelfExplainingNet.")
    if data.masks is None or not set(words) <= set(data.attributes) or len(words) != len(network.word_heads):
        raise ValueError(
            f"words is {tuple(words)}, the data has {'no ' if data.masks is None else ''}masks and the attributes "
            f"{', '.join(data.attributes) or 'none'}; expected masks, and {len(network.word_heads)} attributes as words."
        )
    masks, truth = data.masks, [data.attributes[word] for word in words]

    def joint(told: Told, index: Tensor) -> Tensor:
        """Compare with all that is known of the images of these numbers."""
        said = sum(F.cross_entropy(answer, word[index]) for answer, word in zip(told.words, truth, strict=True))
        area = F.adaptive_avg_pool2d(masks[index].to(told.mask), (told.mask.shape[1], told.mask.shape[2]))
        mask = F.binary_cross_entropy_with_logits(told.mask, area, pos_weight=area.new_tensor(3.0))  # objects are small
        return F.cross_entropy(told.logits, data.labels[index]) + weight * (mask + said)

    numbered = replace(data, labels=torch.arange(len(data), device=data.images.device))
    return fit(_Told(model), numbered, loss=joint, **options)  # type: ignore[arg-type]


class _Told(nn.Module):
    """A classifier that answers with everything it has to tell."""

    def __init__(self, model: Classifier) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> Told:
        network = self.model.network
        assert isinstance(network, SelfExplainingNet)
        return network.told((images - self.model.mean) / self.model.std)
