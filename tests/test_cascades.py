"""Cascades of random weights: what they ask for, what they count, and their intervals computed by hand."""

from itertools import combinations
from typing import Any

import pytest
import torch
import tqdm.auto
from torch import Tensor, nn

from vislib.intervals import crossed
from vislib.nets import SmallCNN
from vislib.sanity import cascade, interval, label_twins


def brightness(model: nn.Module, images: Tensor, target: int | Tensor) -> Tensor:
    return images.mean(1)


def distance(a: Tensor, b: Tensor) -> Tensor:
    """A measure of a reader's own, of which one value per pair is asked."""
    return -(a - b).abs().amax((1, 2))


class Bar:
    """Stands in for a progress bar, and remembers how far it came."""

    made: list["Bar"]

    def __init__(self, *, total: int, disable: bool, **options: Any) -> None:
        self.total, self.count, self.disable = total, 0, disable
        self.made.append(self)

    def update(self, by: int = 1) -> None:
        self.count += by

    def __enter__(self) -> "Bar":
        return self

    def __exit__(self, *error: Any) -> None:
        pass


@pytest.fixture
def bars(monkeypatch: pytest.MonkeyPatch) -> list[Bar]:
    made: list[Bar] = []
    monkeypatch.setattr(Bar, "made", made, raising=False)
    monkeypatch.setattr(tqdm.auto, "tqdm", Bar)
    monkeypatch.delenv("CI", raising=False)
    return made


@pytest.fixture
def net() -> nn.Module:
    return SmallCNN(classes=5, size=16, widths=(4,), hidden=6).eval()


# ---- the cascade ----


@pytest.mark.parametrize("shown", [True, False])
def test_the_bar_counts_every_block_of_every_seed(shown: bool, net: nn.Module, images: Tensor, bars: list[Bar]) -> None:
    cascade(net, images, 0, brightness, seeds=2, progress=shown)
    assert [(bar.total, bar.count, bar.disable) for bar in bars] == [(6, 6, not shown)]  # head, hidden, conv1; twice


def test_no_bar_is_shown_unless_asked_for(net: nn.Module, images: Tensor, bars: list[Bar]) -> None:
    cascade(net, images, 0, brightness, seeds=2)
    assert [bar.disable for bar in bars] == [True]


def test_values_are_by_seed_block_and_image_and_the_floor_by_pair(net: nn.Module, images: Tensor) -> None:
    asked: list[float] = []

    def counted(model: nn.Module, images: Tensor, target: int | Tensor) -> Tensor:
        """The n-th map that is asked for is n everywhere; the first image is one ahead."""
        asked.append(len(asked))
        return asked[-1] + torch.tensor([1.0, 0.0, 0.0])[:, None, None] * (len(asked) > 1) + torch.zeros(3, 4, 4)

    result = cascade(net, images, 0, counted, seeds=3, similarity=distance)
    assert result.layers == ["head", "hidden", "conv1"]
    away = torch.arange(1.0, 10).reshape(3, 3)  # of the trained network's map 0: three blocks, three seeds
    assert torch.equal(result.values, -torch.stack([away + 1, away, away], 2))
    assert result.floor.tolist() == [[-3] * 3, [-6] * 3, [-3] * 3]  # the wholly random networks gave 3, 6 and 9
    assert torch.equal(result.strangers, result.values[:, -1])


def test_alone_each_block_is_random_and_the_floor_is_of_networks_that_are_wholly_random(images: Tensor) -> None:
    net = SmallCNN(classes=5, size=16, widths=(4,), hidden=6).eval()
    trained = {name: parameter.detach() for name, parameter in net.named_parameters()}
    counts: list[int] = []

    def changed(model: nn.Module, images: Tensor, target: int | Tensor) -> Tensor:
        counts.append(sum(not torch.equal(p, trained[n]) for n, p in model.named_parameters() if n.endswith("weight")))
        return images.mean(1)

    cascade(net, images, 0, changed, seeds=2, order="independent")
    assert counts == [0, *[1, 1, 1, 3] * 2]  # the trained one; then the head, hidden, conv1, and all at once


@pytest.mark.parametrize(
    ("target", "message"), [(-1, "target contains -1"), (torch.tensor([0, 1]), r"target has shape \(2,\) for 3 images")]
)
def test_a_target_that_no_explainer_looks_at_must_fit(
    target: int | Tensor, message: str, net: nn.Module, images: Tensor
) -> None:
    with pytest.raises(ValueError, match=message):
        cascade(net, images, target, brightness)


@pytest.mark.parametrize(
    ("seeds", "kind", "message"),
    [
        (1, ValueError, "seeds is 1; expected an int of at least 2"),
        (2.0, TypeError, "seeds is 2.0; expected an int of at least 2"),
        (True, TypeError, "seeds is True; expected an int of at least 2"),
    ],
)
def test_two_random_networks_are_compared_at_least(
    seeds: Any, kind: type[Exception], message: str, net: nn.Module, images: Tensor
) -> None:
    with pytest.raises(kind, match=message):
        cascade(net, images, 0, brightness, seeds=seeds)
    with pytest.raises(kind, match=message):
        label_twins(lambda seed: net, None, seeds=seeds)  # type: ignore[arg-type]  # refused before anything is looked at


# ---- the interval ----


def test_each_block_has_its_own_limits_over_networks_and_images() -> None:
    values = torch.rand(3, 2, 4, generator=torch.Generator().manual_seed(0))
    low, high = interval(values, level=0.9)
    for block in range(2):
        of_one = crossed(values[:, block].double().numpy(), level=0.9)
        assert [float(low[block]), float(high[block])] == pytest.approx([float(end) for end in of_one])
    assert [*map(torch.Tensor.tolist, interval(values))] == [*map(torch.Tensor.tolist, interval(values, level=0.95))]


def test_what_all_images_share_with_the_floor_cancels() -> None:
    images = torch.arange(10.0)
    values = images.expand(5, 2, 10) + torch.tensor([1.0, 2.0])[:, None]
    for end in interval(values, images.expand(10, 10)):
        torch.testing.assert_close(end, torch.tensor([1.0, 2.0]))


def test_all_pairs_of_a_network_count_together() -> None:
    """The floor's pairs are sums of what each of four networks adds; so it varies like twice the networks."""
    seeds = torch.tensor([0.0, 1.0, 3.0, 6.0])
    floor = torch.stack([a + b for a, b in combinations(seeds, 2)])[:, None].expand(-1, 10)
    low, high = interval(torch.zeros(4, 1, 10), floor)
    expected = crossed(-2 * seeds.double().numpy()[:, None].repeat(10, 1))
    assert [float(low), float(high)] == pytest.approx([float(end) for end in expected])


def test_two_networks_have_one_pair_which_tells_nothing_of_others() -> None:
    assert all(bool(end.isnan().all()) for end in interval(torch.rand(2, 1, 10), torch.rand(1, 10)))
