"""Networks that learned true and permuted labels: how they are made, and that they are made again alike."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from vislib.data import ImageSet
from vislib.nets import SmallCNN
from vislib.sanity import Twins, label_twins, labels, random_labels

CLASSES = ("a", "b")


def build(seed: int) -> nn.Module:
    return SmallCNN(channels=1, classes=2, size=4, widths=(2,), hidden=3, seed=seed)


def drawn(labels: Tensor) -> ImageSet:
    """Return images of which each has a brightness of its own."""
    images = (torch.arange(len(labels)) / len(labels))[:, None, None, None].expand(-1, 1, 4, 4)
    return ImageSet(images, labels, CLASSES)


MIXED = drawn(torch.arange(12) % 2)


class Watched(nn.Module):
    """A network that writes down in which order it sees the images while it learns."""

    def __init__(self, seed: int, seen: list[list[int]]) -> None:
        super().__init__()
        self.network, self.orders = build(seed), seen

    def forward(self, images: Tensor) -> Tensor:
        if self.training:
            self.orders.append((12 * images[:, 0, 0, 0]).round().int().tolist())
        answers: Tensor = self.network(images)
        return answers


def test_twins_share_neither_the_order_of_images_nor_do_they_miss_one() -> None:
    seen: list[list[int]] = []
    label_twins(lambda seed: Watched(seed, seen), MIXED, seeds=2, epochs=1, fitted=0)
    assert len({tuple(order) for order in seen}) == 4
    assert all(sorted(order) == [*range(12)] for order in seen)


@pytest.mark.parametrize("options", [{}, {"progress": True}])
def test_each_network_of_permuted_labels_learns_a_permutation_of_its_own(
    options: dict[str, bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    learned: list[list[int]] = []

    def fit(network: nn.Module, data: ImageSet, *, progress: bool, **others: Any) -> None:
        assert progress == options.get("progress", False)
        network.eval()
        learned.append(data.labels.tolist())

    monkeypatch.setattr(labels, "fit", fit)
    label_twins(build, MIXED, seeds=3, fitted=0, **options)
    assert learned[:3] == [MIXED.labels.tolist()] * 3
    assert len({tuple(each) for each in learned}) == 4
    assert all(sorted(each) == sorted(learned[0]) for each in learned)


def test_the_same_call_gives_the_same_twins_and_the_random_state_of_the_caller_plays_no_part() -> None:
    made = []
    for before in (1, 2):
        torch.manual_seed(before)
        state = torch.get_rng_state()
        twins = label_twins(build, MIXED, seeds=2, epochs=2, fitted=0)
        assert torch.equal(torch.get_rng_state(), state)
        made.append([p for network in (*twins.true, *twins.permuted) for p in network.parameters()])
    assert all(torch.equal(a, b) for a, b in zip(*made, strict=True))


def test_three_of_each_kind_are_made_unless_told_otherwise() -> None:
    twins = label_twins(build, MIXED, epochs=1, fitted=0)
    assert (len(twins.true), len(twins.permuted)) == (3, 3)


def test_all_labels_given_back_are_enough_for_the_highest_demand() -> None:
    """Every image is of the first class, in any order, and every network says so from the beginning."""

    def sure(seed: int) -> nn.Module:
        head = nn.Linear(16, 2)
        nn.init.constant_(head.weight, seed / 100)
        head.bias.data = torch.tensor([1.0, -1.0])
        return nn.Sequential(nn.Flatten(), head)

    twins = label_twins(sure, drawn(torch.zeros(12, dtype=torch.int64)), seeds=2, epochs=1, fitted=1.0)
    assert len(twins.permuted) == 2


@pytest.mark.parametrize("kind", ["true", "permuted"])
def test_every_network_must_be_in_evaluation_mode(kind: str) -> None:
    twins = Twins([build(0).eval(), build(1).eval()], [build(2).eval(), build(3).eval()])
    getattr(twins, kind)[1].train()
    with pytest.raises(ValueError, match=r"training mode, .* call model\.eval\(\) first"):
        random_labels(twins, MIXED.images, 0, lambda model, images, target: images[:, 0])


def test_maps_are_asked_for_the_given_target_and_compared_by_the_given_measure() -> None:
    """A map is the logit of its target everywhere, and maps are compared by their difference."""

    class Said(nn.Module):
        def __init__(self, *logits: float) -> None:
            super().__init__()
            self.logits = nn.Parameter(torch.tensor(logits, dtype=torch.float32))

        def forward(self, images: Tensor) -> Tensor:
            return self.logits.expand(len(images), -1)

    def said(model: nn.Module, images: Tensor, target: Any) -> Tensor:
        return model(images)[torch.arange(len(images)), target].detach()[:, None, None].expand(-1, 4, 4)

    def apart(a: Tensor, b: Tensor) -> Tensor:
        return (b - a)[:, 0, 0]

    twins = Twins([Said(1, 2), Said(4, 8)], [Said(10, 20), Said(30, 40)])
    result = random_labels(twins, MIXED.images[:2], torch.tensor([0, 1]), said, similarity=apart)
    assert result.values.tolist() == [[9, 18], [26, 32]]
    assert result.ceiling.tolist() == [[3, 6]]
