"""The small networks, their training, and the checkpoints that ship."""

import json
import math
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from experiments import RECIPES, compute, weights
from experiments.checkpoints import save
from vislib import data, models
from vislib.course import results
from vislib.data import ImageSet, digits, shapes
from vislib.models import Classifier, checkpoints
from vislib.nets import SmallCNN
from vislib.training import accuracy, fit


@pytest.fixture(scope="module")
def easy() -> ImageSet:
    """Images of 8 x 8 whose brighter half is the class."""
    images = torch.rand(200, 1, 8, 8, generator=torch.Generator().manual_seed(0)) / 2
    labels = torch.arange(200) % 2
    images[labels == 1, :, :, 4:] += 0.4
    images[labels == 0, :, :, :4] += 0.4
    return ImageSet(images, labels, ("left", "right"))


def _small(seed: int = 0) -> SmallCNN:
    return SmallCNN(channels=1, classes=2, size=8, widths=(4, 4), hidden=8, seed=seed)


def test_a_network_learns_what_can_be_learnt(easy: ImageSet) -> None:
    network = _small()
    before = accuracy(network.eval(), easy)
    losses = fit(network, easy, epochs=20)
    assert len(losses) == 20
    assert losses[-1] < losses[0] / 3
    assert before < 0.8
    assert accuracy(network, easy) > 0.98


def test_a_network_does_not_learn_what_cannot_be_learnt(easy: ImageSet) -> None:
    shuffled = replace(easy, labels=easy.labels[torch.randperm(200, generator=torch.Generator().manual_seed(1))])
    train, test = shuffled.split(150)
    network = _small()
    fit(network, train, epochs=5)
    assert accuracy(network, test) < 0.75


def test_the_same_seeds_give_the_same_weights(easy: ImageSet) -> None:
    def weights(seed: int, order: int) -> torch.Tensor:
        network = _small(seed)
        fit(network, easy, epochs=1, seed=order)
        return network.get_parameter("conv1.weight").detach()

    assert torch.equal(weights(0, 0), weights(0, 0))
    assert not torch.equal(weights(0, 0), weights(0, 1))
    assert not torch.equal(weights(0, 0), weights(1, 0))


def test_state_is_left_alone(easy: ImageSet) -> None:
    network = nn.Sequential(_small(), nn.Dropout(0.5))
    network[0].conv1.requires_grad_(False)
    frozen = network[0].conv1.weight.clone()
    state = torch.get_rng_state()
    fit(network, easy, epochs=1)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(network[0].conv1.weight, frozen)
    assert not any(module.training for module in network.modules())
    assert all(p.grad is None and p.is_contiguous() for p in network.parameters())


def test_an_interrupt_leaves_a_usable_network(easy: ImageSet) -> None:
    network = _small()

    def stop(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(network, easy, loss=stop)
    assert not network.training
    assert all(p.is_contiguous() for p in network.parameters())


def test_the_last_images_of_an_epoch_count(easy: ImageSet) -> None:
    seen: list[int] = []

    def count(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        seen.append(len(labels))
        return logits.sum()

    fit(_small(), easy, epochs=2, batch_size=64, loss=count)
    assert seen == [64, 64, 64, 8] * 2


def test_what_cannot_be_trained_is_refused(easy: ImageSet) -> None:
    with pytest.raises(ValueError, match="no parameter of the model requires a gradient"):
        fit(_small().requires_grad_(False), easy)
    with pytest.raises(ValueError, match="expected pixels in"):
        fit(_small(), replace(easy, images=easy.images + 5))
    with pytest.raises(ValueError, match="in training mode"):
        accuracy(_small().train(), easy)
    with pytest.raises(ValueError, match="4 blocks, each of which halves"):
        SmallCNN(size=8, widths=(4, 4, 4, 4))


@pytest.mark.parametrize("rate", [-1.0, 0, 0.0, math.nan, math.inf, -math.inf, "fast", None, True, 1j])
def test_a_rate_that_trains_nothing_is_refused_before_anything_is_trained(rate: Any, easy: ImageSet) -> None:
    network = _small()
    before = network.get_parameter("conv1.weight").clone()
    with pytest.raises((TypeError, ValueError), match=r"learning_rate is .*; expected a finite number above 0\."):
        fit(network, easy, learning_rate=rate)
    if rate != 0 and rate is not True:
        with pytest.raises(
            (TypeError, ValueError), match=r"weight_decay is .*; expected a finite number of 0 or more\."
        ):
            fit(network, easy, weight_decay=rate)
    assert torch.equal(network.get_parameter("conv1.weight"), before)


def test_a_loss_that_runs_away_is_no_result(easy: ImageSet) -> None:
    with pytest.raises(ValueError, match=r"the loss of epoch \d+ is (nan|inf); expected a finite one"):
        fit(_small(), easy, learning_rate=1e30, epochs=3)


@pytest.mark.parametrize("affine", [True, False])
@pytest.mark.parametrize("norm", [nn.BatchNorm2d, partial(nn.InstanceNorm2d, track_running_stats=True)])
def test_the_statistics_of_a_frozen_part_stay_and_those_of_others_move(norm: Any, affine: bool, easy: ImageSet) -> None:
    def part() -> nn.Module:
        return nn.Sequential(nn.Conv2d(1, 1, 3, padding=1), norm(1, affine=affine))

    network = nn.Sequential(part().requires_grad_(False), part(), nn.Flatten(), nn.Linear(64, 2))
    before = {name: value.clone() for name, value in network.state_dict().items()}
    fit(network, easy, epochs=1)
    moved = {name for name, value in network.state_dict().items() if not torch.equal(value, before[name])}
    assert not {name for name in moved if name.startswith("0.")}
    assert {"1.0.weight", "1.1.running_mean", "3.weight"} <= moved
    assert not any(layer.training for layer in network.modules())


def test_a_frozen_norm_in_a_part_that_learns_keeps_its_statistics(easy: ImageSet) -> None:
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2).requires_grad_(False), nn.Flatten(), nn.Linear(72, 2))
    fit(network, easy, epochs=1)
    assert network[1].running_mean.eq(0).all()


@pytest.mark.parametrize(("n", "steps"), [(64, [64]), (65, [65]), (129, [64, 65]), (66, [64, 2]), (1, [1])])
def test_no_image_is_left_alone_in_a_step(n: int, steps: list[int], easy: ImageSet) -> None:
    seen: list[int] = []

    def count(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        seen.append(len(labels))
        return logits.sum()

    fit(_small(), replace(easy, images=easy.images[:n], labels=easy.labels[:n]), epochs=1, loss=count)
    assert seen == steps


def test_accuracy_does_not_depend_on_the_batches(easy: ImageSet) -> None:
    network = _small().eval()
    assert accuracy(network, easy, batch_size=7) == accuracy(network, easy)


AT_LEAST = {
    "digits": 0.97,
    "digits_inverted": 0.97,
    "shapes_object": 0.95,
    "shapes_texture": 0.97,
    "shapes_colour": 0.97,
}


@pytest.mark.parametrize("name", AT_LEAST)
def test_a_shipped_network_knows_its_task(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights.data, "shapes", lambda n, **options: shapes(n // 10, **options))
    model = models.trained(name)
    _, test = weights.NETWORKS[name].data()
    assert not model.training
    assert not any(p.requires_grad for p in model.parameters())
    assert accuracy(model, test.to(model.mean.device)) > AT_LEAST[name]


@pytest.mark.parametrize(
    "name", ["digits", *(pytest.param(name, marks=pytest.mark.slow) for name in list(AT_LEAST)[1:])]
)
def test_a_shipped_network_is_as_good_as_its_header_says(name: str) -> None:
    _, test = weights.NETWORKS[name].data()
    share = accuracy(models.trained(name, device="cpu"), test)
    assert share == pytest.approx(float(checkpoints.facts(name)["accuracy"]), abs=0.003)  # float16 and other machines


def test_the_digits_need_their_own_colours() -> None:
    _, test = digits().split(4000)
    assert accuracy(models.trained("digits"), replace(test, images=1 - test.images)) < 0.6


def test_all_checkpoints_together_are_small() -> None:
    assert sum(file.stat().st_size for file in checkpoints.FOLDER.glob("*")) < 1_000_000


@pytest.mark.parametrize("name", checkpoints.available())
def test_every_checkpoint_belongs_to_a_table(name: str) -> None:
    facts = checkpoints.facts(name)
    recipe = facts["recipe"].split(",")[0].split()[-1]
    assert recipe in RECIPES
    assert float(facts["accuracy"]) in [row["accuracy"] for row in results.read(recipe)["rows"]]


def test_an_unknown_name_gets_the_names_that_exist() -> None:
    with pytest.raises(ValueError, match="did you mean 'digits'"):
        models.trained("digit")


def test_a_checkpoint_comes_back_as_it_went(tmp_path: Path) -> None:
    arguments = {"channels": 1, "classes": 2, "size": 8, "widths": [4, 4], "hidden": 8, "seed": 5}
    model = Classifier(SmallCNN(**arguments), classes=("a", "b"), mean=0.5, std=0.25, input_size=8, name="tiny")
    save(model.eval(), arguments, {"hash": "x"}, tmp_path)
    again = checkpoints.read("tiny", tmp_path)
    images = torch.rand(4, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(again(images), model(images), rtol=0.01, atol=0.01)
    assert (again.classes, again.input_size, again.name) == (["a", "b"], 8, "tiny")
    assert json.loads(checkpoints.facts("tiny", tmp_path)["build"])["network"] == "SmallCNN"


@pytest.mark.slow
def test_training_again_agrees() -> None:
    row, again = compute.recompute("weights", {"network": "digits"})
    assert again["accuracy"] == pytest.approx(row["accuracy"], abs=RECIPES["weights"].tolerance)


def test_the_networks_of_two_tasks_were_trained_on_the_same_images(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights.data, "shapes", lambda n, **options: shapes(n // 108, **options))
    a, b = (weights.NETWORKS[f"shapes_{task}"].data()[1] for task in ("object", "texture"))
    assert torch.equal(a.images, b.images)
    assert not torch.equal(a.images, shapes(len(a), seed=0, device="cpu").images)  # the test set is another one
    assert data.TASKS["object"] == tuple(a.classes)


def test_labels_of_two_dimensions_are_refused(easy: ImageSet) -> None:
    """(N, 1) compared with (N,) would be (N, N), and an accuracy of 100."""
    boxed = replace(easy, labels=easy.labels[:, None])
    for ask in (fit, accuracy):
        with pytest.raises(ValueError, match=r"target has shape \(200, 1\) for 200 images"):
            ask(_small().eval(), boxed)  # type: ignore[operator]


def test_a_label_beyond_the_classes_is_refused_wherever_it_stands(easy: ImageSet) -> None:
    labels = easy.labels.clone()
    labels[150] = 2
    network = _small().eval()
    with pytest.raises(ValueError, match="target contains 2, and the model has 2 classes"):
        fit(network, replace(easy, labels=labels))
    assert not network.training


@pytest.mark.parametrize("around", [torch.no_grad, torch.inference_mode])
def test_a_training_needs_no_gradients_of_its_caller(around: Any, easy: ImageSet) -> None:
    network, same = _small(), _small()
    fit(network, easy, epochs=1)
    with around():
        fit(same, replace(easy, labels=easy.labels.int()), epochs=1)
    assert all(map(torch.equal, network.parameters(), same.parameters()))


def test_one_step_is_a_step(easy: ImageSet) -> None:
    network, before = _small(), _small()
    fit(network, easy[:50], epochs=1, learning_rate=1e-2)
    moved = max(
        float((a - b).detach().abs().max()) for a, b in zip(network.parameters(), before.parameters(), strict=True)
    )
    assert moved > 5e-3


def test_a_network_that_cannot_be_laid_out_is_left_as_it_was(easy: ImageSet) -> None:
    network = nn.Sequential(_small(), nn.Identity())
    network.odd = nn.Parameter(torch.zeros(1, 1, 1, 1, 1))
    with pytest.raises(RuntimeError):
        fit(network.eval(), easy)
    assert not any(module.training for module in network.modules())
