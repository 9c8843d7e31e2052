"""Fixtures that all tests share."""

import os
from collections.abc import Iterator

os.environ["VISLIB_PROGRESS"] = "off"  # no test may touch the progress of whoever runs it
os.environ.pop("VISLIB_MODEL", None)

import pytest
import torch
from torch import Tensor, nn

from tests.pretend import Factories, Pretend


@pytest.fixture
def pretend() -> Iterator[torch.device]:
    """Turn the pretend device on for one test."""
    with Pretend(), Factories():
        yield torch.device("pretend:0")


@pytest.fixture
def cnn() -> nn.Module:
    """A small network with what real ones have, on images of 16 x 16: BatchNorm, ReLU, dropout, a linear head; 5 classes."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = nn.Sequential(
            nn.Conv2d(3, 6, 3, padding=1),
            nn.BatchNorm2d(6),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(6, 8, 3, padding=1),
            nn.ReLU(),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            nn.Dropout(0.5),
            nn.Linear(8, 5),
        )
    return network.eval()


@pytest.fixture
def images() -> Tensor:
    """Three random images of 16 x 16 pixels."""
    return torch.rand(3, 3, 16, 16, generator=torch.Generator().manual_seed(1))
