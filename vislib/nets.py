"""The small networks of the course. They take normalised images and are wrapped in a `Classifier`."""

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor, nn

from vislib import seeded


class SmallCNN(nn.Sequential):
    """A plain convolutional network: blocks of convolution, BatchNorm, ReLU and pooling, one hidden layer, a linear head.

    It maps normalised images (B, C, S, S) to logits (B, K).
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


class SmallViT(nn.Module):
    """A small transformer: convolutions make tokens of the image, a class token goes through the blocks with them.

    The blocks are PyTorch's own, pre-norm: ``blocks.0``, …; ``stem``, ``norm`` and ``head`` stand around them. The logits
    are read from the class token, which comes first; the other tokens are places, row by row.

    Args:
        channels: of the image: 1 for grey, 3 for colour.
        classes: how many.
        size: side of the image, in pixels, a multiple of 8, since a token stands for 8 x 8 of them.
        width: numbers per token, a multiple of `heads`.
        depth: blocks.
        heads: of each block's attention.
        seed: of the initial weights; the global random state is left alone.

    Dosovitskiy et al. 2021, An Image is Worth 16x16 Words, https://arxiv.org/abs/2010.11929
    Xiao et al. 2021, Early Convolutions Help Transformers See Better, https://arxiv.org/abs/2106.14881
    """

    def __init__(
        self,
        *,
        channels: int = 3,
        classes: int = 6,
        size: int = 64,
        width: int = 64,
        depth: int = 4,
        heads: int = 4,
        seed: int = 0,
    ) -> None:
        super().__init__()
        with seeded(seed):
            stem, before = list[nn.Module](), channels
            for after in (width // 4, width // 2, width):
                stem += [nn.Conv2d(before, after, 3, stride=2, padding=1), nn.BatchNorm2d(after), nn.ReLU()]
                before = after
            self.stem = nn.Sequential(*stem, nn.Conv2d(width, width, 1))
            self.first = nn.Parameter(0.02 * torch.randn(1, 1, width))
            self.places = nn.Parameter(0.02 * torch.randn(1, (size // 8) ** 2 + 1, width))
            block = partial(
                nn.TransformerEncoderLayer, dropout=0.0, activation="gelu", batch_first=True, norm_first=True
            )
            self.blocks = nn.Sequential(*(block(width, heads, 2 * width) for _ in range(depth)))
            self.norm = nn.LayerNorm(width)
            self.head = nn.Linear(width, classes)

    def forward(self, input: Tensor) -> Tensor:
        """Map normalised images (B, C, S, S) to logits (B, K)."""
        places = self.stem(input).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.first.expand(len(input), -1, -1), places], 1) + self.places
        logits: Tensor = self.head(self.norm(self.blocks(tokens)[:, 0]))
        return logits
