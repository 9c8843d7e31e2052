"""Make the pictures of the flashcards from real model outputs: `python tools/make_card_pictures.py [name …]`.

The network, the photographs and the methods are those of the notebooks; prints the numbers that the cards quote.
"""

import io
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import torch
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F

from vislib import data, models
from vislib.controls import sobel
from vislib.embedding import class_weights, pca
from vislib.gradients import gradient, guided_backprop
from vislib.occlusion import occlusion
from vislib.reconstruction import reconstruct
from vislib.sanity import randomised, spearman

OUT = Path(__file__).resolve().parents[1] / "flashcards" / "decks" / "img"


@cache
def network() -> models.Classifier:
    """The ImageNet network of the course."""
    return models.load("efficientnet_lite0", device="cpu")


def named(label: str) -> int:
    """The class of a name."""
    return network().classes.index(label)


def photo(name: str) -> Tensor:
    """A photograph as the network sees it; shrunk with a cubic filter, it stays sharp enough for a card."""
    image = data.photo(name)
    scale = network().resize / min(image.size)
    size = round(image.width * scale), round(image.height * scale)
    return network().preprocess(image.resize(size, Image.Resampling.BICUBIC))


def randomly(*blocks: str) -> nn.Module:
    """The network with random weights in these blocks, or in all."""
    photographs = torch.cat([photo(name) for name in ("cameraman", "coffee", "cat", "rocket", "astronaut")])
    *_, (_, broken) = randomised(network(), photographs, blocks=blocks or None)
    return broken


@torch.no_grad()
def probability(model: nn.Module, image: Tensor, target: int) -> float:
    """How sure a network is of a class."""
    return float(model(image).softmax(1)[0, target])


def panels(name: str, columns: list[tuple[str, Tensor]], signed: bool = False) -> None:
    """Photographs (1, 3, H, W) and maps (1, H, W) side by side, with a letter or a title above each.

    Signed maps share one scale, with a colour bar; the others end at their own 99th percentile.
    """
    figure = Figure(figsize=(2.5 * len(columns) + 0.9 * signed, 2.75), facecolor="white", layout="constrained")
    row = figure.subplots(1, len(columns), squeeze=False)[0]
    # Half the resolution: single pixels cannot be told at the size of a card, and cost most of the file.
    maps = [F.avg_pool2d(picture, 2)[0].numpy() for _, picture in columns if picture.ndim == 3]
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
    """Guided backpropagation of the trained and of a wholly random network."""
    image, cat = photo("cat"), named("Egyptian cat")
    maps = [guided_backprop(model, image, cat) for model in (network(), randomly())]
    panels("sanity_spot", [("photo", image), ("A", maps[0]), ("B", maps[1])])


def sanity_guided() -> None:
    """Guided backpropagation before and after the top of the network was randomised."""
    image, cat = photo("cat"), named("Egyptian cat")
    pair = (network(), randomly("network.classifier", "network.conv_head", "network.blocks.6"))
    maps = [guided_backprop(model, image, cat) for model in pair]
    alike = spearman(*(F.avg_pool2d(heat, 2) for heat in maps)).item()
    print(f"rank correlation {alike:.2f}; cat {[f'{probability(model, image, cat):.4f}' for model in pair]}")
    panels("sanity_guided", [("photo", image), ("A", maps[0]), ("B", maps[1])])


def sanity_edges() -> None:
    """An edge detector beside the gradient."""
    image, tripod = photo("cameraman"), named("tripod")
    maps = [explain(network(), image, tripod) for explain in (sobel, gradient)]
    panels("sanity_edges", [("photo", image), ("A", maps[0]), ("B", maps[1])])


def gradients_read() -> None:
    """A photograph and the gradient of its class."""
    image = photo("coffee")
    panels("gradients_read", [("photo", image), ("gradient", gradient(network(), image, named("espresso")))])


def occlusion_fill() -> None:
    """The same photograph occluded with black and with noise."""
    image, tripod = photo("cameraman"), named("tripod")
    maps = [occlusion(network(), image, tripod, patch=48, stride=16, fill=fill) for fill in ("black", "noise")]
    panels("occlusion_fill", [("photo", image), ("A", maps[0]), ("B", maps[1])], signed=True)


def reconstruction_naive() -> None:
    """A picture of noise that the network is sure of, and what is left after a shift by a few pixels."""
    strawberry = named("strawberry")
    image = reconstruct(
        network(), strawberry, parametrisation="pixels", steps=60, shift=0, scale=0, rotate=0, learning_rate=0.08
    )
    before, after = (probability(network(), x, strawberry) for x in (image, image.roll((5, 7), dims=(2, 3))))
    print(f"strawberry: {before:.3f}, moved {after:.3f}")
    panels("reconstruction_naive", [(f"strawberry: {before:.2f}", image)])


def weights_pca() -> None:
    """The class weights of the last layer in their first two principal components; dogs in colour."""
    found = pca(class_weights(network()))
    dogs = slice(151, 269)
    figure = Figure(figsize=(5.2, 3.6), facecolor="white", layout="constrained")
    axes = figure.subplots()
    axes.scatter(*found.points.T.numpy(), s=9, color="#b9c0c9", label="all 1000 classes")
    axes.scatter(*found.points[dogs].T.numpy(), s=9, color="#0072b2", label="118 breeds of dogs")
    axes.set(xlabel="first component", ylabel="second component", xticks=[], yticks=[])
    axes.legend(fontsize=9, loc="best")
    print(f"share of the variance {found.explained.sum().item():.3f}")
    save(figure, "weights_pca")


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
