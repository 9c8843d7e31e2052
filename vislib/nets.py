"""The small network of the course. It takes normalised images and is wrapped in a `Classifier`."""

from collections.abc import Sequence

from torch import Tensor, nn

from vislib import seeded


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
