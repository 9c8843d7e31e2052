"""Fixtures that all tests share."""

import os
from collections.abc import Iterator
from typing import Any

os.environ["VISLIB_PROGRESS"] = "off"  # no test may touch the progress of whoever runs it
os.environ["VISLIB_PHOTO"] = "off"  # nor see their picture
os.environ.pop("VISLIB_MODEL", None)

import pytest
import torch
from hypothesis import HealthCheck, settings
from torch import Tensor, nn

from tests.pretend import Factories, Pretend

# `make test-all` draws more, and anew in every run; otherwise the same examples come all day.
THOROUGH = bool(os.environ.get("VISLIB_THOROUGH"))
settings.register_profile(
    "quick", max_examples=12, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)
settings.register_profile(
    "thorough", settings.get_profile("quick"), max_examples=200, print_blob=True, derandomize=False
)  # where CI is set, hypothesis would draw the same in every run
settings.load_profile("thorough" if THOROUGH else "quick")


# The beginnings of the names of single tests that take more than five seconds.
LONG = ("test_a_cell_comes_out_again", "test_a_change_of_the_code", "test_other_words")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what takes long, so that no process ends long after the other."""
    items.sort(key=lambda item: not item.name.startswith(LONG))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give each process one test after another; the cells of a notebook together, which come first, and the tests of the site,
    which build it."""
    from xdist.scheduler import LoadScopeScheduling

    class NotebooksTogether(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            return file if file.endswith((".ipynb", "test_site.py")) else nodeid

    return NotebooksTogether(config, log)


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
