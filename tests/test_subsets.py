"""Many squares at once, against the enumeration of all sets of squares on small images."""

from collections.abc import Callable
from itertools import permutations, product

import pytest
import torch
from torch import Tensor, nn

from tests.state import unchanged
from tests.test_occlusion import Linear
from vislib import fills
from vislib.explain import logit, probability
from vislib.faithfulness import deletion
from vislib.fills import Fill
from vislib.occlusion import occlusion, rise, shapley

FILLS: list[Fill] = ["black", "mean", "noise", torch.tensor(0.25)]
METHODS = [rise, shapley]


def _seen(images: Tensor, fill: Fill, shown: tuple[bool, ...]) -> Tensor:
    """Images of 4 x 4 pixels in squares of 2: those that are not shown are filled."""
    mask = torch.tensor(shown).reshape(2, 2).repeat_interleave(2, 0).repeat_interleave(2, 1)
    return torch.where(mask, images, fills.canvas(fill, images))


def _all(model: nn.Module, images: Tensor, target: Tensor, fill: Fill) -> dict[tuple[bool, ...], Tensor]:
    """The probability of the target for each of the sixteen sets of squares that may be shown."""
    sets = product([False, True], repeat=4)
    with torch.no_grad():
        return {shown: probability(model(_seen(images, fill, shown)), target) for shown in sets}


def _corners(heat: Tensor) -> Tensor:
    return heat[:, ::2, ::2].flatten(1)


@pytest.fixture
def small() -> Tensor:
    """Three random images of 4 x 4 pixels."""
    return torch.rand(3, 3, 4, 4, generator=torch.Generator().manual_seed(3))


@pytest.fixture
def network() -> nn.Module:
    """A network in which the squares act together."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        layers = [
            nn.Conv2d(3, 8, 3, padding=1),
            nn.Tanh(),
            nn.Flatten(),
            nn.Linear(128, 16),
            nn.ReLU(),
            nn.Linear(16, 5),
        ]
        return nn.Sequential(*layers).eval()


TARGET = torch.tensor([3, 0, 4])


@pytest.mark.parametrize("fill", FILLS, ids=str)
def test_shapley_values_come_near_those_of_all_orders(fill: Fill, network: nn.Module, small: Tensor) -> None:
    score, expected = _all(network, small, TARGET, fill), torch.zeros(3, 4)
    for order in permutations(range(4)):
        for place, square in enumerate(order):
            before, after = (tuple(k in order[: place + more] for k in range(4)) for more in (0, 1))
            expected[:, square] += (score[after] - score[before]) / 24
    found = _corners(shapley(network, small, TARGET, samples=3000, patch=2, fill=fill))
    torch.testing.assert_close(found, expected, atol=0.05 * float(expected.abs().max()), rtol=0)


@pytest.mark.parametrize("fill", FILLS, ids=str)
def test_random_masks_come_near_the_means_over_all_masks(fill: Fill, network: nn.Module, small: Tensor) -> None:
    score, expected = _all(network, small, TARGET, fill), torch.zeros(3, 4)
    for shown, value in score.items():
        expected += value[:, None] * (2 * torch.tensor(shown).float() - 1) / 8
    found = _corners(rise(network, small, TARGET, samples=20000, patch=2, fill=fill))
    torch.testing.assert_close(found, expected, atol=0.1 * float(expected.abs().max()), rtol=0)


@pytest.mark.parametrize("samples", [1, 2, 7])
@pytest.mark.parametrize(("patch", "first"), [(2, 2), (3, 3), ((4, 2), (4, 2)), (None, (2, 2))])
def test_shapley_values_add_up_after_any_number_of_orders(
    samples: int, patch: int | None, first: int | tuple[int, int], network: nn.Module, small: Tensor
) -> None:
    heat = shapley(network, small, TARGET, samples=samples, patch=patch, fill="noise", seed=samples)
    down, right = (first, first) if isinstance(first, int) else first
    with torch.no_grad():
        ends = [probability(network(x), TARGET) for x in (small, fills.noise(small))]
    torch.testing.assert_close(heat[:, ::down, ::right].sum((1, 2)), ends[0] - ends[1], atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize(("height", "width", "patch"), [(4, 4, 2), (7, 5, 3), (6, 9, (1, 4))])
def test_where_squares_only_add_up_one_order_is_exact(height: int, width: int, patch: int) -> None:
    weight = torch.randn(1, height, width, generator=torch.Generator().manual_seed(1))
    images = torch.rand(2, 1, height, width, generator=torch.Generator().manual_seed(2))
    model = Linear(weight)
    h, w = (patch, patch) if isinstance(patch, int) else patch
    parts = torch.zeros(2, height, width)
    for i in range(0, height, h):
        for j in range(0, width, w):
            window = (..., slice(i, i + h), slice(j, j + w))
            parts[window] = (images * weight)[window].sum((1, 2, 3))[:, None, None]
    for samples in (1, 4):
        heat = shapley(model, images, 0, samples=samples, patch=patch, fill="black", score=logit)
        torch.testing.assert_close(heat, parts, atol=1e-5, rtol=1e-5)
    many = rise(model, images, 0, samples=30000, patch=patch, fill="black", score=logit)
    torch.testing.assert_close(many, parts, atol=0.1 * float(parts.abs().max()), rtol=0)


class Either(nn.Module):
    """Sure as long as one of two corners is bright."""

    def forward(self, images: Tensor) -> Tensor:
        either = torch.maximum(images[:, 0, 0, 0], images[:, 0, -1, -1])
        return torch.stack([either, -either], 1)


@pytest.mark.parametrize("method", METHODS)
def test_parts_that_stand_in_for_each_other_are_seen(method: object) -> None:
    image = torch.ones(1, 1, 4, 4)
    assert not occlusion(Either(), image, 0, patch=2, stride=2, fill="black").any()
    heat = method(Either(), image, 0, samples=200, patch=2, fill="black", score=logit)  # type: ignore[operator]
    corners = _corners(heat)[0]
    assert corners[[0, 3]].min() > 0.3
    assert corners[[1, 2]].abs().max() < 0.15


@pytest.mark.parametrize("method", METHODS)
def test_batches_and_seeds(method: object, network: nn.Module, small: Tensor) -> None:
    def heat(images: Tensor, target: Tensor, **options: object) -> Tensor:
        return method(network, images, target, samples=6, patch=2, **options)  # type: ignore[operator,no-any-return]

    with unchanged(network):
        whole = heat(small, TARGET)
    torch.testing.assert_close(heat(small, TARGET, batch_size=5), whole)
    torch.testing.assert_close(heat(small[1:2], TARGET[1:2]), whole[1:2])
    assert not torch.equal(heat(small, TARGET, seed=1), whole)
    assert torch.equal(heat(small, TARGET, seed=2**32), heat(small, TARGET, seed=2**32))


@pytest.mark.parametrize("method", METHODS)
def test_what_changes_nothing_is_worth_nothing(method: object, network: nn.Module) -> None:
    black = torch.zeros(2, 3, 4, 4)
    for samples in (1, 5):
        assert method(network, black, 1, samples=samples, patch=2, fill="black").abs().max() < 1e-6  # type: ignore[operator]


class Wide(nn.Module):
    """Notes how many images it is asked about at once; each needs five megabytes for its maps."""

    def __init__(self) -> None:
        super().__init__()
        self.maps, self.asked = nn.Conv2d(3, 320, 1), list[int]()

    def forward(self, x: Tensor) -> Tensor:
        self.asked.append(len(x))
        logits: Tensor = self.maps(x).mean((2, 3))[:, :2]
        return logits


@pytest.mark.parametrize("method", [*METHODS, deletion], ids=lambda m: m.__name__)
def test_how_many_at_once_is_chosen_by_the_size_of_the_maps(method: Callable[..., object]) -> None:
    network, images = Wide().eval(), torch.rand(12, 3, 64, 64)
    if method is deletion:
        deletion(network, images, 0, lambda model, images, target: images.mean(1), steps=2)
    else:
        method(network, images[:1], 0, patch=16, samples=2 if method is shapley else 12)
    assert max(network.asked) <= 4
